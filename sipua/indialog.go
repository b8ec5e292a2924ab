package sipua

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/sip/transaction"
)

// inDialog is a request with a To tag: it belongs to a dialog of ours or gets 481.
func (u *UA) inDialog(tx *transaction.Server, req *sip.Request) {
	d := u.dialog(req)
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
		d.answer(tx, req, 200, "")
		d.hungUp()
	case sip.INVITE, sip.UPDATE:
		d.reOffer(tx, req)
	case sip.INFO:
		d.keys(req)
		d.answer(tx, req, 200, "")
	case sip.OPTIONS:
		tx.Respond(u.options(req))
	case sip.MESSAGE, sip.NOTIFY, sip.SUBSCRIBE, sip.REFER, sip.PRACK:
		u.refuse(tx, req, 405)
	default:
		u.refuse(tx, req, 501)
	}
}

func (d *dialog) answer(tx *transaction.Server, req *sip.Request, code int, sdp string) {
	res := transaction.Reply(req, code, reason(code), d.key.local)
	res.AppendHeader(sip.NewHeader("Server", d.ua.Agent))
	if req.Method == sip.INVITE || req.Method == sip.UPDATE {
		res.AppendHeader(sip.NewHeader("Contact", d.contactURI))
		res.AppendHeader(sip.NewHeader("Allow", allow))
	}
	if sdp != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(sdp))
	}
	if req.Method == sip.INVITE && code/100 == 2 {
		d.repeatUntilAck(tx, res.Clone())
	}
	tx.Respond(res)
}

// reOffer answers a new offer from the anchor: no other leg hears of it.
func (d *dialog) reOffer(tx *transaction.Server, req *sip.Request) {
	if h := req.Contact(); h != nil { // RFC 3261 s12.2.2: the target is refreshed
		d.mu.Lock()
		d.target = h.Address.String()
		d.mu.Unlock()
	}
	sdp, _ := parts(req)
	d.mu.Lock()
	r := d.reporter
	d.mu.Unlock()
	if sdp == "" && req.Method == sip.UPDATE || r == nil {
		d.answer(tx, req, 200, "")
		return
	}
	mine, err := r.ReOffer(sdp)
	if err != nil {
		d.ua.refuse(tx, req, 488)
		return
	}
	d.mu.Lock()
	d.offered = sdp == ""
	d.mu.Unlock()
	d.answer(tx, req, 200, mine)
}

// keys reads the digits of an INFO, for phones that send them there.
func (d *dialog) keys(req *sip.Request) {
	h := req.ContentType()
	if h == nil {
		return
	}
	switch strings.ToLower(strings.TrimSpace(strings.SplitN(h.Value(), ";", 2)[0])) {
	case "application/dtmf-relay":
		for _, line := range strings.Split(string(req.Body()), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(k), "signal") {
				d.report(call.Event{Kind: call.Pressed, At: time.Now(), Digit: strings.TrimSpace(v)})
			}
		}
	case "application/dtmf":
		d.report(call.Event{Kind: call.Pressed, At: time.Now(), Digit: strings.TrimSpace(string(req.Body()))})
	}
}
