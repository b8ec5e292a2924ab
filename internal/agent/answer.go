package agent

import (
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// invited is an INVITE that begins a call.
func (a *Agent) invited(tx *transaction.Server, req *sip.Request) {
	c := a.newCall(value(req, "Call-ID"))
	c.incoming, c.invite, c.tx = true, req, tx
	c.meet(req)
	c.local, c.remote = withTag(value(req, "To"), c.localTag), value(req, "From")
	c.routes = routeSet(req) // RFC 3261 s12.1.1: in the order of the request
	c.first = transport.Over(tx.Flow())
	a.mu.Lock()
	a.taken++
	c.number = a.taken
	a.mu.Unlock()
	c.script = a.cfg.Take(Invitation{Number: c.number, Request: req})
	if c.script.Says != nil {
		c.says = c.script.Says
	}
	sdp, _ := takeApart(req)
	if d, err := readDescription(sdp); err == nil {
		c.theirs = &d
	}
	a.mu.Lock()
	a.calls = append(a.calls, c)
	a.byID[c.id], a.invites[tx] = c, c
	close(a.arrived)
	a.arrived = make(chan struct{})
	a.mu.Unlock()
	if !c.script.Dead {
		a.spawn(func() { c.play(c.script) })
	}
}

// meet takes the peer's Contact as the target of the dialog.
func (c *Call) meet(m interface{ Contact() *sip.ContactHeader }) {
	if h := m.Contact(); h != nil {
		c.target = h.Address.String()
	}
}

// response is a response to the INVITE that came in.
func (c *Call) response(status int, sdp string) *sip.Response {
	local := c.localTag
	if status == 100 {
		local = "" // RFC 3261 s8.2.6.2: a 100 need not have a tag
	}
	res := transaction.Reply(c.invite, status, phrase(status), local)
	if status > 100 && status < 300 {
		for _, h := range c.invite.GetHeaders("Record-Route") {
			res.AppendHeader(sip.NewHeader("Record-Route", h.Value()))
		}
		res.AppendHeader(sip.NewHeader("Contact", c.agent.contact(c.first)))
		res.AppendHeader(sip.NewHeader("Allow", allow))
	}
	if sdp != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(sdp))
	}
	return res
}

// provisional sends a 1xx; early adds our description, and the voice begins.
func (c *Call) provisional(status int, early bool) {
	c.mu.Lock()
	if c.state >= Up {
		c.mu.Unlock()
		return
	}
	sdp := ""
	// RFC 3261 s13.2.1: no offer of ours in an unreliable response.
	if early && c.theirs != nil && c.speak() == nil {
		sdp = own(c.voice, c.theirs, false)
	}
	if status > 100 {
		c.enter(Ringing)
	}
	c.mu.Unlock()
	c.tx.Respond(c.response(status, sdp))
}

// Answer takes a call that came in.
func (c *Call) Answer() error {
	c.mu.Lock()
	if !c.incoming || c.state >= Up {
		c.mu.Unlock()
		return fmt.Errorf("answering: %w", errState)
	}
	sdp, _ := takeApart(c.invite)
	err := c.speak()
	if err == nil && sdp != "" && c.theirs == nil {
		err = errNoAudio
	}
	if err != nil {
		c.mu.Unlock()
		c.Refuse(488)
		return fmt.Errorf("answering: %w", err)
	}
	c.offered = c.theirs == nil
	res := c.response(200, own(c.voice, c.theirs, false))
	c.enter(Up)
	c.repeatUntilAck(c.tx, res.Clone())
	c.mu.Unlock()
	c.tx.Respond(res)
	return nil
}

// Refuse ends a call that came in with a final response.
func (c *Call) Refuse(status int) {
	c.mu.Lock()
	if !c.incoming || c.state >= Up {
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.over(status, phrase(status))
	c.tx.Respond(c.response(status, ""))
}

// cancelled is a CANCEL for the call.
func (c *Call) cancelled(cancel *transaction.Server) {
	if c.script.Dead {
		return
	}
	cancel.AnswerCancel()
	switch c.script.OnCancel {
	case Ignore:
	case AnswerFirst:
		c.after(c.script.CancelAfter, func() { _ = c.Answer() })
	default:
		c.after(c.script.CancelAfter, func() { c.Refuse(487) })
	}
}

// after does something later in the call, or at once.
func (c *Call) after(d time.Duration, f func()) {
	if d == 0 {
		f()
		return
	}
	at := time.Now().Add(d)
	c.agent.spawn(func() {
		if c.sleepUntil(at) {
			f()
		}
	})
}

// repeatUntilAck repeats a 2xx until its ACK is there (RFC 3261 s13.3.1.4), and ends the
// call when none comes; with the lock held.
func (c *Call) repeatUntilAck(tx *transaction.Server, res *sip.Response) {
	const t1, t2 = 500 * time.Millisecond, 4 * time.Second
	begin, wait := time.Now(), t1
	var again func()
	again = func() {
		c.mu.Lock()
		if c.repeat == nil || c.state == Over {
			c.mu.Unlock()
			return
		}
		if time.Since(begin) >= 64*t1 {
			c.repeat = nil
			c.mu.Unlock()
			c.bye()
			return
		}
		wait = min(2*wait, t2)
		c.repeat = time.AfterFunc(wait, again)
		c.mu.Unlock()
		tx.Respond(res.Clone())
	}
	c.repeat = time.AfterFunc(wait, again)
}

// acked is the ACK to a 2xx of ours.
func (c *Call) acked(req *sip.Request) {
	sdp, _ := takeApart(req)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.repeat != nil {
		c.repeat.Stop()
		c.repeat = nil
	}
	if c.offered {
		c.offered = false
		c.described(sdp)
	}
}
