package call

import "fmt"

// hunt is a list of steps that is gone through in order and then from the beginning, for
// as long as the caller stays (R8).
type hunt struct {
	steps   []Step
	started bool
	stopped bool
	round   int // 0 for the first time through
	next    int // the step to dial next
	current []LegID
}

func (h *hunt) active() bool { return h.started && !h.stopped }

// suffix keeps the legs of later rounds apart from those of the first.
func (h *hunt) suffix() string {
	if h.round == 0 {
		return ""
	}
	return fmt.Sprintf("~%d", h.round+1)
}

func (s *Session) startPublic() {
	s.stopTimer(Timer{Kind: HoldTimer})
	if s.public.stopped { // the public side was up once and was lost: a new round
		s.public.stopped = false
		s.public.round++
		s.public.next = 0
	}
	s.public.started = true
	s.nextPublicStep()
}

func (s *Session) startResort() {
	if len(s.plan.Resort) == 0 || s.resort.started {
		return
	}
	s.note("R8", "the last resort is called as well")
	s.resort.started = true
	s.nextResortStep()
}

func (s *Session) nextPublicStep() { s.nextStep(&s.public, "") }
func (s *Session) nextResortStep() { s.nextStep(&s.resort, "!") }

// nextStep dials the next step of a hunt that somebody can still answer.
func (s *Session) nextStep(h *hunt, mark string) {
	if !h.active() || s.caller == callerGone {
		return
	}
	if h.next == len(h.steps) {
		h.next = 0
		h.round++
		s.note("R8", "everything was tried: from the beginning in %s", RetryPause)
		s.startTimer(Timer{Kind: RoundTimer}, Action{After: RetryPause})
		return
	}
	step := h.steps[h.next]
	h.next++
	h.current = h.current[:0]
	for _, t := range step {
		if !t.Role.public() && (len(s.membersUp()) > 0 || s.rings(t)) {
			continue // already talking to somebody, or this one is being rung
		}
		suffix, plain := h.suffix()+mark, s.plain[t.Name]
		if plain {
			s.note("R8", "%s refused the call for no reason a caller can mend: it is asked without the location body and with plain G.711", t.Name)
			s.do(Action{Kind: Degrade, Rule: "plain-retry", Text: "the location body was left out towards " + t.Name})
			suffix += "+plain"
		}
		s.dial(t, suffix, plain)
		h.current = append(h.current, LegID(t.Name+suffix))
	}
	if len(h.current) == 0 {
		s.nextStep(h, mark)
	}
}

// rings says whether the target's address is being rung by another leg already: a last
// resort that names the team's own queue adds nothing while the team rings.
func (s *Session) rings(t Target) bool {
	for _, l := range s.legs {
		if l.state != legEnded && !l.unwanted && l.target.Invite.RequestURI == t.Invite.RequestURI {
			return true
		}
	}
	return false
}

// passOver starts another attempt beside one that keeps silent. The silent one stays
// alive and is kept if it answers first.
func (s *Session) passOver(l *leg, t Timer) {
	if l == nil || l.state > legTried || l.unwanted {
		return
	}
	what := "no response at all"
	if t.Kind == NoProgressTimer {
		what = "no progress"
	}
	l.passed = true
	s.stopTimer(Timer{NoResponseTimer, l.id})
	s.stopTimer(Timer{NoProgressTimer, l.id})
	s.note("R8", "%s gave %s: the next one is tried beside it", l.target.Name, what)
	s.advance(l)
}

func (s *Session) attemptFailed(l *leg) {
	if !l.passed {
		s.advance(l)
	}
}

// advance goes on to the next step when nothing of the present one is left to wait for.
func (s *Session) advance(l *leg) {
	if l.target.Role == RoleResort && !s.public.active() {
		s.goOn(&s.resort, "!")
	} else {
		s.goOn(&s.public, "")
	}
}

func (s *Session) goOn(h *hunt, mark string) {
	if s.timers[Timer{Kind: RoundTimer}] {
		return
	}
	for _, id := range h.current {
		o := s.legs[id]
		if o.state == legEnded || o.passed || o.unwanted {
			continue
		}
		if o.state == legUp && !o.target.Role.public() {
			continue // a last resort answered: the public side is tried on beside it (L2)
		}
		return
	}
	s.nextStep(h, mark)
}

// ringTeam rings every member at once (R4).
func (s *Session) ringTeam() {
	if len(s.plan.Team) == 0 || s.caller == callerGone || s.team != teamIdle {
		return
	}
	suffix := ""
	if s.rounds > 0 {
		suffix = fmt.Sprintf("~%d", s.rounds+1)
	}
	s.rounds++
	s.team = teamRinging
	for _, t := range s.plan.Team {
		s.dial(t, suffix, false)
	}
}

// memberUnavailable: one member is busy, rejects, cannot be reached, or left before
// confirming. R1: when none is left the caller goes on at once.
func (s *Session) memberUnavailable(l *leg, confirming bool) {
	if confirming {
		s.note("R1", "%s did not press 1", l.id)
	}
	if s.team != teamRinging {
		return
	}
	for _, o := range s.legs {
		if o.target.Role == RoleTeam && o.state != legEnded && !o.unwanted && !o.lost {
			return
		}
	}
	s.team = teamIdle
	switch {
	case len(s.plan.Public) > 0 && !s.public.started:
		s.note("R1", "no member of the team is left: the public side is called at once")
		s.do(Action{Kind: Tell, Text: "no member of the safety team could be reached"})
		s.startPublic()
	case s.publicLeg() != nil || s.public.active():
		s.do(Action{Kind: Tell, Text: "no member of the safety team could be reached"})
	default:
		// R3: team only. Nobody else will come, so the team is rung again and again.
		s.do(Action{Kind: Tell, Text: "no member of the safety team could be reached"})
		s.startTimer(Timer{Kind: TeamRoundTimer}, Action{After: RetryPause})
		s.startResort()
	}
}

// held: the team has had its time.
func (s *Session) held() {
	if s.caller != callerWaiting {
		return
	}
	if len(s.plan.Public) > 0 {
		s.note("R1", "the team has not answered in %s: the public side is called", s.plan.MaxHold)
		s.do(Action{Kind: Tell, Text: "the safety team has not answered"})
		s.startPublic()
		return
	}
	s.note("R3", "the team has not answered in %s: it goes on ringing", s.plan.MaxHold)
	s.do(Action{Kind: Tell, Text: "the safety team has not answered"})
	s.startResort()
}

func (s *Session) psapWanted() {
	if len(s.plan.Public) == 0 || s.caller == callerGone || s.public.active() || s.publicLeg() != nil {
		return
	}
	s.note("R7", "a member asked for the PSAP")
	s.startPublic()
}
