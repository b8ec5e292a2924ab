package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
)

// stored is an object as it lies in the database.
type stored struct {
	Provenance
	position int64
	content  []byte // JSON; nil where history says that it was removed
	value    any    // what the content says, read once
}

// read gives the object its value.
func (s *stored) read() (err error) {
	if s.value == nil {
		s.value, err = org.ParseObject(s.Kind, s.content)
	}
	return err
}

// personal says whether it is a user's own: an apply never removes it.
func (s stored) personal() bool {
	a, ok := s.value.(*location.Address)
	return ok && (a.Level == location.LevelPersonal || a.Level == location.LevelPending)
}

const objectColumns = "kind, name, position, content, created_from, created_by, created_at, changed_from, changed_by, changed_at, version"

func scanObject(rows *sql.Rows, first ...any) (stored, error) {
	var s stored
	var content sql.NullString
	var created, changed int64
	into := append(first, &s.Kind, &s.Name, &s.position, &content, &s.CreatedFrom, &s.CreatedBy, &created, &s.ChangedFrom, &s.ChangedBy, &changed, &s.Version)
	if err := rows.Scan(into...); err != nil {
		return s, err
	}
	if content.Valid {
		s.content = []byte(content.String)
	}
	s.CreatedAt, s.ChangedAt = instant(created), instant(changed)
	return s, nil
}

// holding is what one account consists of.
type holding struct {
	account string
	objects map[org.ObjectKey]stored
}

// list is the objects in their order.
func (h holding) list() []stored {
	list := make([]stored, 0, len(h.objects))
	for _, s := range h.objects {
		list = append(list, s)
	}
	kinds := org.ObjectKinds()
	slices.SortFunc(list, func(a, b stored) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.position, b.position), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// organisation puts the objects together.
func (h holding) organisation() (org.Organisation, error) {
	var o org.Organisation
	for _, s := range h.list() {
		if err := s.read(); err != nil {
			return o, fmt.Errorf("%s of %s: %w", s.ObjectKey, h.account, err)
		}
		o.Put(s.value)
	}
	return o, nil
}

// holdings reads all accounts.
func holdings(ctx context.Context, tx *sql.Tx) (map[string]holding, error) {
	all := map[string]holding{}
	rows, err := tx.QueryContext(ctx, "SELECT account, "+objectColumns+" FROM objects")
	return all, each(rows, err, func(rows *sql.Rows) error {
		var account string
		s, err := scanObject(rows, &account)
		if err != nil {
			return err
		}
		if err := s.read(); err != nil {
			return fmt.Errorf("%s of %s: %w", s.ObjectKey, account, err)
		}
		if all[account].objects == nil {
			all[account] = holding{account, map[org.ObjectKey]stored{}}
		}
		all[account].objects[s.ObjectKey] = s
		return nil
	})
}

// organisations puts every account but one together, in the order of their names.
func organisations(all map[string]holding, but string) ([]org.Organisation, error) {
	var list []org.Organisation
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == but {
			continue
		}
		o, err := all[name].organisation()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// stateAt is what an account consisted of at a version: the last state of each object.
func stateAt(ctx context.Context, tx *sql.Tx, account string, version int64) (holding, error) {
	h := holding{account, map[org.ObjectKey]stored{}}
	rows, err := tx.QueryContext(ctx, `SELECT `+objectColumns+` FROM object_history WHERE account = $1 AND version <= $2
		ORDER BY version`, account, version)
	return h, each(rows, err, func(rows *sql.Rows) error {
		s, err := scanObject(rows)
		if err != nil {
			return err
		}
		if h.objects[s.ObjectKey] = s; s.content == nil {
			delete(h.objects, s.ObjectKey)
		}
		return nil
	})
}

// removals are the objects of an account that are gone, as their removal left them.
func removals(ctx context.Context, tx *sql.Tx, account string) (map[org.ObjectKey]stored, error) {
	gone := map[org.ObjectKey]stored{}
	rows, err := tx.QueryContext(ctx, `SELECT `+objectColumns+` FROM object_history AS h WHERE account = $1 AND content IS NULL
		AND version = (SELECT MAX(version) FROM object_history AS l WHERE l.account = h.account AND l.kind = h.kind AND l.name = h.name)`, account)
	return gone, each(rows, err, func(rows *sql.Rows) error {
		s, err := scanObject(rows)
		gone[s.ObjectKey] = s
		return err
	})
}
