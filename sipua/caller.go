package sipua

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/sip/transaction"
)

// callerLeg is the leg of the person who dialled: an INVITE that came in.
//
//	waiting --Answer--> answered --End or BYE--> over
//	      \--End--------------------------------/
type callerLeg struct {
	*dialog
	tx      *transaction.Server
	req     *sip.Request
	request requestKey
	delayed bool // the INVITE has no offer: ours goes out in the 2xx

	lock      sync.Mutex
	phase     callerPhase
	reliable  bool // 18x with a description are acknowledged, and with insists every one (RFC 3262)
	insists   bool
	rseq      uint32
	rseqFirst uint32
	unpracked *unpracked
	queue     []provision
	held      *string // the answer, while a PRACK is waited for
	hold      *time.Timer
}

type callerPhase int

const (
	callerWaiting callerPhase = iota + 1
	callerAnswered
	callerOver
)

func newCallerLeg(u *UA, tx *transaction.Server, req *sip.Request) *callerLeg {
	d := u.invitedDialog(tx.Flow(), req)
	sdp, _ := parts(req)
	c := &callerLeg{dialog: d, tx: tx, req: req, request: requestKey{callIDOf(req), fromTag(req), seqOf(req)}, delayed: sdp == "", phase: callerWaiting}
	c.insists = lists(req, "Require", "100rel")
	c.reliable = c.insists || lists(req, "Supported", "100rel")
	d.atEnd, d.onPrack = c.forget, c.prack
	return c
}

// forget is the end of the dialog: nothing of the leg is looked up any more.
func (c *callerLeg) forget() {
	c.quiet()
	c.ua.mu.Lock()
	defer c.ua.mu.Unlock()
	delete(c.ua.invites, c.tx)
	if c.ua.requests[c.request] == c {
		delete(c.ua.requests, c.request)
	}
}

// advance goes to a phase from one before it, and says from which; 0 if it is there or past.
func (c *callerLeg) advance(to callerPhase) (from callerPhase) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.phase >= to {
		return 0
	}
	from, c.phase = c.phase, to
	return from
}

// reply builds a response to the INVITE. Reply copies the Record-Route (RFC 3261 s12.1.1).
func (c *callerLeg) reply(code int, sdp string) *sip.Response {
	res := transaction.Reply(c.req, code, reason(code), c.key.local)
	res.AppendHeader(sip.NewHeader("Server", c.ua.Agent))
	if code > 100 && code < 300 {
		res.AppendHeader(sip.NewHeader("Contact", c.contact))
		res.AppendHeader(sip.NewHeader("Allow", c.ua.allow()))
		res.AppendHeader(sip.NewHeader("Supported", supported))
	}
	describe(res, sdp)
	return res
}

// Progress sends a provisional response. To an INVITE without an offer a description
// would be an offer in an unreliable response, which RFC 3261 s13.2.1 does not allow.
func (c *callerLeg) Progress(code int, sdp string) {
	c.lock.Lock()
	waiting, reliable, insists := c.phase == callerWaiting && c.held == nil, c.reliable, c.insists
	c.lock.Unlock()
	switch {
	case !waiting:
	case reliable && (insists || sdp != ""):
		c.mu.Lock()
		if c.settled {
			sdp = "" // RFC 6337 s3.1.1: one answer, or offer, to an INVITE
		}
		c.mu.Unlock()
		if insists || sdp != "" {
			c.reliably(provision{code, sdp})
			return
		}
		c.tx.Respond(c.reply(code, ""))
	case c.delayed:
		c.tx.Respond(c.reply(code, ""))
	default:
		c.tx.Respond(c.reply(code, sdp))
	}
}

// Answer sends the 200 and repeats it until the ACK is there. It waits for the PRACK of a
// description (RFC 3262 s3).
func (c *callerLeg) Answer(sdp string) {
	c.lock.Lock()
	if w := c.unpracked; c.phase == callerWaiting && w != nil && w.sdp != "" {
		if c.held == nil {
			c.held = &sdp
			c.hold = time.AfterFunc(pracked*c.ua.t1, func() { c.answerNow(sdp) })
		}
		c.lock.Unlock()
		return
	}
	c.lock.Unlock()
	c.answerNow(sdp)
}

func (c *callerLeg) answerNow(sdp string) {
	if c.advance(callerAnswered) != callerWaiting {
		return
	}
	c.quiet()
	c.ua.mu.Lock()
	delete(c.ua.invites, c.tx)
	c.ua.mu.Unlock()
	c.mu.Lock()
	if c.state == dialogEarly {
		c.state = dialogConfirmed
	}
	if c.settled {
		sdp = "" // RFC 6337 s3.1.1: what was answered is not answered again
	} else {
		c.mine = sdp
	}
	c.offered = c.delayed && sdp != ""
	c.mu.Unlock()
	res := c.reply(200, sdp)
	c.learn(c.req)
	c.grant(c.req, res)
	c.untilAck(c.tx, res)
}

// End rejects a caller who has not been answered, and hangs up on one who has.
func (c *callerLeg) End(code int, why string) {
	switch c.advance(callerOver) {
	case callerAnswered:
		c.bye(why)
	case callerWaiting:
		c.tells.hush()
		c.stop()
		c.tx.Respond(c.rejection(code, why))
	}
}

func (c *callerLeg) rejection(code int, why string) *sip.Response {
	if code < 300 {
		code = 480
	}
	res := c.reply(code, "")
	switch {
	case code/100 == 3:
		res.AppendHeader(sip.NewHeader("Contact", "<"+why+">"))
	case why != "":
		// RFC 3261 s20.43: 399 is for people to read.
		res.AppendHeader(sip.NewHeader("Warning", "399 "+c.ua.Domain+" "+quoted(oneLine(why))))
	}
	return res
}
