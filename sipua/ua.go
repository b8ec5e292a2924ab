package sipua

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
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

// Register answers a REGISTER. It must not wait for anything.
type Register interface {
	Register(req *sip.Request, faults []transport.Fault, from transport.Flow) *sip.Response
}

// Resolver finds where a URI leads.
type Resolver interface {
	Resolve(ctx context.Context, uri sip.Uri) ([]transport.Destination, error)
}

// Config is what a UA stands on. Transport, Resolver and Calls are required.
type Config struct {
	Transport *transport.Layer
	Resolver  Resolver
	Calls     Calls
	Register  Register // nil: REGISTER gets 405
	Domain    string   // our name in From, Content-ID and the like
	Agent     string   // User-Agent and Server
	// Known says whether anybody vouches for an address (R15); nil: for every one. It is asked who may move a leg (RFC 3891).
	Known func(gateway.Peer) bool
	// Credentials are what a trunk of an account knows us by; nil: challenges are not answered.
	Credentials func(account, trunk string) (user, password string, ok bool)
	Transaction transaction.Config
	// Dialled is told the Call-ID of a leg before anything of it is sent, and of which
	// record it is. nil: nobody is.
	Dialled func(record, sipCallID string)
	Log     *slog.Logger
}

// UA is a back-to-back user agent. It is the user of its transaction layer.
type UA struct {
	Config
	layer  *transaction.Layer
	log    *slog.Logger
	t1, t2 time.Duration // RFC 3261 s17.1.1.1

	ctx  context.Context // of look-ups
	stop context.CancelFunc
	work sync.WaitGroup

	mu       sync.Mutex // guards what follows; it may be taken before a dialog's, and never after
	closed   bool
	dialogs  map[dialogKey]*dialog
	invites  map[*transaction.Server]*callerLeg // not answered yet
	answers  map[*transaction.Server]*dialog    // answered by 2xx, not acknowledged yet
	requests map[requestKey]*callerLeg          // INVITEs whose call goes on, to know one that comes twice
	ours     map[string]int                     // Call-IDs and emergency call ids of legs we placed
	unwanted map[dialogKey]*released
	silent   map[netip.AddrPort]int // INVITEs without any response, by where they went
}

// New is a UA; its Receive is the sink of the transport.
func New(cfg Config) *UA {
	u := &UA{Config: cfg, log: cfg.Log, t1: cfg.Transaction.Timers.T1, t2: cfg.Transaction.Timers.T2,
		dialogs: map[dialogKey]*dialog{}, invites: map[*transaction.Server]*callerLeg{}, answers: map[*transaction.Server]*dialog{},
		requests: map[requestKey]*callerLeg{}, ours: map[string]int{}, unwanted: map[dialogKey]*released{}, silent: map[netip.AddrPort]int{}}
	if u.log == nil {
		u.log = slog.New(slog.DiscardHandler)
	}
	if u.Agent == "" {
		u.Agent = "Tocsin"
	}
	if u.t1 == 0 {
		u.t1 = 500 * time.Millisecond
	}
	if u.t2 == 0 {
		u.t2 = 4 * time.Second
	}
	u.ctx, u.stop = context.WithCancel(context.Background())
	u.layer = transaction.New(cfg.Transport, u, cfg.Transaction)
	return u
}

// Receive takes a message from the transport, and Closed the end of a connection.
func (u *UA) Receive(in transport.Inbound) { u.layer.Receive(in) }

// Closed takes the end of a connection from the transport.
func (u *UA) Closed(flow transport.Flow) { u.layer.Closed(flow) }

// Stats are the counters of the transactions.
func (u *UA) Stats() *transaction.Stats { return u.layer.Stats() }

// spawn runs f on a goroutine that Close waits for; once closed it does nothing.
func (u *UA) spawn(f func()) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.work.Go(f)
	return true
}

func (u *UA) resolve(uri sip.Uri) ([]transport.Destination, error) {
	ctx, done := context.WithTimeout(u.ctx, resolveTimeout)
	defer done()
	ds, err := u.Resolver.Resolve(ctx, uri)
	if err == nil && len(ds) == 0 {
		err = errors.New(uri.Host + " has no address")
	}
	return ds, err
}

// resolveTimeout bounds the first look-up of a name. Names of trunks are looked up ahead
// of calls, so that no call waits for it.
const resolveTimeout = 2 * time.Second

// Close ends every transaction and waits for what is under way. Close the transport first.
// No BYE is sent: a call that is to end properly is drained before (package gateway).
func (u *UA) Close() error {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		u.work.Wait()
		return nil
	}
	u.closed = true
	ds := make([]*dialog, 0, len(u.dialogs))
	for _, d := range u.dialogs {
		ds = append(ds, d)
	}
	for _, r := range u.unwanted {
		r.timer.Stop()
	}
	clear(u.unwanted)
	clear(u.invites)
	u.mu.Unlock()
	u.stop()
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
		if !u.replaced(tx, req) {
			u.invited(tx, req, faults)
		}
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
	case sip.BYE, sip.UPDATE, sip.INFO, sip.PRACK: // of a dialog that is not named
		u.refuse(tx, req, 481)
	case sip.MESSAGE, sip.SUBSCRIBE, sip.PUBLISH, sip.NOTIFY, sip.REFER:
		u.refuse(tx, req, 405)
	default:
		u.refuse(tx, req, 501)
	}
}

// requestKey is an INVITE whichever way it came (RFC 3261 s8.2.2.2).
type requestKey struct {
	callID, from string
	seq          uint32
}

func (u *UA) invited(tx *transaction.Server, req *sip.Request, faults []transport.Fault) {
	in := inbound(req, tx.Flow(), faults)
	c := newCallerLeg(u, tx, req)
	u.mu.Lock()
	switch {
	case u.closed:
		u.mu.Unlock()
		u.refuse(tx, req, 480)
		return
	case u.ours[in.SIPCallID] > 0 || in.CallID != "" && u.ours[in.CallID] > 0:
		// R16: our own call has come back to us.
		u.mu.Unlock()
		u.refuse(tx, req, 482)
		return
	case u.requests[c.request] != nil:
		// RFC 3261 s8.2.2.2: the same request by another way. The call is being served.
		u.mu.Unlock()
		u.refuse(tx, req, 482)
		return
	}
	u.invites[tx], u.requests[c.request], u.dialogs[c.key] = c, c, c.dialog
	u.mu.Unlock()
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
		c.tells.tell(call.Event{Kind: call.Cancelled, Leg: call.Caller})
	}
}

// Ack is the ACK to a 2xx (transaction.User). One that names no dialog is taken for that
// of the INVITE it was matched with: some send it without our tag (standards wB2).
func (u *UA) Ack(req *sip.Request, _ transport.Flow, invite *transaction.Server) {
	d := u.find(req)
	if d == nil && invite != nil {
		u.mu.Lock()
		d = u.answers[invite]
		u.mu.Unlock()
	}
	if d != nil {
		d.acked(req)
	}
}

// Stray is a 2xx that nobody waits for any more: it is acknowledged and released
// (transaction.User). It is answered where it came from, if it is to a call of ours at
// all: others do not make us send anything to a place they name.
func (u *UA) Stray(res *sip.Response, flow transport.Flow) {
	key := dialogKey{callIDOf(res), fromTag(res), toTag(res)}
	u.mu.Lock()
	d := u.dialogs[key]
	u.mu.Unlock()
	switch {
	case d != nil && !d.in(dialogEarly):
		d.acknowledgeOnce(seqOf(res))
	case strings.HasSuffix(key.callID, "@"+u.Domain):
		u.release(res, transport.Over(flow), d, "answered too late")
	}
}

// Failed says that a response could not be sent, or that nobody acknowledged a failure
// (transaction.User). The call hears of it by the silence of its leg.
func (u *UA) Failed(tx *transaction.Server, err error) {
	u.log.Warn("response not delivered", "method", string(tx.Method()), "flow", tx.Flow().String(), "error", err)
}

func (u *UA) refuse(tx *transaction.Server, req *sip.Request, status int, headers ...sip.Header) {
	res := transaction.Reply(req, status, reason(status), newTag())
	res.AppendHeader(sip.NewHeader("Server", u.Agent))
	if status == 405 || status == 501 {
		res.AppendHeader(sip.NewHeader("Allow", u.allow()))
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	tx.Respond(res)
}

// allow is what this element understands.
func (u *UA) allow() string {
	if u.Register == nil {
		return "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO"
	}
	return "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, REGISTER, UPDATE, INFO"
}

func (u *UA) options(req *sip.Request) *sip.Response {
	res := transaction.Reply(req, 200, "OK", newTag())
	res.AppendHeader(sip.NewHeader("Server", u.Agent))
	res.AppendHeader(sip.NewHeader("Allow", u.allow()))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp, multipart/mixed, application/pidf+xml"))
	res.AppendHeader(sip.NewHeader("Supported", supported+", geolocation-http"))
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
	if len(ds) == 0 {
		return 0, errors.New(to.Host + " has no address")
	}
	req := u.request(sip.OPTIONS, to, "<sip:"+u.Domain+">;tag="+newTag(), "<"+uri+">", newCallID(u.Domain), 1)
	req.AppendHeader(sip.NewHeader("Contact", u.contact(ds[0])))
	req.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	type outcome struct {
		status int
		err    error
	}
	got := make(chan outcome, 1) // an OPTIONS has one end
	u.layer.Request(req, ds[0], func(e transaction.Event) {
		switch e.Kind {
		case transaction.Provisional:
		case transaction.Success, transaction.Failure:
			got <- outcome{status: e.Response.StatusCode}
		case transaction.TimedOut, transaction.Broken:
			got <- outcome{err: e.Err}
		}
	})
	select {
	case o := <-got:
		return o.status, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
