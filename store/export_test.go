package store

import (
	"fmt"
	"testing"
)

// LimitPages bounds the size of an SQLite database, so that its disk is full; with 0 it
// says how many pages there are.
func LimitPages(t *testing.T, s *Store, n int) (pages int) {
	t.Helper()
	q := "PRAGMA page_count"
	if n > 0 {
		q = fmt.Sprintf("PRAGMA max_page_count = %d", n)
	}
	if err := s.write.QueryRow(q).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	return pages
}
