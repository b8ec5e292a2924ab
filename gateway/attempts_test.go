package gateway

import (
	"fmt"
	"testing"

	"github.com/tocsin-sip/tocsin/call"
)

func TestEachAttemptKnowsThoseBefore(t *testing.T) {
	psap := func(uri string) call.Target {
		return call.Target{Role: call.RolePSAP, Invite: call.Invite{RequestURI: uri}}
	}
	var as attempts
	if before := as.next("psap/1", psap("sip:911@a")); len(before) != 0 {
		t.Errorf("before the first %v", before)
	}
	as.learn(call.Event{Kind: call.TimerFired, Timer: call.Timer{Kind: call.NoProgressTimer, Leg: "psap/1"}})
	second := as.next("psap/2", psap("sip:911@b"))
	as.learn(call.Event{Kind: call.Failed, Leg: "psap/1", Code: 503, Text: "Overload"}) // late: the next one knows
	as.learn(call.Event{Kind: call.Failed, Leg: "7001/guard", Code: 486})
	if before := as.next("7001/guard", call.Target{Role: call.RoleTeam}); before != nil {
		t.Errorf("a member is told of %v", before)
	}
	as.learn(call.Event{Kind: call.HungUp, Leg: "psap/2"})
	third := as.next("psap/3", psap("sip:911@c"))
	if got, want := fmt.Sprint(second), "[{sip:911@a 0 no progress psap/1}]"; got != want {
		t.Errorf("the second knows %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(third), "[{sip:911@a 503 Overload psap/1} {sip:911@b 0 hung up psap/2}]"; got != want {
		t.Errorf("the third knows %s, want %s", got, want)
	}
}
