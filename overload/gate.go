package overload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what a request is, as far as its first line and To tell.
type Kind int

const (
	Call     Kind = iota + 1 // begins something: INVITE, MESSAGE
	Register                 // REGISTER
	Within                   // belongs to a dialog or transaction: ACK, BYE, CANCEL, anything with a To tag
	Other                    // OPTIONS, SUBSCRIBE and the rest
)

// Config is how much is served; its zero value works.
type Config struct {
	PerSecond  int           // ordinary requests a second, from sources we know; 1000
	Registers  int           // registrations a second, from sources we know; PerSecond/2
	Strangers  int           // of either, from sources nobody vouches for; PerSecond/10
	Late       time.Duration // how late the watch may be before budgets shrink; 50 ms
	WatchEvery time.Duration // 100 ms
}

// Gate lets requests in or turns them away. Its methods may be used by any goroutine.
type Gate struct {
	cfg Config

	mu      sync.Mutex
	factor  float64 // of the configured budgets
	buckets [4]bucket

	shed [4]atomic.Uint64

	stop context.CancelFunc
	done sync.WaitGroup
}

// The budgets.
const (
	ordinary = iota
	registrations
	strangeOrdinary
	strangeRegistrations
)

var budgetNames = [...]string{ordinary: "ordinary", registrations: "register", strangeOrdinary: "stranger", strangeRegistrations: "stranger-register"}

type bucket struct {
	tokens float64
	at     time.Time
}

// New is a gate whose watch is not running yet.
func New(cfg Config) *Gate {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&cfg.PerSecond, 1000)
	def(&cfg.Registers, max(1, cfg.PerSecond/2))
	def(&cfg.Strangers, max(1, cfg.PerSecond/10))
	if cfg.Late <= 0 {
		cfg.Late = 50 * time.Millisecond
	}
	if cfg.WatchEvery <= 0 {
		cfg.WatchEvery = 100 * time.Millisecond
	}
	g := &Gate{cfg: cfg, factor: 1}
	now := time.Now()
	for i := range g.buckets {
		g.buckets[i] = bucket{g.perSecond(i), now}
	}
	return g
}

// Start begins to watch how late the process is.
func (g *Gate) Start() {
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.done.Go(func() { g.watch(ctx) })
}

// Close ends the watch.
func (g *Gate) Close() error {
	if g.stop != nil {
		g.stop()
	}
	g.done.Wait()
	return nil
}

// Admit says whether a request is served: 0, or the status it is turned away with.
// emergency is asked only when it matters.
func (g *Gate) Admit(k Kind, known bool, emergency func() bool) (status int) {
	if k == Within {
		return 0
	}
	b := ordinary
	switch {
	case k == Register && known:
		b = registrations
	case k == Register:
		b = strangeRegistrations
	case !known:
		b = strangeOrdinary
	}
	if g.take(b, time.Now()) {
		return 0
	}
	if k == Call && known && emergency() {
		return 0
	}
	g.shed[b].Add(1)
	if k == Call && !known {
		return 403 // R15: from there it would not have reached anybody
	}
	return 503
}

func (g *Gate) take(b int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := &g.buckets[b]
	size := g.perSecond(b) * g.factor
	x.tokens = min(size, x.tokens+now.Sub(x.at).Seconds()*size)
	x.at = now
	if x.tokens < 1 {
		return false
	}
	x.tokens--
	return true
}

func (g *Gate) perSecond(b int) float64 {
	switch b {
	case ordinary:
		return float64(g.cfg.PerSecond)
	case registrations:
		return float64(g.cfg.Registers)
	}
	return float64(g.cfg.Strangers)
}

// smallest is how far budgets shrink: something ordinary is always served.
const smallest = 0.05

func (g *Gate) watch(ctx context.Context) {
	t := time.NewTimer(g.cfg.WatchEvery)
	defer t.Stop()
	for {
		slept := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		g.observed(time.Since(slept) - g.cfg.WatchEvery)
		t.Reset(g.cfg.WatchEvery)
	}
}

// observed takes how late the watch woke up.
func (g *Gate) observed(late time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if late > g.cfg.Late {
		g.factor = max(smallest, g.factor/2)
		return
	}
	g.factor = min(1, g.factor+0.1*g.cfg.WatchEvery.Seconds())
}

// Stats says how a gate is doing.
type Stats struct {
	Factor float64           // of the configured budgets; 1 in normal times
	Shed   map[string]uint64 // requests turned away, by budget
}

// Stats gives the numbers since the start.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	s := Stats{Factor: g.factor, Shed: map[string]uint64{}}
	g.mu.Unlock()
	for i, name := range budgetNames {
		s.Shed[name] = g.shed[i].Load()
	}
	return s
}
