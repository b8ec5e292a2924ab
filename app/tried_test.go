package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
)

func TestLegsAreCountedByTrunk(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	dial := func(leg call.LegID, trunk string) cdr.Content {
		return cdr.Content{Action: &call.Action{Kind: call.Dial, Leg: leg, Target: &call.Target{Invite: call.Invite{Trunk: trunk}}}}
	}
	event := func(kind call.EventKind, leg call.LegID, code int) cdr.Content {
		return cdr.Content{Event: &call.Event{Kind: kind, Leg: leg, Code: code}}
	}
	decided := cdr.Content{Decided: &cdr.Decided{Account: "acme"}}
	end := cdr.Content{Action: &call.Action{Kind: call.End}}
	for _, tc := range []struct {
		name  string
		calls [][]cdr.Content
		want  string
	}{
		{"answered, the team is no trunk", [][]cdr.Content{{decided, dial("guard", ""), dial("us/1", "us"), event(call.Ringing, "us/1", 180), event(call.Answered, "us/1", 200),
			event(call.Failed, "guard", 487), event(call.HungUp, "us/1", 0), end}}, "acme us answered 1"},
		{"R8 one after the other, the silent one again", [][]cdr.Content{{decided, dial("us/1", "us"), event(call.Failed, "us/1", 408), dial("us/2", "us"), event(call.Failed, "us/2", 503),
			dial("gb/1", "gb"), event(call.Failed, "gb/1", 0), dial("us/1", "us"), event(call.Answered, "us/1", 200), end}},
			"acme gb silent 1, acme us answered 1, acme us refused 1, acme us silent 1"},
		{"cancelled before the end, and after", [][]cdr.Content{{decided, dial("us/1", "us"), dial("us/2", "us"), event(call.Failed, "us/1", 487), end, event(call.Failed, "us/2", 487)}},
			"acme us cancelled 2"},
		{"calls at the same time", [][]cdr.Content{{decided, dial("us/1", "us"), event(call.Answered, "us/1", 200), end},
			{{Decided: &cdr.Decided{Account: "beta"}}, dial("us/1", "us"), event(call.Failed, "us/1", 486), end}}, "acme us answered 1, beta us refused 1"},
		{"nothing was dialled", [][]cdr.Content{{decided, end}, {end}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var counted tried
			chains := make([]*cdr.Chain, len(tc.calls))
			for i := range chains {
				chains[i] = cdr.NewChain(fmt.Sprint("call", i), func() [cdr.SaltSize]byte { return [cdr.SaltSize]byte{} })
			}
			for n, more := 0, true; more; n++ { // an entry of each call in turn
				more = false
				for i, contents := range tc.calls {
					if n >= len(contents) {
						continue
					}
					more = true
					e, err := chains[i].Append(noon, contents[n])
					if err != nil {
						t.Fatal(err)
					}
					counted.entry(e)
				}
			}
			var got []string
			for _, s := range counted.samples() {
				got = append(got, fmt.Sprint(s.Labels[0].Value, " ", s.Labels[1].Value, " ", s.Labels[2].Value, " ", s.Value))
			}
			if g := strings.Join(got, ", "); g != tc.want {
				t.Errorf("counted were %s, want %s", g, tc.want)
			}
			if len(counted.calls) != 0 {
				t.Errorf("%d calls that are over are kept", len(counted.calls))
			}
		})
	}
}
