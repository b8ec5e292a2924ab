package sipua

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// callerLeg is the leg of the person who dialled: an INVITE that came in.
type callerLeg struct {
	*dialog
	tx      *transaction.Server
	req     *sip.Request
	delayed bool // the INVITE has no offer: ours goes out in the 2xx

	state    sync.Mutex
	answered bool
	over     bool
}

func newCallerLeg(u *UA, tx *transaction.Server, req *sip.Request) *callerLeg {
	tag := newTag()
	flow := tx.Flow()
	dest := transport.Over(flow)
	d := &dialog{ua: u, leg: call.Caller, key: dialogKey{callIDOf(req), tag, fromTag(req)}, flow: flow, first: dest,
		contactURI: u.contact(dest), routes: recordRoutes(req), remoteSeq: seqOf(req)}
	// RFC 3261 s12.1.1: the dialog's ends are the request's, with our tag.
	if h := req.GetHeader("To"); h != nil {
		d.local = withoutTag(h.Value()) + ";tag=" + tag
	}
	if h := req.GetHeader("From"); h != nil {
		d.remote = h.Value()
	}
	d.target = "sip:" + flow.Remote.String()
	if h := req.Contact(); h != nil {
		d.target = h.Address.String()
	}
	sdp, _ := parts(req)
	return &callerLeg{dialog: d, tx: tx, req: req, delayed: sdp == ""}
}

func seqOf(m sip.Message) uint32 {
	if h := m.CSeq(); h != nil {
		return h.SeqNo
	}
	return 0
}

func (c *callerLeg) reply(code int, sdp string) *sip.Response {
	res := transaction.Reply(c.req, code, reason(code), c.key.local)
	res.AppendHeader(sip.NewHeader("Server", c.ua.Agent))
	if code > 100 && code < 300 {
		for _, r := range headerValues(c.req, "Record-Route") {
			res.AppendHeader(sip.NewHeader("Record-Route", r))
		}
		res.AppendHeader(sip.NewHeader("Contact", c.contactURI))
		res.AppendHeader(sip.NewHeader("Allow", allow))
		res.AppendHeader(sip.NewHeader("Supported", "replaces"))
	}
	if sdp != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(sdp))
	}
	return res
}

// Progress sends a provisional response. To an INVITE without an offer a description
// would be an offer in an unreliable response, which RFC 3261 s13.2.1 does not allow.
func (c *callerLeg) Progress(code int, sdp string) {
	c.state.Lock()
	defer c.state.Unlock()
	if c.answered || c.over {
		return
	}
	if c.delayed {
		sdp = ""
	}
	c.tx.Respond(c.reply(code, sdp))
}

// Answer sends the 200 and repeats it until the ACK is there.
func (c *callerLeg) Answer(sdp string) {
	c.state.Lock()
	defer c.state.Unlock()
	if c.answered || c.over {
		return
	}
	c.answered = true
	c.mu.Lock()
	c.offered = c.delayed
	c.mu.Unlock()
	c.ua.keep(c.dialog)
	c.forgetInvite()
	res := c.reply(200, sdp)
	c.repeatUntilAck(c.tx, res.Clone())
	c.tx.Respond(res)
}

// End rejects a caller who has not been answered, and hangs up on one who has.
func (c *callerLeg) End(code int, why string) {
	c.state.Lock()
	defer c.state.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.answered {
		c.bye(why)
		return
	}
	if code == 0 {
		code = 480
	}
	var res *sip.Response
	if code == 302 {
		res = c.reply(code, "")
		res.AppendHeader(sip.NewHeader("Contact", "<"+why+">"))
	} else {
		res = c.reply(code, "")
		if why != "" {
			// RFC 3261 s20.43: 399 is for people to read.
			res.AppendHeader(sip.NewHeader("Warning", `399 `+c.ua.Domain+` `+quoted(oneLine(why))))
		}
	}
	c.forgetInvite()
	c.tx.Respond(res)
	c.stop()
}

func (c *callerLeg) forgetInvite() {
	c.ua.mu.Lock()
	delete(c.ua.invites, c.tx)
	c.ua.mu.Unlock()
}

// hungUp is the peer's BYE, told once.
func (d *dialog) hungUp() {
	d.mu.Lock()
	told := d.ended
	d.ended = true
	d.mu.Unlock()
	if told {
		return
	}
	d.stop()
	d.report(call.Event{Kind: call.HungUp, At: time.Now()})
}
