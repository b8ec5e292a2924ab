package registrar

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Keeper keeps bindings where a restart, or another node, finds them.
type Keeper interface {
	Put(ctx context.Context, b Binding) error
	Delete(ctx context.Context, id string) error
	Load(ctx context.Context) ([]Binding, error)
}

const (
	keepLimit = 5 * time.Second // of one question to the Keeper
	keepFirst = time.Second     // after a failure, doubled up to
	keepLast  = 30 * time.Second
	keepEnd   = 2 * time.Second // to write what is left when closing
	sweep     = time.Minute
)

// ledger is what the Keeper has not been told: the latest of each binding, nil where it is
// to be deleted. It is never longer than the bindings there are and were.
type ledger struct {
	mu    sync.Mutex
	owed  map[string]*Binding
	added chan struct{}
}

func newLedger() *ledger {
	return &ledger{owed: map[string]*Binding{}, added: make(chan struct{}, 1)}
}

func (l *ledger) owe(id string, b *Binding) {
	l.mu.Lock()
	l.owed[id] = b
	l.mu.Unlock()
	select {
	case l.added <- struct{}{}:
	default:
	}
}

func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.owed)
}

// settle tells the Keeper everything, or stops at the first failure.
func (l *ledger) settle(ctx context.Context, k Keeper) error {
	for {
		l.mu.Lock()
		var id string
		var b *Binding
		for id, b = range l.owed {
			break
		}
		empty := len(l.owed) == 0
		delete(l.owed, id)
		l.mu.Unlock()
		if empty {
			return nil
		}
		if err := tell(ctx, k, id, b); err != nil {
			l.mu.Lock()
			if _, newer := l.owed[id]; !newer {
				l.owed[id] = b
			}
			l.mu.Unlock()
			return err
		}
	}
}

func tell(ctx context.Context, k Keeper, id string, b *Binding) error {
	ctx, done := context.WithTimeout(ctx, keepLimit)
	defer done()
	if b == nil {
		return k.Delete(ctx, id)
	}
	return k.Put(ctx, *b)
}

// keep is the goroutine of a Registrar: it loads, writes and sweeps.
func (r *Registrar) keep(ctx context.Context) {
	sweeps := time.NewTicker(sweep)
	defer sweeps.Stop()
	again := time.NewTimer(0) // to load
	defer again.Stop()
	pause := keepFirst
	added := r.owed.added
	for {
		select {
		case <-ctx.Done():
			r.settleAtEnd()
			return
		case <-sweeps.C:
			r.sweep()
			continue
		case <-added:
		case <-again.C:
		}
		if r.cfg.Keeper == nil {
			continue
		}
		err := r.settle(ctx)
		if err == nil {
			added, pause = r.owed.added, keepFirst
			continue
		}
		r.stats.KeeperErrors.Add(1)
		if pause == keepFirst {
			r.log.Warn("registrations are held in memory only", "error", err)
		}
		added = nil // what comes meanwhile waits with the rest
		again.Reset(pause)
		pause = min(2*pause, keepLast)
	}
}

// settle learns what the Keeper has, once, and tells it what it has not.
func (r *Registrar) settle(ctx context.Context) error {
	if !r.loaded {
		asked, done := context.WithTimeout(ctx, keepLimit)
		defer done()
		bs, err := r.cfg.Keeper.Load(asked)
		if err != nil {
			return fmt.Errorf("loading bindings: %w", err)
		}
		r.Learn(bs...)
		r.loaded = true
	}
	if err := r.owed.settle(ctx, r.cfg.Keeper); err != nil {
		return fmt.Errorf("keeping bindings: %w", err)
	}
	return nil
}

func (r *Registrar) settleAtEnd() {
	if r.cfg.Keeper == nil {
		return
	}
	ctx, done := context.WithTimeout(context.Background(), keepEnd)
	defer done()
	if err := r.owed.settle(ctx, r.cfg.Keeper); err != nil {
		r.stats.KeeperErrors.Add(1)
		r.log.Warn("registrations not kept at the end", "left", r.owed.size(), "error", err)
	}
}
