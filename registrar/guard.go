package registrar

import (
	"sync"
	"time"
)

// guard slows down those who guess: each key may fail burst times, and then once an
// interval. It remembers one instant for each key, in two generations like counts; a key
// forgotten may fail anew.
type guard[K comparable] struct {
	burst    int
	interval time.Duration
	limit    int // of one generation

	mu        sync.Mutex
	now, then map[K]time.Time // when all its failures will be forgiven
}

func newGuard[K comparable](burst int, interval time.Duration, limit int) *guard[K] {
	return &guard[K]{burst: burst, interval: interval, limit: max(1, limit/2), now: map[K]time.Time{}}
}

// wait is how long a key has to wait before it may try again.
func (g *guard[K]) wait(k K, at time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over(g.forgiven(k), at)
}

// fail notes a failure. It says whether this is the one that makes the key wait.
func (g *guard[K]) fail(k K, at time.Time) (held bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.forgiven(k)
	before := g.over(f, at)
	if f.Before(at) {
		f = at
	}
	f = f.Add(g.interval)
	if _, here := g.now[k]; !here && len(g.now) >= g.limit {
		g.then, g.now = g.now, map[K]time.Time{}
	}
	g.now[k] = f
	return before == 0 && g.over(f, at) > 0
}

func (g *guard[K]) over(forgiven, at time.Time) time.Duration {
	return max(0, max(0, forgiven.Sub(at))-time.Duration(g.burst-1)*g.interval)
}

func (g *guard[K]) forgiven(k K) time.Time {
	if t, ok := g.now[k]; ok {
		return t
	}
	return g.then[k]
}

// size is how many keys are remembered.
func (g *guard[K]) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.now) + len(g.then)
}
