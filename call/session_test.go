package call

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func psap(name string) Step {
	return Step{{Name: name, Role: RolePSAP, NoResponseAfter: 2 * time.Second, NoProgressAfter: 8 * time.Second, Invite: Invite{RequestURI: "sip:911@" + name}}}
}
func member(name string) Target {
	return Target{Name: name, Role: RoleTeam, Invite: Invite{RequestURI: "sip:" + name}}
}
func resort(name string) Step {
	return Step{{Name: name, Role: RoleResort, Invite: Invite{RequestURI: "sip:" + name}}}
}

var (
	publicOnly = Plan{Public: []Step{psap("a"), psap("b")}, AnnounceAfter: 20 * time.Second}
	parallel   = Plan{Public: []Step{psap("a"), psap("b")}, Team: []Target{member("g1"), member("g2")}}
	teamFirst  = Plan{Public: []Step{psap("a")}, Team: []Target{member("g1"), member("g2")}, TeamFirst: true, MaxHold: 30 * time.Second}
	teamOnly   = Plan{Team: []Target{member("g1")}, MaxHold: 30 * time.Second, Resort: []Step{resort("z")}}
)

// short is an action as the tables write it; notes and timers are left out.
func short(as []Action) string {
	var ss []string
	for _, a := range as {
		switch a.Kind {
		case Note, Degrade, StartTimer, StopTimer:
		case Dial:
			ss = append(ss, "dial "+string(a.Leg))
		default:
			a.Text = ""
			ss = append(ss, a.String())
		}
	}
	return strings.Join(ss, "; ")
}

func event(t *testing.T, s string) Event {
	t.Helper()
	f := strings.Fields(s)
	e := Event{At: t0}
	if len(f) > 1 {
		e.Leg = LegID(f[1])
	}
	switch f[0] {
	case "start":
		e.Kind = Started
	case "100":
		e.Kind = Tried
	case "180":
		e.Kind, e.Code = Ringing, 180
	case "183":
		e.Kind, e.Code, e.SDP = Ringing, 183, "v=0"
	case "200":
		e.Kind = Answered
	case "486", "400", "500", "503", "488", "408":
		e.Kind = Failed
		e.Code = map[string]int{"486": 486, "400": 400, "500": 500, "503": 503, "488": 488, "408": 408}[f[0]]
	case "bye":
		e.Kind = HungUp
	case "cancel":
		e.Kind, e.Leg = Cancelled, Caller
	case "press":
		e.Kind, e.Digit = Pressed, f[2]
	case "lost":
		e.Kind = MediaLost
	case "heard":
		e.Kind = MediaHeard
	case "psap!":
		e.Kind = PSAPWanted
	case "timer":
		e.Kind, e.Leg = TimerFired, ""
		for k := HoldTimer; k <= RingTimer; k++ {
			if k.String() == f[1] {
				e.Timer.Kind = k
			}
		}
		if len(f) > 2 {
			e.Timer.Leg = LegID(f[2])
		}
	default:
		t.Fatalf("no such event %q", s)
	}
	return e
}

func TestOrdersOfEvents(t *testing.T) {
	confirm := Plan{Public: []Step{psap("a")}, TeamFirst: true, MaxHold: 30 * time.Second,
		Team: []Target{{Name: "mobile", Role: RoleTeam, Confirm: true}}}
	withResort := Plan{Public: []Step{psap("a")}, Resort: []Step{resort("z")}}
	for _, tc := range []struct {
		name string
		plan Plan
		flow []string // "event -> actions"
	}{
		{"R2 psap only, answered", publicOnly, []string{
			"start -> progress 180; dial a", "100 a -> ", "180 a -> ", "200 a -> answer from a; connect a", "bye a -> hang-up caller; end completed"}},
		{"R8 busy goes to the next proxy", publicOnly, []string{
			"start -> progress 180; dial a", "486 a -> dial b", "200 b -> answer from b; connect b"}},
		{"R8 silence: the next is tried beside it, first answer kept", publicOnly, []string{
			"start -> progress 180; dial a", "timer no-response a -> dial b", "180 b -> ", "200 a -> cancel b; answer from a; connect a", "200 b -> hang-up b"}},
		{"R8 100 and nothing more", publicOnly, []string{
			"start -> progress 180; dial a", "100 a -> ", "timer no-response a -> ", "timer no-progress a -> dial b", "200 b -> cancel a; answer from b; connect b", "408 a -> "}},
		{"R8 a silent one is not cancelled before it is heard from", publicOnly, []string{
			"start -> progress 180; dial a", "timer no-response a -> dial b", "200 b -> answer from b; connect b", "100 a -> cancel a", "408 a -> "}},
		{"R8 all dead, then from the beginning", publicOnly, []string{
			"start -> progress 180; dial a", "503 a -> dial b", "503 b -> ", "timer round -> dial a~2", "503 a~2 -> dial b~2", "200 b~2 -> answer from b~2; connect b~2"}},
		{"R8 488 is asked once more, plainly", publicOnly, []string{
			"start -> progress 180; dial a", "488 a -> dial a+plain", "488 a+plain -> dial b"}},
		{"R8 one that answers 500 to a body it cannot read: plain in the next round", publicOnly, []string{
			"start -> progress 180; dial a", "500 a -> dial b", "503 b -> ", "timer round -> dial a~2+plain", "500 a~2+plain -> dial b~2", "503 b~2 -> ", "timer round -> dial a~3"}},
		{"R8 announcement, ringing renewed", publicOnly, []string{
			"start -> progress 180; dial a", "180 a -> ", "timer announce -> progress 183 stay-on-line", "timer ring -> progress 180"}},
		{"R8 early media of the PSAP instead of the announcement", publicOnly, []string{
			"start -> progress 180; dial a", "183 a -> progress from a 183", "timer announce -> "}},
		{"R8 last resort after the proxies, PSAP still tried", withResort, []string{
			"start -> progress 180; dial a", "503 a -> dial z", "200 z -> answer from z; connect z", "timer round -> dial a~2", "200 a~2 -> connect a~2; play z psap-has-call"}},
		{"R8 the PSAP comes after the last resort answered", withResort, []string{
			"start -> progress 180; dial a", "timer no-response a -> dial z", "200 z -> answer from z; connect z", "200 a -> connect a; play z psap-has-call"}},
		{"R1 parallel, PSAP first, member hears a tone", parallel, []string{
			"start -> progress 180; dial g1; dial g2; dial a", "180 g1 -> ", "200 a -> answer from a; connect a", "200 g1 -> play g1 psap-has-call", "bye g1 -> ", "bye caller -> hang-up a; end completed"}},
		{"R5 parallel, team first, PSAP joins; L2 it is never cancelled", parallel, []string{
			"start -> progress 180; dial g1; dial g2; dial a", "180 g2 -> ", "200 g1 -> cancel g2; answer from g1; connect g1", "486 g2 -> ", "200 a -> connect a; play g1 psap-has-call",
			"bye a -> silence g1; connect g1", "bye g1 -> hang-up caller; end completed"}},
		{"R1 team first, answered in time: no PSAP", teamFirst, []string{
			"start -> progress 180; dial g1; dial g2", "200 g1 -> answer from g1; connect g1", "timer hold -> ", "bye g1 -> hang-up caller; end completed"}},
		{"R1 team first, nobody answers", teamFirst, []string{
			"start -> progress 180; dial g1; dial g2", "timer hold -> tell; dial a", "200 a -> answer from a; connect a"}},
		{"R1 team first, all unavailable: at once", teamFirst, []string{
			"start -> progress 180; dial g1; dial g2", "486 g1 -> ", "503 g2 -> tell; dial a"}},
		{"R1 a member lost without BYE: to the PSAP at once", teamFirst, []string{
			"start -> progress 180; dial g1; dial g2", "200 g1 -> answer from g1; connect g1", "lost g1 -> play caller ringback; dial a", "200 a -> connect a", "bye a -> hang-up caller; hang-up g1; end completed"}},
		{"R1 a muted member is heard again", teamFirst, []string{
			"start -> progress 180; dial g1; dial g2", "200 g1 -> answer from g1; connect g1", "lost g1 -> play caller ringback; dial a", "heard g1 -> silence caller", "200 a -> connect a; play g1 psap-has-call"}},
		{"wO8 a silent PSAP is not hung up on", publicOnly, []string{
			"start -> progress 180; dial a", "200 a -> answer from a; connect a", "lost a -> ", "bye caller -> hang-up a; end completed"}},
		{"R3 a lost member, team only: the team and the last resort again", teamOnly, []string{
			"start -> progress 180; dial g1", "200 g1 -> answer from g1; connect g1", "lost g1 -> play caller ringback; dial g1~2; dial z~2!", "bye g1 -> ", "180 g1~2 -> ", "200 z~2! -> cancel g1~2; connect z~2!"}},
		{"R7 the team wants the PSAP", teamFirst, []string{
			"start -> progress 180; dial g1; dial g2", "200 g1 -> answer from g1; connect g1", "psap! -> dial a", "200 a -> connect a; play g1 psap-has-call"}},
		{"R1 confirm: only 1 counts", confirm, []string{
			"start -> progress 180; dial mobile", "200 mobile -> play mobile press-1", "press mobile 2 -> ", "press mobile 1 -> silence mobile; answer from mobile; connect mobile"}},
		{"R1 a voicemail that hangs up is no answer", confirm, []string{
			"start -> progress 180; dial mobile", "200 mobile -> play mobile press-1", "bye mobile -> tell; dial a"}},
		{"R1 confirm outlasts the hold: PSAP answers first", confirm, []string{
			"start -> progress 180; dial mobile", "200 mobile -> play mobile press-1", "timer hold -> tell; dial a", "200 a -> answer from a; connect a", "press mobile 1 -> silence mobile; play mobile psap-has-call"}},
		{"R3 team only, nobody answers: rings on, last resort as well", teamOnly, []string{
			"start -> progress 180; dial g1", "timer hold -> tell; dial z!", "200 g1 -> answer from g1; connect g1", "180 z! -> cancel z!"}},
		{"R3 team only, busy: last resort at once, team rung again", teamOnly, []string{
			"start -> progress 180; dial g1", "486 g1 -> tell; dial z!", "timer team-round -> dial g1~2"}},
		{"caller abandons before answer", parallel, []string{
			"start -> progress 180; dial g1; dial g2; dial a", "180 a -> ", "cancel -> reject 487; cancel a; end abandoned", "180 g1 -> cancel g1", "200 g2 -> hang-up g2", "408 a -> "}},
		{"cancel, then answer: the answer is released", publicOnly, []string{
			"start -> progress 180; dial a", "180 a -> ", "cancel -> reject 487; cancel a; end abandoned", "200 a -> hang-up a"}},
		{"answer, then cancel: the cancel changes nothing", publicOnly, []string{
			"start -> progress 180; dial a", "200 a -> answer from a; connect a", "cancel -> ", "bye caller -> hang-up a; end completed"}},
		{"two members in one moment: the first has the caller", parallel, []string{
			"start -> progress 180; dial g1; dial g2; dial a", "200 g1 -> answer from g1; connect g1", "200 g2 -> hang-up g2"}},
		{"P3 nobody at all", Plan{}, []string{"start -> progress 180; reject 480; end rejected"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(tc.plan)
			for i, line := range tc.flow {
				ev, want, _ := strings.Cut(line, "->")
				got := short(s.Step(event(t, ev)))
				if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" {
					t.Fatalf("event %d %q (-want +got):\n%s", i+1, strings.TrimSpace(ev), diff)
				}
			}
		})
	}
}
