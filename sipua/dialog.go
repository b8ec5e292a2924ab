package sipua

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// dialogKey is a dialog as its messages name it (RFC 3261 s12).
type dialogKey struct{ callID, local, remote string }

// dialog is one dialog of ours, whichever side began it.
type dialog struct {
	ua      *UA
	tells   *teller // of the leg the dialog belongs to
	leg     call.LegID
	out     gateway.Outgoing // of a leg we placed
	key     dialogKey
	local   string   // our From value in requests of ours, with tag
	remote  string   // the peer's, with tag
	routes  []string // the route set, in the order of our requests
	first   transport.Destination
	contact string                                  // our Contact value
	proof   proof                                   // of our INVITE
	atEnd   func()                                  // called once, when the dialog ends
	owner   *outLeg                                 // whose dialog it is; nil of callers, and of what is released
	onPrack func(*transaction.Server, *sip.Request) // nil: nothing of ours is acknowledged so
	rseq    uint32                                  // the last reliable response of the peer; guarded by its leg

	mu        sync.Mutex // guards what follows; nothing is called with it held
	state     dialogState
	target    string         // the remote target, a URI
	flow      transport.Flow // the way to a peer that has no route set, if it came or was reached over one
	localSeq  uint32
	remoteSeq uint32
	mine      string        // the description the peer has of us
	settled   bool          // while it is early: the first offer has its answer (RFC 3262 s5)
	offered   bool          // our 2xx carried an offer: the ACK answers it
	unacked   *unacked      // our 2xx, until its ACK is there
	ack       *ackMemory    // what a repeated 2xx is answered with
	acking    uint32        // the INVITE of ours whose ACK was sent last
	offering  bool          // an offer of ours in a re-INVITE waits for its answer
	updates   bool          // the peer allows UPDATE
	every     time.Duration // RFC 4028: the session interval, 0 for none
	longest   time.Duration // the Min-SE of a 422
	refreshes bool          // by us
	due       *time.Timer   // of the next refresh
	errands   []func()
	busy      bool
}

type dialogState int

const (
	dialogEarly dialogState = iota + 1 // of a caller who has not been answered
	dialogConfirmed
	dialogEnded
)

// do runs f behind everything asked of the dialog before, on a goroutine: what f does may
// wait for a name server or for the media, which the signalling must not.
func (d *dialog) do(f func()) {
	d.mu.Lock()
	d.errands = append(d.errands, f)
	idle := !d.busy
	d.busy = true
	d.mu.Unlock()
	if idle {
		d.ua.spawn(d.run)
	}
}

func (d *dialog) run() {
	for {
		d.mu.Lock()
		if len(d.errands) == 0 {
			d.busy = false
			d.mu.Unlock()
			return
		}
		f := d.errands[0]
		d.errands = d.errands[1:]
		d.mu.Unlock()
		f()
	}
}

// find is the dialog of a request from a peer.
func (u *UA) find(req *sip.Request) *dialog {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dialogs[dialogKey{callIDOf(req), toTag(req), fromTag(req)}]
}

// keep lets the dialog be found, unless it has ended meanwhile.
func (u *UA) keep(d *dialog) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d.mu.Lock()
	ended := d.state == dialogEnded
	d.mu.Unlock()
	if !ended && !u.closed {
		u.dialogs[d.key] = d
	}
}

// in says whether the dialog is in a state.
func (d *dialog) in(s dialogState) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state == s
}

// stop ends the dialog, once.
func (d *dialog) stop() bool {
	d.mu.Lock()
	if d.state == dialogEnded {
		d.mu.Unlock()
		return false
	}
	d.state = dialogEnded
	if d.due != nil {
		d.due.Stop()
	}
	d.mu.Unlock()
	d.settle(nil)
	d.ua.mu.Lock()
	if d.ua.dialogs[d.key] == d {
		delete(d.ua.dialogs, d.key)
	}
	d.ua.mu.Unlock()
	if d.atEnd != nil {
		d.atEnd()
	}
	return true
}

// ReportTo begins the telling.
func (d *dialog) ReportTo(r gateway.Reporter) { d.tells.begin(r) }

// next builds a request inside the dialog (RFC 3261 s12.2.1.1).
func (d *dialog) next(m sip.RequestMethod, seq uint32) (*sip.Request, error) {
	d.mu.Lock()
	target, routes := d.target, d.routes
	d.mu.Unlock()
	if len(routes) > 0 && !loose(routes[0]) {
		// RFC 3261 s12.2.1.1: a strict router takes the place of the request-URI.
		target, routes = uriOf(routes[0]), append(slices.Clone(routes[1:]), "<"+target+">")
	}
	var to sip.Uri
	if err := sip.ParseUri(target, &to); err != nil {
		return nil, fmt.Errorf("remote target %q: %w", target, err)
	}
	req := d.ua.request(m, to, d.local, d.remote, d.key.callID, seq)
	for _, r := range routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	if m != sip.BYE && m != sip.PRACK { // RFC 3261 s20 table 2, RFC 3262 s9
		req.AppendHeader(sip.NewHeader("Contact", d.contact))
	}
	return req, nil
}

// way is the nth way for a request: over the flow the dialog was made on where there is no
// route set, since behind a NAT the remote target leads nowhere; then to the first route or
// the target; and if those name nothing that can be reached, to where the peer was first.
// It may wait for a name server.
func (d *dialog) way(n int) (transport.Destination, bool) {
	d.mu.Lock()
	hop, flow := d.target, d.flow
	d.mu.Unlock()
	if len(d.routes) > 0 {
		hop = uriOf(d.routes[0])
	} else if !flow.IsZero() {
		switch {
		case n == 0:
			return transport.Over(flow), true
		case flow.Protocol == transport.UDP:
			return transport.Destination{}, false // a socket does not go away
		}
		n--
	}
	var to sip.Uri
	var found []transport.Destination
	err := sip.ParseUri(hop, &to)
	if err == nil {
		found, err = d.ua.resolve(to)
	}
	if err != nil {
		found = []transport.Destination{d.first}
	}
	found = verified(found, d.out)
	if n >= len(found) {
		return transport.Destination{}, false
	}
	return found[n], true
}

func (d *dialog) nextSeq() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq++
	return d.localSeq
}

// asked is a request of ours inside a dialog.
type asked struct {
	method  sip.RequestMethod
	seq     uint32 // 0: the next
	headers []sip.Header
	sdp     string
	proof   proof
	done    func(transaction.Event) // told each response that is not dealt with here, and the end; nil: nobody waits
}

func (a *asked) tell(e transaction.Event) {
	if a.done != nil {
		a.done(e)
	}
}

// ask sends a request by the nth way, and by the next if that is gone (RFC 5626 s5.3). A
// challenge of the leg's trunk is answered.
func (d *dialog) ask(a *asked, n int) {
	to, ok := d.way(n)
	if !ok {
		d.ua.log.Warn("request not delivered", "method", string(a.method), "leg", string(d.leg))
		a.tell(transaction.Event{Kind: transaction.Broken, Err: transport.ErrFlowGone})
		return
	}
	seq := a.seq
	if a.seq = 0; seq == 0 {
		seq = d.nextSeq()
	}
	req, err := d.next(a.method, seq)
	if err != nil {
		d.ua.log.Warn("request not sent", "method", string(a.method), "leg", string(d.leg), "error", err)
		a.tell(transaction.Event{Kind: transaction.Broken, Err: err})
		return
	}
	for _, h := range append(a.proof.headers(), a.headers...) {
		req.AppendHeader(h)
	}
	if a.sdp != "" {
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		req.SetBody([]byte(a.sdp))
	}
	tx := d.ua.layer.Request(req, to, func(e transaction.Event) {
		switch {
		case e.Kind == transaction.Broken:
			d.do(func() { d.ask(a, n+1) })
		case e.Kind == transaction.Failure && challenged(e.Response) && d.prove(a, e.Response, req):
			d.do(func() { d.ask(a, n) })
		default:
			a.tell(e)
		}
	})
	if a.method == sip.INVITE {
		// A 100 ends timer B, so a peer that says no more is ours to give up. Once there is
		// a final response this does nothing.
		time.AfterFunc(64*d.ua.t1, func() { tx.Cancel() })
	}
}

func (d *dialog) prove(a *asked, res *sip.Response, req *sip.Request) bool {
	user, password, ok := d.ua.credentials(d.out)
	return ok && a.proof.answer(res, req, user, password)
}

// bye ends the dialog from our side, once. What becomes of the BYE changes nothing.
func (d *dialog) bye(why string) {
	d.tells.hush()
	if !d.stop() {
		return
	}
	a := &asked{method: sip.BYE}
	if why != "" {
		a.headers = append(a.headers, sip.NewHeader("Reason", `SIP;cause=200;text=`+quoted(oneLine(why))))
	}
	d.do(func() { d.ask(a, 0) })
}

// hungUp is the peer's BYE, told once.
func (d *dialog) hungUp() {
	early := d.in(dialogEarly)
	if early && d.leg != call.Caller {
		return // RFC 3261 s15: not for the callee to send; the INVITE has an end of its own
	}
	if early {
		// RFC 3261 s15: a caller may end an early dialog by BYE. For the call it has given up.
		d.tells.tell(call.Event{Kind: call.Cancelled, Leg: d.leg})
		return
	}
	if d.stop() {
		d.tells.tell(call.Event{Kind: call.HungUp, Leg: d.leg})
	}
}
