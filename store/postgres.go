package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

func openPostgres(url string) (*Store, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(30 * time.Minute)
	// Nodes that start together migrate one after the other.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	e := engine{name: "postgres", dialect: goose.DialectPostgres, migrate: []goose.ProviderOption{goose.WithSessionLocker(locker)}, permanent: permanentInPostgres,
		snapshot: sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}}
	return &Store{engine: e, write: db, read: db}, nil
}

// permanentInPostgres: SQLSTATE class 22 is a value that cannot be kept, class 23 a
// constraint. Everything else (gone, starting, full, serialisation) may pass.
func permanentInPostgres(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && len(e.Code) == 5 && (e.Code[:2] == "22" || e.Code[:2] == "23")
}
