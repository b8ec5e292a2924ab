package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/store"
	"github.com/tocsin-sip/tocsin/store/storetest"
)

// paper is a database that fails when it is told to.
type paper struct {
	mu      sync.Mutex
	fail    error
	refuse  map[int]bool // sequence numbers that are refused for good
	stuck   chan struct{}
	written []int
	tries   []time.Time
}

func (p *paper) write(ctx context.Context, es []cdr.Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries = append(p.tries, time.Now())
	if p.stuck != nil {
		select {
		case <-p.stuck:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if p.fail != nil {
		return p.fail
	}
	for _, e := range es {
		if p.refuse[e.Seq] {
			return fmt.Errorf("row %d: %w", e.Seq, store.ErrRefused)
		}
	}
	for _, e := range es {
		p.written = append(p.written, e.Seq)
	}
	return nil
}

func (p *paper) failing(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

func (p *paper) refusing(seq int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse[seq] = true
}

func numbered(from, to int) []cdr.Entry {
	var es []cdr.Entry
	for i := from; i <= to; i++ {
		es = append(es, cdr.Entry{Call: "c", Seq: i, Content: make([]byte, 100)})
	}
	return es
}

func seqs(from, to int) (list []int) {
	for i := from; i <= to; i++ {
		list = append(list, i)
	}
	return list
}

func closeJournal(t *testing.T, j *store.Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 2 {
		if err := j.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestJournal(t *testing.T) {
	t.Run("entries are written in their order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{}
			j := store.NewJournal(p.write, store.JournalConfig{Batch: 7})
			for i := 1; i <= 100; i += 4 {
				j.Append(numbered(i, i+3)...)
			}
			closeJournal(t, j)
			if !slices.Equal(p.written, seqs(1, 100)) {
				t.Errorf("written were %v", p.written)
			}
			if s := j.Stats(); s.Written != 100 || s.Pending != 0 || s.Bytes != 0 || s.Dropped != 0 || s.Oldest != 0 {
				t.Errorf("stats are %+v", s)
			}
		})
	})
	t.Run("L1 an hour without the database loses nothing and holds nobody up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{fail: errors.New("connection refused")}
			j := store.NewJournal(p.write, store.JournalConfig{})
			begun := time.Now()
			for i := 1; i <= 360; i++ {
				at := time.Now()
				j.Append(numbered(i, i)...)
				if time.Since(at) != 0 {
					t.Fatalf("Append took %v", time.Since(at))
				}
				time.Sleep(10 * time.Second)
			}
			if s := j.Stats(); s.Pending != 360 || s.Oldest != time.Since(begun) || s.Failures == 0 || s.LastErr != "connection refused" {
				t.Errorf("stats are %+v", s)
			}
			p.failing(nil)
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if s := j.Stats(); s.Pending != 0 || s.LastErr != "" || !slices.Equal(p.written, seqs(1, 360)) {
				t.Errorf("6 s after it is back: %+v, written %d", s, len(p.written))
			}
			closeJournal(t, j)
		})
	})
	t.Run("attempts back off to five seconds and begin again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{fail: errors.New("database is locked")}
			j := store.NewJournal(p.write, store.JournalConfig{})
			j.Append(numbered(1, 1)...)
			time.Sleep(20 * time.Second)
			synctest.Wait()
			var pauses []string
			for i := 1; i < len(p.tries); i++ {
				pauses = append(pauses, p.tries[i].Sub(p.tries[i-1]).String())
			}
			if got, want := strings.Join(pauses, " "), "100ms 200ms 400ms 800ms 1.6s 3.2s 5s 5s"; got != want {
				t.Errorf("the pauses are %s, want %s", got, want)
			}
			p.failing(nil)
			closeJournal(t, j)
		})
	})
	t.Run("memory is bounded, the newest are dropped and counted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{fail: errors.New("disk full")}
			j := store.NewJournal(p.write, store.JournalConfig{MaxBytes: 10 * 229})
			j.Append(numbered(1, 25)...)
			if s := j.Stats(); s.Pending != 10 || s.Dropped != 15 || s.Bytes > 10*229 {
				t.Errorf("stats are %+v", s)
			}
			p.failing(nil)
			time.Sleep(time.Minute)
			j.Append(numbered(26, 26)...)
			closeJournal(t, j)
			if want := append(seqs(1, 10), 26); !slices.Equal(p.written, want) {
				t.Errorf("written were %v", p.written)
			}
		})
	})
	t.Run("one entry that is refused for good holds up no other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{refuse: map[int]bool{37: true, 38: true, 90: true}}
			j := store.NewJournal(p.write, store.JournalConfig{Batch: 64})
			j.Append(numbered(1, 100)...)
			closeJournal(t, j)
			want := slices.DeleteFunc(seqs(1, 100), func(i int) bool { return p.refuse[i] })
			if !slices.Equal(p.written, want) || j.Stats().SetAside != 3 {
				t.Errorf("written were %v, %d set aside", p.written, j.Stats().SetAside)
			}
		})
	})
	t.Run("Close ends by its deadline and says what is left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{stuck: make(chan struct{})}
			j := store.NewJournal(p.write, store.JournalConfig{})
			j.Append(numbered(1, 3)...)
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
			defer cancel()
			begun := time.Now()
			err := j.Close(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 are not written") {
				t.Errorf("the error is %v", err)
			}
			if took := time.Since(begun); took != 4*time.Second {
				t.Errorf("it took %v", took)
			}
			if again := j.Close(context.Background()); again != err {
				t.Errorf("again the error is %v", again)
			}
			j.Append(numbered(4, 4)...)
			if s := j.Stats(); s.Dropped != 1 {
				t.Errorf("an entry after Close: %+v", s)
			}
		})
	})
	t.Run("a server that never answers is given up on and asked again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{stuck: make(chan struct{})}
			j := store.NewJournal(p.write, store.JournalConfig{})
			j.Append(numbered(1, 1)...)
			time.Sleep(11 * time.Second)
			if s := j.Stats(); s.Failures != 1 || s.LastErr != context.DeadlineExceeded.Error() {
				t.Errorf("after 11 s: %+v", s)
			}
			close(p.stuck)
			closeJournal(t, j)
		})
	})
}

// Whatever fails in between, what was taken is written once each, in order, or is counted.
func TestJournalLosesNothingUncounted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			p := &paper{refuse: map[int]bool{}}
			j := store.NewJournal(p.write, store.JournalConfig{Batch: rapid.IntRange(1, 9).Draw(rt, "batch"), MaxBytes: rapid.IntRange(1, 40).Draw(rt, "room") * 229})
			taken := 0
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				switch rapid.IntRange(0, 4).Draw(rt, "step") {
				case 0:
					p.failing(errors.New("gone"))
				case 1:
					p.failing(nil)
				case 2:
					time.Sleep(time.Duration(rapid.IntRange(1, 9000).Draw(rt, "ms")) * time.Millisecond)
				case 3:
					p.refusing(taken + 1)
					fallthrough
				default:
					n := rapid.IntRange(1, 12).Draw(rt, "entries")
					j.Append(numbered(taken+1, taken+n)...)
					taken += n
				}
				synctest.Wait()
			}
			p.failing(nil)
			if err := j.Close(context.Background()); err != nil {
				rt.Fatal(err)
			}
			s := j.Stats()
			if int(s.Written+s.Dropped+s.SetAside) != taken || len(p.written) != int(s.Written) {
				rt.Fatalf("of %d entries: %+v, %d written", taken, s, len(p.written))
			}
			if !slices.IsSorted(p.written) || len(slices.Compact(slices.Clone(p.written))) != len(p.written) {
				rt.Fatalf("written were %v", p.written)
			}
		})
	})
}

// writeThrough keeps a journal busy over a store and returns what it was given.
func writeThrough(t *testing.T, j *store.Journal, from, to int) (all []cdr.Entry) {
	t.Helper()
	begun := time.Now()
	for i := from; i < to; i++ {
		es := storetest.Chain(t, fmt.Sprintf("c%03d", i), time.Unix(1_800_000_000+int64(i), 0).UTC(), "acme")
		j.Append(es...)
		all = append(all, es...)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("taking %d entries took %v", len(all), took)
	}
	return all
}

func verifyAll(t *testing.T, s *store.Store, es []cdr.Entry) {
	t.Helper()
	got := 0
	for i := 0; i < len(es); i += 4 {
		chain, err := s.Entries(context.Background(), es[i].Call)
		if err == nil {
			err = cdr.Verify(chain)
		}
		if err != nil {
			t.Fatal(err)
		}
		got += len(chain)
	}
	if got != len(es) {
		t.Errorf("%d entries are there of %d", got, len(es))
	}
}
