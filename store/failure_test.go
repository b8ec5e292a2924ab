package store_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/store"
	"github.com/tocsin-sip/tocsin/store/storetest"
)

// quick is a journal that asks again at once, since these tests run in real time.
func quick(t *testing.T, s *store.Store) *store.Journal {
	j := store.NewJournal(s.AppendEntries, store.JournalConfig{RetryMin: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond})
	t.Cleanup(func() { closeJournal(t, j) })
	return j
}

// until waits for something that is about to happen.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !happened(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

func flush(t *testing.T, j *store.Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := j.Flush(ctx); err != nil {
		t.Fatalf("%v: %+v", err, j.Stats())
	}
}

func TestL1DatabaseLocked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, file)
	j := quick(t, s)
	other, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	es := writeThrough(t, j, 0, 50)
	until(t, "an attempt to write fails", func() bool { return j.Stats().Failures > 0 })
	if p := j.Stats().Pending; p != len(es) {
		t.Errorf("%d of %d wait", p, len(es))
	}
	// Reading goes on beside a writer (WAL).
	if _, err := s.Directory(t.Context()); err != nil {
		t.Errorf("reading beside a lock: %v", err)
	}
	if _, err := lock.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	flush(t, j)
	verifyAll(t, s, es)
}

func TestL1DiskFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, file)
	j := quick(t, s)
	first := writeThrough(t, j, 0, 5)
	flush(t, j)
	// max_page_count is of a connection; the store's one writer gets it here.
	pages := store.LimitPages(t, s, 0)
	store.LimitPages(t, s, pages)
	es := writeThrough(t, j, 5, 200)
	until(t, "an attempt to write fails", func() bool { return j.Stats().Failures > 0 })
	if st := j.Stats(); st.Pending != len(es) || st.SetAside != 0 {
		t.Errorf("on a full disk: %+v", st)
	}
	if _, err := s.Apply(t.Context(), store.Apply{Organisation: storetest.Campus(t), File: "campus.yaml"}); err == nil {
		t.Error("a file was applied to a full disk")
	}
	if d, err := s.Directory(t.Context()); err != nil || d.Version != 0 || len(d.Accounts()) != 0 {
		t.Errorf("half a file is there: %v %v", d, err)
	}
	store.LimitPages(t, s, 1<<30)
	flush(t, j)
	verifyAll(t, s, append(first, es...))
}

// A directory where nothing can be written, from the beginning.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "not a directory")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), filepath.Join(file, "tocsin.db")); err == nil {
		t.Error("a database was opened in a file")
	}
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, []byte("this is not a database, and it is long enough to be read as one: no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), garbage); err == nil {
		t.Error("garbage was opened")
	}
	if _, err := store.Open(t.Context(), "postgres:///nothing?host="+t.TempDir()); err == nil {
		t.Error("a server that is not there was opened")
	}
}

func TestL1PostgresGone(t *testing.T) {
	server := storetest.Postgres(t)
	s := open(t, server.Database(t))
	o := storetest.Campus(t)
	if _, err := s.Apply(t.Context(), store.Apply{Organisation: o, File: "campus.yaml"}); err != nil {
		t.Fatal(err)
	}
	j := quick(t, s)
	all := writeThrough(t, j, 0, 50)

	// Somebody follows the configuration all the while.
	ctx, cancel := context.WithCancel(t.Context())
	live, told, ended := make(chan *org.Directory, 4), make(chan error, 16), make(chan struct{})
	go func() {
		defer close(ended)
		s.Follow(ctx, 10*time.Millisecond, 1, func(d *org.Directory) { live <- d }, func(err error) { told <- err })
	}()

	server.Stop()
	if err := <-told; err == nil {
		t.Error("that the database is gone was not told")
	}
	all = append(all, writeThrough(t, j, 50, 150)...)
	until(t, "an attempt to write fails", func() bool { return j.Stats().Failures > 0 })
	if st := j.Stats(); st.Pending == 0 || st.Dropped != 0 || st.SetAside != 0 {
		t.Errorf("with the database gone: %+v", st)
	}
	if _, err := s.Directory(t.Context()); err == nil {
		t.Error("a directory was read from a database that is gone")
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Errorf("that it is back was told as %v", err)
	}
	flush(t, j)
	verifyAll(t, s, all)

	o.Trunks[1].MaxCalls = 24
	if _, err := s.Apply(t.Context(), store.Apply{Organisation: o, File: "campus.yaml"}); err != nil {
		t.Fatal(err)
	}
	if d := <-live; d.Version != 2 {
		t.Errorf("after it was back version %d went live", d.Version)
	}
	cancel()
	<-ended
}

// S1: nodes that start together find one database.
func TestNodesStartTogether(t *testing.T) {
	url := storetest.Postgres(t).Database(t)
	errs := make(chan error)
	for range 4 {
		go func() {
			s, err := store.Open(context.Background(), url)
			if err == nil {
				err = errors.Join(s.Ping(context.Background()), s.Close())
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// What was written before the process was killed in the middle of a batch is whole.
func TestABatchIsWrittenWholeOrNotAtAll(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			database := filepath.Join(t.TempDir(), "tocsin.db")
			if engine == "postgres" {
				database = storetest.Postgres(t).Database(t)
			}
			s := open(t, database)
			es := storetest.Chain(t, "c1", time.Unix(1_800_000_000, 0), "acme")
			bad := storetest.Chain(t, "c2", time.Unix(1_800_000_000, 0), "acme")[0]
			bad.Hash = nil
			if err := s.AppendEntries(t.Context(), append(es, bad)); !errors.Is(err, store.ErrRefused) {
				t.Fatalf("the error is %v", err)
			}
			if _, err := s.Entries(t.Context(), "c1"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("half a batch is there: %v", err)
			}
			j := quick(t, s)
			j.Append(append(es, bad)...)
			flush(t, j)
			if st := j.Stats(); st.SetAside != 1 || int(st.Written) != len(es) {
				t.Errorf("stats are %+v", st)
			}
		})
	}
}

// S4: databases of former versions are opened and go on.
func TestOldDatabases(t *testing.T) {
	files, err := filepath.Glob("testdata/*/tocsin.db")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is none: %v", err)
	}
	for _, old := range files {
		t.Run(filepath.Base(filepath.Dir(old)), func(t *testing.T) {
			text, err := os.ReadFile(old)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "tocsin.db")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, file)
			d, err := s.Directory(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if v := d.Account("acme"); d.Version != 3 || v == nil || v.Extension("2041") == nil || v.Extension("2999") == nil || v.Trunk("carrier-us").MaxCalls != 24 {
				t.Errorf("the directory is of version %d: %+v", d.Version, v)
			}
			r, err := s.Call(t.Context(), "c1")
			if err != nil || r.Live() || r.Extension != "2041" {
				t.Errorf("the call is %+v: %v", r, err)
			}
			es, err := s.Entries(t.Context(), "c1")
			verifyAll(t, s, es)
			if bs, e := s.Bindings(t.Context()); err != nil || e != nil || len(bs) != 1 || bs[0].Device != "lobby" {
				t.Errorf("bindings are %+v: %v %v", bs, err, e)
			}
			h, err := s.History(t.Context(), "acme", 0, 10)
			if err != nil || len(h) != 3 {
				t.Errorf("the history is %+v: %v", h, err)
			}
			if _, err := s.Rollback(t.Context(), store.Rollback{Account: "acme", Version: 1, By: "dana"}); err != nil {
				t.Error(err)
			}
			if err := s.AppendEntries(t.Context(), storetest.Chain(t, "c2", time.Unix(1_900_000_000, 0), "acme")); err != nil {
				t.Error(err)
			}
			err = s.AppendMessages(t.Context(), []store.Message{{Call: "c2", Raw: []byte("BYE")}})
			if ms, e := s.Messages(t.Context(), "c2"); err != nil || e != nil || len(ms) != 1 {
				t.Errorf("messages are %+v: %v %v", ms, err, e)
			}
		})
	}
}

var makeOld = flag.String("make", "", "make testdata/NAME/tocsin.db, when a form of the tables is released")

// TestMakeOldDatabase makes what TestOldDatabases will open from then on. Without -make it
// does so in a temporary folder, so that it works on the day it is needed.
func TestMakeOldDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.db")
	if *makeOld != "" {
		file = filepath.Join("testdata", *makeOld, "tocsin.db")
	}
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	o := storetest.Campus(t)
	x := org.Extension{Number: "2999", Site: "hq"}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	_, err := s.Apply(t.Context(), store.Apply{Organisation: o, File: "campus.yaml", By: "dana"})
	o.Trunks[1].MaxCalls = 24
	_, err2 := s.Apply(t.Context(), store.Apply{Organisation: o, File: "campus.yaml", By: "dana"})
	_, err3 := s.Change(t.Context(), store.Change{Account: "acme", Origin: store.FromConsole, By: "kim",
		Set: []org.Object{{ObjectKey: org.ObjectKey{Kind: org.ObjectExtension, Name: "2999"}, Value: &x}}})
	err = errors.Join(err, err2, err3, s.AppendEntries(t.Context(), storetest.Chain(t, "c1", noon, "acme")),
		s.PutBindings(t.Context(), store.Binding{AOR: "sip:2041@acme.example", ID: "sip:2041@192.0.2.7", Contact: "sip:2041@192.0.2.7",
			Account: "acme", Extension: "2041", Device: "lobby", RegisteredAt: noon, ExpiresAt: noon.Add(time.Hour)}), s.Backup(t.Context(), file))
	if err != nil {
		t.Fatal(err)
	}
}

func TestBackup(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	if _, err := s.Apply(t.Context(), store.Apply{Organisation: storetest.Campus(t), File: "campus.yaml"}); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	d, err := open(t, copied).Directory(t.Context())
	if err != nil || d.Version != 1 || d.Account("acme") == nil {
		t.Errorf("the copy is %v: %v", d, err)
	}
	if err := s.Backup(t.Context(), copied); err == nil {
		t.Error("a file that is there was written over")
	}
	if s.Engine() != "sqlite" || s.Ping(t.Context()) != nil {
		t.Error(fmt.Sprint(s.Engine(), s.Ping(t.Context())))
	}
}
