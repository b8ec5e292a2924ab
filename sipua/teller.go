package sipua

import (
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
)

// teller tells a call what happens to one leg: in order, whichever goroutines bring it,
// and nothing after the leg's end. What happens before anybody listens is told then. It
// holds no lock while it tells.
type teller struct {
	mu   sync.Mutex
	to   gateway.Reporter
	line []call.Event
	busy bool
	over bool
}

// tell takes an event. Failed and HungUp are a leg's end.
func (t *teller) tell(e call.Event) {
	e.At = time.Now()
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	t.over = e.Kind == call.Failed || e.Kind == call.HungUp
	t.line = append(t.line, e)
	t.drain()
}

// to begins the telling.
func (t *teller) begin(r gateway.Reporter) {
	t.mu.Lock()
	t.to = r
	t.drain()
}

// drain is entered with the lock and leaves without it.
func (t *teller) drain() {
	if t.busy || t.to == nil {
		t.mu.Unlock()
		return
	}
	t.busy = true
	for len(t.line) > 0 {
		e, to := t.line[0], t.to
		t.line = t.line[1:]
		t.mu.Unlock()
		to.Report(e)
		t.mu.Lock()
	}
	t.busy = false
	t.mu.Unlock()
}

// hush is the end of a leg that the call itself asked for: it needs no telling.
func (t *teller) hush() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// reporter is who listens, nil if nobody does yet.
func (t *teller) reporter() gateway.Reporter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.to
}
