package gateway

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/trace"
)

// run is one call while it goes on. One goroutine owns the session, the legs and the
// journal; everything else puts events into its mailbox.
type run struct {
	g       *Gateway
	header  cdr.Header
	account string
	session *call.Session
	caller  Caller
	anchor  Anchor
	carried Carried
	place   location.Location
	legs    map[call.LegID]Leg
	timers  map[call.Timer]*time.Timer
	chain   *cdr.Chain
	seenSDP map[call.LegID]bool
	tried   attempts
	ended   bool

	mu   sync.Mutex
	box  []call.Event
	news chan struct{} // holds one: there is something in the box
}

// happen puts an event into the mailbox. It never blocks.
func (r *run) happen(e call.Event) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	r.mu.Lock()
	r.box = append(r.box, e)
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *run) take() []call.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	es := r.box
	r.box = nil
	return es
}

// loop is the call's goroutine, from the first event to the end of the last leg, or of the
// gateway.
func (r *run) loop() {
	for closed := false; !closed && !r.session.Finished(); {
		select {
		case <-r.news:
		case <-r.g.ends:
			closed = true
		}
		for _, e := range r.take() {
			r.step(e)
		}
	}
	r.over()
}

// over is the end of what people notice: the number's window begins, the media's ports go
// back. Legs that were never heard from may linger until they answer or give up.
func (r *run) over() {
	if r.ended {
		return
	}
	r.ended = true
	for _, t := range r.timers {
		t.Stop()
	}
	r.g.released(r.header.ID)
	r.anchor.Close()
	r.g.ended(r)
}

// step gives one event to the session and carries out what it says.
func (r *run) step(e call.Event) {
	r.safely("media of "+e.String(), func() { r.sdp(e) })
	r.tried.learn(e)
	var actions []call.Action
	r.safely("deciding about "+e.String(), func() { actions = r.session.Step(e) })
	r.write(e.At, cdr.Content{Event: &e})
	for i := range actions {
		r.write(e.At, cdr.Content{Action: &actions[i]})
		fine := r.safely(actions[i].String(), func() { r.act(actions[i]) })
		if !fine && actions[i].Kind == call.Dial {
			r.lostLeg(actions[i].Leg, "a fault of ours")
		}
	}
	for _, d := range r.anchor.Degradations() {
		r.write(e.At, cdr.Content{Degradation: &d})
	}
	if e.Kind == call.Failed || e.Kind == call.HungUp && e.Leg != call.Caller {
		r.release(e.Leg)
	}
}

// safely keeps a fault in one adapter from ending the process, and every other call with
// it (L1). The action is lost, the call goes on, and the log has the stack.
func (r *run) safely(what string, do func()) (fine bool) {
	defer func() {
		if p := recover(); p != nil {
			fine = false
			r.g.Log.Error("fault survived", "call", r.header.ID, "doing", what, "fault", fmt.Sprint(p), "stack", string(debug.Stack()))
			r.degrade("internal-fault", "a fault of ours while doing: %s", what)
		}
	}()
	do()
	return true
}

// lostLeg is a leg that could not be dialled at all: the next one may.
func (r *run) lostLeg(leg call.LegID, why string) {
	r.legs[leg] = noLeg{}
	r.happen(call.Event{Kind: call.Failed, Leg: leg, Text: why})
}

// sdp gives a leg's description to the media before the session decides about the leg.
func (r *run) sdp(e call.Event) {
	if r.ended || e.SDP == "" || (e.Kind != call.Answered && e.Kind != call.Ringing) {
		return
	}
	if err := r.anchor.Answered(e.Leg, e.SDP); err != nil {
		r.degrade("media", "%v", err)
	}
	r.seenSDP[e.Leg] = true
}

func (r *run) act(a call.Action) {
	switch a.Kind {
	case call.Dial:
		r.dial(a)
	case call.Cancel:
		r.legs[a.Leg].Cancel(a.Text)
	case call.Hangup:
		if a.Leg == call.Caller {
			r.caller.End(0, a.Text)
			return
		}
		r.legs[a.Leg].Hangup(a.Text)
		r.release(a.Leg)
	case call.Progress:
		r.progress(a)
	case call.Answer:
		r.caller.Answer(r.answer(a.From))
	case call.Reject:
		r.caller.End(a.Code, a.Text)
	case call.Connect:
		r.anchor.Connect(a.Leg)
	case call.Play:
		r.anchor.Play(a.Leg, a.Prompt)
	case call.Silence:
		r.anchor.Silence(a.Leg)
	case call.StartTimer:
		r.startTimer(a)
	case call.StopTimer:
		if t := r.timers[a.Timer]; t != nil {
			t.Stop()
			delete(r.timers, a.Timer)
		}
	case call.Tell:
		r.g.tell(r.header, a.Text)
	case call.Note, call.Degrade:
		// The entry in the journal is all there is to do.
	case call.End:
		r.over()
	}
}

func (r *run) release(leg call.LegID) {
	if !r.ended {
		r.anchor.Release(leg)
	}
}

func (r *run) dial(a call.Action) {
	o := Outgoing{Call: r.header.ID, Account: r.account, CallID: r.header.CallID, IncidentID: r.header.IncidentID, Leg: a.Leg, Invite: a.Target.Invite,
		Location: r.place, Plain: a.Plain, Carried: r.carried, Tried: r.tried.next(a.Leg, *a.Target)}
	sdp, err := r.anchor.Offer(a.Leg, a.Plain)
	if err != nil {
		r.degrade("no-media", "no media for %s: %v", a.Leg, err)
		r.lostLeg(a.Leg, err.Error())
		return
	}
	o.SDP = sdp
	r.legs[a.Leg] = r.g.Dialer.Dial(o, reporter{r, a.Leg})
}

func (r *run) progress(a call.Action) {
	switch {
	case a.Prompt != 0:
		sdp := r.answer("")
		r.anchor.Play(call.Caller, a.Prompt)
		r.caller.Progress(a.Code, sdp)
	case a.From != "":
		r.anchor.Connect(a.From)
		r.caller.Progress(a.Code, r.answer(a.From))
	default:
		r.caller.Progress(a.Code, "")
	}
}

// answer is the description the caller gets. A leg that answered without one, or with one
// that cannot be read, still gets a caller who hears it.
func (r *run) answer(from call.LegID) string {
	if from != "" && !r.seenSDP[from] {
		from = ""
	}
	sdp, err := r.anchor.Answer(from)
	if err != nil {
		r.degrade("media", "answering the caller: %v", err)
		sdp, _ = r.anchor.Answer("")
	}
	return sdp
}

func (r *run) startTimer(a call.Action) {
	timer := a.Timer
	if t := r.timers[timer]; t != nil {
		t.Stop()
	}
	r.timers[timer] = time.AfterFunc(a.After, func() {
		r.happen(call.Event{Kind: call.TimerFired, Timer: timer})
	})
}

// write puts an entry into the journal.
func (r *run) write(at time.Time, c cdr.Content) {
	e, err := r.chain.Append(at, c)
	if err != nil {
		r.g.Log.Error("journal entry lost", "call", r.header.ID, "error", err)
		return
	}
	r.g.Journal.Append(e)
}

func (r *run) degrade(code, text string, args ...any) {
	var t trace.Trace
	t.Degrade(trace.Execute, code, text, args...)
	r.write(time.Now(), cdr.Content{Degradation: &t.Degradations[0]})
}

// reporter is one leg's way to its call.
type reporter struct {
	run *run
	leg call.LegID
}

func (r reporter) Report(e call.Event) {
	e.Leg = r.leg
	r.run.happen(e)
}

func (r reporter) ReOffer(sdp string) (string, error) {
	return r.run.anchor.ReOffer(r.leg, sdp)
}

// noLeg stands for a leg that could not be dialled at all.
type noLeg struct{}

func (noLeg) Cancel(string) {}
func (noLeg) Hangup(string) {}
