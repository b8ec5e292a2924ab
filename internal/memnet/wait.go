package memnet

import (
	"sync"
	"time"
)

// gate is a condition with a deadline: what every blocking call here waits on.
// sync.Cond blocks durably, so a synctest clock advances while one waits.
type gate struct {
	cond     *sync.Cond
	deadline time.Time
	timer    *time.Timer
}

func newGate(mu *sync.Mutex) gate { return gate{cond: sync.NewCond(mu)} }

// set changes the deadline; the mutex is held. The zero time is no deadline.
func (g *gate) set(t time.Time) {
	g.deadline = t
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	if !t.IsZero() {
		// Locking before the broadcast: a waiter between its check and its Wait holds the mutex.
		g.timer = time.AfterFunc(time.Until(t), func() {
			g.cond.L.Lock()
			defer g.cond.L.Unlock()
			g.cond.Broadcast()
		})
	}
	g.cond.Broadcast()
}

// stop releases the timer and wakes everyone; the mutex is held.
func (g *gate) stop() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	g.cond.Broadcast()
}

func (g *gate) expired() bool {
	return !g.deadline.IsZero() && !time.Now().Before(g.deadline)
}
