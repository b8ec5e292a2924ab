package trunk

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// Config is what a Monitor is told; Directory, Prober and Resolver are required.
type Config struct {
	Directory func() *org.Directory // as it is now
	Prober    Prober
	Resolver  Resolver
	Changed   func(Change) // told in the order of events of a proxy; it must not block nor Close
	Log       *slog.Logger

	Every     time.Duration // between OPTIONS to one that is alive; 30 s
	WhileDown time.Duration // to one that is down, and between look-ups that fail; 5 s
	Timeout   time.Duration // for an answer; 5 s
	Renew     time.Duration // between look-ups; 60 s
}

// Monitor asks the proxies of all trunks whether they are there.
type Monitor struct {
	cfg  Config
	work sync.WaitGroup

	mu      sync.RWMutex
	proxies map[string]*watched
	byAddr  map[netip.Addr][]string // URIs
	closed  bool
}

type watched struct {
	Proxy
	stop context.CancelFunc
}

// New is a Monitor that asks nobody yet: every proxy is unknown until Reload.
func New(cfg Config) *Monitor {
	cfg.Every = cmp.Or(cfg.Every, 30*time.Second)
	cfg.WhileDown = cmp.Or(cfg.WhileDown, 5*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.Renew = cmp.Or(cfg.Renew, time.Minute)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func(Change) {}
	}
	return &Monitor{cfg: cfg, proxies: map[string]*watched{}, byAddr: map[netip.Addr][]string{}}
}

// Reload takes the directory as it is now: proxies that are new are asked at once, those
// that are gone are forgotten, and the others keep what is known of them.
func (m *Monitor) Reload() {
	d := m.cfg.Directory()
	trunks := map[string][]ID{}
	for _, t := range d.Trunks() {
		id := IDOf(d, t)
		for _, uri := range t.Proxies {
			if !slices.Contains(trunks[uri], id) {
				trunks[uri] = append(trunks[uri], id)
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	for uri, w := range m.proxies {
		if trunks[uri] == nil {
			w.stop()
			delete(m.proxies, uri)
		}
	}
	for uri, ids := range trunks {
		if w := m.proxies[uri]; w != nil {
			w.Trunks = ids
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		w := &watched{Proxy{URI: uri, Trunks: ids, State: Unknown, Since: time.Now()}, stop}
		m.proxies[uri] = w
		m.work.Go(func() { repeat(ctx, func() time.Duration { return m.ask(ctx, w) }) })
		m.work.Go(func() { repeat(ctx, func() time.Duration { return m.find(ctx, w) }) })
	}
	m.index()
}

// Close ends all questions and waits for them. What is known stays.
func (m *Monitor) Close() error {
	m.mu.Lock()
	m.closed = true
	for _, w := range m.proxies {
		w.stop()
	}
	m.mu.Unlock()
	m.work.Wait()
	return nil
}

// repeat does something until the context ends, each time as long after the last as that
// says, give or take a tenth.
func repeat(ctx context.Context, do func() time.Duration) {
	for ctx.Err() == nil {
		pause := do()
		pause += time.Duration((rand.Float64() - 0.5) / 5 * float64(pause))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// ask sends one OPTIONS and says when to send the next.
func (m *Monitor) ask(ctx context.Context, w *watched) time.Duration {
	limited, done := context.WithTimeout(ctx, m.cfg.Timeout)
	status, err := m.cfg.Prober.Options(limited, w.URI)
	done()
	if ctx.Err() != nil {
		return 0
	}
	state, reason := judge(status, err, m.cfg.Timeout)
	at := time.Now()
	m.mu.Lock()
	change := Change{URI: w.URI, Trunks: w.Trunks, From: w.State, To: state, Status: status, Reason: reason, At: at}
	w.Status, w.Reason, w.Checked = status, reason, at
	if state != w.State {
		w.State, w.Since = state, at
	}
	m.mu.Unlock()
	if change.From != change.To {
		m.tell(change)
	}
	if state == Down {
		return m.cfg.WhileDown
	}
	return m.cfg.Every
}

func (m *Monitor) tell(c Change) {
	if c.To == Down {
		m.cfg.Log.Warn("proxy is down", "trunk", c.Trunks[0].String(), "proxy", c.URI, "reason", c.Reason)
	} else {
		m.cfg.Log.Info("proxy is alive", "trunk", c.Trunks[0].String(), "proxy", c.URI, "status", c.Status, "was", c.From.String())
	}
	m.cfg.Changed(c)
}

// Order gives the proxies of a trunk in the order to try them: those that are not known to
// be down, then the others, each in the order of the file (R8).
func (m *Monitor) Order(t *org.Trunk) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	order := make([]string, 0, len(t.Proxies))
	var down []string
	for _, uri := range t.Proxies {
		if w := m.proxies[uri]; w != nil && w.State == Down {
			down = append(down, uri)
		} else {
			order = append(order, uri)
		}
	}
	return append(order, down...)
}

// Snapshot is what is known of every proxy, in the order of their URIs.
func (m *Monitor) Snapshot() []Proxy {
	m.mu.RLock()
	defer m.mu.RUnlock()
	list := make([]Proxy, 0, len(m.proxies))
	for _, uri := range slices.Sorted(maps.Keys(m.proxies)) {
		p := m.proxies[uri].Proxy
		for _, a := range p.addrs {
			p.Address = append(p.Address, a.String())
		}
		list = append(list, p)
	}
	return list
}
