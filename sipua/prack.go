package sipua

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/sip/transaction"
)

// Provisional responses that are acknowledged (RFC 3262).
//
// Towards a caller who knows 100rel those with a description are sent so, and every one
// where he insists. A 2xx waits for the PRACK of a description (s3), but no longer than
// pracked: an emergency is not held up by a telephone that says 100rel and has none.
//
//	18x with RSeq, repeated after T1, 2*T1 ... for 64*T1 -PRACK-> the next, or the answer
//
// Towards a leg's far side PRACK is sent at once. Such a response makes an early dialog,
// in which the answer to our offer is settled and the far side may offer anew (RFC 3311).

// unpracked is a reliable response of ours that waits for its PRACK.
type unpracked struct {
	res          *sip.Response
	seq          uint32
	sdp          string
	timer        *time.Timer
	wait, waited time.Duration
}

// provision is a provisional response that waits for its turn.
type provision struct {
	code int
	sdp  string
}

// pracked is how long an answer waits for a PRACK, in T1: 2 s.
const pracked = 4

// reliably sends a provisional response, or lets it wait for the one before (s3).
func (c *callerLeg) reliably(p provision) {
	c.lock.Lock()
	if c.unpracked != nil {
		c.queue = append(c.queue, p)
		c.lock.Unlock()
		return
	}
	if c.rseq == 0 {
		c.rseq = rand.Uint32N(1<<31-1) + 1 // s3: uniformly, so that another fork's differs
		c.rseqFirst = c.rseq
	} else {
		c.rseq++
	}
	res := c.reply(p.code, p.sdp)
	res.AppendHeader(sip.NewHeader("Require", "100rel"))
	res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(c.rseq), 10)))
	w := &unpracked{res: res.Clone(), seq: c.rseq, sdp: p.sdp, wait: c.ua.t1}
	w.timer = time.AfterFunc(w.wait, func() { c.repeat(w) })
	c.unpracked = w
	c.lock.Unlock()
	if p.sdp != "" {
		c.mu.Lock()
		c.mine = p.sdp
		c.mu.Unlock()
	}
	c.tx.Respond(res)
}

// repeat sends a reliable response again. s3 would refuse the INVITE in the end; for an
// emergency the caller is taken for one without 100rel instead.
func (c *callerLeg) repeat(w *unpracked) {
	c.lock.Lock()
	if c.unpracked != w || c.phase != callerWaiting {
		c.lock.Unlock()
		return
	}
	if w.waited += w.wait; w.waited >= 64*c.ua.t1 {
		c.reliable = false
		c.lock.Unlock()
		c.ua.log.Warn("no PRACK", "leg", string(c.leg))
		c.proceed()
		return
	}
	w.wait = min(2*w.wait, 64*c.ua.t1-w.waited)
	w.timer = time.AfterFunc(w.wait, func() { c.repeat(w) })
	c.lock.Unlock()
	c.tx.Respond(w.res.Clone())
}

// proceed goes on after a reliable response: with the answer, or the next provisional.
func (c *callerLeg) proceed() {
	c.lock.Lock()
	if c.unpracked != nil {
		c.unpracked.timer.Stop()
		c.unpracked = nil
	}
	held, queue := c.held, c.queue
	c.queue = nil
	c.lock.Unlock()
	if held != nil {
		c.answerNow(*held)
		return
	}
	for _, p := range queue {
		c.Progress(p.code, p.sdp)
	}
}

// prack is the caller's PRACK (s3). It may answer our offer, or offer anew (s5).
func (c *callerLeg) prack(tx *transaction.Server, req *sip.Request) {
	var seq, invite uint32
	var method string
	_, err := fmt.Sscan(headerValue(req, "RAck"), &seq, &invite, &method)
	c.lock.Lock()
	w := c.unpracked
	known := err == nil && c.rseq != 0 && seq >= c.rseqFirst && seq <= c.rseq && invite == c.request.seq && strings.EqualFold(method, "INVITE")
	c.lock.Unlock()
	if !known {
		c.ua.refuse(tx, req, 481)
		return
	}
	sdp, _ := parts(req)
	current := w != nil && w.seq == seq
	answered := current && w.sdp != "" && (!c.delayed || sdp != "")
	if answered {
		c.mu.Lock()
		first := !c.settled
		c.settled = true
		c.mu.Unlock()
		if c.delayed && first {
			c.tells.tell(call.Event{Kind: call.Answered, Leg: c.leg, SDP: sdp})
			sdp = ""
		}
	}
	if sdp == "" {
		c.respond(tx, req, 200, "")
	} else {
		c.do(func() { c.reOffer(tx, req) })
	}
	if current {
		c.proceed()
	}
}

// quiet ends what waits for a PRACK.
func (c *callerLeg) quiet() {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.unpracked != nil {
		c.unpracked.timer.Stop()
		c.unpracked = nil
	}
	if c.hold != nil {
		c.hold.Stop()
	}
	c.queue = nil
}

// expected says whether a provisional response is to be told: every unreliable one, and of
// the reliable ones each once and in its order (s4). Those are acknowledged.
func (l *outLeg) expected(res *sip.Response) bool {
	seq, err := strconv.ParseUint(headerValue(res, "RSeq"), 10, 32)
	if err != nil || seq == 0 || !lists(res, "Require", "100rel") || toTag(res) == "" {
		return true
	}
	l.mu.Lock()
	d, to := l.early[toTag(res)], l.attempt.to
	if d != nil && d.in(dialogEnded) {
		d = nil // of an INVITE that was refused: its CSeq was another
	}
	if d != nil && uint32(seq) != d.rseq+1 {
		l.mu.Unlock()
		return false
	}
	fresh := d == nil
	if fresh {
		d = l.ua.answered(res, to)
		d.leg, d.out, d.tells, d.state, d.mine = l.out.Leg, l.out, l.tells, dialogEarly, l.out.SDP
		if l.early == nil {
			l.early = map[string]*dialog{}
		}
		l.early[toTag(res)] = d
	}
	d.rseq = uint32(seq)
	over := l.over
	l.mu.Unlock()
	sdp, _ := parts(res)
	d.mu.Lock()
	d.settled = d.settled || sdp != ""
	d.mu.Unlock()
	d.learn(res)
	if fresh && !over {
		l.ua.keep(d)
	}
	// The CSeq is taken now: a 2xx that comes next must find it taken.
	a := &asked{method: sip.PRACK, seq: d.nextSeq(), headers: []sip.Header{
		sip.NewHeader("RAck", fmt.Sprintf("%d %d INVITE", seq, seqOf(res)))}}
	d.do(func() { d.ask(a, 0) })
	return true
}

// begun is the early dialog of a To tag, nil if there is none.
func (l *outLeg) begun(tag string) *dialog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.early[tag]
}

// endEarly ends the early dialogs of an INVITE. What they have come to stays known: a
// fork may answer all the same, and the BYE to it counts on from our PRACKs.
func (l *outLeg) endEarly() {
	l.mu.Lock()
	early := maps.Clone(l.early)
	l.mu.Unlock()
	for _, d := range early {
		d.stop()
	}
}

// continues takes over what an early dialog has come to.
func (d *dialog) continues(early *dialog) {
	if early == nil {
		return
	}
	early.mu.Lock()
	local, remote, mine, updates := early.localSeq, early.remoteSeq, early.mine, early.updates
	early.mu.Unlock()
	d.mu.Lock()
	d.localSeq, d.remoteSeq = max(d.localSeq, local), max(d.remoteSeq, remote)
	d.mine, d.updates = mine, updates
	d.mu.Unlock()
}
