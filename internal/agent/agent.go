package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Config of an Agent. Its zero value listens by UDP on a free port of the loopback and
// answers every call after a second of ringing.
type Config struct {
	Name     string                  // the user part of its own URIs
	Network  transport.Network       // nil: the operating system's
	Lookup   transport.Lookup        // nil: the operating system's
	Listen   []transport.Listen      // none: UDP on a free port of 127.0.0.1
	Proxy    string                  // a SIP URI: where requests that begin something go; "": to their request-URI
	Ports    *rtp.Ports              // for voices; nil: a range of its own on the address it listens on
	Take     func(Invitation) Script // what to do with each call; nil: DefaultScript
	Says     Sound                   // what is said on a call that says nothing else; nil: nothing is sent
	Register *Account                // whose credentials answer a challenge of a call
	Watch    func(Message)           // told of every message; must not block
	Log      *slog.Logger            // nil: silent
}

// Ports of voices where Config names none: beside those of Tocsin's own media.
const (
	portMin = 16384
	portMax = 19999
)

// Agent is one telephone, or one element that behaves like one.
type Agent struct {
	cfg       Config
	log       *slog.Logger
	transport *transport.Layer
	layer     *transaction.Layer
	resolver  *transport.Resolver
	ports     *rtp.Ports
	address   netip.Addr // of its voices
	ctx       context.Context
	stop      context.CancelFunc
	work      sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	deaf     bool
	taken    int
	calls    []*Call
	byID     map[string]*Call
	invites  map[*transaction.Server]*Call
	arrived  chan struct{} // closed and renewed at each call that comes in
	messages []Message
	seen     map[[32]byte]bool
	account  *Account
}

// New opens the agent's sockets and begins to answer.
func New(cfg Config) (*Agent, error) {
	if cfg.Name == "" {
		cfg.Name = "agent"
	}
	if len(cfg.Listen) == 0 {
		cfg.Listen = []transport.Listen{{Protocol: transport.UDP, Addr: "127.0.0.1:0"}}
	}
	if cfg.Network == nil {
		cfg.Network = &transport.System{}
	}
	if cfg.Take == nil {
		cfg.Take = func(Invitation) Script { return DefaultScript }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{cfg: cfg, log: cfg.Log.With("agent", cfg.Name), ports: cfg.Ports, byID: map[string]*Call{}, account: cfg.Register,
		invites: map[*transaction.Server]*Call{}, arrived: make(chan struct{}), seen: map[[32]byte]bool{}}
	a.ctx, a.stop = context.WithCancel(context.Background())
	if err := a.open(); err != nil {
		a.stop()
		return nil, fmt.Errorf("starting agent %s: %w", cfg.Name, err)
	}
	return a, nil
}

// open makes everything a call needs before the first one can arrive.
func (a *Agent) open() error {
	a.address = bindAddress(a.cfg.Listen[0].Addr)
	if a.ports == nil {
		ports, err := rtp.NewPorts(rtp.PortsConfig{Min: portMin, Max: portMax, Address: a.address, Network: a.cfg.Network})
		if err != nil {
			return fmt.Errorf("ports for its voices: %w", err)
		}
		a.ports = ports
	}
	a.resolver = transport.NewResolver(a.cfg.Lookup)
	a.transport = transport.New(transport.Config{Listen: a.cfg.Listen, Network: a.cfg.Network, Observer: a.observe, Log: a.log})
	a.layer = transaction.New(a.transport, user{a}, transaction.Config{
		// The script decides about the 100, so the transaction never sends one by itself.
		Timers: transaction.Timers{Trying: never},
		Log:    a.log,
	})
	if err := a.transport.Start(a.ctx, sink{a}); err != nil {
		return fmt.Errorf("opening its sockets: %w", err)
	}
	return nil
}

// bindAddress is where voices are when the signalling listens there.
func bindAddress(listen string) netip.Addr {
	at, err := netip.ParseAddrPort(listen)
	if err != nil || at.Addr().IsUnspecified() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return at.Addr()
}

// never is longer than any call.
const never = time.Duration(1<<63 - 1)

func (a *Agent) listening() netip.AddrPort {
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		if at := a.transport.Listening(p); len(at) > 0 {
			return at[0]
		}
	}
	return netip.AddrPort{}
}

// Name is what it was called.
func (a *Agent) Name() string { return a.cfg.Name }

// Address is where it listens, by a protocol.
func (a *Agent) Address(p transport.Protocol) netip.AddrPort {
	if at := a.transport.Listening(p); len(at) > 0 {
		return at[0]
	}
	return netip.AddrPort{}
}

// URI is the agent's own SIP URI, by the first protocol it listens by.
func (a *Agent) URI() string {
	p := a.cfg.Listen[0].Protocol
	return "sip:" + a.cfg.Name + "@" + a.Address(p).String() + ";transport=" + lower(p)
}

// SetDeaf makes the agent lose whatever arrives, calls and OPTIONS alike, or ends that.
func (a *Agent) SetDeaf(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deaf = on
}

// Calls are all calls so far, in either direction, in their order.
func (a *Agent) Calls() []*Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*Call(nil), a.calls...)
}

// AwaitCall waits for the nth call that comes in, counted from 1.
func (a *Agent) AwaitCall(ctx context.Context, n int) (*Call, error) {
	for {
		a.mu.Lock()
		arrived := a.arrived
		for _, c := range a.calls {
			if c.incoming && c.number == n {
				a.mu.Unlock()
				return c, nil
			}
		}
		a.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for call %d of %s: %w", n, a.cfg.Name, ctx.Err())
		}
	}
}

// Close ends every call without a word, closes the sockets and waits. It is idempotent.
func (a *Agent) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	calls := append([]*Call(nil), a.calls...)
	a.mu.Unlock()
	a.stop()
	for _, c := range calls {
		c.over(0, "the agent was closed")
	}
	err := a.transport.Close()
	_ = a.layer.Close()
	_ = a.resolver.Close()
	a.work.Wait()
	return err
}

// spawn runs f on a goroutine that Close waits for; after Close it does not run.
func (a *Agent) spawn(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.work.Go(f)
	}
}

// sink stands before the transactions, so that a deaf agent hears nothing at all.
type sink struct{ *Agent }

func (s sink) Receive(in transport.Inbound) {
	s.mu.Lock()
	deaf := s.deaf
	s.mu.Unlock()
	if !deaf {
		s.layer.Receive(in)
	}
}

func (s sink) Closed(f transport.Flow) { s.layer.Closed(f) }

// user is the agent as its transactions see it.
type user struct{ *Agent }

func (u user) Request(tx *transaction.Server, req *sip.Request, _ []transport.Fault) {
	switch {
	case tag(req.To()) != "":
		u.inDialog(tx, req)
	case req.Method == sip.INVITE:
		u.invited(tx, req)
	case req.Method == sip.OPTIONS || req.Method == sip.MESSAGE:
		u.reply(tx, req, 200)
	case req.Method == sip.BYE:
		u.reply(tx, req, 481)
	default:
		u.reply(tx, req, 405)
	}
}

func (u user) Cancel(tx *transaction.Server, _ *sip.Request, invite *transaction.Server) {
	u.mu.Lock()
	c := u.invites[invite]
	u.mu.Unlock()
	if c == nil {
		tx.AnswerCancel()
		return
	}
	c.cancelled(tx)
}

func (u user) Ack(req *sip.Request, _ transport.Flow, _ *transaction.Server) {
	if c := u.find(req); c != nil {
		c.acked(req)
	}
}

// Stray is a 2xx that comes again after its transaction has ended.
func (u user) Stray(res *sip.Response, _ transport.Flow) {
	if c := u.find(res); c != nil {
		c.ackAgain()
	}
}

func (u user) Failed(tx *transaction.Server, err error) {
	u.log.Warn("response not delivered", "method", string(tx.Method()), "error", err)
}

func (a *Agent) find(m sip.Message) *Call {
	id := ""
	if h := m.CallID(); h != nil {
		id = h.Value()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byID[id]
}

func (a *Agent) reply(tx *transaction.Server, req *sip.Request, status int) {
	res := transaction.Reply(req, status, phrase(status), newTag())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	tx.Respond(res)
}

// resolve finds where a URI leads.
func (a *Agent) resolve(ctx context.Context, uri string) (transport.Destination, error) {
	var u sip.Uri
	if err := sip.ParseUri(uri, &u); err != nil {
		return transport.Destination{}, fmt.Errorf("reading URI %q: %w", uri, err)
	}
	to, err := a.resolver.Resolve(ctx, u)
	if err != nil {
		return transport.Destination{}, fmt.Errorf("finding %q: %w", uri, err)
	}
	return to[0], nil
}
