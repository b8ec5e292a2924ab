package sipua

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/sip/transaction"
)

// Session timers (RFC 4028). This element asks for none, since media tells it sooner that
// a peer is gone; it keeps those that peers ask for, in either role:
//
//	we refresh     at half the interval (s7.2): UPDATE where the peer allows it, else a re-INVITE
//	               with the description it has already
//	they refresh   when theirs is overdue (s10), they are asked by a refresh of ours
//
// RFC 4028 s10 would have a call without refresh hung up. An emergency call is not: whom
// the peer no longer knows (481), or who does not answer, is told as lost media, and the
// call decides. A PSAP that only does not answer, and a caller, is not even that: its
// media still tells, and signalling alone may be what is broken.

// shortestInterval is the least interval there is (RFC 4028 s4). A shorter one is not
// refused, with 422, for an emergency's sake; it is answered as if timers were unknown here.
const shortestInterval = 90 * time.Second

// interval reads a Session-Expires; 0 for none.
func interval(m sip.Message) (every time.Duration, refresher string) {
	v := headerValue(m, "Session-Expires")
	seconds, params, _ := strings.Cut(v, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(seconds), 10, 31)
	if err != nil {
		return 0, ""
	}
	refresher, _ = nameAddr{params: ";" + params}.param("refresher")
	return time.Duration(n) * time.Second, strings.ToLower(refresher)
}

// lists says whether a header that is a list of tokens has one.
func lists(m sip.Message, header, token string) bool {
	for _, v := range headerValues(m, header) {
		for _, one := range splitOutside(v, ',') {
			if strings.EqualFold(one, token) {
				return true
			}
		}
	}
	return false
}

// grant answers what a request of the peer asks for, in its 2xx (RFC 4028 s9): the peer
// refreshes if it can and does not ask us to.
func (d *dialog) grant(req *sip.Request, res *sip.Response) {
	every, by := interval(req)
	if every < shortestInterval {
		d.schedule(0, false)
		return
	}
	switch {
	case !lists(req, "Supported", "timer") && !lists(req, "Require", "timer"):
		by = "uas" // a proxy has asked, and the peer knows nothing of it
	case by != "uas":
		by = "uac"
		res.AppendHeader(sip.NewHeader("Require", "timer"))
	}
	res.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(int(every.Seconds()))+";refresher="+by))
	d.schedule(every, by == "uas")
}

// granted takes what a 2xx of the peer says (RFC 4028 s7.2); without an interval there is
// no timer any more.
func (d *dialog) granted(res *sip.Response) {
	every, by := interval(res)
	d.schedule(every, by != "uas")
}

// schedule sets when the session is refreshed, or asked after.
func (d *dialog) schedule(every time.Duration, ours bool) {
	wait := every / 2
	if !ours {
		wait = every - min(32*time.Second, every/3) // RFC 4028 s10
	}
	d.mu.Lock()
	d.every, d.refreshes = every, ours
	d.mu.Unlock()
	if every == 0 {
		wait = 0
	}
	d.refreshIn(max(wait, time.Second), every == 0)
}

func (d *dialog) refreshIn(wait time.Duration, never bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.due != nil {
		d.due.Stop()
		d.due = nil
	}
	if !never && d.state != dialogEnded {
		d.due = time.AfterFunc(wait, func() { d.do(d.refresh) })
	}
}

// learn keeps what a message of the peer says it can do.
func (d *dialog) learn(m sip.Message) {
	if len(headerValues(m, "Allow")) == 0 {
		return
	}
	d.mu.Lock()
	d.updates = lists(m, "Allow", "UPDATE")
	d.mu.Unlock()
}

// refresh asks the peer to go on. It runs as an errand of the dialog.
func (d *dialog) refresh() {
	d.mu.Lock()
	ended, busy := d.state == dialogEnded, d.unacked != nil || d.offered || d.offering
	a := &asked{method: sip.UPDATE}
	if !d.updates && d.mine != "" {
		a.method, a.sdp = sip.INVITE, d.mine // RFC 4028 s7.4: the same, with the same version
	}
	every, longest, by := d.every, d.longest, "uas"
	if d.refreshes {
		by = "uac"
	}
	if !ended && !busy && a.method == sip.INVITE {
		d.offering = true
	}
	d.mu.Unlock()
	switch {
	case ended:
		return
	case busy:
		d.refreshIn(2*time.Second, false)
		return
	}
	a.headers = []sip.Header{sip.NewHeader("Supported", supported), sip.NewHeader("Allow", d.ua.allow()),
		sip.NewHeader("Session-Expires", strconv.Itoa(int(every.Seconds()))+";refresher="+by)}
	if longest > 0 {
		a.headers = append(a.headers, sip.NewHeader("Min-SE", strconv.Itoa(int(longest.Seconds()))))
	}
	a.done = func(e transaction.Event) { d.refreshed(a, e) }
	d.ask(a, 0)
}

// refreshed is what became of a refresh.
func (d *dialog) refreshed(a *asked, e transaction.Event) {
	if e.Kind == transaction.Provisional {
		return
	}
	if a.method == sip.INVITE {
		if e.Kind == transaction.Success && !d.acknowledgeOnce(seqOf(e.Response)) {
			return // repeated
		}
		d.mu.Lock()
		d.offering = false
		d.mu.Unlock()
	}
	switch e.Kind {
	case transaction.Success:
		d.mu.Lock()
		if target, ok := contactOf(e.Response); ok { // RFC 3261 s12.2.1.2
			d.target = target
		}
		d.mu.Unlock()
		d.learn(e.Response)
		d.granted(e.Response)
	case transaction.Failure:
		d.notRefreshed(a, e.Response)
	default:
		d.unheard(false)
	}
}

func (d *dialog) notRefreshed(a *asked, res *sip.Response) {
	d.mu.Lock()
	every, ours := d.every, d.refreshes
	d.mu.Unlock()
	switch res.StatusCode {
	case 481:
		d.unheard(true)
	case 408:
		d.unheard(false)
	case 405, 501:
		if a.method == sip.UPDATE && d.mine != "" {
			d.mu.Lock()
			d.updates = false
			d.mu.Unlock()
			d.do(d.refresh)
			return
		}
		d.schedule(every, ours)
	case 422: // RFC 4028 s7.3
		if least, err := strconv.Atoi(headerValue(res, "Min-SE")); err == nil && time.Duration(least)*time.Second > every {
			d.mu.Lock()
			d.every = time.Duration(least) * time.Second
			d.longest = d.every
			d.mu.Unlock()
			d.do(d.refresh)
			return
		}
		d.schedule(every, ours)
	case 491:
		// RFC 3261 s14.1: whoever made the Call-ID waits longer.
		wait := time.Duration(rand.Int64N(int64(2 * time.Second)))
		if strings.HasSuffix(d.key.callID, "@"+d.ua.Domain) {
			wait += 2100 * time.Millisecond
		}
		d.refreshIn(wait, false)
	default:
		d.schedule(every, ours) // it has answered, so it is there
	}
}

// unheard is a peer that no longer knows the dialog, or does not answer.
func (d *dialog) unheard(forgotten bool) {
	d.mu.Lock()
	every, ours, ended := d.every, d.refreshes, d.state == dialogEnded
	d.mu.Unlock()
	if ended {
		return
	}
	d.ua.log.Warn("session not refreshed", "leg", string(d.leg), "forgotten", forgotten)
	if d.leg != call.Caller && (forgotten || !d.out.Invite.Emergency) {
		d.tells.tell(call.Event{Kind: call.MediaLost, Leg: d.leg})
		d.schedule(0, false)
		return
	}
	d.schedule(every, ours) // its media tells, and it may be back
}
