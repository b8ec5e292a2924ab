package media

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	packetconn "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/sdp/v3"
)

// handshakeTime is how long a DTLS handshake may take, its party being still on the way
// to us: ICE, or somebody who has to allow the microphone.
const handshakeTime = 60 * time.Second

// feedTime is how long the reader of a socket waits for the handshake to take a packet.
const feedTime = 20 * time.Millisecond

// certificate is what our side of DTLS shows. RFC 8122 s5: its hash in the SDP is what
// vouches for it, so it is made for one anchor and signed by itself.
type certificate struct {
	once sync.Once
	tls  tls.Certificate
	hash string
	err  error
}

func (c *certificate) get() (tls.Certificate, string, error) {
	c.once.Do(func() {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			c.err = fmt.Errorf("key of the media certificate: %w", err)
			return
		}
		// The name says nothing about who we are; nobody looks at the dates.
		template := x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(10, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
		if err != nil {
			c.err = fmt.Errorf("media certificate: %w", err)
			return
		}
		c.tls = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		sum := sha256.Sum256(der)
		c.hash = strings.ToUpper(hex.EncodeToString(sum[:]))
	})
	return c.tls, c.hash, c.err
}

// fingerprint is a certificate's hash in SDP (RFC 8122 s5).
type fingerprint struct {
	function string
	hash     string // upper case, without colons
}

func readFingerprint(value string) (fingerprint, bool) {
	function, hash, _ := strings.Cut(strings.TrimSpace(value), " ")
	f := fingerprint{strings.ToLower(function), strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(hash), ":", ""))}
	_, known := f.of(nil)
	return f, known
}

func (f fingerprint) of(certificate []byte) (hash string, known bool) {
	var sum []byte
	switch f.function {
	case "sha-256":
		s := sha256.Sum256(certificate)
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(certificate)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(certificate)
		sum = s[:]
	default: // RFC 8122 s5: SHA-1 and older are not to be used
		return "", false
	}
	return strings.ToUpper(hex.EncodeToString(sum)), true
}

// association is a stream's DTLS (RFC 5764), whose keys its SRTP has.
type association struct {
	with   fingerprint
	client bool // we began it

	near, far net.Conn                       // a pipe: the stream's end, and that of the handshake
	party     atomic.Pointer[netip.AddrPort] // where its packets come from
	end       context.CancelFunc
}

// answerDTLS answers a party that offers DTLS (RFC 5764): what we add to the line. The association is
// kept when the party's certificate and our part stay as they were (RFC 5763 s6.6).
func (st *stream) answerDTLS(theirs line) ([]sdp.Attribute, error) {
	own, hash, err := st.leg.session.anchor.certificate.get()
	if err != nil {
		return nil, err
	}
	// RFC 5763 s5: who answers had better begin, but a party behind NAT has to be heard
	// before it can be told anything; so it begins, unless it does not want to.
	client, setup := false, "passive"
	if theirs.setup == "passive" {
		client, setup = true, "active"
	}
	if a := st.dtls; a == nil || a.with != theirs.fingerprint || a.client != client {
		st.unseal()
		st.associate(theirs.fingerprint, client, own)
	}
	var colons []string
	for i := 0; i < len(hash); i += 2 {
		colons = append(colons, hash[i:i+2])
	}
	return []sdp.Attribute{{Key: "fingerprint", Value: "sha-256 " + strings.Join(colons, ":")}, {Key: "setup", Value: setup}}, nil
}

// associate begins a handshake. Until it has ended nothing is sent and nothing heard.
// Session.mu is held.
func (st *stream) associate(with fingerprint, client bool, own tls.Certificate) {
	near, far := net.Pipe()
	ctx, end := context.WithCancel(context.Background())
	a := &association{with: with, client: client, near: near, far: far, end: end}
	st.dtls = a
	st.locked.Store(true)
	st.link.Store(a)
	st.done.Go(func() { st.carry(a) })
	st.done.Go(func() { st.shake(ctx, a, own) })
}

// carry sends what the handshake says.
func (st *stream) carry(a *association) {
	b := make([]byte, maxReport)
	for {
		n, err := a.near.Read(b)
		if err != nil {
			return
		}
		// Behind NAT a party is where it was heard, not where its SDP says; who it is, the
		// certificate shows.
		to := a.party.Load()
		if to == nil {
			to = st.target.Load()
		}
		if to != nil {
			_ = st.pair.RTP.WriteTo(b[:n], *to) // lost packets are said again (RFC 6347 s4.2.4)
		}
	}
}

// shake does the handshake and puts the stream under its keys.
func (st *stream) shake(ctx context.Context, a *association, own tls.Certificate) {
	defer func() { _ = a.near.Close() }()
	log := st.leg.session.log.With("leg", string(st.leg.id), "kind", st.key.kind)
	conn, err := a.connect(own)
	if err != nil {
		log.Error("media security cannot begin", "err", err)
		return
	}
	// It is closed when the stream ends, and answers repeated flights until then.
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = a.far.Close() })
	defer stop()
	shaking, done := context.WithTimeout(ctx, handshakeTime)
	defer done()
	if err := conn.HandshakeContext(shaking); err != nil {
		if ctx.Err() == nil {
			log.Warn("media security was not agreed on", "err", err)
		}
		return
	}
	in, out, err := a.keys(conn)
	if err != nil {
		log.Warn("media security was not agreed on", "err", err)
		return
	}
	session := st.leg.session
	session.mu.Lock()
	if st.dtls == a {
		err = st.seal(out, in)
	}
	session.mu.Unlock()
	if err != nil {
		log.Error("media keys", "err", err)
	}
	<-ctx.Done()
}

func (a *association) connect(own tls.Certificate) (*dtls.Conn, error) {
	var profiles []dtls.SRTPProtectionProfile
	for _, s := range suites {
		if !strings.Contains(s.name, "256_CM") { // no such profile for DTLS (RFC 5764 s4.1.2, RFC 7714 s14.2)
			profiles = append(profiles, dtls.SRTPProtectionProfile(s.profile))
		}
	}
	verify := func(shown [][]byte, _ [][]*x509.Certificate) error {
		if len(shown) == 0 {
			return errors.New("no certificate was shown")
		}
		if hash, _ := a.with.of(shown[0]); hash != a.with.hash {
			return errors.New("the certificate is not that of the SDP")
		}
		return nil
	}
	// RFC 8122 s6.2: the hash decides, and nothing else about the certificate.
	shared := []dtls.Option{
		dtls.WithCertificates(own), dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(verify),
		dtls.WithSRTPProtectionProfiles(profiles...), dtls.WithExtendedMasterSecret(dtls.RequestExtendedMasterSecret),
	}
	if a.client {
		var options []dtls.ClientOption
		for _, o := range shared {
			options = append(options, o)
		}
		return dtls.ClientWithOptions(packetconn.PacketConnFromConn(a.far), a.far.RemoteAddr(), options...)
	}
	options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(packetconn.PacketConnFromConn(a.far), a.far.RemoteAddr(), options...)
}

// keys are those of SRTP, in both directions (RFC 5764 s4.2).
func (a *association) keys(conn *dtls.Conn) (in, out masterKey, err error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	state, known := conn.ConnectionState()
	if !ok || !known {
		return in, out, errors.New("no SRTP profile was agreed on")
	}
	var chosen suite
	for _, s := range suites {
		if dtls.SRTPProtectionProfile(s.profile) == profile {
			chosen = s
		}
	}
	if chosen.key == 0 {
		return in, out, fmt.Errorf("SRTP profile %d is not known", profile)
	}
	material, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(chosen.key+chosen.salt))
	if err != nil {
		return in, out, fmt.Errorf("SRTP keys: %w", err)
	}
	// The client's key, the server's, the client's salt, the server's.
	key, salt := material[:2*chosen.key], material[2*chosen.key:]
	ofClient := masterKey{suite: chosen, secret: append(bytes.Clone(key[:chosen.key]), salt[:chosen.salt]...)}
	ofServer := masterKey{suite: chosen, secret: append(bytes.Clone(key[chosen.key:]), salt[chosen.salt:]...)}
	if a.client {
		return ofServer, ofClient, nil
	}
	return ofClient, ofServer, nil
}

// dissociate ends DTLS, if there is any. It does not wait; close does.
func (st *stream) dissociate() {
	if st.dtls == nil {
		return
	}
	st.dtls.end()
	st.dtls = nil
	st.locked.Store(false)
	st.link.Store(nil)
}

// shaken hands a packet of DTLS to the handshake.
func (st *stream) shaken(from netip.AddrPort, packet []byte) {
	a := st.link.Load()
	if a == nil {
		st.counts.malformed.Add(1)
		return
	}
	set(&a.party, from)
	_ = a.near.SetWriteDeadline(time.Now().Add(feedTime))
	_, _ = a.near.Write(packet) // what is not taken is lost, and said again
}
