package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// Version is the version of the configuration: one row, cheap to ask often.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var v int64
	if err := s.read.QueryRowContext(ctx, "SELECT version FROM configuration WHERE id = 1").Scan(&v); err != nil {
		return 0, fmt.Errorf("read version: %w", err)
	}
	return v, nil
}

// Organisations reads every account, and the shared trunks, as they are at one version.
func (s *Store) Organisations(ctx context.Context) ([]org.Organisation, int64, error) {
	var list []org.Organisation
	var version int64
	err := s.reading(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT version FROM configuration WHERE id = 1").Scan(&version); err != nil {
			return err
		}
		all, err := holdings(ctx, tx)
		if err != nil {
			return err
		}
		list, err = organisations(all, "")
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read organisations: %w", err)
	}
	return list, version, nil
}

// Directory reads the configuration as calls use it.
func (s *Store) Directory(ctx context.Context) (*org.Directory, error) {
	list, version, err := s.Organisations(ctx)
	if err != nil {
		return nil, err
	}
	return org.NewDirectory(version, list...), nil
}

// Follow asks for the version again and again, and hands over a new Directory whenever it
// is another than the one the caller has. It returns when the context ends. A database
// that does not answer is told once to `failed`, and again with nil when it is back; the
// caller serves on with what it has (S2).
func (s *Store) Follow(ctx context.Context, every time.Duration, have int64, live func(*org.Directory), failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	down := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.follow(ctx, every, &have, live)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != down {
			down = err != nil
			failed(err)
		}
	}
}

func (s *Store) follow(ctx context.Context, every time.Duration, have *int64, live func(*org.Directory)) error {
	// A server that accepts and does not answer must not hold the next question up.
	ask, cancel := context.WithTimeout(ctx, max(every, time.Second))
	defer cancel()
	v, err := s.Version(ask)
	if err != nil || v == *have {
		return err
	}
	d, err := s.Directory(ctx)
	if err != nil {
		return err
	}
	*have = d.Version
	live(d)
	return nil
}
