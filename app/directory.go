package app

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// directory is the configuration that is current: one pointer, swapped.
type directory struct{ current atomic.Pointer[org.Directory] }

func newDirectory(d *org.Directory) *directory {
	h := &directory{}
	h.set(d)
	return h
}

func (h *directory) Current() *org.Directory { return h.current.Load() }
func (h *directory) set(d *org.Directory)    { h.current.Store(d) }

const (
	// pollEvery is how often the store is asked for a newer configuration: a change is
	// live in under 2 s (S2) with room for a slow database.
	pollEvery = 500 * time.Millisecond
	// askLimit is how long a database may take to say its version: one that accepts and
	// does not answer must not hold the next question up.
	askLimit = time.Second
	// openLimit is how long a start waits for the database before the last configuration
	// serves: phones have nowhere else to go meanwhile.
	openLimit = 5 * time.Second
)

func (a *App) lastGood() lastGood {
	return lastGood(filepath.Join(a.cfg.Node.DataDir, lastGoodFile))
}

// loadConfiguration finds what to serve at the start: what the database says, and with the
// database gone what this node served last. It fails where there is neither.
func (a *App) loadConfiguration(ctx context.Context) error {
	if a.database == nil {
		return nil
	}
	last, err := a.lastGood().read()
	if err != nil {
		a.log.Error("the configuration this node had last cannot be read", "error", err)
	}
	d, err := a.stored(ctx, last != nil)
	switch {
	case err == nil:
		a.take(d)
	case last == nil:
		return fmt.Errorf("load configuration: %w", err)
	default:
		a.directory.set(org.NewDirectory(last.Version, last.Organisations...))
		a.log.Error("serving the configuration this node had last", "config", last.Version, "kept", last.KeptAt, "error", err)
	}
	return nil
}

func (a *App) stored(ctx context.Context, configured bool) (*org.Directory, error) {
	ctx, done := context.WithTimeout(ctx, openLimit)
	defer done()
	if err := a.database.mend(ctx, configured); err != nil {
		return nil, err
	}
	s, err := a.database.use()
	if err != nil {
		return nil, err
	}
	return s.Directory(ctx)
}

// take makes what the database says current, and keeps it for a start without one.
func (a *App) take(d *org.Directory) {
	a.directory.set(d)
	if d.Version == 0 {
		return
	}
	if err := a.lastGood().write(d, time.Now()); err != nil {
		a.log.Error("the configuration cannot be kept for a start without the database", "config", d.Version, "error", err)
	}
}

// watchConfiguration puts newer configurations in place, and opens the database again
// when it was gone. Meanwhile the last configuration serves (S2).
func (a *App) watchConfiguration(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		err := a.refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			a.log.Error("configuration cannot be read; the last one serves", "config", a.directory.Current().Version, "error", err)
		case err == nil && failing:
			a.log.Info("configuration can be read again", "config", a.directory.Current().Version)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *App) refresh(ctx context.Context) error {
	have := a.directory.Current().Version
	open, opened := context.WithTimeout(ctx, openLimit)
	defer opened()
	if err := a.database.mend(open, have > 0); err != nil {
		return err
	}
	s, err := a.database.use()
	if err != nil {
		return err
	}
	ask, asked := context.WithTimeout(ctx, askLimit)
	defer asked()
	if version, err := s.Version(ask); err != nil || version == have {
		return err
	}
	d, err := s.Directory(ctx)
	if err != nil {
		return err
	}
	a.take(d)
	a.reloaded()
	return nil
}
