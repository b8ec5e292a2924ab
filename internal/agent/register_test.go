package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
	"github.com/icholy/digest"

	"github.com/tocsin-sip/tocsin/internal/memnet"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// office is a registrar with one password, which also challenges calls.
type office struct {
	transport *transport.Layer
	layer     *transaction.Layer

	mu    sync.Mutex
	story []string
	start time.Time
}

func newOffice(t *testing.T, n *memnet.Net) *office {
	o := &office{start: time.Now()}
	o.transport = transport.New(transport.Config{Listen: []transport.Listen{{Protocol: transport.UDP, Addr: "10.0.0.9:5060"}}, Network: n.Host("10.0.0.9")})
	o.layer = transaction.New(o.transport, o, transaction.Config{})
	if err := o.transport.Start(t.Context(), o.layer); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) close() {
	_ = o.transport.Close()
	_ = o.layer.Close()
}

func (o *office) Request(tx *transaction.Server, req *sip.Request, _ []transport.Fault) {
	asks, proves, status := "WWW-Authenticate", "Authorization", 401
	if req.Method == sip.INVITE {
		asks, proves, status = "Proxy-Authenticate", "Proxy-Authorization", 407
	}
	res := transaction.Reply(req, status, "Who is it?", "office")
	chal := digest.Challenge{Realm: "acme.example", Nonce: "n", QOP: []string{"auth"}, Algorithm: "SHA-256"}
	if h := req.GetHeader(proves); h != nil {
		got, err := digest.ParseCredentials(h.Value())
		want, _ := digest.Digest(&chal, digest.Options{Method: string(req.Method), URI: got.URI, Count: got.Nc, Username: got.Username, Password: "secret", Cnonce: got.Cnonce})
		if err == nil && got.Response == want.Response {
			res = transaction.Reply(req, 200, "OK", "office")
			if req.Method == sip.REGISTER && value(req, "Expires") != "0" {
				res.AppendHeader(sip.NewHeader("Contact", value(req, "Contact")+";expires=120"))
			}
			if req.Method == sip.INVITE {
				res = transaction.Reply(req, 486, "Busy", "office")
			}
		}
	}
	if res.StatusCode == status {
		res.AppendHeader(sip.NewHeader(asks, `Basic realm="never"`))
		res.AppendHeader(sip.NewHeader(asks, chal.String()))
	}
	o.mu.Lock()
	o.story = append(o.story, fmt.Sprintf("%s %s from %s expires %s: %d", time.Since(o.start), req.Method, req.From().Address.User, value(req, "Expires"), res.StatusCode))
	o.mu.Unlock()
	tx.Respond(res)
}

func (o *office) Cancel(tx *transaction.Server, _ *sip.Request, _ *transaction.Server) {
	tx.AnswerCancel()
}
func (o *office) Ack(*sip.Request, transport.Flow, *transaction.Server) {}
func (o *office) Stray(*sip.Response, transport.Flow)                   {}
func (o *office) Failed(*transaction.Server, error)                     {}

func TestRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		o := newOffice(t, n)
		a, err := New(Config{Name: "lobby", Network: n.Host("10.0.0.1"), Listen: []transport.Listen{{Protocol: transport.UDP, Addr: "10.0.0.1:5060"}}, Proxy: "sip:10.0.0.9"})
		if err != nil {
			t.Fatal(err)
		}
		account := Account{Username: "2041", Password: "wrong", Domain: "acme.example", Registrar: "sip:10.0.0.9:5060"}
		if _, err := a.Register(t.Context(), account); !errors.Is(err, errForbidden) {
			t.Errorf("registering with a wrong password: %v", err)
		}
		account.Password = "secret"
		r, err := a.Register(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.Call(t.Context(), "sip:911@acme.example", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Await(t.Context(), Over); err != nil {
			t.Error(err)
		}
		time.Sleep(90 * time.Second)
		if err := r.Unregister(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		o.close()
		_ = n.Close()
		want := []string{
			"0s REGISTER from 2041 expires 3600: 401",
			"0s REGISTER from 2041 expires 3600: 401",
			"0s REGISTER from 2041 expires 3600: 401",
			"0s REGISTER from 2041 expires 3600: 200",
			"0s INVITE from 2041 expires : 407",
			"0s INVITE from 2041 expires : 486",
			"1m0s REGISTER from 2041 expires 3600: 401",
			"1m0s REGISTER from 2041 expires 3600: 200",
			"1m30s REGISTER from 2041 expires 0: 401",
			"1m30s REGISTER from 2041 expires 0: 200",
		}
		if diff := cmp.Diff(want, o.story); diff != "" {
			t.Errorf("what the registrar saw (-want +got):\n%s", diff)
		}
	})
}

func TestRegistrationWithoutRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		a, err := New(Config{Name: "lobby", Network: n.Host("10.0.0.1"), Listen: []transport.Listen{{Protocol: transport.UDP, Addr: "10.0.0.1:5060"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		ctx, done := context.WithTimeout(t.Context(), 5*time.Second)
		defer done()
		_, err = a.Register(ctx, Account{Username: "2041", Registrar: "sip:10.0.0.9"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("registering with nobody: %v", err)
		}
		_, err = a.Register(ctx, Account{Username: "2041", Registrar: "mailto:x"})
		if err == nil || !strings.Contains(err.Error(), "2041") {
			t.Errorf("registering with no SIP URI: %v", err)
		}
	})
}
