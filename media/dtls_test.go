package media

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	packetconn "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/srtp/v3"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
)

// browser is a party with ICE and DTLS-SRTP: it shares its socket out to them.
type browser struct {
	net.PacketConn
	own       certificate
	near, far net.Conn
	stun, rtp chan []byte
	done      sync.WaitGroup

	mu sync.Mutex
	to netip.AddrPort
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{PacketConn: conn, stun: make(chan []byte, 10), rtp: make(chan []byte, 200)}
	b.near, b.far = net.Pipe()
	b.done.Go(func() {
		defer close(b.rtp)
		buffer := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			packet := bytes.Clone(buffer[:n])
			switch {
			case packet[0] < 4:
				b.stun <- packet
			case packet[0] < 64:
				_, _ = b.near.Write(packet)
			default:
				b.rtp <- packet
			}
		}
	})
	b.done.Go(func() {
		buffer := make([]byte, 2000)
		for {
			n, err := b.near.Read(buffer)
			if err != nil {
				return
			}
			b.mu.Lock()
			to := b.to
			b.mu.Unlock()
			_, _ = conn.WriteTo(buffer[:n], net.UDPAddrFromAddrPort(to))
		}
	})
	t.Cleanup(func() {
		_, _ = b.near.Close(), b.far.Close()
		_ = conn.Close()
		b.done.Wait()
	})
	return b
}

// ReadFrom gives what is RTP.
func (b *browser) ReadFrom(p []byte) (int, net.Addr, error) {
	packet, ok := <-b.rtp
	if !ok {
		return 0, nil, net.ErrClosed
	}
	return copy(p, packet), b.LocalAddr(), nil
}

func (b *browser) offer(t *testing.T, setup string) []byte {
	t.Helper()
	_, hash, err := b.own.get()
	if err != nil {
		t.Fatal(err)
	}
	return []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" +
		"a=ice-ufrag:them\r\na=ice-pwd:theirpasswordtheirpassword\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " + hash + "\r\na=setup:" + setup + "\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n")
}

func attribute(t *testing.T, body []byte, key string) string {
	t.Helper()
	s := read(t, body)
	v, ok := s.MediaDescriptions[0].Attribute(key)
	if !ok {
		t.Fatalf("the answer has no %s:\n%s", key, body)
	}
	return v
}

// until waits for what another goroutine is about to do.
func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

// checkOf is a connectivity check.
func checkOf(user, password string, nominate bool) []byte {
	b := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(b, stunRequest)
	binary.BigEndian.PutUint32(b[4:], stunCookie)
	copy(b[8:], "transaction!")
	b = stunAttribute(b, stunUsername, []byte(user+":them"))
	if nominate {
		b = stunAttribute(b, stunUseCandidate, nil)
	}
	return stunAttribute(b, stunIntegrity, stunSignature(b, password))
}

// shake does the browser's part and keys its SRTP.
func (b *browser) shake(t *testing.T, c *secretConn, expect string, server bool) error {
	t.Helper()
	own, _, err := b.own.get()
	if err != nil {
		t.Fatal(err)
	}
	verify := func(shown [][]byte, _ [][]*x509.Certificate) error {
		sum := sha256.Sum256(shown[0])
		if hex.EncodeToString(sum[:]) != strings.ToLower(strings.ReplaceAll(expect, ":", "")) {
			return errors.New("not the certificate of the SDP")
		}
		return nil
	}
	options := []dtls.Option{dtls.WithCertificates(own), dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(verify), dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80), dtls.WithFlightInterval(100 * time.Millisecond)}
	var conn *dtls.Conn
	if server {
		all := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range options {
			all = append(all, o)
		}
		conn, err = dtls.ServerWithOptions(packetconn.PacketConnFromConn(b.far), b.far.RemoteAddr(), all...)
	} else {
		var all []dtls.ClientOption
		for _, o := range options {
			all = append(all, o)
		}
		conn, err = dtls.ClientWithOptions(packetconn.PacketConnFromConn(b.far), b.far.RemoteAddr(), all...)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return err
	}
	state, _ := conn.ConnectionState()
	k, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 60)
	if err != nil {
		t.Fatal(err)
	}
	context := func(key, salt []byte) *srtp.Context {
		c, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAes128CmHmacSha1_80)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ofClient, ofServer := context(k[:16], k[32:46]), context(k[16:32], k[46:])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.in = ofClient, ofServer
	if server {
		c.out, c.in = ofServer, ofClient
	}
	return nil
}

func TestBrowserCalls(t *testing.T) {
	for _, r := range []struct {
		name, offers, answered string
	}{
		{"it begins DTLS", "actpass", "passive"},
		{"it waits for ours", "passive", "active"},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := open(t, Config{})
			b := newBrowser(t)
			secret := &secretConn{PacketConn: b}
			notes, err := s.SetOffer(caller, b.offer(t, r.offers))
			settled(t, notes, err)
			p := audiotest.ListenLocal(t, 2000)
			offer := must(t)(s.OfferFor(psap, caller))
			p.Aim(where(t, offer, 0))
			notes, err = s.SetAnswer(psap, offerOf(p.Address(), "0"))
			settled(t, notes, err)
			answer := must(t)(s.AnswerFor(caller, psap))
			for _, want := range []string{"a=ice-lite\r\n", "a=rtcp-mux\r\n", "a=mid:0\r\n", "a=setup:" + r.answered + "\r\n", " UDP/TLS/RTP/SAVPF 0\r\n", "a=sendrecv\r\n"} {
				if !strings.Contains(string(answer), want) {
					t.Errorf("the answer has no %q:\n%s", want, answer)
				}
			}
			for _, never := range []string{"ice", "fingerprint", "setup", "mid"} {
				if strings.Contains(string(offer), "a="+never) {
					t.Errorf("the PSAP is offered %s:\n%s", never, offer)
				}
			}
			if err := s.Connect(caller, psap); err != nil {
				t.Fatal(err)
			}
			// The address is in the candidate.
			var foundation, component, priority, port int
			var transport, host string
			if _, err := fmt.Sscan(attribute(t, answer, "candidate"), &foundation, &component, &transport, &priority, &host, &port); err != nil {
				t.Fatal(err)
			}
			to := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port))
			b.mu.Lock()
			b.to = to
			b.mu.Unlock()

			user, password := attribute(t, answer, "ice-ufrag"), attribute(t, answer, "ice-pwd")
			// A check with another password is not answered, and moves nothing.
			for _, check := range [][]byte{checkOf(user, "wrong", true), checkOf("else", password, true), checkOf(user, password, true)} {
				if _, err := b.PacketConn.WriteTo(check, net.UDPAddrFromAddrPort(to)); err != nil {
					t.Fatal(err)
				}
			}
			response := <-b.stun
			if binary.BigEndian.Uint16(response) != stunResponse || string(response[8:20]) != "transaction!" {
				t.Errorf("answered %x", response)
			}
			if st := s.Stats(caller)[0]; st.Remote.String() != b.LocalAddr().String() || st.Forged != 2 {
				t.Errorf("after the check: %+v", st)
			}
			if err := b.shake(t, secret, strings.TrimPrefix(attribute(t, answer, "fingerprint"), "sha-256 "), r.offers == "passive"); err != nil {
				t.Fatal(err)
			}
			c := audiotest.NewPhone(t, secret, 1000)
			c.Aim(to)
			// Our side may still be about to take the keys: what it hears before is dropped.
			until(func() bool { return s.Stats(caller)[0].Suite != "" })
			c.Say(audiotest.Sine(700, 200*time.Millisecond))
			p.Await(10)
			p.Say(audiotest.Sine(1100, 200*time.Millisecond))
			c.Await(10)
			hears(t, "the PSAP", p, 700)
			hears(t, "the caller", c, 1100)
			// A hold keeps the keys and the way.
			again := must(t)(s.ReOffer(caller, bytes.Replace(b.offer(t, r.offers), []byte("a=sendrecv"), []byte("a=recvonly"), 1)))
			if attribute(t, again, "ice-ufrag") != user || attribute(t, again, "fingerprint") != attribute(t, answer, "fingerprint") {
				t.Errorf("a hold changed our side:\n%s", again)
			}
			c.Forget()
			p.Say(audiotest.Sine(1100, 200*time.Millisecond))
			c.Await(10)
			hears(t, "the caller", c, 1100)
		})
	}
}

func TestAnotherCertificateIsRefused(t *testing.T) {
	s := open(t, Config{})
	b, thief := newBrowser(t), newBrowser(t)
	notes, err := s.SetOffer(caller, b.offer(t, "actpass"))
	settled(t, notes, err)
	must(t)(s.OfferFor(psap, caller))
	p := audiotest.ListenLocal(t, 2000)
	notes, err = s.SetAnswer(psap, offerOf(p.Address(), "0"))
	settled(t, notes, err)
	answer := must(t)(s.AnswerFor(caller, psap))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	thief.to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.Stats(caller)[0].Port)
	secret := &secretConn{PacketConn: thief}
	if err := thief.shake(t, secret, strings.TrimPrefix(attribute(t, answer, "fingerprint"), "sha-256 "), false); err == nil {
		t.Error("it was let in")
	}
	if st := s.Stats(caller)[0]; st.Suite != "" {
		t.Errorf("keyed: %+v", st)
	}
	// Nor is anything heard in the clear where keys are to come.
	plain := audiotest.ListenLocal(t, 1)
	plain.Aim(thief.to)
	plain.Say(audiotest.Sine(700, 40*time.Millisecond))
	until(func() bool { return s.Stats(caller)[0].Forged >= 2 })
	if n := len(p.Packets()); n != 0 {
		t.Errorf("the PSAP heard %d packets in the clear", n)
	}
}

// The sample request of RFC 5769 s2.1.
func TestSTUNOfRFC5769(t *testing.T) {
	b, err := hex.DecodeString("000100582112a442b7e7a701bc34d686fa87dfae" + "802200105354554e207465737420636c69656e74" + "002400046e0001ff" +
		"80290008932ff9b151263b36" + "000600096576746a3a68367659202020" + "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2" + "80280004e57a3bcf")
	if err != nil {
		t.Fatal(err)
	}
	const password = "VOkJxbRl1RmTxUk/WvJxBt"
	c, ok := readCheck(b, "evtj", password)
	if !ok || c.nominated || !bytes.Equal(c.transaction[:], b[8:20]) {
		t.Errorf("%+v, %t", c, ok)
	}
	for at := range b[:72] { // all that is signed, and the first octets of the signature
		if at >= 48 && at < 60 { // the user name may be wrong too
			continue
		}
		changed := slices.Clone(b)
		changed[at] ^= 0x10
		if _, ok := readCheck(changed, "evtj", password); ok {
			t.Errorf("octet %d was changed and nobody saw it", at)
		}
	}
	// The response of s2.2, but for its software: 192.0.2.1, port 32853.
	answer := c.answer(netip.MustParseAddrPort("192.0.2.1:32853"), password)
	if want := "002000080001a147e112a643"; hex.EncodeToString(answer[20:32]) != want {
		t.Errorf("mapped %x, want %s", answer[20:32], want)
	}
	if six := c.answer(netip.MustParseAddrPort("[2001:db8:1234:5678:11:2233:4455:6677]:32853"), password); hex.EncodeToString(six[20:44]) != "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" {
		t.Errorf("mapped %x", six[20:44])
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(checkOf("user", "password", true))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := readCheck(b, "user", "password"); ok && !bytes.Equal(c.transaction[:], b[8:20]) {
			t.Error("another transaction")
		}
	})
}
