package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// TLSConfig is what TLS needs. The files are PEM and are read again when they change.
type TLSConfig struct {
	// Certificate, with its chain, and Key are what listeners show, and what we show when calling out to
	// a peer that asks (mutual TLS).
	Certificate, Key string
	// ClientCA are the authorities whose certificates connecting peers are known by (Peer.Names). Without it they
	// are not asked for one. See also Listen.RequireClient.
	ClientCA string
	// Roots are whom we believe when calling out; nil: whom the operating system believes.
	Roots *x509.CertPool
	// Trouble is told of certificates that are not as they should be: of a peer's with every connection, of ours at
	// most hourly. It must not block.
	Trouble func(Trouble)
}

// TroubleKind is what a Trouble is about.
type TroubleKind uint8

const (
	OwnCertificate TroubleKind = iota + 1 // ours has expired or cannot be read
	PeerUnverified                        // the peer's is wrong, and the connection is used all the same
	PeerRefused                           // there is no connection because of it
)

func (k TroubleKind) String() string {
	switch k {
	case OwnCertificate:
		return "own certificate"
	case PeerUnverified:
		return "peer not verified"
	case PeerRefused:
		return "peer refused"
	}
	return fmt.Sprintf("TroubleKind(%d)", uint8(k))
}

// Trouble is a certificate that somebody has to look after.
type Trouble struct {
	Kind   TroubleKind
	Name   string         // that the peer should have had; empty if it called us
	Remote netip.AddrPort // the peer
	Err    error
	At     time.Time
}

// repeatTrouble is how often our own certificate is complained of: each handshake finds it anew.
const repeatTrouble = time.Hour

// security is a Layer's side of every TLS connection.
type security struct {
	layer    *Layer
	pair     *watched[*tls.Certificate] // nil: none configured
	clientCA *watched[*x509.CertPool]   // nil: clients are not asked

	mu   sync.Mutex
	told map[string]time.Time // what was said of our own certificate, and when
}

func newSecurity(l *Layer) *security {
	t := &security{layer: l, told: make(map[string]time.Time)}
	c := l.cfg.TLS
	if c.Certificate != "" {
		t.pair = watchKeyPair(c.Certificate, c.Key)
	}
	if c.ClientCA != "" {
		t.clientCA = watchPool(c.ClientCA)
	}
	return t
}

func (t *security) tell(tr Trouble) {
	tr.At = time.Now()
	if tr.Kind == OwnCertificate {
		t.mu.Lock()
		last, known := t.told[tr.Err.Error()]
		again := !known || tr.At.Sub(last) >= repeatTrouble
		if again {
			if len(t.told) > 100 {
				clear(t.told)
			}
			t.told[tr.Err.Error()] = tr.At
		}
		t.mu.Unlock()
		if !again {
			return
		}
		t.layer.cfg.Log.Error("our TLS certificate", "err", tr.Err)
	} else {
		t.layer.cfg.Log.Warn("a peer's TLS certificate", "trouble", tr.Kind, "name", tr.Name, "remote", tr.Remote, "err", tr.Err)
	}
	if t.layer.cfg.TLS.Trouble != nil {
		t.layer.cfg.TLS.Trouble(tr)
	}
}

// secure is TLS over TCP as a stream (RFC 3261 s26.3.1).
type secure struct{ *security }

func (secure) protocol() Protocol { return TLS }

func (t secure) listen(ctx context.Context, n Network, addr netip.AddrPort, spec Listen) (net.Listener, error) {
	if t.pair == nil {
		return nil, errNoKeyPair
	}
	if spec.RequireClient && t.clientCA == nil {
		return nil, errors.New("clients' certificates are required, but no authority for them is configured")
	}
	inner, err := tcp{}.listen(ctx, n, addr, spec)
	if err != nil {
		return nil, err
	}
	// An unreadable or expired certificate is told of now, not at the first call. The listener stands: the
	// files may be put right while we run, and the other listeners must not fall with it.
	t.own()
	return tls.NewListener(inner, t.asServer(spec.RequireClient)), nil
}

func (t secure) asServer(requireClient bool) *tls.Config {
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.own() },
	}
	if t.clientCA != nil {
		// Asked for and checked here, not by crypto/tls: a trunk whose certificate expired last
		// night is let in, without its name.
		c.ClientAuth = tls.RequestClientCert
	}
	if requireClient {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			return refusal(inspect(state, t.clientRoots(), ""))
		}
	}
	return c
}

func (t secure) dial(ctx context.Context, n Network, to peer) (net.Conn, error) {
	nc, err := tcp{}.dial(ctx, n, to)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: to.name, // crypto/tls leaves an address out of the SNI
		// The check is ours (inspect), since names are compared by RFC 5922 and Prefer goes on without.
		InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if own, err := t.own(); err == nil {
				return own, nil
			}
			return new(tls.Certificate), nil // none to show
		},
	}
	if to.verify != Prefer {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			return refusal(inspect(state, t.layer.cfg.TLS.Roots, to.name))
		}
	}
	return tls.Client(nc, c), nil
}

// greet makes the handshake and looks at the peer.
func (t secure) greet(ctx context.Context, nc net.Conn, to peer, accepted bool) (*Peer, error) {
	conn := nc.(*tls.Conn)
	err := conn.HandshakeContext(ctx)
	state := conn.ConnectionState()
	roots, name := t.layer.cfg.TLS.Roots, to.name
	if accepted {
		roots, name = t.clientRoots(), ""
	}
	var p Peer // a client need not show anything
	if !accepted || len(state.PeerCertificates) > 0 {
		p = inspect(state, roots, name)
	}
	switch {
	case err != nil:
		t.layer.stats.HandshakeErrors.Add(1)
		if errors.Is(err, errUnverified) {
			t.tell(Trouble{Kind: PeerRefused, Name: name, Remote: to.addr, Err: err})
		}
		return nil, fmt.Errorf("TLS handshake: %w", err)
	case p.Problem != nil:
		t.layer.stats.Unverified.Add(1)
		t.tell(Trouble{Kind: PeerUnverified, Name: name, Remote: to.addr, Err: p.Problem})
	}
	return &p, nil
}

func refusal(p Peer) error {
	if p.Problem == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUnverified, p.Problem)
}
