package agent

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// request is a request of the call to a URI, with the lock held where the call is known
// to others.
func (c *Call) request(m sip.RequestMethod, seq uint32, uri string) (*sip.Request, error) {
	var to sip.Uri
	if err := sip.ParseUri(uri, &to); err != nil {
		return nil, fmt.Errorf("reading URI %q: %w", uri, err)
	}
	req := sip.NewRequest(m, to)
	for _, h := range [][2]string{{"Max-Forwards", "70"}, {"From", c.local}, {"To", c.remote}, {"Call-ID", c.id},
		{"CSeq", fmt.Sprintf("%d %s", seq, m)}, {"Contact", c.agent.contact(c.first)}, {"User-Agent", c.agent.cfg.Name}} {
		req.AppendHeader(sip.NewHeader(h[0], h[1]))
	}
	for _, r := range c.routes {
		req.AppendHeader(sip.NewHeader("Route", "<"+r+">"))
	}
	return req, nil
}

// next is a request inside the dialog and where it goes. seq 0 takes the next number.
func (c *Call) next(m sip.RequestMethod, seq uint32) (*sip.Request, transport.Destination, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq == 0 {
		c.seq++
		seq = c.seq
	}
	req, err := c.request(m, seq, c.target)
	if err != nil {
		return nil, transport.Destination{}, err
	}
	hop := c.target
	if len(c.routes) > 0 {
		hop = c.routes[0]
	}
	return req, c.towards(hop), nil
}

// towards is where a URI leads without asking anybody: a numeric address as it stands,
// and with a name the way the call itself went.
func (c *Call) towards(uri string) transport.Destination {
	var u sip.Uri
	if err := sip.ParseUri(uri, &u); err != nil {
		return c.first
	}
	addr, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err != nil {
		return c.first
	}
	p := transport.UDP
	if name, ok := u.UriParams.Get("transport"); ok {
		if p, err = transport.ParseProtocol(name); err != nil {
			return c.first
		}
	}
	port := uint16(u.Port)
	if port == 0 {
		port = p.DefaultPort()
	}
	return transport.To(p, netip.AddrPortFrom(addr, port))
}

// acknowledge sends the ACK to a 2xx and remembers it.
func (c *Call) acknowledge(seq uint32, sdp string) {
	req, to, err := c.next(sip.ACK, seq)
	if err != nil {
		c.agent.log.Warn("ACK not sent", "error", err)
		return
	}
	if sdp != "" {
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		req.SetBody([]byte(sdp))
	}
	branch := transaction.NewBranch()
	ack := func() { c.agent.layer.Ack(req, branch, to) }
	c.mu.Lock()
	c.ack = ack
	c.mu.Unlock()
	ack()
}

// ackAgain answers a 2xx that came again.
func (c *Call) ackAgain() {
	c.mu.Lock()
	ack := c.ack
	c.mu.Unlock()
	if ack != nil {
		ack()
	}
}

// bye ends a call that is up. What becomes of the BYE changes nothing.
func (c *Call) bye() {
	req, to, err := c.next(sip.BYE, 0)
	c.over(0, "hung up here")
	if err != nil {
		c.agent.log.Warn("BYE not sent", "error", err)
		return
	}
	c.agent.layer.Request(req, to, func(transaction.Event) {})
}

// inDialog is a request with a To tag.
func (a *Agent) inDialog(tx *transaction.Server, req *sip.Request) {
	c := a.find(req)
	if c == nil || tag(req.To()) != c.localTag || c.State() == Over {
		a.reply(tx, req, 481)
		return
	}
	switch req.Method {
	case sip.BYE:
		a.reply(tx, req, 200)
		c.over(0, "the peer hung up")
	case sip.INVITE, sip.UPDATE:
		c.reOffered(tx, req)
	case sip.INFO, sip.OPTIONS, sip.MESSAGE, sip.NOTIFY:
		a.reply(tx, req, 200)
	default:
		a.reply(tx, req, 405)
	}
}

// reOffered answers a new offer, or makes one where the peer wants ours.
func (c *Call) reOffered(tx *transaction.Server, req *sip.Request) {
	sdp, _ := takeApart(req)
	c.mu.Lock()
	if c.voice == nil {
		c.mu.Unlock()
		c.agent.reply(tx, req, 488)
		return
	}
	c.meet(req) // RFC 3261 s12.2.2: the target is refreshed
	res := transaction.Reply(req, 200, phrase(200), c.localTag)
	res.AppendHeader(sip.NewHeader("Contact", c.agent.contact(c.first)))
	theirs := (*description)(nil)
	if sdp != "" {
		d, err := readDescription(sdp)
		if err != nil {
			c.mu.Unlock()
			c.agent.reply(tx, req, 488)
			return
		}
		theirs = &d
		c.theirs = theirs
		_ = c.speak() // there is a voice: this only aims it
	}
	if sdp != "" || req.Method == sip.INVITE {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(own(c.voice, theirs, false)))
	}
	if req.Method == sip.INVITE {
		c.offered = sdp == ""
		c.repeatUntilAck(tx, res.Clone())
	}
	c.mu.Unlock()
	tx.Respond(res)
}

// Hold asks the peer to be quiet for a while, Resume to go on (RFC 3264 s8.4).
func (c *Call) Hold(ctx context.Context) error   { return c.reOffer(ctx, true) }
func (c *Call) Resume(ctx context.Context) error { return c.reOffer(ctx, false) }

func (c *Call) reOffer(ctx context.Context, hold bool) error {
	c.mu.Lock()
	v, state := c.voice, c.state
	c.mu.Unlock()
	if v == nil || state != Up {
		return fmt.Errorf("re-INVITE: %w", errState)
	}
	req, to, err := c.next(sip.INVITE, 0)
	if err != nil {
		return fmt.Errorf("re-INVITE: %w", err)
	}
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody([]byte(own(v, nil, hold)))
	seq := req.CSeq().SeqNo
	final := make(chan error, 1)
	told := false
	c.agent.layer.Request(req, to, func(e transaction.Event) {
		if e.Kind == transaction.Provisional {
			return
		}
		if e.Kind == transaction.Success {
			if told {
				c.ackAgain()
				return
			}
			c.acknowledge(seq, "")
			sdp, _ := takeApart(e.Response)
			c.mu.Lock()
			c.described(sdp)
			c.mu.Unlock()
		}
		if !told {
			told = true
			final <- outcome(e)
		}
	})
	select {
	case err := <-final:
		if err != nil {
			return fmt.Errorf("re-INVITE: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("re-INVITE: %w", ctx.Err())
	}
}

// outcome is what came of a request, nil for a 2xx.
func outcome(e transaction.Event) error {
	switch e.Kind {
	case transaction.Success:
		return nil
	case transaction.Failure:
		return fmt.Errorf("answered %d", e.Response.StatusCode)
	}
	return e.Err
}
