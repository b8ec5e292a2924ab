package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tocsin-sip/tocsin/org"
)

// Check is asked whether an organisation may go live among the others. Its error is the
// caller's own and comes back as it is.
type Check func(o org.Organisation, others []org.Organisation) error

// Result is what a write did, or would do.
type Result struct {
	Version     int64            `json:"version"` // of the configuration now
	Written     bool             `json:"written"` // false: nothing to do, or a dry run
	Differences []org.Difference `json:"differences,omitempty"`
	Conflicts   []Conflict       `json:"conflicts,omitempty"`
	Elsewhere   []Provenance     `json:"elsewhere,omitempty"` // in the account, not in the file, and left alone
}

// errNothing ends a transaction that has nothing to write.
var errNothing = errors.New("nothing to write")

// revise runs one change of the configuration. The edit is given what the account
// consists of and says what it shall be.
func (s *Store) revise(ctx context.Context, rev Revision, dry bool, check Check, edit func(*sql.Tx, holding) (holding, error)) (Result, error) {
	var r Result
	err := s.writing(ctx, func(tx *sql.Tx) error {
		// First of all, so that two writers on two nodes take turns.
		if err := tx.QueryRowContext(ctx, "UPDATE configuration SET version = version + 1 WHERE id = 1 RETURNING version").Scan(&rev.Version); err != nil {
			return err
		}
		r.Version = rev.Version - 1
		all, err := holdings(ctx, tx)
		if err != nil {
			return err
		}
		before, known := all[rev.Account]
		if !known {
			before = holding{rev.Account, map[org.ObjectKey]stored{}}
		}
		after, err := edit(tx, before)
		if err != nil {
			return err
		}
		was, err := before.organisation()
		if err != nil {
			return err
		}
		is, err := after.organisation()
		if err != nil {
			return err
		}
		if r.Differences = org.Differences(&was, &is); len(r.Differences) == 0 {
			return errNothing
		}
		if check != nil {
			others, err := organisations(all, rev.Account)
			if err != nil {
				return err
			}
			if err := check(is, others); err != nil {
				return err
			}
		}
		if dry {
			return errNothing
		}
		rev.At, rev.Changes = s.now().UTC(), r.Differences
		return rev.write(ctx, tx, before, after)
	})
	switch {
	case errors.Is(err, errNothing):
		return r, nil
	case err != nil:
		return Result{}, err
	}
	r.Version, r.Written = rev.Version, true
	return r, nil
}

// write puts down what changed, and the history of it.
func (rev Revision) write(ctx context.Context, tx *sql.Tx, before, after holding) error {
	moved := place(before, after, rev.Changes)
	for _, d := range rev.Changes {
		if d.Change == org.Removed {
			if err := rev.remove(ctx, tx, before.objects[d.ObjectKey]); err != nil {
				return fmt.Errorf("remove %s: %w", d.ObjectKey, err)
			}
			continue
		}
		moved[d.ObjectKey] = true
	}
	put, err := tx.PrepareContext(ctx, `INSERT INTO objects (account, `+objectColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (account, kind, name) DO UPDATE SET position = excluded.position, content = excluded.content,
			created_from = excluded.created_from, created_by = excluded.created_by, created_at = excluded.created_at,
			changed_from = excluded.changed_from, changed_by = excluded.changed_by, changed_at = excluded.changed_at, version = excluded.version`)
	if err != nil {
		return err
	}
	defer put.Close()
	for key := range moved {
		x := after.objects[key]
		if x.CreatedAt.IsZero() {
			x.CreatedAt = rev.At
		}
		if x.ChangedAt.IsZero() {
			x.ChangedAt = rev.At
		}
		if _, err := put.ExecContext(ctx, rev.Account, x.Kind, x.Name, x.position, string(x.content), x.CreatedFrom, x.CreatedBy, micros(x.CreatedAt),
			x.ChangedFrom, x.ChangedBy, micros(x.ChangedAt), rev.Version); err != nil {
			return fmt.Errorf("write %s: %w", key, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO object_history (account, `+objectColumns+`)
		SELECT account, `+objectColumns+` FROM objects WHERE account = $1 AND version = $2`, rev.Account, rev.Version); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	changes, err := json.Marshal(rev.Changes)
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO revisions (version, account, at, origin, author, file, reason, changes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, rev.Version, rev.Account, micros(rev.At), rev.Origin, rev.By, rev.File, rev.Reason, string(changes)); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// remove takes an object away and notes by whom, which a later file will ask.
func (rev Revision) remove(ctx context.Context, tx *sql.Tx, x stored) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM objects WHERE account = $1 AND kind = $2 AND name = $3", rev.Account, x.Kind, x.Name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO object_history (account, `+objectColumns+`)
		VALUES ($1, $2, $3, $4, NULL, $5, $6, $7, $8, $9, $10, $11)`,
		rev.Account, x.Kind, x.Name, x.position, x.CreatedFrom, x.CreatedBy, micros(x.CreatedAt), rev.Origin, rev.By, micros(rev.At), rev.Version)
	return err
}

// room is left between two objects, so that another can be put there without touching them.
const room = 1 << 20

// place gives the objects of `after` positions that keep their order: those that stay
// where they are keep the one they have, the others are put in between. It returns what
// had to be moved beside the changes themselves.
func place(before, after holding, changes []org.Difference) map[org.ObjectKey]bool {
	loose := map[org.ObjectKey]bool{}
	for _, d := range changes {
		if d.Change == org.Moved || d.Change == org.Added {
			loose[d.ObjectKey] = true
		}
	}
	order := map[org.ObjectKind][]org.ObjectKey{}
	for _, s := range after.list() {
		order[s.Kind] = append(order[s.Kind], s.ObjectKey)
	}
	pushed := map[org.ObjectKey]bool{}
	for _, keys := range order {
		if fill(keys, before, after, loose) {
			continue
		}
		// No room is left somewhere: all of the kind get new positions.
		for i, k := range keys {
			x := after.objects[k]
			x.position = int64(i+1) * room
			after.objects[k] = x
			pushed[k] = true
		}
	}
	return pushed
}

// fill puts the loose ones between those that stay; false where there is no room.
func fill(keys []org.ObjectKey, before, after holding, loose map[org.ObjectKey]bool) bool {
	last, from := int64(0), 0
	between := func(to int, step int64) {
		for i := from; i < to; i++ {
			x := after.objects[keys[i]]
			x.position = last + int64(i-from+1)*step
			after.objects[keys[i]] = x
		}
	}
	for i, k := range keys {
		was, stays := before.objects[k]
		if !stays || loose[k] {
			continue
		}
		step := (was.position - last) / int64(i-from+1)
		if step < 1 {
			return false
		}
		between(i, step)
		x := after.objects[k]
		x.position = was.position
		after.objects[k] = x
		last, from = was.position, i+1
	}
	between(len(keys), room)
	return true
}
