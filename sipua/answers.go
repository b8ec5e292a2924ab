package sipua

import (
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// What a 2xx to an INVITE needs beyond its transaction: ours is repeated until its ACK is
// there, the peer's is acknowledged as often as it comes.

// unacked is a 2xx of ours that waits for its ACK.
type unacked struct {
	tx           *transaction.Server
	res          *sip.Response
	seq          uint32
	timer        *time.Timer
	wait, waited time.Duration
}

// untilAck answers an INVITE with a 2xx and repeats it (RFC 3261 s13.3.1.4): after T1,
// doubled up to T2, for 64*T1. A peer whose ACK never comes is not hung up on, as that
// section would have it: an emergency call whose media flows goes on, and one whose media
// does not ends by its silence.
func (d *dialog) untilAck(tx *transaction.Server, res *sip.Response) {
	w := &unacked{tx: tx, res: res.Clone(), seq: seqOf(res), wait: d.ua.t1}
	d.settle(w)
	tx.Respond(res)
}

// settle puts a 2xx in the place of the one that waited; nil for none.
func (d *dialog) settle(w *unacked) {
	d.mu.Lock()
	old := d.unacked
	d.unacked = w
	if w != nil {
		w.timer = time.AfterFunc(w.wait, func() { d.again(w) })
	}
	d.mu.Unlock()
	d.ua.mu.Lock()
	defer d.ua.mu.Unlock()
	if old != nil {
		old.timer.Stop()
		delete(d.ua.answers, old.tx)
	}
	if w != nil {
		d.ua.answers[w.tx] = d
	}
}

func (d *dialog) again(w *unacked) {
	d.mu.Lock()
	if d.unacked != w {
		d.mu.Unlock()
		return
	}
	if w.waited += w.wait; w.waited >= 64*d.ua.t1 {
		d.offered = false
		d.mu.Unlock()
		d.ua.log.Warn("no ACK to a 200", "leg", string(d.leg))
		d.settle(nil)
		return
	}
	w.wait = min(2*w.wait, d.ua.t2)
	w.timer = time.AfterFunc(w.wait, func() { d.again(w) })
	d.mu.Unlock()
	w.tx.Respond(w.res.Clone())
}

// acked is an ACK. That of an earlier INVITE settles nothing.
func (d *dialog) acked(req *sip.Request) {
	d.mu.Lock()
	w := d.unacked
	if w == nil || w.seq != seqOf(req) {
		d.mu.Unlock()
		return
	}
	offered := d.offered
	d.offered = false
	d.mu.Unlock()
	d.settle(nil)
	if sdp, _ := parts(req); offered && sdp != "" {
		d.tells.tell(call.Event{Kind: call.Answered, Leg: d.leg, SDP: sdp})
	}
}

// ackMemory repeats an ACK: with the branch of the first (RFC 3261 s13.2.2.4).
type ackMemory struct {
	req    *sip.Request
	branch string
}

// acknowledge sends the ACK to the 2xx that made the dialog, and remembers it.
func (d *dialog) acknowledge(seq uint32) {
	d.do(func() {
		req, err := d.next(sip.ACK, seq)
		if err != nil {
			d.ua.log.Warn("ACK not sent", "leg", string(d.leg), "error", err)
			return
		}
		for _, h := range d.proof.headers() { // RFC 3261 s22.1
			req.AppendHeader(h)
		}
		d.mu.Lock()
		d.ack = &ackMemory{req, transaction.NewBranch()}
		d.mu.Unlock()
		d.sendAck(0)
	})
}

// acknowledgeOnce answers a 2xx to an INVITE of ours, and says whether it is the first.
func (d *dialog) acknowledgeOnce(seq uint32) (first bool) {
	d.mu.Lock()
	first = d.acking < seq
	d.acking = max(d.acking, seq)
	again := d.acking == seq
	d.mu.Unlock()
	switch {
	case first:
		d.acknowledge(seq)
	case again:
		d.ackAgain()
	}
	return first
}

// ackAgain answers a repeated 2xx.
func (d *dialog) ackAgain() { d.do(func() { d.sendAck(0) }) }

// sendAck sends the ACK by the nth way, and by the next if that is gone. It belongs to no
// transaction, so it goes to the transport itself.
func (d *dialog) sendAck(n int) {
	d.mu.Lock()
	a := d.ack
	d.mu.Unlock()
	to, ok := d.way(n)
	if a == nil || !ok {
		d.ua.log.Warn("ACK not delivered", "leg", string(d.leg))
		return
	}
	d.ua.Transport.SendRequest(a.req, a.branch, to, func(s transport.Sent) {
		if s.Err != nil {
			d.do(func() { d.sendAck(n + 1) })
		}
	})
}

// released is a dialog that nobody wants, kept for as long as its 2xx may be repeated.
type released struct {
	*dialog
	timer *time.Timer
}

// release acknowledges and ends what a 2xx has begun that nobody wants: another fork's
// answer (RFC 3261 s13.2.2.4), or one that came when all was over.
func (u *UA) release(res *sip.Response, to transport.Destination, early *dialog, why string) {
	d := u.answered(res, to)
	d.continues(early)
	u.mu.Lock()
	if r := u.unwanted[d.key]; r != nil {
		u.mu.Unlock()
		r.ackAgain()
		return
	}
	if u.closed {
		u.mu.Unlock()
		return
	}
	u.unwanted[d.key] = &released{d, time.AfterFunc(64*u.t1, func() {
		u.mu.Lock()
		delete(u.unwanted, d.key)
		u.mu.Unlock()
	})}
	u.mu.Unlock()
	d.acknowledge(seqOf(res))
	d.bye(why)
}

// answered is the dialog that a 2xx to an INVITE of ours makes (RFC 3261 s12.1.2).
func (u *UA) answered(res *sip.Response, to transport.Destination) *dialog {
	d := &dialog{ua: u, tells: &teller{}, key: dialogKey{callIDOf(res), fromTag(res), toTag(res)}, state: dialogConfirmed, first: to, contact: u.contact(to),
		local: headerValue(res, "From"), remote: headerValue(res, "To"), localSeq: seqOf(res), flow: to.Flow}
	if target, ok := contactOf(res); ok {
		d.target = target
	} else {
		d.target = addressURI(to)
	}
	d.routes = recordRoutes(res)
	slices.Reverse(d.routes) // RFC 3261 s12.1.2
	return d
}
