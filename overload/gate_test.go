package overload

import (
	"testing"
	"testing/synctest"
	"time"
)

func yes() bool { return true }
func no() bool  { return false }

func TestR13(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{PerSecond: 100})
		ask := func(n int, k Kind, known bool, emergency func() bool) (served int, refusal int) {
			for range n {
				if s := g.Admit(k, known, emergency); s == 0 {
					served++
				} else {
					refusal = s
				}
			}
			return served, refusal
		}
		if n, status := ask(1000, Call, true, no); n != 100 || status != 503 {
			t.Errorf("ten times the ordinary budget: %d served, then %d; want 100, then 503", n, status)
		}
		if n, _ := ask(1000, Call, true, yes); n != 1000 {
			t.Errorf("R13: %d of 1000 emergencies served while ordinary traffic is shed", n)
		}
		if n, _ := ask(1000, Within, true, no); n != 1000 {
			t.Errorf("%d of 1000 requests within dialogs served", n)
		}
		if n, status := ask(1000, Register, true, no); n != 50 || status != 503 {
			t.Errorf("registrations: %d served, then %d; want 50 of their own, then 503", n, status)
		}
		if n, status := ask(1000, Call, false, yes); n != 10 || status != 403 {
			t.Errorf("strangers' calls: %d served, then %d; want 10, then 403", n, status)
		}
		if n, _ := ask(1000, Register, false, no); n != 10 {
			t.Errorf("strangers' registrations: %d served, want 10", n)
		}
		time.Sleep(time.Second)
		if n, _ := ask(1000, Call, true, no); n != 100 {
			t.Errorf("a second later %d are served, want 100", n)
		}
		if s := g.Stats(); s.Shed["ordinary"] != 1800 || s.Shed["stranger"] != 990 {
			t.Errorf("counted %v", s.Shed)
		}
	})
}

func TestEmergencyIsAskedOnlyWhenItMatters(t *testing.T) {
	g := New(Config{PerSecond: 5})
	asked := 0
	for range 8 {
		g.Admit(Call, true, func() bool { asked++; return false })
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

func TestBudgetsShrinkWhileTheProcessIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		g.Start()
		defer g.Close()
		g.observed(80 * time.Millisecond)
		g.observed(80 * time.Millisecond)
		if f := g.Stats().Factor; f != 0.25 {
			t.Errorf("after two late wakes the factor is %v, want 0.25", f)
		}
		for range 20 {
			g.observed(time.Second)
		}
		if f := g.Stats().Factor; f != smallest {
			t.Errorf("the factor fell to %v, want %v: something ordinary is always served", f, smallest)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if f := g.Stats().Factor; f != 1 {
			t.Errorf("ten seconds on time later the factor is %v, want 1", f)
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	g := New(Config{PerSecond: 1 << 30})
	for b.Loop() {
		g.Admit(Call, true, no)
	}
}
