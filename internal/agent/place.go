package agent

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transaction"
)

// Options are how a call is placed; the zero value calls as the agent itself.
type Options struct {
	From    string   // a URI; "": the registered address, or the agent's own
	Display string   // the name beside it
	To      string   // the URI of the To header; "": the request-URI
	Headers []string // further headers, "Name: value"
	Parts   []Part   // body parts beside the session description
	SDP     string   // instead of our own description
	Delayed bool     // no offer in the INVITE: the peer's is answered in the ACK
	Proxy   string   // instead of Config.Proxy
	Says    Sound    // instead of Config.Says
}

// Call places a call and returns when the INVITE is on its way; ctx bounds finding out
// where to.
func (a *Agent) Call(ctx context.Context, uri string, o Options) (*Call, error) {
	c := a.newCall(newCallID())
	c.opts, c.target = o, uri
	if o.Says != nil {
		c.says = o.Says
	}
	if err := c.place(ctx, uri); err != nil {
		return nil, fmt.Errorf("calling %s from %s: %w", uri, a.cfg.Name, err)
	}
	return c, nil
}

func (c *Call) place(ctx context.Context, uri string) error {
	a, o := c.agent, c.opts
	hop := uri
	switch {
	case o.Proxy != "":
		hop = o.Proxy
	case a.cfg.Proxy != "":
		hop = a.cfg.Proxy
	}
	to, err := a.resolve(ctx, hop)
	if err != nil {
		return err
	}
	c.first = to
	c.local = o.from(a) + ";tag=" + c.localTag
	c.remote = "<" + uri + ">"
	if o.To != "" {
		c.remote = "<" + o.To + ">"
	}
	if !o.Delayed && o.SDP == "" {
		if err := c.speak(); err != nil {
			return err
		}
	}
	invite, err := c.firstInvite()
	if err != nil {
		return err
	}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		c.over(0, "the agent was closed")
		return transaction.ErrClosed
	}
	a.calls = append(a.calls, c)
	a.byID[c.id] = c
	a.mu.Unlock()
	c.send(invite)
	return nil
}

func (o Options) from(a *Agent) string {
	uri := o.From
	if uri == "" {
		uri = "sip:" + a.cfg.Name + "@" + a.listening().String()
		a.mu.Lock()
		if a.account != nil {
			uri = a.account.address()
		}
		a.mu.Unlock()
	}
	if o.Display != "" {
		return strconv.Quote(o.Display) + " <" + uri + ">"
	}
	return "<" + uri + ">"
}

// firstInvite is the INVITE of the call, again where it has to be proved who we are.
func (c *Call) firstInvite(more ...sip.Header) (*sip.Request, error) {
	c.seq++
	req, err := c.request(sip.INVITE, c.seq, c.target)
	if err != nil {
		return nil, err
	}
	req.AppendHeader(sip.NewHeader("Allow", allow))
	for _, line := range c.opts.Headers {
		name, v, _ := strings.Cut(line, ":")
		req.AppendHeader(sip.NewHeader(strings.TrimSpace(name), strings.TrimSpace(v)))
	}
	for _, h := range more {
		req.AppendHeader(h)
	}
	sdp := c.opts.SDP
	if sdp == "" && !c.opts.Delayed {
		sdp = own(c.voice, nil, false)
	}
	if sdp != "" || len(c.opts.Parts) > 0 {
		kind, body := putTogether(sdp, c.opts.Parts)
		req.AppendHeader(sip.NewHeader("Content-Type", kind))
		req.SetBody(body)
	}
	return req, nil
}

func (c *Call) send(invite *sip.Request) {
	c.mu.Lock()
	c.invite = invite
	c.mu.Unlock()
	tx := c.agent.layer.Request(invite, c.first, c.happened)
	c.mu.Lock()
	c.client = tx
	leave := c.leave
	c.mu.Unlock()
	if leave {
		tx.Cancel()
	}
}

// Cancel gives up a call we placed. It goes out when the first response is there (RFC
// 3261 s9.1), and the call is over when the INVITE is.
func (c *Call) Cancel() {
	c.mu.Lock()
	tx := c.client
	c.leave = true
	up := c.state >= Up
	c.mu.Unlock()
	if tx != nil && !up {
		tx.Cancel()
	}
}

// happened takes what comes of the INVITE.
func (c *Call) happened(e transaction.Event) {
	switch e.Kind {
	case transaction.Provisional:
		c.progressed(e.Response)
	case transaction.Success:
		c.established(e.Response)
	case transaction.Failure:
		c.failed(e.Response)
	case transaction.TimedOut:
		c.over(408, "no response")
	case transaction.Broken:
		c.over(0, e.Err.Error())
	}
}

func (c *Call) progressed(res *sip.Response) {
	if res.StatusCode == 100 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state >= Up {
		return
	}
	c.enter(Ringing)
	if sdp, _ := takeApart(res); !c.opts.Delayed {
		c.described(sdp)
	}
}

// established is a 2xx. The first makes the dialog; one that comes again is acknowledged
// again.
func (c *Call) established(res *sip.Response) {
	c.mu.Lock()
	if c.state >= Up {
		c.mu.Unlock()
		c.ackAgain()
		return
	}
	c.remote = value(res, "To")
	c.meet(res)
	routes := routeSet(res)
	for i := len(routes) - 1; i >= 0; i-- { // RFC 3261 s12.1.2: in the reverse order
		c.routes = append(c.routes, routes[i])
	}
	sdp, _ := takeApart(res)
	c.described(sdp)
	answer := ""
	if c.opts.Delayed && c.voice != nil {
		answer = own(c.voice, c.theirs, false)
	}
	c.enter(Up)
	seq := c.invite.CSeq().SeqNo
	leave := c.leave
	c.mu.Unlock()
	c.acknowledge(seq, answer)
	if leave { // RFC 3261 s9.1: the answer was faster than our CANCEL
		c.bye()
	}
}

func (c *Call) failed(res *sip.Response) {
	if c.challenged(res) {
		return
	}
	c.over(res.StatusCode, phrase(res.StatusCode))
}

// challenged answers a demand for credentials, once.
func (c *Call) challenged(res *sip.Response) bool {
	c.agent.mu.Lock()
	account := c.agent.account
	c.agent.mu.Unlock()
	c.mu.Lock()
	proven := c.proven
	c.proven = true
	c.mu.Unlock()
	if account == nil || proven {
		return false
	}
	h, ok := account.prove(res, string(sip.INVITE), c.target)
	if !ok {
		return false
	}
	c.mu.Lock()
	invite, err := c.firstInvite(h)
	c.mu.Unlock()
	if err != nil {
		return false
	}
	c.send(invite)
	return true
}
