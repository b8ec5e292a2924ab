package sipua

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tocsin-sip/tocsin/call"
)

func TestTeller(t *testing.T) {
	ring := func(n int) call.Event { return call.Event{Kind: call.Ringing, Code: n} }
	t.Run("what came before anybody listened is told then, in order", func(t *testing.T) {
		var tl teller
		l := &log{}
		tl.tell(ring(180))
		tl.tell(ring(183))
		tl.begin(l)
		tl.tell(ring(182))
		l.plain(t, "ringing 180; ringing 183; ringing 182")
	})
	t.Run("nothing after the end", func(t *testing.T) {
		for _, k := range []call.EventKind{call.Failed, call.HungUp} {
			var tl teller
			l := &log{}
			tl.begin(l)
			tl.tell(call.Event{Kind: k})
			tl.tell(call.Event{Kind: call.HungUp})
			tl.tell(ring(180))
			l.plain(t, k.String())
		}
	})
	t.Run("nothing after the call has ended it", func(t *testing.T) {
		var tl teller
		l := &log{}
		tl.begin(l)
		tl.hush()
		tl.tell(call.Event{Kind: call.HungUp})
		l.plain(t, "")
	})
	t.Run("told from inside", func(t *testing.T) {
		var tl teller
		l := &log{}
		once := sync.Once{}
		l.touched = func() { once.Do(func() { tl.tell(ring(183)) }) }
		tl.begin(l)
		tl.tell(ring(180))
		l.plain(t, "ringing 180; ringing 183")
	})
	t.Run("one at a time, from however many", func(t *testing.T) {
		var tl teller
		var w sync.WaitGroup
		l := &log{}
		for i := range 8 {
			w.Go(func() {
				if i == 4 {
					tl.begin(l)
				}
				for j := range 50 {
					tl.tell(ring(1000*i + j))
				}
			})
		}
		w.Wait()
		last := map[int]int{}
		for _, e := range l.all() {
			var n int
			fmt.Sscanf(e, "ringing %d", &n)
			if before, ok := last[n/1000]; ok && n != before+1 {
				t.Fatalf("%d after %d", n, before)
			}
			last[n/1000] = n
		}
		if len(l.all()) != 400 {
			t.Errorf("%d events", len(l.all()))
		}
	})
}

// plain is want outside a bubble.
func (l *log) plain(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(l.all(), "; "); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestAnEndedDialogIsNotKept(t *testing.T) {
	onRig(t, func(r *rig) {
		d := &dialog{ua: r.ua, tells: &teller{}, key: dialogKey{"c", "l", "r"}, state: dialogConfirmed}
		ends := 0
		d.atEnd = func() { ends++ }
		d.stop()
		d.stop()
		r.ua.keep(d)
		if ends != 1 {
			t.Errorf("ended %d times", ends)
		}
	})
}
