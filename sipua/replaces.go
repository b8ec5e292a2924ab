package sipua

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// A PSAP moves its call to another position, or to a conference bridge, by an INVITE with
// Replaces (RFC 3891; standards wO5, the reason why we say that we know it):
//
//	INVITE Replaces ->  the leg has two dialogs; its media is negotiated anew
//	200             <-  the new dialog is the leg's
//	BYE             <-  in the old one (s3)
//
// The call itself hears of nothing but the media: the leg is the same. Only a leg to
// public safety can be moved so, one that is up, and only by somebody whose address is
// known (R15): the dialog's tags are no secret to whoever has seen its messages.
// Whatever does not fit is refused and leaves the call as it was.

// replaces reads a Replaces header: the dialog as we know it, and whether it must be early.
func replaces(req *sip.Request) (key dialogKey, early, ok bool) {
	vs := headerValues(req, "Replaces")
	if len(vs) != 1 { // s3: one, or 400
		return key, false, false
	}
	id, params, _ := strings.Cut(vs[0], ";")
	n := nameAddr{params: ";" + params}
	to, hasTo := n.param("to-tag")
	from, hasFrom := n.param("from-tag")
	_, early = n.param("early-only")
	// s3: to-tag is the tag that is ours.
	return dialogKey{strings.TrimSpace(id), to, from}, early, hasTo && hasFrom
}

// Moves says whether an INVITE is to take the place of a dialog of ours: it belongs to a
// call that goes on, and overload is to let it pass.
func (u *UA) Moves(req *sip.Request) bool {
	key, _, ok := replaces(req)
	u.mu.Lock()
	defer u.mu.Unlock()
	return ok && u.dialogs[key] != nil
}

// replaced takes an INVITE with Replaces. One that neither names a dialog of ours nor is
// for our Contact is an INVITE as any other: somebody may be calling for help (L1).
func (u *UA) replaced(tx *transaction.Server, req *sip.Request) (taken bool) {
	if len(headerValues(req, "Replaces")) == 0 {
		return false
	}
	key, early, ok := replaces(req)
	u.mu.Lock()
	d := u.dialogs[key]
	u.mu.Unlock()
	contact, _ := contactOf(req)
	switch {
	case d == nil && userOf(req.Recipient) != ourUser:
		return false
	case !ok:
		u.refuse(tx, req, 400)
	case u.Known != nil && !u.Known(gateway.Peer{Source: tx.Flow().Remote, Flow: FlowName(tx.Flow()), Contact: contact}):
		u.log.Warn("INVITE with Replaces from an unknown address", "source", tx.Flow().Remote.String())
		u.refuse(tx, req, 403)
	case d == nil || d.in(dialogEarly):
		u.refuse(tx, req, 481)
	case d.owner == nil || !d.out.Invite.Emergency:
		u.refuse(tx, req, 403)
	case early:
		u.refuse(tx, req, 486) // s3: it is confirmed
	default:
		d.do(func() { d.handOver(tx, req) })
	}
	return true
}

// handOver puts the dialog of an INVITE in the place of this one.
func (d *dialog) handOver(tx *transaction.Server, req *sip.Request) {
	u := d.ua
	r := d.tells.reporter()
	if d.in(dialogEnded) || r == nil {
		u.refuse(tx, req, 603) // s3: it has ended
		return
	}
	sdp, _ := parts(req)
	mine, err := r.ReOffer(sdp)
	if err != nil {
		u.refuse(tx, req, 488)
		return
	}
	n := u.invitedDialog(tx.Flow(), req)
	n.leg, n.out, n.tells, n.owner, n.state, n.mine = d.leg, d.out, d.tells, d.owner, dialogConfirmed, mine
	n.offered = sdp == "" && mine != ""
	n.atEnd = func() { n.owner.left(n) }
	if !d.owner.moves(d, n) || !d.stop() {
		n.stop() // a BYE came meanwhile, or the call has let go of the leg
		u.refuse(tx, req, 603)
		return
	}
	u.keep(n)
	u.log.Info("leg moved by its far side", "call", d.out.Call, "leg", string(d.leg), "to", n.target)
	n.respond(tx, req, 200, mine)
	d.do(func() { d.ask(&asked{method: sip.BYE}, 0) })
}

// moves gives a leg another dialog, unless nobody wants it any more.
func (l *outLeg) moves(from, to *dialog) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dialog != from || l.hangup || l.over {
		return false
	}
	l.dialog = to
	return true
}

// left is the end of a dialog: the leg's, if it is the leg's dialog.
func (l *outLeg) left(d *dialog) {
	l.mu.Lock()
	current := l.dialog == d
	l.mu.Unlock()
	if current {
		l.end()
	}
}

// invitedDialog is the dialog that an INVITE of a peer makes (RFC 3261 s12.1.1): its ends
// are the request's, with our tag.
func (u *UA) invitedDialog(flow transport.Flow, req *sip.Request) *dialog {
	tag, first := newTag(), transport.Over(flow)
	d := &dialog{ua: u, tells: &teller{}, leg: call.Caller, key: dialogKey{callIDOf(req), tag, fromTag(req)}, state: dialogEarly, flow: flow, first: first,
		contact: u.contact(first), routes: recordRoutes(req), remoteSeq: seqOf(req),
		local: withoutTag(headerValue(req, "To")), remote: headerValue(req, "From")}
	if d.local == "" { // an emergency is taken without a To as well
		d.local = "<sip:" + u.Domain + ">"
	}
	if d.remote == "" {
		d.remote = "<sip:anonymous@anonymous.invalid>"
	}
	d.local += ";tag=" + tag
	if target, ok := contactOf(req); ok {
		d.target = target
	} else {
		d.target = addressURI(first)
	}
	return d
}
