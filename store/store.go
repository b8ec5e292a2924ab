package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
)

// ErrNotFound is returned where there is no such thing.
var ErrNotFound = errors.New("not found")

// ErrStale is returned where somebody else changed the object in the meantime.
var ErrStale = errors.New("changed by somebody else in the meantime")

// ErrRefused is returned where the database refuses a row for what it says: trying again
// is of no use.
var ErrRefused = errors.New("refused by the database")

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database.
type Store struct {
	engine engine
	write  *sql.DB // SQLite: one connection, so writers queue here instead of failing
	read   *sql.DB
	now    func() time.Time
	close  func() error

	preparing sync.Mutex
	calls     *callStatements // nil until the first call is written
}

// engine is what differs between the two databases.
type engine struct {
	name    string
	dialect goose.Dialect
	migrate []goose.ProviderOption
	// snapshot begins a transaction that sees one state of everything.
	snapshot sql.TxOptions
	// brief says that a statement which changes one row ends by itself: nothing is far away.
	brief bool
	// permanent says whether writing the same again will fail again.
	permanent func(error) bool
}

// Open opens a database and brings it to the newest form (S4). It is a URL of PostgreSQL,
// or the name of an SQLite file, which is made where there is none.
func Open(ctx context.Context, database string) (*Store, error) {
	open := openSQLite
	if strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") {
		open = openPostgres
	}
	s, err := open(database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.now = time.Now
	s.close = sync.OnceValue(func() error {
		err := s.write.Close()
		if s.read != s.write {
			err = errors.Join(err, s.read.Close())
		}
		return err
	})
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := append([]goose.ProviderOption{goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithDisableGlobalRegistry(true)}, s.engine.migrate...)
	p, err := goose.NewProvider(s.engine.dialect, s.write, folder, options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Close ends all connections. It may be called more than once.
func (s *Store) Close() error { return s.close() }

// Engine is the database in use: "sqlite" or "postgres".
func (s *Store) Engine() string { return s.engine.name }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.Version(ctx); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

// writing runs a use case in one transaction.
func (s *Store) writing(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	return tx.Commit()
}

// eachRow is the context of the statements that write many rows in one transaction, one at
// a time. SQLite's driver begins a goroutine for every statement that can be cancelled,
// which costs as much as the row; there the transaction is cancelled between two rows.
func (s *Store) eachRow(ctx context.Context) context.Context {
	if s.engine.brief {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// reading runs a use case that sees one state of everything and changes nothing.
func (s *Store) reading(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.read.BeginTx(ctx, &s.engine.snapshot)
	if err != nil {
		return err
	}
	defer func() { _ = rollback(tx) }()
	return do(tx)
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// each scans every row of a query.
func each(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
