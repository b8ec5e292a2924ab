package sipua

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Calls takes the calls that arrive.
type Calls interface {
	Handle(in gateway.Inbound, caller gateway.Caller)
}

// Register answers a REGISTER.
type Register interface {
	Register(req *sip.Request, faults []transport.Fault, from transport.Flow) *sip.Response
}

// Resolver finds where a URI leads.
type Resolver interface {
	Resolve(ctx context.Context, uri sip.Uri) ([]transport.Destination, error)
}

// Config is what a UA stands on. Transport, Resolver and Calls are required.
type Config struct {
	Transport   *transport.Layer
	Resolver    Resolver
	Calls       Calls
	Register    Register // nil: REGISTER gets 405
	Domain      string   // our name in From, Content-ID and the like
	Agent       string   // User-Agent and Server
	Transaction transaction.Config
	Log         *slog.Logger
}

// UA is a back-to-back user agent. It is the user of its transaction layer.
type UA struct {
	Config
	layer *transaction.Layer
	log   *slog.Logger

	mu      sync.Mutex
	dialogs map[dialogKey]*dialog
	invites map[*transaction.Server]*callerLeg // not answered yet
	ours    map[string]int                     // Call-IDs of INVITEs we sent
	closed  bool
	work    sync.WaitGroup
}

// New is a UA; its Receive is the sink of the transport.
func New(cfg Config) *UA {
	u := &UA{Config: cfg, log: cfg.Log, dialogs: map[dialogKey]*dialog{}, invites: map[*transaction.Server]*callerLeg{}, ours: map[string]int{}}
	if u.log == nil {
		u.log = slog.New(slog.DiscardHandler)
	}
	if u.Agent == "" {
		u.Agent = "Tocsin"
	}
	u.layer = transaction.New(cfg.Transport, u, cfg.Transaction)
	return u
}

// Receive takes a message from the transport, and Closed the end of a connection.
func (u *UA) Receive(in transport.Inbound) { u.layer.Receive(in) }
func (u *UA) Closed(flow transport.Flow)   { u.layer.Closed(flow) }
func (u *UA) Stats() *transaction.Stats    { return u.layer.Stats() }
func (u *UA) spawn(f func())               { u.work.Go(f) }
func (u *UA) resolve(uri sip.Uri) ([]transport.Destination, error) {
	ctx, done := context.WithTimeout(context.Background(), resolveTimeout)
	defer done()
	return u.Resolver.Resolve(ctx, uri)
}

// resolveTimeout bounds the first look-up of a name. Names of trunks are looked up ahead
// of calls, so that no call waits for it.
const resolveTimeout = 2 * time.Second

// Close ends every transaction and waits for what is under way. Close the transport first.
func (u *UA) Close() error {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return nil
	}
	u.closed = true
	ds := make([]*dialog, 0, len(u.dialogs))
	for _, d := range u.dialogs {
		ds = append(ds, d)
	}
	u.mu.Unlock()
	for _, d := range ds {
		d.stop()
	}
	err := u.layer.Close()
	u.work.Wait()
	return err
}

// Request is a new request from a peer (transaction.User).
func (u *UA) Request(tx *transaction.Server, req *sip.Request, faults []transport.Fault) {
	if toTag(req) != "" && req.Method != sip.REGISTER {
		u.inDialog(tx, req)
		return
	}
	switch req.Method {
	case sip.INVITE:
		u.invited(tx, req, faults)
	case sip.REGISTER:
		if u.Register == nil {
			u.refuse(tx, req, 405)
			return
		}
		tx.Respond(u.Register.Register(req, faults, tx.Flow()))
	case sip.OPTIONS:
		if len(faults) > 0 {
			u.refuse(tx, req, faults[0].Status())
			return
		}
		tx.Respond(u.options(req))
	case sip.BYE, sip.UPDATE, sip.INFO, sip.PRACK, sip.NOTIFY, sip.REFER:
		u.refuse(tx, req, 481)
	case sip.MESSAGE, sip.SUBSCRIBE, sip.PUBLISH:
		u.refuse(tx, req, 405)
	default:
		u.refuse(tx, req, 501)
	}
}

func (u *UA) invited(tx *transaction.Server, req *sip.Request, faults []transport.Fault) {
	callID := ""
	if h := req.CallID(); h != nil {
		callID = h.Value()
	}
	u.mu.Lock()
	looped := u.ours[callID] > 0
	closed := u.closed
	u.mu.Unlock()
	switch {
	case closed:
		u.refuse(tx, req, 480)
		return
	case looped: // R16: our own call has come back to us
		u.refuse(tx, req, 482)
		return
	}
	c := newCallerLeg(u, tx, req)
	u.mu.Lock()
	u.invites[tx] = c
	u.mu.Unlock()
	in := inbound(req, tx.Flow(), faults)
	u.spawn(func() { u.Calls.Handle(in, c) })
}

// Cancel is the caller's CANCEL: it is answered here, and what becomes of the INVITE is
// decided by the call (transaction.User).
func (u *UA) Cancel(tx *transaction.Server, _ *sip.Request, invite *transaction.Server) {
	tx.AnswerCancel()
	if invite == nil {
		return
	}
	u.mu.Lock()
	c := u.invites[invite]
	u.mu.Unlock()
	if c != nil {
		c.report(call.Event{Kind: call.Cancelled, Leg: call.Caller, At: time.Now()})
	}
}

// Ack is the ACK to a 2xx (transaction.User).
func (u *UA) Ack(req *sip.Request, _ transport.Flow, _ *transaction.Server) {
	if d := u.dialog(req); d != nil {
		d.acked(req)
	}
}

// Stray is a 2xx that nobody waits for any more: it is acknowledged and released
// (transaction.User).
func (u *UA) Stray(res *sip.Response, _ transport.Flow) {
	if d := u.dialogOf(res); d != nil {
		d.ackAgain(res)
		return
	}
	u.releaseFork(nil, res)
}

// Failed says that a response could not be sent, or that nobody acknowledged a failure
// (transaction.User). The call hears of it by the silence of its leg.
func (u *UA) Failed(tx *transaction.Server, err error) {
	u.log.Warn("response not delivered", "method", string(tx.Method()), "flow", tx.Flow().String(), "error", err)
}

func (u *UA) refuse(tx *transaction.Server, req *sip.Request, status int) {
	res := transaction.Reply(req, status, reason(status), newTag())
	res.AppendHeader(sip.NewHeader("Server", u.Agent))
	if status == 405 || status == 501 {
		res.AppendHeader(sip.NewHeader("Allow", allow))
	}
	tx.Respond(res)
}

// allow is what this element understands.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE, INFO"

func (u *UA) options(req *sip.Request) *sip.Response {
	res := transaction.Reply(req, 200, "OK", newTag())
	res.AppendHeader(sip.NewHeader("Server", u.Agent))
	res.AppendHeader(sip.NewHeader("Allow", allow))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp, multipart/mixed, application/pidf+xml"))
	res.AppendHeader(sip.NewHeader("Supported", "replaces, geolocation-http"))
	return res
}

// Options asks the element at a URI whether it is there. Any answer is one (R8).
func (u *UA) Options(ctx context.Context, uri string) (status int, err error) {
	var to sip.Uri
	if err := sip.ParseUri(uri, &to); err != nil {
		return 0, err
	}
	ds, err := u.Resolver.Resolve(ctx, to)
	if err != nil {
		return 0, err
	}
	req := u.request(sip.OPTIONS, to, "<sip:"+u.Domain+">;tag="+newTag(), "<"+uri+">", newCallID(u.Domain), 1)
	type outcome struct {
		status int
		err    error
	}
	got := make(chan outcome, 1)
	u.layer.Request(req, ds[0], func(e transaction.Event) {
		o := outcome{err: e.Err}
		switch e.Kind {
		case transaction.Provisional:
			return
		case transaction.Success, transaction.Failure:
			o.status = e.Response.StatusCode
		}
		select {
		case got <- o:
		default:
		}
	})
	select {
	case o := <-got:
		return o.status, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
