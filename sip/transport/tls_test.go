package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/internal/memnet"
)

// authority issues the certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-10000 * time.Hour), NotAfter: now.Add(100000 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	a.cert = a.sign(form, a.key, form)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) sign(form *x509.Certificate, of *ecdsa.PrivateKey, by *x509.Certificate) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, form, by, &of.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// pemFiles are a certificate and a key on disk.
type pemFiles struct{ cert, key string }

func filesIn(dir string) pemFiles {
	return pemFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// issue writes a certificate for names ("sip:x" a URI, "1.2.3.4" an address, else DNS) that ends after life.
func (a *authority) issue(to pemFiles, life time.Duration, names ...string) {
	a.t.Helper()
	a.last++
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(a.last + 1), NotBefore: now.Add(-1000 * time.Hour), NotAfter: now.Add(life)}
	for _, n := range names {
		if ip, err := netip.ParseAddr(n); err == nil {
			form.IPAddresses = append(form.IPAddresses, ip.AsSlice())
		} else if u, err := url.Parse(n); err == nil && u.Scheme != "" {
			form.URIs = append(form.URIs, u)
		} else {
			form.DNSNames = append(form.DNSNames, n)
		}
	}
	key := newKey(a.t)
	c := a.sign(form, key, a.cert)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	writeFile(a.t, to.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	writeFile(a.t, to.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	writeFile(a.t, name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	return name
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	os.Remove(name) // a new file has a new time, however quick we are
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	fileTime++
	stamp := time.Unix(1_000_000_000+fileTime, 0)
	if err := os.Chtimes(name, stamp, stamp); err != nil {
		t.Fatal(err)
	}
}

var fileTime int64 // tests of this file do not run in parallel

// end is one of two elements that talk by TLS.
type end struct {
	*Layer
	*recorder
	mu       sync.Mutex
	troubles []Trouble
}

func (e *end) kinds() string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []string
	for _, t := range e.troubles {
		list = append(list, t.Kind.String())
	}
	return strings.Join(list, ", ")
}

func (e *end) open(t *testing.T, cfg Config, n Network) {
	t.Helper()
	cfg.Network = n
	cfg.TLS.Trouble = func(tr Trouble) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.troubles = append(e.troubles, tr)
	}
	e.Layer, e.recorder = New(cfg), new(recorder)
	if err := e.Start(t.Context(), e.recorder); err != nil {
		t.Fatal(err)
	}
}

// onTLS runs f with two Layers, us and them, each with a certificate of one authority's.
func onTLS(t *testing.T, us, them Config, f func(us, them *end, net *memnet.Net)) {
	t.Helper()
	n := memnet.New()
	defer n.Close()
	a, b := new(end), new(end)
	if them.Listen == nil {
		them.Listen = []Listen{{Protocol: TLS, Addr: peerIP + ":5061"}}
	}
	if us.Listen == nil && us.TLS.Certificate != "" {
		us.Listen = []Listen{{Protocol: TLS, Addr: usIP + ":5061"}}
	}
	b.open(t, them, n.Host(peerIP))
	defer b.Close()
	a.open(t, us, n.Host(usIP))
	defer a.Close()
	f(a, b, n)
}

func toPeer(name string, v Verify) Destination {
	to := To(TLS, at(peerIP+":5061"))
	to.Name, to.Verify = name, v
	return to
}

// send sends an INVITE and waits for what is told of it.
func (e *end) send(to Destination) Sent {
	told := make(chan Sent, 1)
	e.SendRequest(invite(10), "z9hG4bKx", to, func(s Sent) { told <- s })
	return <-told
}

const year = 8766 * time.Hour

func TestTLSOut(t *testing.T) {
	for _, row := range []struct {
		name    string
		issue   string // names in the certificate
		life    time.Duration
		foreign bool
		to      string
		verify  Verify
		err     string // "" when it has to arrive
		problem string
		told    string
	}{
		{name: "DNS name", issue: "psap.example", life: year, to: "psap.example"},
		{name: "SIP URI", issue: "sip:psap.example", life: year, to: "PSAP.example."},
		{name: "address", issue: peerIP, life: year, to: ""},
		{name: "expired, strict", issue: "psap.example", life: -time.Hour, to: "psap.example", err: "expired", told: "peer refused"},
		{name: "expired, prefer", issue: "psap.example", life: -time.Hour, to: "psap.example", verify: Prefer, problem: "expired", told: "peer not verified"},
		{name: "wrong name, strict", issue: "other.example", life: year, to: "psap.example", verify: Strict, err: "another name", told: "peer refused"},
		{name: "wrong name, prefer", issue: "other.example", life: year, to: "psap.example", verify: Prefer, problem: "wanted psap.example, it says other.example", told: "peer not verified"},
		{name: "no wildcards: RFC 5922 s7.2", issue: "*.example", life: year, to: "psap.example", err: "another name", told: "peer refused"},
		{name: "a person's certificate", issue: "sip:alice@psap.example", life: year, to: "psap.example", err: "another name", told: "peer refused"},
		{name: "unknown authority, strict", issue: "psap.example", life: year, foreign: true, to: "psap.example", err: "unknown authority", told: "peer refused"},
		{name: "unknown authority, prefer", issue: "psap.example", life: year, foreign: true, to: "psap.example", verify: Prefer, problem: "unknown authority", told: "peer not verified"},
		{name: "nothing wrong, prefer", issue: "psap.example", life: year, to: "psap.example", verify: Prefer},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := newAuthority(t)
				issuer, files := ca, filesIn(t.TempDir())
				if row.foreign {
					issuer = newAuthority(t)
				}
				issuer.issue(files, row.life, row.issue)
				us := Config{TLS: TLSConfig{Roots: ca.pool()}}
				them := Config{TLS: TLSConfig{Certificate: files.cert, Key: files.key}}
				onTLS(t, us, them, func(us, them *end, _ *memnet.Net) {
					sent := us.send(toPeer(row.to, row.verify))
					got := them.messages()
					if told := us.kinds(); told != row.told {
						t.Errorf("told of %q, want %q", told, row.told)
					}
					if row.err != "" {
						if sent.Err == nil || !strings.Contains(sent.Err.Error(), row.err) || len(got) != 0 {
							t.Fatalf("%v, and %d messages arrived; want %q", sent.Err, len(got), row.err)
						}
						return
					}
					if sent.Err != nil || len(got) != 1 {
						t.Fatalf("%v, and %d messages arrived", sent.Err, len(got))
					}
					if !strings.HasPrefix(via(string(sent.Raw)), "SIP/2.0/TLS 192.0.2.1:") {
						t.Errorf("Via %s", via(string(sent.Raw)))
					}
					if in := got[0]; in.Flow.Protocol != TLS || in.Peer == nil || in.Peer.Problem != nil || in.Peer.Names != nil {
						t.Errorf("arrived over %s from %+v", in.Flow, in.Peer)
					}
					switch p := sent.Peer; {
					case p == nil:
						t.Error("nothing known of the peer")
					case row.problem == "" && (p.Problem != nil || len(p.Names) != 1):
						t.Errorf("peer %+v", p)
					case row.problem != "" && (p.Problem == nil || !strings.Contains(p.Problem.Error(), row.problem) || len(p.Names) != 0 || len(p.Claimed) != 1):
						t.Errorf("peer %+v, want %q", p, row.problem)
					}
				})
			})
		})
	}
}

func TestMutualTLS(t *testing.T) {
	for _, row := range []struct {
		name     string
		life     time.Duration
		none     bool
		required bool
		arrives  bool
		names    []string
		problem  string
		told     string
	}{
		{name: "known by name", life: year, arrives: true, names: []string{"trunk.example"}},
		{name: "known by name, required", life: year, required: true, arrives: true, names: []string{"trunk.example"}},
		{name: "expired: in without a name", life: -time.Hour, arrives: true, problem: "expired", told: "peer not verified"},
		{name: "expired, required", life: -time.Hour, required: true, told: "peer refused"},
		{name: "none", none: true, arrives: true},
		{name: "none, required", none: true, required: true, told: "peer refused"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, clients := newAuthority(t), newAuthority(t)
				server, client := filesIn(t.TempDir()), filesIn(t.TempDir())
				ca.issue(server, year, "psap.example")
				us := Config{Listen: []Listen{}, TLS: TLSConfig{Roots: ca.pool()}}
				if !row.none {
					clients.issue(client, row.life, "sip:trunk.example")
					us.TLS.Certificate, us.TLS.Key = client.cert, client.key
				}
				them := Config{
					Listen: []Listen{{Protocol: TLS, Addr: peerIP + ":5061", RequireClient: row.required}},
					TLS:    TLSConfig{Certificate: server.cert, Key: server.key, ClientCA: clients.file()},
				}
				onTLS(t, us, them, func(us, them *end, _ *memnet.Net) {
					us.send(toPeer("psap.example", Strict))
					got := them.messages()
					if told := them.kinds(); told != row.told {
						t.Errorf("told of %q, want %q", told, row.told)
					}
					if !row.arrives {
						if len(got) != 0 {
							t.Errorf("%d messages arrived", len(got))
						}
						if us.ended() == 0 {
							t.Error("the connection stands")
						}
						return
					}
					if len(got) != 1 {
						t.Fatalf("%d messages arrived", len(got))
					}
					p := got[0].Peer
					if !slices.Equal(p.Names, row.names) || (p.Problem == nil) != (row.problem == "") ||
						p.Problem != nil && !strings.Contains(p.Problem.Error(), row.problem) {
						t.Errorf("peer %+v", p)
					}
				})
			})
		})
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, files := newAuthority(t), filesIn(t.TempDir())
		us := Config{TLS: TLSConfig{Roots: ca.pool()}}
		them := Config{TLS: TLSConfig{Certificate: files.cert, Key: files.key}}
		onTLS(t, us, them, func(us, them *end, _ *memnet.Net) {
			expect := func(what, name, told string) {
				t.Helper()
				sent := us.send(toPeer("psap.example", Prefer))
				switch {
				case name == "" && sent.Err == nil:
					t.Errorf("%s: connected", what)
				case name != "" && sent.Err != nil:
					t.Errorf("%s: %v", what, sent.Err)
				case name != "" && !slices.Contains(append(sent.Peer.Names, sent.Peer.Claimed...), name):
					t.Errorf("%s: peer %+v, want %s", what, sent.Peer, name)
				}
				if got := them.kinds(); got != told {
					t.Errorf("%s: told of %q, want %q", what, got, told)
				}
				them.mu.Lock()
				them.troubles = nil
				them.mu.Unlock()
				for _, c := range us.conns.all() {
					c.close()
				}
				synctest.Wait()
			}
			expect("no files yet", "", "own certificate")
			if _, ok := them.CertificateExpires(); ok {
				t.Error("an expiry without a certificate")
			}
			ca.issue(files, 30*time.Minute, "psap.example", "first.example")
			expect("there", "first.example", "")
			if at, ok := them.CertificateExpires(); !ok || time.Until(at) > 30*time.Minute {
				t.Errorf("expires %s, %t", at, ok)
			}
			writeFile(t, files.cert, []byte("half a certifi"))
			expect("half written", "first.example", "own certificate")
			expect("still half written, told already", "first.example", "")
			ca.issue(files, 30*time.Minute, "psap.example", "second.example")
			expect("put right", "second.example", "")
			time.Sleep(31 * time.Minute)
			expect("expired, and served", "second.example", "own certificate")
			time.Sleep(30 * time.Minute)
			expect("said already", "second.example", "")
			time.Sleep(31 * time.Minute)
			expect("said again after an hour", "second.example", "own certificate")
			ca.issue(files, year, "psap.example", "third.example")
			expect("renewed", "third.example", "")
		})
	})
}

func TestTLSListenersThatCannotBe(t *testing.T) {
	files := filesIn(t.TempDir())
	for _, row := range []struct {
		name string
		spec Listen
		cfg  TLSConfig
		want string
	}{
		{"no certificate", Listen{Protocol: TLS, Addr: "127.0.0.1:0"}, TLSConfig{}, "no certificate configured"},
		{"clients required of no authority", Listen{Protocol: TLS, Addr: "127.0.0.1:0", RequireClient: true}, TLSConfig{Certificate: files.cert, Key: files.key}, "no authority"},
	} {
		l := New(Config{Listen: []Listen{row.spec}, TLS: row.cfg})
		if err := l.Start(t.Context(), new(recorder)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.name, err)
		}
		l.Close()
	}
}

func TestAConnectionIsUsedForTheNameItWasVerifiedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, files := newAuthority(t), filesIn(t.TempDir())
		ca.issue(files, year, "a.example", "b.example")
		onTLS(t, Config{TLS: TLSConfig{Roots: ca.pool()}}, Config{TLS: TLSConfig{Certificate: files.cert, Key: files.key}}, func(us, them *end, _ *memnet.Net) {
			for _, row := range []struct {
				name   string
				verify Verify
				ok     bool
				opened uint64
			}{
				{"a.example", Strict, true, 1},
				{"A.example.", 0, true, 1},
				{"b.example", Strict, true, 2},
				{"c.example", Prefer, true, 3},
				{"c.example", Strict, false, 4}, // what Prefer let through is no good to Strict
				{"a.example", Strict, true, 4},
			} {
				sent := us.send(toPeer(row.name, row.verify))
				if (sent.Err == nil) != row.ok || us.Stats().Opened.Load() != row.opened {
					t.Errorf("%s, %s: %v, %d connections opened, want %d", row.name, row.verify, sent.Err, us.Stats().Opened.Load(), row.opened)
				}
			}
		})
	})
}

func TestAResponseByTLSFindsAnotherConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, ours, theirs := newAuthority(t), filesIn(t.TempDir()), filesIn(t.TempDir())
		ca.issue(ours, year, usIP)
		ca.issue(theirs, year, peerIP)
		us := Config{TLS: TLSConfig{Roots: ca.pool(), Certificate: ours.cert, Key: ours.key}}
		them := Config{TLS: TLSConfig{Roots: ca.pool(), Certificate: theirs.cert, Key: theirs.key}}
		onTLS(t, us, them, func(us, them *end, _ *memnet.Net) {
			if sent := us.send(toPeer("", Strict)); sent.Err != nil {
				t.Fatal(sent.Err)
			}
			in := them.messages()[0]
			res := func() *sip.Response { return sip.NewResponseFromRequest(in.Message.(*sip.Request), 200, "OK", nil) }
			them.SendResponse(res(), in.Flow, nil)
			if got := us.messages(); len(got) != 1 || got[0].Flow.Protocol != TLS {
				t.Fatalf("over the connection: %d responses", len(got))
			}
			for _, c := range us.conns.all() {
				c.close()
			}
			synctest.Wait()
			var sent Sent
			them.SendResponse(res(), in.Flow, func(s Sent) { sent = s })
			if got := us.messages(); len(got) != 2 || sent.Err != nil || sent.Flow.Remote != at(usIP+":5061") {
				t.Fatalf("over a new one: %d responses, %+v", len(got), sent)
			}
		})
	})
}

func TestAHandshakeHasATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, files := newAuthority(t), filesIn(t.TempDir())
		ca.issue(files, year, peerIP)
		onTLS(t, Config{}, Config{TLS: TLSConfig{Certificate: files.cert, Key: files.key}}, func(_, them *end, n *memnet.Net) {
			start := time.Now()
			c, err := n.Host("192.0.2.3").DialContext(t.Context(), "tcp", peerIP+":5061")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(start) != 5*time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
			if them.ended() != 0 {
				t.Error("the sink was told of a flow that never was")
			}
			if n := them.Stats().HandshakeErrors.Load(); n != 1 {
				t.Errorf("%d handshakes failed", n)
			}
			if them.Stats().Open.Load() != 0 {
				t.Error("it is still counted as open")
			}
		})
	})
}

func TestTLSOnLoopback(t *testing.T) {
	ca, files := newAuthority(t), filesIn(t.TempDir())
	ca.issue(files, year, "localhost", "127.0.0.1")
	got := make(chan Inbound, 4)
	open := func() *Layer {
		l := New(Config{Listen: []Listen{{Protocol: TLS, Addr: "127.0.0.1:0"}},
			TLS: TLSConfig{Certificate: files.cert, Key: files.key, Roots: ca.pool(), ClientCA: ca.file()}})
		sink := &recorder{answer: func(in Inbound) {
			got <- in
			if req, ok := in.Message.(*sip.Request); ok {
				l.SendResponse(sip.NewResponseFromRequest(req, 200, "OK", nil), in.Flow, nil)
			}
		}}
		if err := l.Start(t.Context(), sink); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close(); l.Close() })
		return l
	}
	a, b := open(), open()
	to := To(TLS, b.Listening(TLS)[0])
	to.Name = "localhost"
	a.SendRequest(invite(3000), "z9hG4bKx", to, nil)
	for _, want := range []string{"INVITE sip:911@192.0.2.2 SIP/2.0", "SIP/2.0 200 OK"} {
		in := <-got
		if line, _, _ := strings.Cut(in.Message.String(), "\r\n"); line != want || !slices.Contains(in.Peer.Names, "localhost") {
			t.Errorf("%q from %+v", line, in.Peer)
		}
	}
	// The oldest version allowed is 1.2.
	c, err := tls.Dial("tcp", b.Listening(TLS)[0].String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if err == nil {
		c.Close()
		t.Error("TLS 1.1 was spoken")
	}
	var alert tls.AlertError
	var network *net.OpError
	if !errors.As(err, &alert) && !errors.As(err, &network) {
		t.Errorf("TLS 1.1: %v", err)
	}
}
