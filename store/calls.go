package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/cdr"
)

// Call is a call as a list of calls shows it; the record has everything.
type Call struct {
	ID         string    `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"` // zero while it is live
	Account    string    `json:"account,omitempty"`
	Site       string    `json:"site,omitempty"`
	Extension  string    `json:"extension,omitempty"`
	Class      string    `json:"class,omitempty"`
	Dialled    string    `json:"dialled"`
	Route      string    `json:"route,omitempty"`
	Outcome    string    `json:"outcome,omitempty"`
	Node       string    `json:"node,omitempty"`
}

// CallFilter narrows a list of calls; a zero field asks for nothing.
type CallFilter struct {
	Account   string
	Site      string
	Extension string
	Class     string
	From      time.Time // received at that instant or later
	Until     time.Time // received before
	Live      bool      // only those that have not ended
}

// AppendEntries writes entries of calls. An entry that is there already stays as it is, so
// the same entries may be written again after a doubtful failure.
func (s *Store) AppendEntries(ctx context.Context, entries []cdr.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	st, err := s.callStatements(ctx)
	if err != nil {
		return fmt.Errorf("write call entries: %w", err)
	}
	err = s.writing(ctx, func(tx *sql.Tx) error {
		put, row := tx.StmtContext(ctx, st.entry), s.eachRow(ctx)
		var touched []string
		outlines := map[string]*cdr.Outline{}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			done, err := put.ExecContext(row, e.Call, e.Seq, micros(e.At), e.Kind, e.Content, e.Salt, e.Digest, e.Hash)
			if err != nil {
				return fmt.Errorf("entry %d of call %s: %w", e.Seq, e.Call, err)
			}
			if n, err := done.RowsAffected(); err == nil && n == 0 {
				continue // it was there, and in the list
			}
			o := outlines[e.Call]
			if o == nil {
				o = &cdr.Outline{ReceivedAt: e.At}
				outlines[e.Call] = o
				touched = append(touched, e.Call)
			}
			// An entry that cannot be read is kept; what it says is for a newer version.
			_ = o.Add(e)
		}
		return st.list(row, tx, touched, outlines)
	})
	switch {
	case err == nil:
		return nil
	case s.engine.permanent(err):
		return fmt.Errorf("write call entries: %w: %w", ErrRefused, err)
	}
	return fmt.Errorf("write call entries: %w", err)
}

// callStatements are what is written for every call, prepared once: to prepare the list's
// costs as much as to run it ten times.
type callStatements struct{ entry, begun, went *sql.Stmt }

func (s *Store) callStatements(ctx context.Context) (*callStatements, error) {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.calls != nil {
		return s.calls, nil
	}
	var st callStatements
	for text, into := range map[string]**sql.Stmt{putEntry: &st.entry, putBegun: &st.begun, putWent: &st.went} {
		var err error
		if *into, err = s.write.PrepareContext(ctx, text); err != nil {
			return nil, err // those that were prepared end with the connection
		}
	}
	s.calls = &st
	return s.calls, nil
}

const (
	putEntry = `INSERT INTO call_entries (call_id, seq, at, kind, content, salt, digest, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (call_id, seq) DO NOTHING`

	// Each column has one entry that it comes from, so that the order in which they are
	// written does not matter, and no entry has to be read again.
	putBegun = `INSERT INTO calls (call_id, received_at, answered_at, ended_at, account, site, extension, class, dialled, route, outcome, node)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (call_id) DO UPDATE SET
			received_at = CASE WHEN CAST($13 AS BIGINT) = 1 THEN excluded.received_at ELSE calls.received_at END,
			answered_at = CASE WHEN excluded.answered_at <> 0 THEN excluded.answered_at ELSE calls.answered_at END,
			ended_at = CASE WHEN excluded.ended_at <> 0 THEN excluded.ended_at ELSE calls.ended_at END,
			account = CASE WHEN excluded.account <> '' THEN excluded.account ELSE calls.account END,
			site = CASE WHEN excluded.site <> '' THEN excluded.site ELSE calls.site END,
			extension = CASE WHEN excluded.extension <> '' THEN excluded.extension ELSE calls.extension END,
			class = CASE WHEN excluded.class <> '' THEN excluded.class ELSE calls.class END,
			dialled = CASE WHEN excluded.dialled <> '' THEN excluded.dialled ELSE calls.dialled END,
			route = CASE WHEN excluded.route <> '' THEN excluded.route ELSE calls.route END,
			outcome = CASE WHEN excluded.outcome <> '' THEN excluded.outcome ELSE calls.outcome END,
			node = CASE WHEN excluded.node <> '' THEN excluded.node ELSE calls.node END`

	// What comes later changes no column that an index of the list begins with.
	putWent = `UPDATE calls SET answered_at = CASE WHEN CAST($2 AS BIGINT) <> 0 THEN $2 ELSE answered_at END,
			ended_at = CASE WHEN CAST($3 AS BIGINT) <> 0 THEN $3 ELSE ended_at END,
			outcome = CASE WHEN $4 <> '' THEN $4 ELSE outcome END
		WHERE call_id = $1`
)

// list brings the calls' lines of the list up to what the new entries say.
func (st *callStatements) list(ctx context.Context, tx *sql.Tx, ids []string, outlines map[string]*cdr.Outline) error {
	begun, went := tx.StmtContext(ctx, st.begun), tx.StmtContext(ctx, st.went)
	for _, id := range ids {
		o := outlines[id]
		if !o.Opened && o.Class == "" {
			done, err := went.ExecContext(ctx, id, micros(o.AnsweredAt), micros(o.EndedAt), o.Outcome)
			if err != nil {
				return fmt.Errorf("call %s: %w", id, err)
			}
			if n, err := done.RowsAffected(); err == nil && n > 0 {
				continue
			}
			// It is not in the list: its beginning is still to come, or was set aside.
		}
		if _, err := begun.ExecContext(ctx, id, micros(o.ReceivedAt), micros(o.AnsweredAt), micros(o.EndedAt), o.Account, o.Site, o.Extension,
			o.Class, o.Dialled, o.Route, o.Outcome, o.Node, toInt(o.Opened)); err != nil {
			return fmt.Errorf("call %s: %w", id, err)
		}
	}
	return nil
}

func entriesOf(ctx context.Context, tx *sql.Tx, id string) ([]cdr.Entry, error) {
	var es []cdr.Entry
	rows, err := tx.QueryContext(ctx, "SELECT seq, at, kind, content, salt, digest, hash FROM call_entries WHERE call_id = $1 ORDER BY seq", id)
	return es, each(rows, err, func(rows *sql.Rows) error {
		e := cdr.Entry{Call: id}
		var at int64
		if err := rows.Scan(&e.Seq, &at, &e.Kind, &e.Content, &e.Salt, &e.Digest, &e.Hash); err != nil {
			return err
		}
		e.At = instant(at)
		es = append(es, e)
		return nil
	})
}

// Entries reads the chain of one call.
func (s *Store) Entries(ctx context.Context, id string) ([]cdr.Entry, error) {
	var es []cdr.Entry
	err := s.reading(ctx, func(tx *sql.Tx) (err error) {
		es, err = entriesOf(ctx, tx, id)
		return err
	})
	if err == nil && len(es) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read call %s: %w", id, err)
	}
	return es, nil
}

// Call reads the record of one call.
func (s *Store) Call(ctx context.Context, id string) (cdr.Record, error) {
	es, err := s.Entries(ctx, id)
	if err != nil {
		return cdr.Record{}, err
	}
	r, err := cdr.Fold(es)
	if err != nil {
		return cdr.Record{}, fmt.Errorf("read call %s: %w", id, err)
	}
	return r, nil
}

// Calls lists calls, the newest first. The cursor is "" at the beginning and what the call
// before returned after that; it returns "" at the end.
func (s *Store) Calls(ctx context.Context, f CallFilter, cursor string, limit int) (list []Call, next string, err error) {
	before, id, err := readCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	err = s.reading(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT call_id, received_at, answered_at, ended_at, account, site, extension, class, dialled, route, outcome, node
			FROM calls WHERE ($1 = '' OR account = $1) AND ($2 = '' OR site = $2) AND ($3 = '' OR extension = $3) AND ($4 = '' OR class = $4)
			AND received_at >= CAST($5 AS BIGINT) AND (CAST($6 AS BIGINT) = 0 OR received_at < $6) AND (CAST($7 AS BIGINT) = 0 OR ended_at = 0)
			AND (CAST($8 AS BIGINT) = 0 OR received_at < $8 OR (received_at = $8 AND call_id < $9))
			ORDER BY received_at DESC, call_id DESC LIMIT $10`,
			f.Account, f.Site, f.Extension, f.Class, micros(f.From), micros(f.Until), toInt(f.Live), before, id, limit+1)
		return each(rows, err, func(rows *sql.Rows) error {
			var c Call
			var received, answered, ended int64
			if err := rows.Scan(&c.ID, &received, &answered, &ended, &c.Account, &c.Site, &c.Extension, &c.Class, &c.Dialled, &c.Route, &c.Outcome, &c.Node); err != nil {
				return err
			}
			c.ReceivedAt, c.AnsweredAt, c.EndedAt = instant(received), instant(answered), instant(ended)
			list = append(list, c)
			return nil
		})
	})
	if err != nil {
		return nil, "", fmt.Errorf("list calls: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", micros(last.ReceivedAt), last.ID))
	}
	return list, next, nil
}

// ErrCursor is returned for a cursor that this package did not make.
var ErrCursor = errors.New("no such cursor")

func readCursor(cursor string) (at int64, id string, err error) {
	if cursor == "" {
		return 0, "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, "", ErrCursor
	}
	us, id, ok := strings.Cut(string(text), " ")
	if at, err = strconv.ParseInt(us, 10, 64); err != nil || !ok {
		return 0, "", ErrCursor
	}
	return at, id, nil
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
