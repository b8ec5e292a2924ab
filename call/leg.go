package call

import "slices"

type legState int

const (
	legDialled    legState = iota + 1 // nothing heard: must not be cancelled (RFC 3261 s9.1)
	legTried                          // a 100 was heard
	legRinging                        // an 18x was heard
	legConfirming                     // answered, a person has yet to press 1
	legUp
	legEnded
)

type leg struct {
	id       LegID
	target   Target
	state    legState
	plain    bool
	unwanted bool // to be cancelled at the first provisional, or released at a late answer
	why      string
	passed   bool // another attempt was started beside it
	lost     bool // it is up, and nothing is heard of it
}

func (s *Session) dial(t Target, suffix string, plain bool) {
	id := LegID(t.Name + suffix)
	l := &leg{id: id, target: t, state: legDialled, plain: plain}
	s.legs[id] = l
	s.order = append(s.order, id)
	s.do(Action{Kind: Dial, Leg: id, Target: &t, Plain: plain})
	if !t.Role.public() {
		return
	}
	if t.NoResponseAfter > 0 {
		s.startTimer(Timer{NoResponseTimer, id}, Action{After: t.NoResponseAfter})
	}
	if t.NoProgressAfter > 0 {
		s.startTimer(Timer{NoProgressTimer, id}, Action{After: t.NoProgressAfter})
	}
}

func (s *Session) stopLegTimers(l *leg) {
	s.stopTimer(Timer{NoResponseTimer, l.id})
	s.stopTimer(Timer{NoProgressTimer, l.id})
}

// heard is a provisional response: the leg may be cancelled from now on.
func (s *Session) heard(l *leg, st legState) {
	if l.state >= legConfirming {
		return
	}
	first := l.state == legDialled
	l.state = max(l.state, st)
	s.stopTimer(Timer{NoResponseTimer, l.id})
	if st == legRinging {
		s.stopTimer(Timer{NoProgressTimer, l.id})
	}
	if l.unwanted && first {
		s.do(Action{Kind: Cancel, Leg: l.id, Text: l.why})
	}
}

// release lets a leg go, as far as its state allows.
func (s *Session) release(l *leg, why string) {
	if l.state == legEnded || l.unwanted {
		return
	}
	s.stopLegTimers(l)
	switch l.state {
	case legDialled: // RFC 3261 s9.1: no CANCEL before a provisional response
		l.unwanted, l.why = true, why
	case legTried, legRinging:
		l.unwanted, l.why = true, why
		s.do(Action{Kind: Cancel, Leg: l.id, Text: why})
	case legConfirming, legUp:
		l.state = legEnded
		s.do(Action{Kind: Hangup, Leg: l.id, Text: why})
	}
}

func (s *Session) answered(l *leg) {
	if l.state >= legConfirming {
		return
	}
	s.stopLegTimers(l)
	if l.unwanted {
		// The answer crossed our CANCEL, or came before we could send one.
		l.state = legEnded
		s.do(Action{Kind: Hangup, Leg: l.id, Text: l.why})
		return
	}
	if l.target.Confirm {
		l.state = legConfirming
		s.do(Action{Kind: Play, Leg: l.id, Prompt: PressOne})
		return
	}
	s.up(l)
}

// up is the moment a leg counts as answered.
func (s *Session) up(l *leg) {
	l.state = legUp
	if l.target.Role.public() {
		s.publicUp(l)
	} else {
		s.memberUp(l)
	}
}

// publicUp: the call has reached whom it is for. R8: whichever attempt answers first is
// kept, the others are let go; members that are still rung go on ringing (R5).
func (s *Session) publicUp(l *leg) {
	s.stopTimer(Timer{Kind: HoldTimer})
	s.stopTimer(Timer{Kind: RoundTimer})
	s.public.stopped, s.resort.stopped = true, true
	for _, id := range s.order {
		o := s.legs[id]
		if o == l || o.state == legEnded {
			continue
		}
		if o.target.Role.public() || (o.target.Role == RoleResort && o.state < legUp) {
			s.release(o, "another attempt was answered first")
		}
	}
	s.connect(l)
	for _, m := range s.membersUp() {
		// Until there is a mixer: caller and PSAP talk, the member hears that they do.
		s.do(Action{Kind: Play, Leg: m.id, Prompt: PSAPHasCall})
	}
}

// memberUp: somebody of the team, or a last resort, has answered. L2: no public leg is
// touched by it.
func (s *Session) memberUp(l *leg) {
	if l.target.Role == RoleTeam {
		s.team = teamTalking
	}
	s.stopTimer(Timer{Kind: HoldTimer})
	s.stopTimer(Timer{Kind: TeamRoundTimer})
	s.resort.stopped = true
	for _, id := range s.order {
		o := s.legs[id]
		if o != l && !o.target.Role.public() && o.state < legUp {
			s.release(o, "another member answered")
		}
	}
	switch s.publicLeg() {
	case nil:
		if w := s.legs[s.with]; w != nil && w.state == legUp && !w.lost {
			// Two members answered in the same moment: the first one has the caller.
			s.release(l, "another member answered first")
		} else {
			s.connect(l)
		}
		if s.public.active() {
			s.goOn(&s.public, "")
		}
	default:
		s.do(Action{Kind: Play, Leg: l.id, Prompt: PSAPHasCall})
	}
}

// publicLeg is the public leg that is up, if one is.
func (s *Session) publicLeg() *leg {
	for _, id := range s.order {
		if l := s.legs[id]; l.state == legUp && l.target.Role.public() {
			return l
		}
	}
	return nil
}

func (s *Session) membersUp() []*leg {
	var ms []*leg
	for _, id := range s.order {
		if l := s.legs[id]; l.state == legUp && !l.lost && !l.target.Role.public() {
			ms = append(ms, l)
		}
	}
	return ms
}

// plainRetry lists the final responses after which the same proxy is asked once more
// without the location body and with plain G.711 (R8).
var plainRetry = []int{400, 413, 415, 420, 424, 488, 513}

// busyNotBroken are refusals that say nothing about the INVITE itself.
var busyNotBroken = []int{408, 480, 486, 487, 503, 600, 603}

func (s *Session) failed(l *leg, e Event) {
	if l.state == legUp { // its dialog failed: nobody said BYE
		s.left(l, "was lost")
		return
	}
	s.stopLegTimers(l)
	confirming := l.state == legConfirming
	l.state = legEnded
	if s.early == l.id {
		s.early = ""
		if s.caller == callerWaiting && s.plan.AnnounceAfter > 0 {
			s.startTimer(Timer{Kind: AnnounceTimer}, Action{After: s.plan.AnnounceAfter})
		}
	}
	if l.unwanted || s.caller == callerGone {
		return
	}
	if l.target.Role == RolePSAP && !l.plain && !l.passed && slices.Contains(plainRetry, e.Code) {
		s.note("R8", "%s answered %d: asked once more without the location body and with plain G.711", l.target.Name, e.Code)
		s.do(Action{Kind: Degrade, Rule: "plain-retry", Text: "the location body was left out towards " + l.target.Name})
		again := s.public.suffix() + "+plain"
		s.dial(l.target, again, true)
		s.public.current = append(s.public.current, LegID(l.target.Name+again))
		return
	}
	if l.target.Role == RolePSAP && e.Code >= 400 && !slices.Contains(busyNotBroken, e.Code) {
		// Some elements answer 500 to a body they cannot read: in the next round the
		// attempt is a plain one, and in the one after that what it was.
		s.plain[l.target.Name] = !l.plain
	}
	if l.target.Role == RoleTeam {
		s.memberUnavailable(l, confirming)
		return
	}
	s.attemptFailed(l)
}

// left is the end of a leg that was up, from its own side.
func (s *Session) left(l *leg, how string) {
	if l.state < legConfirming {
		return
	}
	wasUp := l.state == legUp
	l.state = legEnded
	if s.caller == callerGone {
		return
	}
	switch {
	case !wasUp && l.target.Role == RoleTeam:
		s.memberUnavailable(l, true)
	case !wasUp:
		s.attemptFailed(l)
	case l.target.Role.public():
		s.publicLeft(l, how)
	default:
		s.memberLeft(l, how)
	}
}

func (s *Session) publicLeft(l *leg, how string) {
	ms := s.membersUp()
	if len(ms) == 0 {
		if how == "was lost" {
			s.note("L1", "%s was lost without a BYE: it is called again", l.target.Name)
			s.do(Action{Kind: Play, Leg: Caller, Prompt: Ringback})
			s.startPublic()
			return
		}
		s.do(Action{Kind: Hangup, Leg: Caller, Text: l.target.Name + " " + how})
		s.end(Completed, l.target.Name+" "+how)
		return
	}
	s.note("R5", "%s %s: the caller goes on with %s", l.target.Name, how, ms[0].id)
	s.do(Action{Kind: Silence, Leg: ms[0].id})
	s.connect(ms[0])
}

func (s *Session) memberLeft(l *leg, how string) {
	if l.target.Role == RoleTeam {
		s.team = teamIdle
	}
	if s.publicLeg() != nil {
		return // R5: a member leaving never ends the call
	}
	if ms := s.membersUp(); len(ms) > 0 {
		s.connect(ms[0])
		return
	}
	lost := how == "was lost"
	switch {
	case l.lost && (s.public.active() || s.team == teamRinging || s.resort.active()):
		return // somebody else is being called already
	case s.public.active():
		s.note("R5", "%s %s while the public side is still being called: the caller waits on", l.id, how)
	case lost:
		s.callOthers(l)
	default:
		s.do(Action{Kind: Hangup, Leg: Caller, Text: string(l.id) + " " + how})
		s.end(Completed, string(l.id)+" "+how)
		return
	}
	s.do(Action{Kind: Play, Leg: Caller, Prompt: Ringback})
}

// callOthers is what happens when the one the caller talked to is gone without a BYE: the
// PSAP at once (R1), or, where there is none in the plan, the team and the last resort again.
func (s *Session) callOthers(l *leg) {
	if len(s.plan.Public) > 0 {
		s.note("R1", "%s was lost without a BYE: the caller goes on to the PSAP at once", l.id)
		s.startPublic()
		return
	}
	s.note("R3", "%s was lost without a BYE: the team and the last resort are rung again", l.id)
	if l.target.Role == RoleTeam {
		s.team = teamIdle
	}
	s.ringTeam()
	s.resort = hunt{steps: s.plan.Resort, round: s.resort.round + 1}
	s.startResort()
}

// mediaLost: nothing is heard of a leg. It is not hung up on, since it may only be muted,
// and a PSAP's silence ends nothing (NENA-STA-010.3f: stream loss must not end the call).
func (s *Session) mediaLost(l *leg) {
	if l.state != legUp || l.lost || s.caller == callerGone {
		return
	}
	if l.target.Role.public() {
		s.do(Action{Kind: Degrade, Rule: "psap-silent", Text: "nothing is heard of " + string(l.id)})
		return
	}
	l.lost = true
	if s.publicLeg() != nil || s.with != l.id {
		return
	}
	if ms := s.membersUp(); len(ms) > 0 {
		s.connect(ms[0])
		return
	}
	s.do(Action{Kind: Play, Leg: Caller, Prompt: Ringback})
	if s.public.active() {
		s.note("R5", "%s is not heard any more while the public side is still being called", l.id)
		return
	}
	s.callOthers(l)
}

func (s *Session) mediaHeard(l *leg) {
	if !l.lost || l.state != legUp {
		return
	}
	l.lost = false
	if s.with == l.id && s.publicLeg() == nil {
		s.note("R1", "%s is heard again", l.id)
		s.do(Action{Kind: Silence, Leg: Caller})
	}
}
