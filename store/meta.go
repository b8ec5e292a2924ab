package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Meta reads a value the installation keeps about itself; "" where it was never set.
func (s *Store) Meta(ctx context.Context, name string) (string, error) {
	var v string
	err := s.read.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = $1", name).Scan(&v)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return v, nil
}

// SetMeta writes such a value.
func (s *Store) SetMeta(ctx context.Context, name, value string) error {
	if _, err := s.write.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
