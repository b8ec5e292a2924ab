package store_test

import (
	"path/filepath"
	"testing"

	"github.com/tocsin-sip/tocsin/store"
	"github.com/tocsin-sip/tocsin/store/storetest"
)

func open(t testing.TB, database string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t testing.TB) *store.Store { return open(t, filepath.Join(t.TempDir(), "a b?%c", "tocsin.db")) })
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t testing.TB) *store.Store { return open(t, storetest.Postgres(t).Database(t)) })
}
