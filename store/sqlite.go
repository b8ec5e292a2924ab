package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// readers of SQLite see a snapshot each and do not hold the writer up (WAL).
const readers = 4

func openSQLite(file string) (*Store, error) {
	if dir := filepath.Dir(file); dir != "." {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, err
		}
	}
	q := url.Values{}
	// A checkpoint writes every page again: at 16 MB of log pages that changed often are
	// written once.
	for _, p := range []string{"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(4000)", "foreign_keys(1)"} {
		q.Add("_pragma", p)
	}
	// A transaction that reads first and then writes cannot wait for another writer: it
	// fails at once. Taking the lock at the beginning, it waits.
	q.Set("_txlock", "immediate")
	write, err := sql.Open("sqlite", dsn(file, q))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	q.Set("_txlock", "deferred")
	q.Add("_pragma", "query_only(1)")
	read, err := sql.Open("sqlite", dsn(file, q))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	e := engine{name: "sqlite", dialect: goose.DialectSQLite3, brief: true, snapshot: sql.TxOptions{ReadOnly: true}, permanent: permanentInSQLite}
	return &Store{engine: e, write: write, read: read}, nil
}

func dsn(file string, q url.Values) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// permanentInSQLite: what a row says is refused. Everything else (locked, full, gone,
// read-only for now) may be over when it is tried again.
func permanentInSQLite(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return true
	}
	return false
}

// Backup writes a copy of an SQLite database as it is at one instant, while it is in use.
// A file that is there already is not written over.
func (s *Store) Backup(ctx context.Context, file string) error {
	if s.engine.name != "sqlite" {
		return errors.New("back up: use pg_dump for PostgreSQL")
	}
	// A reader's connection, so that writers go on; for once it may write, to the copy.
	err := func() error {
		c, err := s.read.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, "VACUUM INTO $1", file)
		_, again := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = 1")
		return errors.Join(err, again)
	}()
	if err != nil {
		return fmt.Errorf("back up to %s: %w", file, err)
	}
	return nil
}
