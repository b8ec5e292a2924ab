package trunk

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/org"
	"pgregory.net/rapid"
)

func TestCapacity(t *testing.T) {
	id := ID{"acme", "carrier"}
	type step struct {
		call    string
		use     Use // 0 releases
		granted bool
		giveUp  string
	}
	tests := []struct {
		name  string
		max   int
		steps []step
		load  []Load
	}{
		{"R14 without max_calls nothing is refused", 0, []step{{"a", Ordinary, true, ""}, {"b", Test, true, ""}, {"c", Emergency, true, ""}},
			[]Load{{ID: id, Emergency: 1, Ordinary: 1, Test: 1}}},
		{"R14 full: ordinary and test calls are refused", 1, []step{{"a", Ordinary, true, ""}, {"b", Ordinary, false, ""}, {"c", Test, false, ""}},
			[]Load{{ID: id, Ordinary: 1}}},
		{"R14 full: an emergency call takes the place of an ordinary one", 1, []step{{"a", Ordinary, true, ""}, {"e", Emergency, true, "a"}, {"a", 0, false, ""}},
			[]Load{{ID: id, Emergency: 1}}},
		{"R14 a test before an ordinary call", 3, []step{{"t", Test, true, ""}, {"a", Ordinary, true, ""}, {"b", Ordinary, true, ""}, {"e", Emergency, true, "t"}},
			[]Load{{ID: id, Emergency: 1, Ordinary: 2, Test: 1, Leaving: 1}}},
		{"R14 the latest of two", 2, []step{{"a", Ordinary, true, ""}, {"b", Ordinary, true, ""}, {"e", Emergency, true, "b"}},
			[]Load{{ID: id, Emergency: 1, Ordinary: 2, Leaving: 1}}},
		{"R14 each is given up once", 2, []step{{"a", Ordinary, true, ""}, {"b", Ordinary, true, ""}, {"e", Emergency, true, "b"}, {"f", Emergency, true, "a"}, {"g", Emergency, true, ""}},
			[]Load{{ID: id, Emergency: 3, Ordinary: 2, Leaving: 2}}},
		{"R14 never another emergency", 1, []step{{"e", Emergency, true, ""}, {"f", Emergency, true, ""}}, []Load{{ID: id, Emergency: 2}}},
		{"R14 the place that is being made is not for an ordinary call", 1, []step{{"a", Ordinary, true, ""}, {"e", Emergency, true, "a"}, {"b", Ordinary, false, ""}},
			[]Load{{ID: id, Emergency: 1, Ordinary: 1, Leaving: 1}}},
		{"a call has one place", 1, []step{{"e", Emergency, true, ""}, {"e", Emergency, true, ""}}, []Load{{ID: id, Emergency: 1}}},
		{"released twice, or never there", 1, []step{{"a", Ordinary, true, ""}, {"a", 0, false, ""}, {"a", 0, false, ""}, {"z", 0, false, ""}, {"b", Ordinary, true, ""}},
			[]Load{{ID: id, Ordinary: 1}}},
		{"nothing is kept of a trunk without calls", 1, []step{{"a", Ordinary, true, ""}, {"a", 0, false, ""}}, []Load{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Capacity
			for _, s := range tt.steps {
				if s.use == 0 {
					c.Release(id, s.call)
					continue
				}
				if got := c.Acquire(id, tt.max, s.call, s.use); got != (Grant{s.granted, s.giveUp}) {
					t.Errorf("%s call %s: %+v, want %v %q", s.use, s.call, got, s.granted, s.giveUp)
				}
			}
			if diff := cmp.Diff(tt.load, c.Snapshot()); diff != "" {
				t.Errorf("load (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrunksDoNotShareRoom(t *testing.T) {
	var c Capacity
	for _, id := range []ID{{"acme", "carrier"}, {"other", "carrier"}, {"", "carrier"}} {
		if !c.Acquire(id, 1, "a", Ordinary).Granted {
			t.Errorf("%s is full", id)
		}
	}
	if refused, givenUp := c.Counts(); refused+givenUp != 0 {
		t.Errorf("%d refused, %d given up", refused, givenUp)
	}
}

func TestIDOf(t *testing.T) {
	d := org.NewDirectory(1, org.Organisation{Account: &org.Account{Name: "acme"}, Trunks: []org.Trunk{{Name: "carrier"}}},
		org.Organisation{Trunks: []org.Trunk{{Name: "carrier"}}})
	ts := d.Trunks()
	if a, b := IDOf(d, ts[0]).String(), IDOf(d, ts[1]).String(); a != "acme/carrier" || b != "carrier" {
		t.Errorf("%s and %s", a, b)
	}
}

// TestRoom: whatever happens, an emergency call is granted and never given up, nothing is
// given up twice or in vain, and calls that are no emergency never exceed max_calls.
func TestRoom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var c Capacity
		id := ID{"acme", "carrier"}
		limit := rapid.IntRange(1, 4).Draw(rt, "max_calls")
		up, leaving := map[string]Use{}, map[string]bool{}
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			if len(up) > 0 && rapid.IntRange(0, 2).Draw(rt, "release") == 0 {
				var calls []string
				for n := range i {
					if name := fmt.Sprint(n); up[name] != 0 {
						calls = append(calls, name)
					}
				}
				name := rapid.SampledFrom(calls).Draw(rt, "call")
				c.Release(id, name)
				delete(up, name)
				delete(leaving, name)
				continue
			}
			name, use := fmt.Sprint(i), rapid.SampledFrom([]Use{Emergency, Ordinary, Test}).Draw(rt, "use")
			full := len(up) >= limit
			staying := len(up) - len(leaving)
			g := c.Acquire(id, limit, name, use)
			if use == Emergency && !g.Granted || use != Emergency && g.Granted == full {
				rt.Fatalf("%s with %d of %d: %+v", use, len(up), limit, g)
			}
			if v := g.GiveUp; v != "" {
				if use != Emergency || up[v] == 0 || up[v] == Emergency || leaving[v] || staying < limit {
					rt.Fatalf("gave up %s %q (%v, leaving %v) with %d of %d staying", up[v], v, up, leaving, staying, limit)
				}
				leaving[v] = true
			}
			if g.Granted {
				up[name] = use
			}
		}
		var sum Load
		for _, l := range c.Snapshot() {
			sum = l
		}
		if sum.Emergency+sum.Ordinary+sum.Test != len(up) || sum.Leaving != len(leaving) {
			rt.Fatalf("load %+v, want %v with %d leaving", sum, up, len(leaving))
		}
	})
}
