package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tocsin-sip/tocsin/org"
)

// Apply is a file that an account shall match (D8).
type Apply struct {
	Organisation org.Organisation
	File         string
	By           string
	Reason       string
	Prune        bool  // remove what was created elsewhere as well, but for what is a person's own
	Force        bool  // the file wins over changes made elsewhere
	DryRun       bool  // say what would be done
	Check        Check // asked before anything is written
}

// Apply makes the account match the file: all of it or nothing. The same file again
// changes nothing.
func (s *Store) Apply(ctx context.Context, a Apply) (Result, error) {
	rev := Revision{Account: a.Organisation.Name(), Origin: FromFile, By: a.By, File: a.File, Reason: a.Reason}
	var m merge
	r, err := s.revise(ctx, rev, a.DryRun, a.Check, func(tx *sql.Tx, before holding) (holding, error) {
		gone, err := removals(ctx, tx, rev.Account)
		if err != nil {
			return holding{}, err
		}
		m = merge{Apply: a, before: before, gone: gone, after: holding{rev.Account, maps.Clone(before.objects)}}
		return m.after, m.run()
	})
	if err != nil {
		return Result{}, fmt.Errorf("apply %s: %w", a.File, err)
	}
	r.Conflicts, r.Elsewhere = m.conflicts, m.elsewhere
	return r, nil
}

// merge is the decision of Apply, object by object, as the table of the package comment
// has it.
type merge struct {
	Apply
	before, after holding
	gone          map[org.ObjectKey]stored
	conflicts     []Conflict
	elsewhere     []Provenance
}

func (m *merge) run() error {
	objects := m.Organisation.Objects()
	position := int64(0)
	named := map[org.ObjectKey]bool{}
	for _, x := range objects {
		position += room
		if named[x.ObjectKey] {
			return fmt.Errorf("%s is in the file twice", x.ObjectKey)
		}
		named[x.ObjectKey] = true
		if err := m.take(x, position); err != nil {
			return err
		}
	}
	// What the file does not name and what stays all the same stays behind what it was behind.
	last, kind := int64(0), org.ObjectKind("")
	for _, old := range m.before.list() {
		if old.Kind != kind {
			last, kind = 0, old.Kind
		}
		if !named[old.ObjectKey] {
			m.silent(old)
		}
		left, stays := m.after.objects[old.ObjectKey]
		if !stays {
			continue
		}
		if !named[old.ObjectKey] {
			left.position = last + 1
			m.after.objects[old.ObjectKey] = left
		}
		last = left.position
	}
	return nil
}

// take is what becomes of an object that the file names.
func (m *merge) take(x org.Object, position int64) error {
	content, err := json.Marshal(x.Value)
	if err != nil {
		return fmt.Errorf("%s: %w", x.ObjectKey, err)
	}
	wanted := stored{Provenance: Provenance{ObjectKey: x.ObjectKey, CreatedFrom: FromFile, CreatedBy: m.By, ChangedFrom: FromFile, ChangedBy: m.By},
		position: position, content: content}
	old, there := m.before.objects[x.ObjectKey]
	if !there {
		if g, was := m.gone[x.ObjectKey]; was && g.ChangedFrom != FromFile && !m.Force {
			d, _ := org.Compare(x.ObjectKey, nil, x.Value)
			m.conflicts = append(m.conflicts, Conflict{g.Provenance, d})
			return nil
		}
		m.after.objects[x.ObjectKey] = wanted
		return nil
	}
	// Another order of fields, or one that an older version did not know, is no difference.
	d, differs := org.Compare(x.ObjectKey, old.value, x.Value)
	switch {
	case !differs:
		wanted = old
	case old.ChangedFrom == FromFile || m.Force:
		wanted.CreatedFrom, wanted.CreatedBy, wanted.CreatedAt = old.CreatedFrom, old.CreatedBy, old.CreatedAt
	default:
		m.conflicts = append(m.conflicts, Conflict{old.Provenance, d})
		wanted = old
	}
	wanted.position = position
	m.after.objects[x.ObjectKey] = wanted
	return nil
}

// silent is what becomes of an object that the file does not name.
func (m *merge) silent(old stored) {
	switch {
	case old.Kind == org.ObjectAccount:
	case old.CreatedFrom == FromFile && (old.ChangedFrom == FromFile || m.Force):
		delete(m.after.objects, old.ObjectKey)
	case old.CreatedFrom == FromFile:
		m.conflicts = append(m.conflicts, Conflict{old.Provenance, org.Difference{ObjectKey: old.ObjectKey, Change: org.Removed}})
	case m.Prune && !old.personal():
		delete(m.after.objects, old.ObjectKey)
	default:
		m.elsewhere = append(m.elsewhere, old.Provenance)
	}
}

// Change is a write by another door than a file: API, console, approval.
type Change struct {
	Account   string
	Origin    Origin
	By        string
	Reason    string
	Set       []org.Object
	Remove    []org.ObjectKey
	IfVersion int64 // refuse with ErrStale where an object was changed by a later version; 0: do not ask
	DryRun    bool
	Check     Check
}

// Change sets and removes single objects.
func (s *Store) Change(ctx context.Context, c Change) (Result, error) {
	rev := Revision{Account: c.Account, Origin: c.Origin, By: c.By, Reason: c.Reason}
	r, err := s.revise(ctx, rev, c.DryRun, c.Check, func(_ *sql.Tx, before holding) (holding, error) {
		after := holding{c.Account, maps.Clone(before.objects)}
		last := int64(0)
		for _, x := range before.objects {
			last = max(last, x.position)
		}
		for _, x := range c.Set {
			old, there := before.objects[x.ObjectKey]
			if there && c.IfVersion != 0 && old.Version > c.IfVersion {
				return after, fmt.Errorf("%s: %w", x.ObjectKey, ErrStale)
			}
			content, err := json.Marshal(x.Value)
			if err != nil {
				return after, fmt.Errorf("%s: %w", x.ObjectKey, err)
			}
			if !there {
				last += room
				old = stored{Provenance: Provenance{ObjectKey: x.ObjectKey, CreatedFrom: c.Origin, CreatedBy: c.By}, position: last}
			}
			old.content, old.value, old.ChangedFrom, old.ChangedBy, old.ChangedAt = content, nil, c.Origin, c.By, s.now().UTC()
			after.objects[x.ObjectKey] = old
		}
		for _, key := range c.Remove {
			old, there := before.objects[key]
			switch {
			case !there:
				return after, fmt.Errorf("%s: %w", key, ErrNotFound)
			case c.IfVersion != 0 && old.Version > c.IfVersion:
				return after, fmt.Errorf("%s: %w", key, ErrStale)
			}
			delete(after.objects, key)
		}
		return after, nil
	})
	if err != nil {
		return Result{}, fmt.Errorf("change %s: %w", c.Account, err)
	}
	return r, nil
}

// Rollback makes an account what it was at a version.
type Rollback struct {
	Account string
	Version int64
	By      string
	Reason  string
	DryRun  bool
	Check   Check
}

// Rollback is a change like any other: it makes a new version, and can be rolled back.
// Objects come back with the provenance they had, and what it removes counts as removed by
// a file, so that the next apply of one is not held up by conflicts.
func (s *Store) Rollback(ctx context.Context, b Rollback) (Result, error) {
	rev := Revision{Account: b.Account, Origin: FromFile, By: b.By, File: fmt.Sprintf("rollback to %d", b.Version), Reason: b.Reason}
	r, err := s.revise(ctx, rev, b.DryRun, b.Check, func(tx *sql.Tx, before holding) (holding, error) {
		then, err := stateAt(ctx, tx, b.Account, b.Version)
		if err == nil && len(then.objects) == 0 {
			err = fmt.Errorf("the account at version %d: %w", b.Version, ErrNotFound)
		}
		return then, err
	})
	if err != nil {
		return Result{}, fmt.Errorf("roll back %s: %w", b.Account, err)
	}
	return r, nil
}

// History lists the changes of an account, or of all with no name, the newest first; those
// before a version where it is not 0.
func (s *Store) History(ctx context.Context, account string, before int64, limit int) ([]Revision, error) {
	var list []Revision
	err := s.reading(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT version, account, at, origin, author, file, reason, changes FROM revisions
			WHERE ($1 = '' OR account = $1) AND (CAST($2 AS BIGINT) = 0 OR version < $2) ORDER BY version DESC LIMIT $3`, account, before, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var r Revision
			var at int64
			var changes string
			if err := rows.Scan(&r.Version, &r.Account, &at, &r.Origin, &r.By, &r.File, &r.Reason, &changes); err != nil {
				return err
			}
			r.At = instant(at)
			list = append(list, r)
			return json.Unmarshal([]byte(changes), &list[len(list)-1].Changes)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return list, nil
}

// Provenance lists where the objects of an account came from, in their order.
func (s *Store) Provenance(ctx context.Context, account string) ([]Provenance, error) {
	var list []Provenance
	err := s.reading(ctx, func(tx *sql.Tx) error {
		all, err := holdings(ctx, tx)
		for _, x := range all[account].list() {
			list = append(list, x.Provenance)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read provenance: %w", err)
	}
	return slices.Clip(list), nil
}
