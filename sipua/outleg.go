package sipua

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// outLeg is a leg we place: the INVITEs of one attempt and what comes of them. It ends
// once: Failed before it was answered, HungUp after.
type outLeg struct {
	ua     *UA
	tells  *teller
	out    gateway.Outgoing
	callID string
	tag    string

	mu         sync.Mutex
	attempt    attempt                 // what goes out now
	later      []transport.Destination // what else the name resolved to
	tx         *transaction.Client
	invite     *sip.Request       // the last that went out
	sent       int                // INVITEs
	early      map[string]*dialog // by To tag, of reliable responses
	dialog     *dialog            // of the first 2xx
	redirected bool
	longer     bool // 422 was answered
	unwanted   bool
	hangup     bool // and to be released if it is answered after all
	why        string
	over       bool
	patience   *time.Timer
}

// unansweredAfter ends an attempt that has begun to ring and is not heard of any more:
// RFC 3261 s16.6 gives a proxy's timer C more than three minutes, each 18x begins it anew,
// and s13.3.1.1 has whoever still rings say so every minute.
const unansweredAfter = 185 * time.Second

// Dial places a leg.
func (u *UA) Dial(o gateway.Outgoing, r gateway.Reporter) gateway.Leg {
	l := &outLeg{ua: u, tells: &teller{}, out: o, callID: newCallID(u.Domain), tag: newTag(),
		attempt: attempt{target: o.Invite.RequestURI, hop: o.Invite.NextHop, seq: 1}}
	l.tells.begin(r)
	u.claim(l, 1)
	if u.Dialled != nil {
		u.Dialled(o.Call, l.callID)
	}
	if !u.spawn(l.place) {
		l.fail(0, "closing")
	}
	return l
}

// claim counts the ids of a leg while it lives, so that our own call is known when it
// comes back (R16).
func (u *UA) claim(l *outLeg, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := []string{l.callID}
	if l.out.Invite.Emergency && l.out.CallID != "" && strings.HasSuffix(l.out.CallID, ":"+u.Domain) {
		ids = append(ids, l.out.CallID) // of ours: others may try theirs several times
	}
	for _, id := range ids {
		if u.ours[id] += n; u.ours[id] <= 0 {
			delete(u.ours, id)
		}
	}
}

// place finds the way and sends the INVITE: over the flow of a registration or not at all
// (RFC 5626 s5.3), else to what the next hop resolves to, one address after the other.
func (l *outLeg) place() {
	if f, err := transport.ParseFlow(l.out.Invite.Flow); err == nil {
		l.send(transport.Over(f))
		return
	}
	l.placeAt()
}

func (l *outLeg) placeAt() {
	l.mu.Lock()
	uri := l.attempt.hop
	if uri == "" {
		uri = l.attempt.target
	}
	l.mu.Unlock()
	var hop sip.Uri
	if err := sip.ParseUri(uri, &hop); err != nil {
		l.fail(0, err.Error())
		return
	}
	ds, err := l.ua.resolve(hop)
	if err != nil {
		l.fail(0, err.Error())
		return
	}
	ds = verified(l.ua.livelyFirst(ds), l.out)
	l.mu.Lock()
	l.later = ds[1:]
	l.mu.Unlock()
	l.send(ds[0])
}

// verified has the trunk's word on certificates on each way to it.
func verified(ds []transport.Destination, o gateway.Outgoing) []transport.Destination {
	ds = slices.Clone(ds)
	for i := range ds {
		if o.Invite.TLSVerify == transport.Prefer.String() {
			ds[i].Verify = transport.Prefer
		}
	}
	return ds
}

// livelyFirst puts addresses that leave an INVITE without any response behind the others,
// so that the next attempt at a name does not begin with the address that is dead.
func (u *UA) livelyFirst(ds []transport.Destination) []transport.Destination {
	u.mu.Lock()
	defer u.mu.Unlock()
	ds = slices.Clone(ds)
	slices.SortStableFunc(ds, func(a, b transport.Destination) int {
		return min(u.silent[a.Addr], 1) - min(u.silent[b.Addr], 1)
	})
	return ds
}

// awaits counts the INVITEs to an address that have no response.
func (u *UA) awaits(to transport.Destination, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.silent[to.Addr] += n; u.silent[to.Addr] <= 0 {
		delete(u.silent, to.Addr)
	}
}

func (l *outLeg) send(to transport.Destination) {
	l.mu.Lock()
	if l.unwanted {
		l.mu.Unlock()
		l.fail(487, "cancelled before it was sent")
		return
	}
	l.attempt.to, l.tx = to, nil
	l.sent++
	a, nth := l.attempt, l.sent
	l.mu.Unlock()
	req, err := l.ua.invite(l.out, a, l.callID, l.tag)
	if err != nil {
		l.fail(0, err.Error())
		return
	}
	l.mu.Lock()
	l.invite = req
	l.mu.Unlock()
	l.ua.awaits(to, 1)
	first := true
	tx := l.ua.layer.Request(req, to, func(e transaction.Event) {
		if first {
			first = false
			l.ua.awaits(to, -1)
		}
		l.happened(e)
	})
	l.mu.Lock()
	if l.sent == nth { // else it has failed already and another is on its way
		l.tx = tx
	}
	cancel, why := l.unwanted, l.why
	l.mu.Unlock()
	if cancel {
		tx.Cancel(cancelReason(why))
	}
}

// happened takes what the transaction tells, in its order.
func (l *outLeg) happened(e transaction.Event) {
	switch e.Kind {
	case transaction.Provisional:
		l.provisional(e.Response)
	case transaction.Success:
		l.succeeded(e.Response)
	case transaction.Failure:
		l.refused(e.Response)
	case transaction.TimedOut:
		if !l.another() {
			l.fail(408, "no response")
		}
	case transaction.Broken:
		if !l.another() {
			l.fail(0, e.Err.Error())
		}
	}
}

// another tries what else the name resolved to (RFC 3263 s4.3), and says whether there is
// anything.
func (l *outLeg) another() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.later) == 0 || l.unwanted {
		return false
	}
	next := l.later[0]
	l.later = l.later[1:]
	l.attempt.proof = nil // its nonces are another element's
	return l.ua.spawn(func() { l.send(next) })
}

func (l *outLeg) provisional(res *sip.Response) {
	l.mu.Lock()
	switch {
	case l.over:
	case l.patience == nil:
		l.patience = time.AfterFunc(unansweredAfter, func() { l.Cancel("nobody answers") })
	case res.StatusCode != 100:
		l.patience.Reset(unansweredAfter)
	}
	l.mu.Unlock()
	if res.StatusCode == 100 {
		l.tells.tell(call.Event{Kind: call.Tried, Leg: l.out.Leg})
		return
	}
	if !l.expected(res) {
		return
	}
	sdp, _ := parts(res)
	l.tells.tell(call.Event{Kind: call.Ringing, Leg: l.out.Leg, Code: res.StatusCode, SDP: sdp})
}

// succeeded acknowledges every 2xx. The first makes the dialog, its repetitions are
// acknowledged again, and the answer of another fork is released.
func (l *outLeg) succeeded(res *sip.Response) {
	l.mu.Lock()
	d, over, to := l.dialog, l.over, l.attempt.to
	l.mu.Unlock()
	switch {
	case d == nil && !over:
		l.established(res, to)
	case d != nil && d.key.remote == toTag(res):
		d.acknowledgeOnce(seqOf(res))
	default:
		l.ua.release(res, to, l.begun(toTag(res)), "answered elsewhere")
	}
}

func (l *outLeg) established(res *sip.Response, to transport.Destination) {
	d := l.ua.answered(res, to)
	d.leg, d.out, d.tells, d.owner = l.out.Leg, l.out, l.tells, l
	d.atEnd = func() { l.left(d) }
	l.mu.Lock()
	d.proof = l.attempt.proof
	l.mu.Unlock()
	early := l.begun(toTag(res))
	d.mine = l.out.SDP
	d.continues(early)
	d.learn(res)
	d.granted(res)
	d.acknowledgeOnce(seqOf(res)) // before anybody can hang up
	l.mu.Lock()
	l.dialog = d
	if l.patience != nil {
		l.patience.Stop()
	}
	hangup, why := l.hangup, l.why
	l.mu.Unlock()
	if hangup {
		l.tells.tell(call.Event{Kind: call.Failed, Leg: l.out.Leg, Code: 487, Text: "hung up before it was answered"})
		d.bye(why)
		return
	}
	sdp, _ := parts(res)
	if early != nil && d.mine != l.out.SDP {
		sdp = "" // an UPDATE has come after that answer
	}
	l.tells.tell(call.Event{Kind: call.Answered, Leg: l.out.Leg, Code: res.StatusCode, SDP: sdp})
	l.ua.keep(d)
}

// refused is a final response that is not 2xx. Some are answered before the leg is given
// up (R8), but not once nobody wants the leg any more.
func (l *outLeg) refused(res *sip.Response) {
	l.endEarly() // RFC 3261 s13.2.2.3
	if res.StatusCode/100 == 3 && l.follow(res) || res.StatusCode == 422 && l.allowLonger(res) || challenged(res) && l.authorise(res) {
		return
	}
	// RFC 3263 s4.3: 503 is an element that is not there.
	if res.StatusCode == 503 && l.another() {
		return
	}
	l.fail(res.StatusCode, res.Reason)
}

// follow goes where a 3xx says, once, but never with a call-back (C4).
func (l *outLeg) follow(res *sip.Response) bool {
	uri, ok := best(nameAddrs(res, "Contact"))
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || l.redirected || l.unwanted || l.out.Invite.Callback {
		return false
	}
	l.redirected = true
	// RFC 3261 s8.1.3.4: the Contact becomes the request-URI, To, From and Call-ID stay.
	l.attempt.target, l.attempt.hop, l.attempt.proof = uri, "", nil
	l.attempt.seq++
	l.later = nil
	return l.ua.spawn(l.placeAt)
}

// best is the Contact with the highest q that we can dial.
func best(ns []nameAddr) (uri string, ok bool) {
	top := -1.0
	for _, n := range ns {
		u, readable := n.parsed()
		if !readable || u.Scheme != "sip" || u.Host == "" {
			continue
		}
		q := 1.0
		if s, has := n.param("q"); has {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				q = f
			}
		}
		if q > top {
			uri, top, ok = n.uri, q, true
		}
	}
	return uri, ok
}

// allowLonger answers 422 with the session interval it asks for (RFC 4028 s7.3). Whoever
// insists on a refresh does it itself: a call of ours has none.
func (l *outLeg) allowLonger(res *sip.Response) bool {
	min := headerValue(res, "Min-SE")
	seconds, _, _ := strings.Cut(min, ";")
	seconds = strings.TrimSpace(seconds)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !onlyDigits(seconds) || l.longer || l.unwanted {
		return false
	}
	l.longer = true
	l.attempt.seq++
	l.attempt.extra = append(slices.Clone(l.attempt.extra), sip.NewHeader("Min-SE", seconds), sip.NewHeader("Session-Expires", seconds+";refresher=uas"))
	to := l.attempt.to
	return l.ua.spawn(func() { l.send(to) })
}

func (l *outLeg) fail(code int, text string) {
	l.tells.tell(call.Event{Kind: call.Failed, Leg: l.out.Leg, Code: code, Text: oneLine(text)})
	l.end()
}

func (l *outLeg) end() {
	l.mu.Lock()
	over := l.over
	l.over = true
	if l.patience != nil {
		l.patience.Stop()
	}
	l.mu.Unlock()
	l.endEarly()
	if !over {
		l.ua.claim(l, -1)
	}
}

// Cancel asks for the INVITE to be cancelled; its end is reported as ever. The transaction
// waits for a provisional response (RFC 3261 s9.1).
func (l *outLeg) Cancel(why string) {
	l.mu.Lock()
	tx := l.tx
	if !l.unwanted {
		l.unwanted, l.why = true, why
	}
	l.mu.Unlock()
	if tx != nil {
		tx.Cancel(cancelReason(why))
	}
}

// Hangup ends a leg that was answered. One that was not is cancelled, and released if its
// answer comes all the same.
func (l *outLeg) Hangup(why string) {
	l.mu.Lock()
	d := l.dialog
	l.hangup = true
	l.mu.Unlock()
	if d == nil {
		l.Cancel(why)
		return
	}
	l.tells.hush()
	d.bye(why)
}
