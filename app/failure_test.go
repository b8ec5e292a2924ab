package app_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/store/storetest"
	"modernc.org/sqlite"
)

// L1: whatever the database does, a 911 call is connected in normal time with both voices,
// and its record is whole when the database is back.
func TestL1TheDatabaseNeverStopsACall(t *testing.T) {
	for _, x := range []struct {
		name  string
		warns string // the check of /readyz that tells
		fail  func(*testing.T, *rig) (mend func())
	}{
		{"locked by somebody else", "records", locked},
		{"its files moved away", "database", movedAway},
	} {
		t.Run(x.name, func(t *testing.T) { survives(t, running(t, ""), x.warns, func(r *rig) func() { return x.fail(t, r) }) })
	}
	t.Run("PostgreSQL stops", func(t *testing.T) {
		server := storetest.Postgres(t)
		survives(t, running(t, server.Database(t)), "database", func(*rig) func() {
			server.Stop()
			return func() {
				if err := server.Start(); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}

// survives has the database fail during one call and before another.
func survives(t *testing.T, r *rig, warns string, fail func(*rig) (mend func())) {
	before := r.call(r.dana)
	mend := fail(r)
	during := r.call(r.phone)
	r.warns(warns)
	hears(t, before, psapVoice)
	r.psapHears()
	before.Hangup()
	<-before.Done()
	r.hangUp(during)
	mend()
	r.well()
	for n, ext := range []string{"2001", "2041"} {
		if rec := r.record(n + 1); rec.Extension != ext || rec.AnsweredBy != "psap-us/1" || rec.Ending != "caller hung up" {
			t.Errorf("the record of %s is %+v", ext, rec)
		}
	}
}

// psapHears wants the phone's voice at the PSAP.
func (r *rig) psapHears() {
	r.t.Helper()
	calls := r.psap.Calls()
	hears(r.t, calls[len(calls)-1], phoneVoice)
}

func locked(t *testing.T, r *rig) func() {
	db, err := sql.Open("sqlite", string(r.node.Database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"PRAGMA busy_timeout = 10000", "BEGIN EXCLUSIVE"} {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := c.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

func movedAway(t *testing.T, r *rig) func() {
	away := t.TempDir()
	files := r.files()
	for _, f := range files {
		move(t, f, filepath.Join(away, filepath.Base(f)))
	}
	return func() {
		for _, f := range files {
			move(t, filepath.Join(away, filepath.Base(f)), f)
		}
	}
}

// L1: a disk that is full, and then a copy of the database on a larger one.
func TestL1TheDiskIsFull(t *testing.T) {
	r := newRig(t, "")
	r.apply()
	full.Store(&r.node.Database)
	r.start()
	r.register(r.phone, "2041")
	c := r.call(r.phone)
	r.psapHears()
	r.warns("records")
	r.hangUp(c)
	full.Store(nil)
	copied := filepath.Join(t.TempDir(), "copy.db")
	s := r.store()
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	s.Close()
	r.remove()
	move(t, copied, string(r.node.Database))
	r.well()
	if rec := r.record(1); rec.Extension != "2041" {
		t.Errorf("the record is %+v", rec)
	}
}

// full is the database whose connections find no room for another page.
var full atomic.Pointer[config.Database]

func init() {
	sqlite.RegisterConnectionHook(func(c sqlite.ExecQuerierContext, dsn string) error {
		f := full.Load()
		if f == nil || !strings.Contains(dsn, string(*f)) {
			return nil
		}
		_, err := c.ExecContext(context.Background(), "PRAGMA max_page_count = 1", nil) // it means: as many as there are
		return err
	})
}

// L1: a database that was put in the place of the one in use is found, and used.
func TestTheDatabaseFileIsReplaced(t *testing.T) {
	r := running(t, "")
	copied := filepath.Join(t.TempDir(), "copy.db")
	s := r.store()
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	s.Close()
	r.remove()
	r.warns("database")
	c := r.call(r.phone)
	move(t, copied, string(r.node.Database))
	r.well()
	r.hangUp(c)
	if rec := r.record(1); rec.Extension != "2041" {
		t.Errorf("the record is %+v", rec)
	}
}

// S2, L1: a node that was configured starts without its database, with the configuration
// it had last; the database counts again when it is there.
func TestStartWithTheDatabaseGone(t *testing.T) {
	for _, x := range []struct {
		name string
		gone func(*testing.T, *rig) (back func())
	}{
		{"its files are not there", movedAway},
		{"it is no database", func(t *testing.T, r *rig) func() {
			back := movedAway(t, r)
			if err := os.WriteFile(string(r.node.Database), []byte(strings.Repeat("this is no database. ", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			return back
		}},
		{"it is empty", func(t *testing.T, r *rig) func() {
			back := movedAway(t, r)
			r.store().Close()
			return func() {
				r.remove()
				back()
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := running(t, "")
			if err := r.app.Close(); err != nil {
				t.Fatal(err)
			}
			back := x.gone(t, r)
			r.start()
			if v := r.app.Directory().Version; v != 1 {
				t.Errorf("version %d serves", v)
			}
			r.warns("database")
			r.register(r.phone, "2041")
			r.hangUp(r.call(r.phone))
			back()
			r.org.Trunks[1].MaxCalls = 7
			r.apply()
			until(t, "the database is read again", func() bool { return r.app.Directory().Version == 2 })
			r.well()
			if rec := r.record(1); rec.Extension != "2041" {
				t.Errorf("the record is %+v", rec)
			}
		})
	}
}

// Without a database and without a configuration from before there is nothing to serve:
// that is an error, said at once, and nothing stays open.
func TestFirstStartWithTheDatabaseGone(t *testing.T) {
	r := newRig(t, "")
	if err := os.Mkdir(string(r.node.Database), 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(app.Config{Node: r.node, Open: r.open})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "load configuration: open database") {
		t.Errorf("the error is %v", err)
		a.Close()
	}
}
