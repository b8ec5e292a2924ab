package sipua

import (
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// outLeg is a leg we place: one INVITE and what comes of it.
type outLeg struct {
	ua       *UA
	out      gateway.Outgoing
	reporter gateway.Reporter
	callID   string
	tag      string

	mu        sync.Mutex
	tx        *transaction.Client
	to        transport.Destination
	later     []transport.Destination // what else the name resolved to
	invite    *sip.Request
	dialog    *dialog // of the first 2xx
	redirects int
	over      bool
	cancelled string // to be cancelled as soon as there is a transaction
	unanswer  *time.Timer
}

// unansweredAfter ends an attempt that rings and never answers: RFC 3261 s16.6 gives a
// proxy's timer C more than three minutes, and each 18x begins it anew.
const unansweredAfter = 185 * time.Second

// Dial places a leg.
func (u *UA) Dial(o gateway.Outgoing, r gateway.Reporter) gateway.Leg {
	l := &outLeg{ua: u, out: o, reporter: r, callID: newCallID(u.Domain), tag: newTag()}
	u.mu.Lock()
	u.ours[l.callID]++
	u.mu.Unlock()
	u.spawn(l.place)
	return l
}

// place finds the way and sends the INVITE.
func (l *outLeg) place() {
	if f, err := transport.ParseFlow(l.out.Invite.Flow); err == nil {
		l.send(transport.Over(f))
		return
	}
	l.placeAt(l.hop())
}

func (l *outLeg) hop() string {
	if l.out.Invite.NextHop != "" {
		return l.out.Invite.NextHop
	}
	return l.out.Invite.RequestURI
}

func (l *outLeg) placeAt(uri string) {
	var hop sip.Uri
	if err := sip.ParseUri(uri, &hop); err != nil {
		l.fail(0, err.Error())
		return
	}
	ds, err := l.ua.resolve(hop)
	if err != nil {
		l.fail(0, err.Error())
		return
	}
	l.mu.Lock()
	l.later = ds[1:]
	l.mu.Unlock()
	l.send(ds[0])
}

func (l *outLeg) send(to transport.Destination) {
	req, err := l.ua.invite(l.out, to, l.callID, l.tag)
	if err != nil {
		l.fail(0, err.Error())
		return
	}
	l.mu.Lock()
	l.to, l.invite = to, req
	l.mu.Unlock()
	tx := l.ua.layer.Request(req, to, l.happened)
	l.mu.Lock()
	l.tx = tx
	why := l.cancelled
	l.mu.Unlock()
	if why != "" {
		tx.Cancel(cancelReason(why))
	}
}

// happened takes what the transaction tells, in its order.
func (l *outLeg) happened(e transaction.Event) {
	switch e.Kind {
	case transaction.Provisional:
		l.provisional(e.Response)
	case transaction.Success:
		l.succeeded(e)
	case transaction.Failure:
		l.refused(e.Response)
	case transaction.TimedOut:
		l.fail(408, "no response")
	case transaction.Broken:
		l.broken(e.Err)
	}
}

func (l *outLeg) provisional(res *sip.Response) {
	if res.StatusCode == 100 {
		l.report(call.Event{Kind: call.Tried})
		return
	}
	l.mu.Lock()
	if l.unanswer == nil {
		l.unanswer = time.AfterFunc(unansweredAfter, func() { l.Cancel("nobody answers") })
	} else {
		l.unanswer.Reset(unansweredAfter)
	}
	l.mu.Unlock()
	sdp, _ := parts(res)
	l.report(call.Event{Kind: call.Ringing, Code: res.StatusCode, SDP: sdp})
}

// succeeded acknowledges every 2xx. The first makes the dialog, its repetitions are
// acknowledged again, and the answer of another fork is released.
func (l *outLeg) succeeded(e transaction.Event) {
	l.mu.Lock()
	d := l.dialog
	l.mu.Unlock()
	switch {
	case d == nil:
		l.established(e)
	case d.key.remote == toTag(e.Response):
		d.ackAgain(e.Response)
	default:
		l.ua.releaseFork(l, e.Response)
	}
}

func (l *outLeg) established(e transaction.Event) {
	d := l.ua.dialogFrom(l.invite, e.Response, l.to, e.Flow)
	d.leg, d.reporter = l.out.Leg, l.reporter
	l.mu.Lock()
	l.dialog = d
	if l.unanswer != nil {
		l.unanswer.Stop()
	}
	l.mu.Unlock()
	l.ua.keep(d)
	l.ua.acknowledge(d, "")
	sdp, _ := parts(e.Response)
	l.report(call.Event{Kind: call.Answered, Code: e.Response.StatusCode, SDP: sdp})
}

// refused is a final response that is not 2xx. A 3xx is followed once (R8), but never one
// to a call-back (C4).
func (l *outLeg) refused(res *sip.Response) {
	if res.StatusCode/100 == 3 && !l.out.Invite.Callback {
		if h := res.Contact(); h != nil && l.redirects == 0 {
			l.redirects++
			uri := h.Address.String()
			l.out.Invite.RequestURI, l.out.Invite.NextHop = uri, uri
			l.ua.spawn(func() { l.placeAt(uri) })
			return
		}
	}
	l.fail(res.StatusCode, res.Reason)
}

// broken is a transport that failed: what else the name resolved to is tried first.
func (l *outLeg) broken(err error) {
	l.mu.Lock()
	var next transport.Destination
	more := len(l.later) > 0
	if more {
		next, l.later = l.later[0], l.later[1:]
	}
	l.mu.Unlock()
	if more {
		l.ua.spawn(func() { l.send(next) })
		return
	}
	l.fail(0, err.Error())
}

func (l *outLeg) fail(code int, text string) {
	l.report(call.Event{Kind: call.Failed, Code: code, Text: oneLine(text)})
	l.end()
}

func (l *outLeg) report(e call.Event) {
	e.At = time.Now()
	l.reporter.Report(e)
}

func (l *outLeg) end() {
	l.mu.Lock()
	over := l.over
	l.over = true
	if l.unanswer != nil {
		l.unanswer.Stop()
	}
	l.mu.Unlock()
	if over {
		return
	}
	l.ua.mu.Lock()
	if l.ua.ours[l.callID]--; l.ua.ours[l.callID] <= 0 {
		delete(l.ua.ours, l.callID)
	}
	l.ua.mu.Unlock()
}

// Cancel asks for the INVITE to be cancelled; its end is reported as ever.
func (l *outLeg) Cancel(why string) {
	l.mu.Lock()
	tx := l.tx
	l.cancelled = why
	l.mu.Unlock()
	if tx != nil {
		tx.Cancel(cancelReason(why))
	}
}

func cancelReason(why string) sip.Header {
	cause := "487"
	if strings.Contains(why, "answered") {
		cause = "200" // RFC 3326 s3.1: completed elsewhere
	}
	return sip.NewHeader("Reason", "SIP;cause="+cause+";text="+quoted(oneLine(why)))
}

// Hangup ends a leg that was answered.
func (l *outLeg) Hangup(why string) {
	l.mu.Lock()
	d := l.dialog
	l.mu.Unlock()
	if d != nil {
		d.bye(why)
	}
	l.end()
}

// dialogFrom is the dialog that a 2xx to an INVITE of ours makes (RFC 3261 s12.1.2).
func (u *UA) dialogFrom(invite *sip.Request, res *sip.Response, to transport.Destination, flow transport.Flow) *dialog {
	d := &dialog{ua: u, key: dialogKey{callIDOf(res), fromTag(res), toTag(res)}, first: to, contactURI: u.contact(to),
		localSeq: seqOf(invite), inviteSeq: seqOf(invite), target: invite.Recipient.String()}
	if !to.Flow.IsZero() {
		d.flow = to.Flow
	}
	if h := res.GetHeader("From"); h != nil {
		d.local = h.Value()
	}
	if h := res.GetHeader("To"); h != nil {
		d.remote = h.Value()
	}
	if h := res.Contact(); h != nil {
		d.target = h.Address.String()
	}
	routes := recordRoutes(res)
	for i := len(routes) - 1; i >= 0; i-- {
		d.routes = append(d.routes, routes[i])
	}
	return d
}

// acknowledge sends the ACK to the 2xx that made the dialog, and remembers it.
func (u *UA) acknowledge(d *dialog, sdp string) {
	ack, to, err := d.next(sip.ACK, d.inviteSeq)
	if err != nil {
		u.log.Warn("ACK not sent", "leg", string(d.leg), "error", err)
		return
	}
	if sdp != "" {
		ack.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		ack.SetBody([]byte(sdp))
	}
	a := &ackMemory{ack, transaction.NewBranch(), to}
	d.mu.Lock()
	d.ack = a
	d.mu.Unlock()
	u.layer.Ack(a.req, a.branch, a.to)
}

// releaseFork acknowledges and ends a dialog nobody wants: another fork's answer, or one
// that came when all was over.
func (u *UA) releaseFork(l *outLeg, res *sip.Response) {
	if seq := res.CSeq(); seq == nil || seq.MethodName != sip.INVITE {
		return
	}
	var target sip.Uri
	if h := res.Contact(); h != nil {
		target = h.Address
	} else {
		return
	}
	invite := u.request(sip.INVITE, target, "", "", callIDOf(res), seqOf(res))
	to := transport.Destination{}
	if l != nil {
		to = l.to
	} else if ds, err := u.resolve(target); err == nil {
		to = ds[0]
	} else {
		return
	}
	d := u.dialogFrom(invite, res, to, transport.Flow{})
	u.acknowledge(d, "")
	d.bye("answered elsewhere")
}
