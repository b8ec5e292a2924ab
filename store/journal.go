package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/cdr"
)

// JournalConfig is how a journal behaves; its zero value works.
type JournalConfig struct {
	MaxBytes int           // what may wait in memory; 64 MiB
	Batch    int           // entries of one transaction; 1024
	Gather   time.Duration // how long an entry waits for others to share its transaction; 50 ms
	Timeout  time.Duration // of one attempt to write; 10 s
	RetryMin time.Duration // first pause after a failure, doubled each time; 100 ms
	RetryMax time.Duration // 5 s
	Log      *slog.Logger
}

// Journal takes the entries of calls and writes them beside the calls. Append never
// waits, whatever the database does (L1).
//
//	idle -- first entry --> gathering -- 50 ms, a full batch, or Flush --> writing
//	writing -- error --> waiting -- pause over --> writing
//	writing -- ErrRefused --> halves, down to the one entry, which is set aside
//
// Entries are written in the order in which they came. What does not fit into MaxBytes is
// dropped, the newest first, since a chain with its beginning can be read; it is counted
// and logged once at each end of such a time.
type Journal struct {
	write func(context.Context, []cdr.Entry) error
	cfg   JournalConfig
	stop  context.CancelFunc
	done  chan struct{}
	wake  chan struct{} // one entry: there is something to write, or Close was called
	close func(context.Context) error

	mu      sync.Mutex
	queue   []cdr.Entry
	oldest  []time.Time // when each was taken
	bytes   int
	stats   JournalStats
	losing  bool // entries are being dropped
	closing bool
	idle    chan struct{} // closed when the queue is empty; nil where nobody waits
}

// JournalStats says how a journal is doing.
type JournalStats struct {
	Pending  int           // waiting to be written
	Bytes    int           // their size
	Oldest   time.Duration // how long the oldest of them has waited
	Written  int64
	Dropped  int64 // did not fit into memory
	SetAside int64 // refused by the database for what they say
	Failures int64 // attempts that failed
	LastErr  string
}

// NewJournal starts a journal over a store's AppendEntries. It has to be closed.
func NewJournal(write func(context.Context, []cdr.Entry) error, cfg JournalConfig) *Journal {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&cfg.MaxBytes, 64<<20)
	set(&cfg.Batch, 1024)
	wait(&cfg.Gather, 50*time.Millisecond)
	wait(&cfg.Timeout, 10*time.Second)
	wait(&cfg.RetryMin, 100*time.Millisecond)
	wait(&cfg.RetryMax, 5*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	j := &Journal{write: write, cfg: cfg, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	var once sync.Once
	var result error
	j.close = func(deadline context.Context) error {
		once.Do(func() { result = j.shut(deadline) })
		return result
	}
	go j.run(ctx)
	return j
}

// Append takes entries. It never blocks.
func (j *Journal) Append(entries ...cdr.Entry) {
	j.mu.Lock()
	before := len(j.queue)
	for i, e := range entries {
		n := size(e)
		if j.closing || j.bytes+n > j.cfg.MaxBytes {
			if !j.losing {
				j.losing = true
				j.cfg.Log.Error("call records are lost: the database does not take them and memory is full", "waiting", len(j.queue), "err", j.stats.LastErr)
			}
			j.stats.Dropped += int64(len(entries) - i)
			break
		}
		j.queue, j.oldest, j.bytes = append(j.queue, e), append(j.oldest, time.Now()), j.bytes+n
	}
	after := len(j.queue)
	j.mu.Unlock()
	// The writer is woken for the first entry and for a full batch, not for each between.
	if before == 0 || before < j.cfg.Batch && after >= j.cfg.Batch {
		j.poke()
	}
}

func size(e cdr.Entry) int {
	return 128 + len(e.Call) + len(e.Content) + len(e.Salt) + len(e.Digest) + len(e.Hash)
}

func (j *Journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Stats says how the journal is doing.
func (j *Journal) Stats() JournalStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Pending, s.Bytes = len(j.queue), j.bytes
	if len(j.oldest) > 0 {
		s.Oldest = time.Since(j.oldest[0])
	}
	return s
}

// Flush waits until everything that was taken so far is written.
func (j *Journal) Flush(ctx context.Context) error {
	j.mu.Lock()
	if len(j.queue) == 0 {
		j.mu.Unlock()
		return nil
	}
	if j.idle == nil {
		j.idle = make(chan struct{})
	}
	idle := j.idle
	j.mu.Unlock()
	j.poke()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush call records: %d are not written: %w", j.Stats().Pending, ctx.Err())
	}
}

// Close takes no more entries and writes what waits, until the context ends. It may be
// called more than once. Its error says how many entries were not written.
func (j *Journal) Close(ctx context.Context) error { return j.close(ctx) }

func (j *Journal) shut(ctx context.Context) error {
	j.mu.Lock()
	j.closing = true
	j.mu.Unlock()
	err := j.Flush(ctx)
	j.stop()
	<-j.done
	return err
}

// run is the one writer.
func (j *Journal) run(ctx context.Context) {
	defer close(j.done)
	pause := j.cfg.RetryMin
	batch := j.cfg.Batch
	again := false // the last attempt failed: what waits has waited
	for {
		if !again {
			j.gather(ctx)
		}
		entries := j.head(batch)
		if len(entries) == 0 {
			select {
			case <-j.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		err := j.attempt(ctx, entries)
		again = err != nil
		switch {
		case err == nil:
			j.written(len(entries))
			pause, batch = j.cfg.RetryMin, min(2*batch, j.cfg.Batch)
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrRefused) && len(entries) > 1:
			batch = len(entries) / 2
			continue
		case errors.Is(err, ErrRefused):
			j.cfg.Log.Error("a call record cannot be written and is set aside", "call", entries[0].Call, "seq", entries[0].Seq, "err", err)
			j.setAside()
			continue
		}
		j.failed(err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, j.cfg.RetryMax)
	}
}

// gather waits a moment for entries to share a transaction: one that is alone costs as much
// as one with hundreds.
func (j *Journal) gather(ctx context.Context) {
	if !j.gathering() {
		return
	}
	t := time.NewTimer(j.cfg.Gather)
	defer t.Stop()
	for j.gathering() {
		select {
		case <-j.wake:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// gathering says that there is something to write, but nobody waits for it and it is little.
func (j *Journal) gathering() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.queue) > 0 && len(j.queue) < j.cfg.Batch && j.idle == nil && !j.closing
}

func (j *Journal) attempt(ctx context.Context, entries []cdr.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, j.cfg.Timeout)
	defer cancel()
	return j.write(ctx, entries)
}

func (j *Journal) head(n int) []cdr.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.queue[:min(n, len(j.queue)):min(n, len(j.queue))]
}

func (j *Journal) written(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stats.LastErr != "" {
		j.cfg.Log.Info("call records are written again", "waiting", len(j.queue), "lost", j.stats.Dropped)
	}
	j.stats.Written += int64(n)
	j.stats.LastErr, j.losing = "", false
	j.drop(n)
}

func (j *Journal) setAside() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.SetAside++
	j.drop(1)
}

// drop takes the first n off the queue.
func (j *Journal) drop(n int) {
	for i := range n {
		j.bytes -= size(j.queue[i])
		j.queue[i] = cdr.Entry{} // the array lives on; what it held need not
	}
	j.queue, j.oldest = j.queue[n:], j.oldest[n:]
	if len(j.queue) == 0 {
		j.queue, j.oldest = nil, nil
		if j.idle != nil {
			close(j.idle)
			j.idle = nil
		}
	}
}

func (j *Journal) failed(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Failures++
	if j.stats.LastErr == "" {
		j.cfg.Log.Warn("call records wait: the database does not take them", "err", err)
	}
	j.stats.LastErr = err.Error()
}
