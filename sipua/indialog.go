package sipua

import (
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/sip/transaction"
)

// inDialog is a request with a To tag: it belongs to a dialog of ours or gets 481.
func (u *UA) inDialog(tx *transaction.Server, req *sip.Request) {
	d := u.find(req)
	if d == nil {
		u.refuse(tx, req, 481)
		return
	}
	// RFC 3261 s12.2.2: requests out of order are refused.
	d.mu.Lock()
	seq := seqOf(req)
	old := seq < d.remoteSeq
	if !old {
		d.remoteSeq = seq
	}
	d.mu.Unlock()
	if old {
		u.refuse(tx, req, 500)
		return
	}
	switch req.Method {
	case sip.BYE:
		d.respond(tx, req, 200, "")
		d.hungUp()
	case sip.INVITE, sip.UPDATE:
		d.do(func() { d.reOffer(tx, req) })
	case sip.INFO:
		d.info(tx, req)
	case sip.OPTIONS:
		tx.Respond(u.options(req))
	case sip.PRACK:
		if d.onPrack == nil {
			u.refuse(tx, req, 481)
			return
		}
		d.onPrack(tx, req)
	case sip.MESSAGE, sip.NOTIFY, sip.SUBSCRIBE, sip.PUBLISH, sip.REFER:
		u.refuse(tx, req, 405)
	default:
		u.refuse(tx, req, 501)
	}
}

func (d *dialog) respond(tx *transaction.Server, req *sip.Request, code int, sdp string) {
	res := transaction.Reply(req, code, reason(code), d.key.local)
	res.AppendHeader(sip.NewHeader("Server", d.ua.Agent))
	if req.Method == sip.INVITE || req.Method == sip.UPDATE {
		res.AppendHeader(sip.NewHeader("Contact", d.contact))
		res.AppendHeader(sip.NewHeader("Allow", d.ua.allow()))
		res.AppendHeader(sip.NewHeader("Supported", supported))
		if code/100 == 2 && !d.in(dialogEarly) {
			d.learn(req)
			d.grant(req, res)
		}
	}
	describe(res, sdp)
	if req.Method == sip.INVITE && code/100 == 2 {
		d.untilAck(tx, res)
		return
	}
	tx.Respond(res)
}

// describe puts a session description into a response.
func describe(res *sip.Response, sdp string) {
	if sdp != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(sdp))
	}
}

// reOffer answers a new offer from the anchor: no other leg hears of it. What is refused
// leaves everything as it was (RFC 3261 s14.2).
func (d *dialog) reOffer(tx *transaction.Server, req *sip.Request) {
	sdp, _ := parts(req)
	offering := req.Method == sip.INVITE || sdp != ""
	d.mu.Lock()
	state, awaiting, settled := d.state, d.offered || d.offering, d.settled && req.Method != sip.INVITE
	d.mu.Unlock()
	switch {
	case state == dialogEnded: // RFC 3261 s15.1.2: a BYE has come meanwhile
		d.ua.refuse(tx, req, 487)
		return
	case state == dialogEarly && offering && !settled:
		// RFC 3261 s14.2 and RFC 3311 s5.2: the first offer has no answer yet.
		d.ua.refuse(tx, req, 500, sip.NewHeader("Retry-After", "3"))
		return
	case awaiting && offering:
		// RFC 3261 s14.2: an offer of ours waits for its answer, in the ACK.
		d.ua.refuse(tx, req, 491)
		return
	}
	mine := ""
	if offering {
		r := d.tells.reporter()
		if r == nil {
			d.ua.refuse(tx, req, 500, sip.NewHeader("Retry-After", "3"))
			return
		}
		var err error
		if mine, err = r.ReOffer(sdp); err != nil {
			d.ua.refuse(tx, req, 488)
			return
		}
	}
	d.mu.Lock()
	if target, ok := contactOf(req); ok { // RFC 3261 s12.2.2: the target is refreshed
		d.target = target
	}
	if !d.flow.IsZero() {
		d.flow = tx.Flow() // a telephone that has changed its network
	}
	d.offered = offering && sdp == "" && mine != ""
	if mine != "" {
		d.mine = mine
	}
	d.mu.Unlock()
	d.respond(tx, req, 200, mine)
}

// info takes the digits of an INFO, for telephones that send them there.
func (d *dialog) info(tx *transaction.Server, req *sip.Request) {
	kind, _, _ := strings.Cut(headerValue(req, "Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dtmf-relay":
		for line := range strings.Lines(string(req.Body())) {
			if k, v, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(k), "signal") {
				d.pressed(v)
			}
		}
	case "application/dtmf":
		d.pressed(string(req.Body()))
	default:
		switch {
		case headerValue(req, "Info-Package") != "":
			d.ua.refuse(tx, req, 469, sip.NewHeader("Recv-Info", "")) // RFC 6086 s4.2.2
			return
		case len(req.Body()) > 0:
			d.ua.refuse(tx, req, 415, sip.NewHeader("Accept", "application/dtmf-relay, application/dtmf"))
			return
		}
	}
	d.respond(tx, req, 200, "")
}

func (d *dialog) pressed(digit string) {
	switch digit = strings.TrimSpace(digit); digit {
	case "10":
		digit = "*" // the events of RFC 4733 s3.2
	case "11":
		digit = "#"
	}
	if len(digit) == 1 {
		d.tells.tell(call.Event{Kind: call.Pressed, Leg: d.leg, Digit: digit})
	}
}
