package agent

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Account is who an agent registers as, and where.
type Account struct {
	Username  string
	Password  string
	Domain    string        // of its address of record; "": the registrar's host
	Registrar string        // a SIP URI
	Expires   time.Duration // asked for; 0 is an hour
	Headers   []string      // further headers of the REGISTER, "Name: value"
}

func (a *Account) address() string { return "sip:" + a.Username + "@" + a.Domain }

// errForbidden: the registrar does not take the credentials.
var errForbidden = errors.New("credentials not accepted")

// Registration is a binding that is kept up.
type Registration struct {
	agent   *Agent
	account Account
	to      transport.Destination
	callID  string
	tag     string
	seq     uint32 // of the one goroutine that sends
	stop    context.CancelFunc
	stopped chan struct{}
}

// Register binds the agent to an address of record and keeps it bound until Unregister or
// Close. It returns when the registrar has taken it for the first time. Calls placed from
// now on have that address as their From.
func (a *Agent) Register(ctx context.Context, account Account) (*Registration, error) {
	to, err := a.resolve(ctx, account.Registrar)
	if err != nil {
		return nil, fmt.Errorf("registering %s: %w", account.Username, err)
	}
	if account.Domain == "" {
		account.Domain = to.Addr.Addr().String()
	}
	if account.Expires == 0 {
		account.Expires = time.Hour
	}
	r := &Registration{agent: a, account: account, to: to, callID: newCallID(), tag: newTag(), stopped: make(chan struct{})}
	granted, err := r.bind(ctx, account.Expires)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.account = &r.account
	a.mu.Unlock()
	keep, stop := context.WithCancel(a.ctx)
	r.stop = stop
	a.spawn(func() { r.keepUp(keep, granted) })
	return r, nil
}

// Unregister takes the binding away.
func (r *Registration) Unregister(ctx context.Context) error {
	r.stop()
	select {
	case <-r.stopped:
	case <-r.agent.ctx.Done():
		return fmt.Errorf("unregistering %s: %w", r.account.Username, transaction.ErrClosed)
	}
	_, err := r.bind(ctx, 0)
	return err
}

// keepUp renews the binding when half of its time is gone.
func (r *Registration) keepUp(ctx context.Context, granted time.Duration) {
	defer close(r.stopped)
	for {
		t := time.NewTimer(max(granted/2, time.Second))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		again, err := r.bind(ctx, r.account.Expires)
		if err != nil {
			r.agent.log.Warn("binding not renewed", "error", err)
			granted = time.Minute
			continue
		}
		granted = again
	}
}

// bind sends a REGISTER, a second time with credentials where they are asked for, and
// says for how long the registrar keeps the binding.
func (r *Registration) bind(ctx context.Context, expires time.Duration) (time.Duration, error) {
	res, err := r.register(ctx, expires)
	if err == nil && (res.StatusCode == 401 || res.StatusCode == 407) {
		if h, ok := r.account.prove(res, string(sip.REGISTER), r.uri()); ok {
			res, err = r.register(ctx, expires, h)
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("registering %s: %w", r.account.Username, err)
	case res.StatusCode == 401 || res.StatusCode == 403 || res.StatusCode == 407:
		return 0, fmt.Errorf("registering %s: answered %d: %w", r.account.Username, res.StatusCode, errForbidden)
	case res.StatusCode != 200:
		return 0, fmt.Errorf("registering %s: answered %d", r.account.Username, res.StatusCode)
	}
	return r.granted(res, expires), nil
}

// granted is what the registrar made of the time we asked for (RFC 3261 s10.2.4).
func (r *Registration) granted(res *sip.Response, asked time.Duration) time.Duration {
	mine := strings.Trim(r.agent.contact(r.to), "<>")
	for _, h := range res.GetHeaders("Contact") {
		uri, params, _ := strings.Cut(h.Value(), ">")
		if !strings.EqualFold(strings.TrimPrefix(uri, "<"), mine) {
			continue
		}
		for _, p := range strings.Split(params, ";") {
			if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.EqualFold(k, "expires") {
				if s, err := strconv.Atoi(v); err == nil {
					return time.Duration(s) * time.Second
				}
			}
		}
	}
	if s, err := strconv.Atoi(value(res, "Expires")); err == nil {
		return time.Duration(s) * time.Second
	}
	return asked
}

func (r *Registration) uri() string { return "sip:" + r.account.Domain }

func (r *Registration) register(ctx context.Context, expires time.Duration, more ...sip.Header) (*sip.Response, error) {
	r.seq++
	var to sip.Uri
	if err := sip.ParseUri(r.uri(), &to); err != nil {
		return nil, fmt.Errorf("reading URI %q: %w", r.uri(), err)
	}
	req := sip.NewRequest(sip.REGISTER, to)
	self := "<" + r.account.address() + ">"
	for _, h := range [][2]string{{"Max-Forwards", "70"}, {"From", self + ";tag=" + r.tag}, {"To", self}, {"Call-ID", r.callID},
		{"CSeq", fmt.Sprintf("%d REGISTER", r.seq)}, {"Contact", r.agent.contact(r.to)}, {"Allow", allow},
		{"Expires", strconv.Itoa(int(expires / time.Second))}, {"User-Agent", r.agent.cfg.Name}} {
		req.AppendHeader(sip.NewHeader(h[0], h[1]))
	}
	for _, line := range r.account.Headers {
		name, v, _ := strings.Cut(line, ":")
		req.AppendHeader(sip.NewHeader(strings.TrimSpace(name), strings.TrimSpace(v)))
	}
	for _, h := range more {
		req.AppendHeader(h)
	}
	return r.agent.ask(ctx, req, r.to)
}

// ask sends a request that is no INVITE and waits for its final response.
func (a *Agent) ask(ctx context.Context, req *sip.Request, to transport.Destination) (*sip.Response, error) {
	final := make(chan transaction.Event, 1)
	a.layer.Request(req, to, func(e transaction.Event) {
		if e.Kind == transaction.Provisional {
			return
		}
		select {
		case final <- e:
		default: // one is enough
		}
	})
	select {
	case e := <-final:
		if e.Response == nil {
			return nil, e.Err
		}
		return e.Response, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// prove answers a challenge (RFC 3261 s22, RFC 7616). It says no where there is none that
// can be answered.
func (a *Account) prove(res *sip.Response, method, uri string) (sip.Header, bool) {
	asks, proves := "WWW-Authenticate", "Authorization"
	switch res.StatusCode {
	case 401:
	case 407:
		asks, proves = "Proxy-Authenticate", "Proxy-Authorization"
	default:
		return nil, false
	}
	for _, h := range res.GetHeaders(asks) {
		challenge, err := digest.ParseChallenge(h.Value())
		if err != nil || !digest.CanDigest(challenge) {
			continue
		}
		c, err := digest.Digest(challenge, digest.Options{Method: method, URI: uri, Count: 1, Username: a.Username, Password: a.Password})
		if err != nil {
			continue
		}
		return sip.NewHeader(proves, c.String()), true
	}
	return nil, false
}
