package call

import (
	"fmt"
	"slices"
)

// Session is one call. It is owned by one goroutine and has no lock.
type Session struct {
	plan   Plan
	caller callerState
	legs   map[LegID]*leg
	order  []LegID // the legs in the order they were dialled, so that actions have one order
	public hunt
	resort hunt
	team   teamState
	with   LegID // the leg whose media the caller has
	early  LegID // the leg whose early media the caller hears before any answer
	timers map[Timer]bool
	rounds int             // how often the team has been rung
	plain  map[string]bool // targets that refused for a reason a plainer INVITE may not have
	out    []Action
}

type callerState int

const (
	callerWaiting  callerState = iota + 1
	callerAnswered             // 200 was sent
	callerGone
)

type teamState int

const (
	teamIdle teamState = iota + 1 // not rung, or not any more
	teamRinging
	teamTalking
)

// New is a session that has not begun; its first event is Started.
func New(plan Plan) *Session {
	s := &Session{plan: plan, caller: callerWaiting, team: teamIdle, legs: map[LegID]*leg{}, timers: map[Timer]bool{}, plain: map[string]bool{}}
	s.public = hunt{steps: append(slices.Clone(plan.Public), plan.Resort...)}
	s.resort = hunt{steps: plan.Resort}
	return s
}

// Step takes one event and says what is to be done about it, in order. An event that no
// longer means anything (a timer that was stopped, a leg that has ended) does nothing.
func (s *Session) Step(e Event) []Action {
	s.out = nil
	switch e.Kind {
	case Started:
		s.start()
	case Tried, Ringing, Answered, Failed, Pressed, MediaLost, MediaHeard:
		s.legEvent(e)
	case HungUp:
		if e.Leg == Caller {
			s.callerLeft("caller hung up")
		} else {
			s.legEvent(e)
		}
	case Cancelled:
		s.cancelled()
	case TimerFired:
		s.fired(e.Timer)
	case PSAPWanted:
		s.psapWanted()
	}
	return s.out
}

// Finished says that the call is over and no leg is left: the runner may go.
func (s *Session) Finished() bool {
	if s.caller != callerGone {
		return false
	}
	for _, l := range s.legs {
		if l.state != legEnded {
			return false
		}
	}
	return true
}

// Answered says whether the caller has been answered, and by whose leg it is connected.
func (s *Session) Answered() (LegID, bool) { return s.with, s.caller == callerAnswered }

func (s *Session) do(a Action) { s.out = append(s.out, a) }

func (s *Session) note(rule, text string, args ...any) {
	s.do(Action{Kind: Note, Rule: rule, Text: fmt.Sprintf(text, args...)})
}

func (s *Session) startTimer(t Timer, a Action) {
	s.timers[t] = true
	a.Kind, a.Timer = StartTimer, t
	s.do(a)
}

func (s *Session) stopTimer(t Timer) {
	if s.timers[t] {
		delete(s.timers, t)
		s.do(Action{Kind: StopTimer, Timer: t})
	}
}

func (s *Session) start() {
	// R8: the caller hears ringing from the first moment, whatever the far side does.
	s.do(Action{Kind: Progress, Code: 180})
	s.startTimer(Timer{Kind: RingTimer}, Action{After: RingEvery})
	if s.plan.AnnounceAfter > 0 {
		s.startTimer(Timer{Kind: AnnounceTimer}, Action{After: s.plan.AnnounceAfter})
	}
	s.ringTeam()
	switch {
	case len(s.plan.Public) > 0 && s.plan.TeamFirst && s.team == teamRinging:
		s.startTimer(Timer{Kind: HoldTimer}, Action{After: s.plan.MaxHold})
	case len(s.plan.Public) > 0:
		if s.plan.TeamFirst {
			s.note("R1", "no member of the team can be reached: the public side is called at once")
		}
		s.startPublic()
	case s.team == teamRinging && s.plan.MaxHold > 0:
		s.startTimer(Timer{Kind: HoldTimer}, Action{After: s.plan.MaxHold}) // R3
	case s.team == teamRinging || len(s.plan.Resort) > 0:
		s.startResort()
	default: // a plan that names nobody; policy does not make one (P3)
		s.do(Action{Kind: Reject, Code: 480})
		s.end(Rejected, "nobody to call")
	}
}

// legEvent hands an event to the leg it is about.
func (s *Session) legEvent(e Event) {
	l := s.legs[e.Leg]
	if l == nil || l.state == legEnded {
		return
	}
	switch e.Kind {
	case Tried:
		s.heard(l, legTried)
	case Ringing:
		s.heard(l, legRinging)
		if e.SDP != "" {
			s.earlyMedia(l)
		}
	case Answered:
		s.answered(l)
	case Failed:
		s.failed(l, e)
	case HungUp:
		s.left(l, "hung up")
	case MediaLost:
		s.mediaLost(l)
	case MediaHeard:
		s.mediaHeard(l)
	case Pressed:
		if l.state == legConfirming && e.Digit == "1" {
			s.do(Action{Kind: Silence, Leg: l.id})
			s.up(l)
		}
	}
}

func (s *Session) cancelled() {
	if s.caller != callerWaiting {
		// RFC 3261 s9.2: a CANCEL has no effect on a request that has a final response.
		s.note("RFC 3261 s9.2", "a CANCEL that came after the answer changes nothing")
		return
	}
	s.do(Action{Kind: Reject, Code: 487})
	s.end(Abandoned, "the caller cancelled")
}

func (s *Session) callerLeft(why string) {
	switch s.caller {
	case callerWaiting:
		s.end(Abandoned, why)
	case callerAnswered:
		s.end(Completed, why)
	}
}

// end lets every leg go. Legs that cannot be cancelled yet stay until they answer or fail.
func (s *Session) end(o Outcome, why string) {
	s.caller = callerGone
	for _, id := range s.order {
		s.release(s.legs[id], why)
	}
	for _, t := range s.runningTimers() {
		s.stopTimer(t)
	}
	s.do(Action{Kind: End, Outcome: o, Text: why})
}

func (s *Session) runningTimers() []Timer {
	ts := make([]Timer, 0, len(s.timers))
	for t := range s.timers {
		ts = append(ts, t)
	}
	slices.SortFunc(ts, func(a, b Timer) int {
		if a.Kind != b.Kind {
			return int(a.Kind - b.Kind)
		}
		return slices.Index(s.order, a.Leg) - slices.Index(s.order, b.Leg)
	})
	return ts
}

func (s *Session) fired(t Timer) {
	if !s.timers[t] {
		return
	}
	delete(s.timers, t)
	switch t.Kind {
	case HoldTimer:
		s.held()
	case NoResponseTimer, NoProgressTimer:
		s.passOver(s.legs[t.Leg], t)
	case RoundTimer:
		s.nextPublicStep()
		s.nextResortStep()
	case TeamRoundTimer:
		s.ringTeam()
	case AnnounceTimer:
		if s.caller == callerWaiting && s.early == "" {
			s.do(Action{Kind: Progress, Code: 183, Prompt: StayOnLine})
		}
	case RingTimer:
		if s.caller == callerWaiting {
			s.do(Action{Kind: Progress, Code: 180})
			s.startTimer(t, Action{After: RingEvery})
		}
	}
}

// connect gives the caller the leg to talk to, answering the caller where it still waits.
func (s *Session) connect(l *leg) {
	if s.caller == callerWaiting {
		s.caller = callerAnswered
		s.stopTimer(Timer{Kind: AnnounceTimer})
		s.stopTimer(Timer{Kind: RingTimer})
		s.do(Action{Kind: Answer, From: l.id})
	}
	s.with = l.id
	s.do(Action{Kind: Connect, Leg: l.id})
}

func (s *Session) earlyMedia(l *leg) {
	if s.caller != callerWaiting || s.early != "" || !l.target.Role.public() {
		return
	}
	s.early = l.id
	s.stopTimer(Timer{Kind: AnnounceTimer})
	s.do(Action{Kind: Progress, Code: 183, From: l.id})
}
