package call

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// world is what the session has asked for, as the runner would know it.
type world struct {
	t        *rapid.T
	s        *Session
	sent     []Event
	alive    map[LegID]string // dialled, tried, ringing, answered
	roles    map[LegID]Role
	cancels  map[LegID]bool
	lost     map[LegID]bool // up, and nothing is heard of them
	confirm  map[LegID]bool // a person must press 1: they may be up for longer than they have counted as answered
	timers   []Timer
	answers  int
	gone     bool
	ending   bool // the present step ends the call
	answered bool
	reached  bool // a public leg has been up
}

func (w *world) step(e Event) {
	w.sent = append(w.sent, e)
	as := w.s.Step(e)
	w.ending = slices.ContainsFunc(as, func(a Action) bool { return a.Kind == End })
	for _, a := range as {
		w.apply(a)
	}
}

func (w *world) apply(a Action) {
	switch a.Kind {
	case Dial:
		if _, again := w.roles[a.Leg]; again {
			w.t.Fatalf("leg %s was dialled twice", a.Leg)
		}
		if w.gone {
			w.t.Fatalf("%s was dialled after the end", a.Leg)
		}
		w.alive[a.Leg], w.roles[a.Leg], w.confirm[a.Leg] = "dialled", a.Target.Role, a.Target.Confirm
	case Cancel:
		switch w.alive[a.Leg] {
		case "tried", "ringing":
		default:
			w.t.Fatalf("CANCEL on %s, which is %q (RFC 3261 s9.1)", a.Leg, w.alive[a.Leg])
		}
		if w.cancels[a.Leg] {
			w.t.Fatalf("%s was cancelled twice", a.Leg)
		}
		w.cancels[a.Leg] = true
		if w.roles[a.Leg].public() && !w.ending && !w.reached {
			w.t.Fatalf("L2: public leg %s was cancelled though no public leg has ever been up", a.Leg)
		}
	case Hangup:
		if a.Leg == Caller {
			return
		}
		if w.alive[a.Leg] != "answered" {
			w.t.Fatalf("BYE on %s, which is %q", a.Leg, w.alive[a.Leg])
		}
		delete(w.alive, a.Leg)
	case Answer:
		w.answers++
		w.answered = true
		if w.answers > 1 || w.gone {
			w.t.Fatalf("the caller was answered %d times, gone %v", w.answers, w.gone)
		}
	case Connect:
		if w.alive[a.Leg] != "answered" {
			w.t.Fatalf("the caller was connected to %s, which is %q", a.Leg, w.alive[a.Leg])
		}
	case StartTimer:
		if !slices.Contains(w.timers, a.Timer) {
			w.timers = append(w.timers, a.Timer)
		}
	case StopTimer:
		w.timers = slices.DeleteFunc(w.timers, func(t Timer) bool { return t == a.Timer })
	case End:
		w.gone = true
	}
}

func anyPlan(t *rapid.T) Plan {
	var p Plan
	for i := range rapid.IntRange(0, 3).Draw(t, "team") {
		m := member(fmt.Sprintf("g%d", i))
		m.Confirm = rapid.Bool().Draw(t, "confirm")
		p.Team = append(p.Team, m)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "public") {
		p.Public = append(p.Public, psap(fmt.Sprintf("p%d", i)))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "resort") {
		p.Resort = append(p.Resort, resort(fmt.Sprintf("r%d", i)))
	}
	p.TeamFirst = rapid.Bool().Draw(t, "first")
	p.MaxHold, p.AnnounceAfter = 30*time.Second, 20*time.Second
	return p
}

func (w *world) anyEvent() Event {
	var es []Event
	for _, id := range slices.Sorted(keys(w.alive)) {
		switch w.alive[id] {
		case "dialled":
			es = append(es, Event{Kind: Tried, Leg: id}, Event{Kind: Ringing, Leg: id, Code: 180}, Event{Kind: Answered, Leg: id}, Event{Kind: Failed, Leg: id, Code: 503})
		case "tried", "ringing":
			es = append(es, Event{Kind: Ringing, Leg: id, Code: 183, SDP: "v=0"}, Event{Kind: Answered, Leg: id}, Event{Kind: Failed, Leg: id, Code: 488})
		case "answered":
			es = append(es, Event{Kind: HungUp, Leg: id}, Event{Kind: MediaLost, Leg: id}, Event{Kind: MediaHeard, Leg: id}, Event{Kind: Pressed, Leg: id, Digit: "1"})
		}
	}
	for _, tm := range w.timers {
		es = append(es, Event{Kind: TimerFired, Timer: tm})
	}
	es = append(es, Event{Kind: PSAPWanted})
	if w.answered {
		es = append(es, Event{Kind: HungUp, Leg: Caller})
	} else {
		es = append(es, Event{Kind: Cancelled, Leg: Caller})
	}
	return rapid.SampledFrom(es).Draw(w.t, "event")
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (w *world) happen(e Event) {
	switch e.Kind {
	case Tried:
		w.alive[e.Leg] = "tried"
	case Ringing:
		w.alive[e.Leg] = "ringing"
	case Answered:
		w.alive[e.Leg] = "answered"
		w.reached = w.reached || w.roles[e.Leg].public()
	case Failed, HungUp:
		delete(w.alive, e.Leg)
	case MediaLost, MediaHeard:
		w.lost[e.Leg] = e.Kind == MediaLost && !w.confirm[e.Leg]
	case TimerFired:
		w.timers = slices.DeleteFunc(w.timers, func(t Timer) bool { return t == e.Timer })
	}
	w.step(e)
}

func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		w := &world{t: t, s: New(p), alive: map[LegID]string{}, roles: map[LegID]Role{}, cancels: map[LegID]bool{}, lost: map[LegID]bool{}, confirm: map[LegID]bool{}}
		w.step(Event{Kind: Started, At: t0})
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			if w.gone {
				break
			}
			w.happen(w.anyEvent())
			w.stillTried(p)
		}
		// However it went, the caller leaves in the end and every leg ends.
		if !w.gone {
			if w.answered {
				w.happen(Event{Kind: HungUp, Leg: Caller})
			} else {
				w.happen(Event{Kind: Cancelled, Leg: Caller})
			}
		}
		for _, id := range slices.Sorted(keys(w.alive)) {
			w.happen(Event{Kind: Failed, Leg: id, Code: 487})
		}
		if !w.s.Finished() || len(w.timers) > 0 || len(w.alive) > 0 {
			t.Fatalf("finished %v, timers %v, legs %v", w.s.Finished(), w.timers, w.alive)
		}
		w.sameAgain(p)
	})
}

// stillTried is L1: the call is connected, or something is still being tried.
func (w *world) stillTried(p Plan) {
	if w.gone || len(p.Team)+len(p.Public)+len(p.Resort) == 0 {
		return
	}
	for id := range w.alive {
		if !w.cancels[id] && (!w.lost[id] || w.roles[id].public()) {
			return
		}
	}
	for _, tm := range w.timers {
		switch tm.Kind {
		case HoldTimer, RoundTimer, TeamRoundTimer:
			return
		}
	}
	w.t.Fatalf("L1: the caller waits, nothing is being tried, timers %v", w.timers)
}

// sameAgain: a session is rebuilt from its journal.
func (w *world) sameAgain(p Plan) {
	a, b := New(p), New(p)
	for _, e := range w.sent {
		if diff := cmp.Diff(a.Step(e), b.Step(e)); diff != "" {
			w.t.Fatalf("the same events gave other actions (-first +again):\n%s", diff)
		}
	}
}
