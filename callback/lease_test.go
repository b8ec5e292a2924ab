package callback

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
	"pgregory.net/rapid"
)

var (
	t0   = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	pool = Pool{Name: "acme/hq", Numbers: []e164.Number{"+14085550190", "+14085550191"}, Window: 2 * time.Hour}
)

func phone(name string) Holder { return Holder{Account: "acme", Extension: "x" + name, Device: name} }

func TestAssign(t *testing.T) {
	const a, b = e164.Number("+14085550190"), e164.Number("+14085550191")
	type step struct {
		after  time.Duration
		do     string // "name" assigns, "-name" ends that call
		number e164.Number
		choice Choice
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"C2 next free, round robin", []step{{0, "1", a, NextFree}, {0, "2", b, NextFree}}},
		{"C2 a rested number is not lent before its turn", []step{{0, "1", a, NextFree}, {0, "-1", "", 0}, {3 * time.Hour, "2", b, NextFree}, {0, "-2", "", 0}, {3 * time.Hour, "3", a, NextFree}}},
		{"C2 the same device keeps its number", []step{{0, "1", a, NextFree}, {0, "-1", "", 0}, {time.Hour, "1", a, Kept}}},
		{"C2 another device takes the next one", []step{{0, "1", a, NextFree}, {0, "-1", "", 0}, {0, "2", b, NextFree}}},
		{"C2 all lent, idle longest reused", []step{{0, "1", a, NextFree}, {0, "2", b, NextFree}, {time.Minute, "-2", "", 0}, {time.Minute, "-1", "", 0}, {time.Minute, "3", b, IdleLongest}}},
		{"C2 all lent, one in a call: the idle one", []step{{0, "1", a, NextFree}, {0, "2", b, NextFree}, {time.Minute, "-2", "", 0}, {0, "3", b, IdleLongest}}},
		{"C2 all in calls, held longest reused", []step{{0, "1", a, NextFree}, {time.Minute, "2", b, NextFree}, {time.Minute, "3", a, HeldLongest}, {time.Minute, "4", b, HeldLongest}, {time.Minute, "5", a, HeldLongest}}},
		{"C3 the window runs from the end", []step{{0, "1", a, NextFree}, {5 * time.Hour, "2", b, NextFree}, {0, "-1", "", 0}, {119 * time.Minute, "3", a, IdleLongest}}},
		{"C3 after the window it is free", []step{{0, "1", a, NextFree}, {0, "2", b, NextFree}, {0, "-1", "", 0}, {2 * time.Hour, "3", a, NextFree}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var g Ledger
			at := t0
			for i, s := range tc.steps {
				at = at.Add(s.after)
				if s.do[0] == '-' {
					g.Release(s.do[1:], at)
					continue
				}
				l, choice, ok := g.Assign(pool, phone(s.do), s.do, at)
				if !ok || l.Number != s.number || choice != s.choice {
					t.Fatalf("step %d: %s got %s (%v), want %s (%v)", i+1, s.do, l.Number, choice, s.number, s.choice)
				}
			}
		})
	}
	var twice Ledger
	twice.Assign(pool, phone("1"), "1", t0)
	twice.Assign(pool, phone("1"), "1", t0) // for another trunk of the same call
	twice.Release("1", t0)
	if got := twice.Resolve(a, t0); len(got) != 1 || got[0].InCall() {
		t.Errorf("a call that asked twice never ends: %+v", got)
	}
	if _, _, ok := new(Ledger).Assign(Pool{Name: "none"}, phone("1"), "1", t0); ok {
		t.Error("an empty pool lent a number")
	}
}

func TestC2LatestCallerOwnsTheCallBackAndTheOthersStayKnown(t *testing.T) {
	var g Ledger
	for i := range 3 {
		g.Assign(pool, phone(fmt.Sprint(i)), fmt.Sprint(i), t0.Add(time.Duration(i)*time.Minute))
	}
	got := g.Resolve(pool.Numbers[0], t0.Add(time.Hour))
	if len(got) != 2 || got[0].Holder != phone("2") || got[1].Holder != phone("0") {
		t.Errorf("the call-back leads to %+v", got)
	}
	g.Release("2", t0.Add(time.Hour))
	if got := g.Resolve(pool.Numbers[0], t0.Add(4*time.Hour)); len(got) != 1 || got[0].Holder != phone("0") {
		t.Errorf("after the window the call-back leads to %+v", got)
	}
	if n := g.Lent(pool, t0.Add(time.Hour)); n != 2 {
		t.Errorf("%d are lent, want 2", n)
	}
}

func TestL3NoOrderTakesANumberFromALiveCall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g Ledger
		at := t0
		live := map[string]e164.Number{}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "wait")) * time.Second)
			call := fmt.Sprint(i)
			if rapid.Bool().Draw(t, "end") && len(live) > 0 {
				call = rapid.SampledFrom(slices.Sorted(maps.Keys(live))).Draw(t, "ends")
				g.Release(call, at)
				delete(live, call)
				continue
			}
			h := phone(fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "phone")))
			l, choice, _ := g.Assign(pool, h, call, at)
			if choice == NextFree && len(g.Resolve(l.Number, at)) != 1 {
				t.Fatalf("%s was called free and had other holders", l.Number)
			}
			if got := g.Resolve(l.Number, at); len(got) == 0 || got[0].Holder != h {
				t.Fatalf("the latest caller %v does not own %s: %v", h, l.Number, got)
			}
			live[call] = l.Number
			for c, n := range live {
				if !holds(g.Resolve(n, at), c) {
					t.Fatalf("L3: call %s lost %s", c, n)
				}
			}
		}
	})
}

func holds(ls []Lease, call string) bool {
	for _, l := range ls {
		if slices.Contains(l.Calls, call) {
			return true
		}
	}
	return false
}
