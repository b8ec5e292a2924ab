package sipua

import (
	"fmt"
	"slices"
	"strings"
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
	ua         *UA
	key        dialogKey
	local      string   // our From value in requests of ours, with tag
	remote     string   // the peer's, with tag
	target     string   // the remote target, a URI
	routes     []string // the route set, in the order of our requests
	flow       transport.Flow
	first      transport.Destination // where the first request went or came from
	contactURI string

	mu        sync.Mutex
	reporter  gateway.Reporter
	leg       call.LegID
	localSeq  uint32
	remoteSeq uint32
	ended     bool
	inviteSeq uint32        // CSeq of the INVITE we sent, for its ACK
	ack       *ackMemory    // what a repeated 2xx is answered with
	resend    *time.Timer   // our 2xx, until its ACK is there
	pending   []call.Event  // before anybody listens
	offered   bool          // our 2xx carried an offer: the ACK answers it
	repeat    *sip.Response // the 2xx itself
	repeatTx  *transaction.Server
}

// ackMemory repeats an ACK (RFC 3261 s13.2.2.4).
type ackMemory struct {
	req    *sip.Request
	branch string
	to     transport.Destination
}

// dialog finds the dialog of a request from a peer.
func (u *UA) dialog(req *sip.Request) *dialog {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dialogs[dialogKey{callIDOf(req), toTag(req), fromTag(req)}]
}

// dialogOf finds the dialog of a response to a request of ours.
func (u *UA) dialogOf(res *sip.Response) *dialog {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dialogs[dialogKey{callIDOf(res), fromTag(res), toTag(res)}]
}

func (u *UA) keep(d *dialog) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dialogs[d.key] = d
}

// stop forgets the dialog.
func (d *dialog) stop() {
	d.mu.Lock()
	d.ended = true
	if d.resend != nil {
		d.resend.Stop()
	}
	d.repeat, d.repeatTx = nil, nil
	d.mu.Unlock()
	d.ua.mu.Lock()
	delete(d.ua.dialogs, d.key)
	d.ua.mu.Unlock()
}

// report tells the call, or keeps the event until somebody listens.
func (d *dialog) report(e call.Event) {
	d.mu.Lock()
	r := d.reporter
	if r == nil {
		d.pending = append(d.pending, e)
	}
	d.mu.Unlock()
	if r != nil {
		r.Report(e)
	}
}

// ReportTo begins the telling.
func (d *dialog) ReportTo(r gateway.Reporter) {
	d.mu.Lock()
	d.reporter = r
	es := d.pending
	d.pending = nil
	d.mu.Unlock()
	for _, e := range es {
		r.Report(e)
	}
}

// next builds a request inside the dialog and says where it goes (RFC 3261 s12.2.1.1).
func (d *dialog) next(m sip.RequestMethod, seq uint32) (*sip.Request, transport.Destination, error) {
	d.mu.Lock()
	target, routes := d.target, d.routes
	d.mu.Unlock()
	if len(routes) > 0 && !loose(routes[0]) {
		// RFC 3261 s12.2.1.1: a strict router takes the place of the request-URI.
		target, routes = uriOf(routes[0]), append(slices.Clone(routes[1:]), "<"+target+">")
	}
	var to sip.Uri
	if err := sip.ParseUri(target, &to); err != nil {
		return nil, transport.Destination{}, fmt.Errorf("remote target %q: %w", target, err)
	}
	req := d.ua.request(m, to, d.local, d.remote, d.key.callID, seq)
	for _, r := range routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	req.AppendHeader(sip.NewHeader("Contact", d.contactURI))
	dest, err := d.destination(to)
	return req, dest, err
}

// destination: over the flow the dialog was made on where there is no route set, since
// behind a NAT the remote target leads nowhere; otherwise where the first route or the
// target says.
func (d *dialog) destination(target sip.Uri) (transport.Destination, error) {
	if len(d.routes) == 0 && !d.flow.IsZero() {
		return transport.Over(d.flow), nil
	}
	hop := target
	if len(d.routes) > 0 {
		if err := sip.ParseUri(uriOf(d.routes[0]), &hop); err != nil {
			return d.first, nil
		}
	}
	ds, err := d.ua.resolve(hop)
	if err != nil {
		return d.first, nil // a peer that names no reachable target is where it was
	}
	return ds[0], nil
}

func (d *dialog) seq() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq++
	return d.localSeq
}

// bye ends the dialog from our side. What becomes of the BYE changes nothing.
func (d *dialog) bye(why string) {
	d.mu.Lock()
	ended := d.ended
	d.mu.Unlock()
	if ended {
		return
	}
	seq := d.seq()
	d.ua.spawn(func() {
		req, to, err := d.next(sip.BYE, seq)
		if err != nil {
			d.ua.log.Warn("BYE not sent", "leg", string(d.leg), "error", err)
			d.stop()
			return
		}
		if why != "" {
			req.AppendHeader(sip.NewHeader("Reason", `SIP;cause=200;text=`+quoted(oneLine(why))))
		}
		d.stop()
		d.ua.layer.Request(req, to, func(e transaction.Event) {
			if e.Kind == transaction.Broken && !to.Flow.IsZero() {
				d.byeElsewhere(seq + 1)
			}
		})
	})
}

// byeElsewhere tries the remote target when the flow is gone (RFC 5626 s5.3).
func (d *dialog) byeElsewhere(seq uint32) {
	d.ua.spawn(func() {
		var to sip.Uri
		if err := sip.ParseUri(d.target, &to); err != nil {
			return
		}
		ds, err := d.ua.resolve(to)
		if err != nil {
			return
		}
		req := d.ua.request(sip.BYE, to, d.local, d.remote, d.key.callID, seq)
		d.ua.layer.Request(req, ds[0], func(transaction.Event) {})
	})
}

// acked is the ACK to our 2xx: it is not repeated any more, and an offer of ours may have
// its answer.
func (d *dialog) acked(req *sip.Request) {
	d.mu.Lock()
	if d.resend != nil {
		d.resend.Stop()
		d.resend = nil
	}
	offered := d.offered
	d.offered = false
	d.repeat, d.repeatTx = nil, nil
	d.mu.Unlock()
	if sdp, _ := parts(req); offered && sdp != "" {
		d.report(call.Event{Kind: call.Answered, At: time.Now(), SDP: sdp})
	}
}

// repeatUntilAck repeats a 2xx until its ACK is there (RFC 3261 s13.3.1.4): T1, doubled
// up to T2, for 64*T1. A caller whose ACK never comes is not hung up on: an emergency
// call whose media flows goes on, and one whose media does not ends by its silence.
func (d *dialog) repeatUntilAck(tx *transaction.Server, res *sip.Response) {
	const t1, t2 = 500 * time.Millisecond, 4 * time.Second
	d.mu.Lock()
	defer d.mu.Unlock()
	d.repeat, d.repeatTx = res, tx
	wait, waited := t1, time.Duration(0)
	var again func()
	again = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.repeat == nil || d.ended {
			return
		}
		if waited += wait; waited >= 64*t1 {
			d.ua.log.Warn("no ACK to a 200", "leg", string(d.leg))
			d.repeat, d.repeatTx = nil, nil
			return
		}
		d.repeatTx.Respond(d.repeat.Clone())
		wait = min(2*wait, t2)
		d.resend = time.AfterFunc(wait, again)
	}
	d.resend = time.AfterFunc(wait, again)
}

// ackAgain answers a repeated 2xx.
func (d *dialog) ackAgain(*sip.Response) {
	d.mu.Lock()
	a := d.ack
	d.mu.Unlock()
	if a != nil {
		d.ua.layer.Ack(a.req, a.branch, a.to)
	}
}

func loose(route string) bool {
	var u sip.Uri
	if err := sip.ParseUri(uriOf(route), &u); err != nil || u.UriParams == nil {
		return false
	}
	_, ok := u.UriParams.Get("lr")
	return ok
}

// uriOf is the URI inside a name-addr.
func uriOf(s string) string {
	if i := strings.Index(s, "<"); i >= 0 {
		uri, _, _ := strings.Cut(s[i+1:], ">")
		return uri
	}
	uri, _, _ := strings.Cut(s, ";")
	return strings.TrimSpace(uri)
}

// recordRoutes are the Record-Route values of a message, one URI each.
func recordRoutes(m sip.Message) []string {
	var rs []string
	for _, v := range headerValues(m, "Record-Route") {
		for _, r := range splitAddresses(v) {
			rs = append(rs, r)
		}
	}
	return rs
}

// splitAddresses cuts a header value at the commas that stand between name-addrs.
func splitAddresses(v string) []string {
	var out []string
	depth, quote, start := 0, false, 0
	for i, c := range v {
		switch {
		case c == '"':
			quote = !quote
		case quote:
		case c == '<':
			depth++
		case c == '>':
			depth--
		case c == ',' && depth <= 0:
			out = append(out, strings.TrimSpace(v[start:i]))
			start = i + 1
		}
	}
	if s := strings.TrimSpace(v[start:]); s != "" {
		out = append(out, s)
	}
	return out
}
