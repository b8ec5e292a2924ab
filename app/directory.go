package app

import (
	"context"
	"fmt"
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

// pollEvery is how often the store is asked for a newer configuration: a change is live in
// under 2 s (S2) with room for a slow database.
const pollEvery = 500 * time.Millisecond

func (a *App) loadConfiguration(ctx context.Context) error {
	if a.cfg.Store == nil {
		return nil
	}
	d, err := a.cfg.Store.Directory(ctx)
	if err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	a.directory.set(d)
	return nil
}

// watchConfiguration puts newer configurations in place. With the database gone the last
// one serves (S2).
func (a *App) watchConfiguration(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		version, err := a.cfg.Store.Version(ctx)
		if err == nil && version != a.directory.Current().Version {
			var d *org.Directory
			if d, err = a.cfg.Store.Directory(ctx); err == nil {
				a.Reload(d)
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			a.log.Error("configuration cannot be read; the last one serves", "config", a.directory.Current().Version, "error", err)
		case err == nil && failing:
			a.log.Info("configuration can be read again")
		}
		failing = err != nil
	}
}
