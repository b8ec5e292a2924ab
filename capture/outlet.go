package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Sink takes messages, the oldest first: all of them, or with an error the first so many,
// and the others are tried again. To take a message twice must do no harm.
type Sink func(ctx context.Context, ms []Message) (taken int, err error)

// Outlet is somewhere messages go. Name and Take are required.
type Outlet struct {
	Name     string // in the log and in Stats
	Take     Sink
	Gather   time.Duration // how long the first message of a batch waits for others; 0: not at all
	Batch    int           // messages of one Take; 256
	MaxBytes int           // what may wait in memory; 16 MiB
	Timeout  time.Duration // of one Take; 10 s
	RetryMin time.Duration // first pause after a failure, doubled each time; 100 ms
	RetryMax time.Duration // 5 s
	// Expendable: Close gives up at the first failure, and what is left then is no error.
	Expendable bool
	Hopeless   func(error) bool // whether trying again is of no use; the message is then set aside. nil: never
}

func (o *Outlet) defaults() {
	for _, v := range []struct {
		field *int
		value int
	}{{&o.Batch, 256}, {&o.MaxBytes, 16 << 20}} {
		if *v.field <= 0 {
			*v.field = v.value
		}
	}
	for _, v := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.Timeout, 10 * time.Second}, {&o.RetryMin, 100 * time.Millisecond}, {&o.RetryMax, 5 * time.Second}} {
		if *v.field <= 0 {
			*v.field = v.value
		}
	}
	if o.Hopeless == nil {
		o.Hopeless = func(error) bool { return false }
	}
}

// OutletStats says how an outlet is doing.
type OutletStats struct {
	Name     string
	Pending  int // messages waiting
	Bytes    int // their size
	Taken    int64
	Dropped  int64 // did not fit into memory
	SetAside int64 // hopeless
	Failures int64 // attempts that failed
	LastErr  string
}

// queue is an outlet that runs:
//
//	idle -- put --> gathering -- Gather over, batch full or Close --> taking -- nothing left --> idle
//	taking -- error --> pausing -- pause over --> taking
//	taking -- hopeless --> halves, down to the one message, which is set aside
type queue struct {
	Outlet
	log  *slog.Logger
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{} // one entry: there is something to do
	shut func(context.Context) error

	mu      sync.Mutex
	waiting []Message
	bytes   int
	stats   OutletStats
	losing  bool          // messages are being dropped
	closing chan struct{} // closed by Close
	idle    chan struct{} // closed when nothing waits; nil where nobody asks
}

func open(o Outlet, log *slog.Logger) *queue {
	o.defaults()
	ctx, stop := context.WithCancel(context.Background())
	q := &queue{Outlet: o, log: log.With("outlet", o.Name), stop: stop, done: make(chan struct{}),
		wake: make(chan struct{}, 1), closing: make(chan struct{}), stats: OutletStats{Name: o.Name}}
	var once sync.Once
	var result error
	q.shut = func(deadline context.Context) error {
		once.Do(func() { result = q.end(deadline) })
		return result
	}
	go q.run(ctx)
	return q
}

// put takes a message. It never waits.
func (q *queue) put(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.closing:
		q.stats.Dropped++
		return
	default:
	}
	if q.bytes+m.size() > q.MaxBytes {
		if !q.losing {
			q.losing = true
			q.log.Error("SIP messages are lost: the outlet does not take them and memory is full", "waiting", len(q.waiting), "err", q.stats.LastErr)
		}
		q.stats.Dropped++
		return
	}
	q.waiting = append(q.waiting, m)
	q.bytes += m.size()
	if n := len(q.waiting); n == 1 || n == q.Batch {
		q.nudge()
	}
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) report() OutletStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Pending, s.Bytes = len(q.waiting), q.bytes
	return s
}

// Close takes no more messages and lets the outlets take what waits, until the context
// ends. It may be called more than once. Its error says how many were not taken.
func (c *Capture) Close(ctx context.Context) error {
	var errs []error
	for _, q := range c.outlets {
		errs = append(errs, q.shut(ctx))
	}
	return errors.Join(errs...)
}

func (q *queue) end(ctx context.Context) error {
	idle := make(chan struct{})
	q.mu.Lock()
	close(q.closing)
	if q.idle = idle; len(q.waiting) == 0 {
		close(idle)
		q.idle = nil
	}
	q.mu.Unlock()
	select {
	case <-idle:
	case <-q.done: // expendable, and failed
	case <-ctx.Done():
	}
	q.stop()
	<-q.done
	s := q.report()
	switch {
	case s.Pending == 0:
		return nil
	case q.Expendable:
		q.log.Warn("SIP messages are lost at the end", "waiting", s.Pending, "err", s.LastErr)
		return nil
	}
	return fmt.Errorf("%s: %d SIP messages are not taken: %w", q.Name, s.Pending, ctx.Err())
}

// run is the one goroutine that gives messages to the sink.
func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	pause, batch, first := q.RetryMin, q.Batch, true
	for {
		if q.report().Pending == 0 {
			first = true
			select {
			case <-q.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		if first {
			first = false
			q.gather(ctx)
		}
		ms := q.head(batch)
		taken, err := q.attempt(ctx, ms)
		q.took(taken, err)
		switch {
		case err == nil:
			pause, batch = q.RetryMin, min(2*batch, q.Batch)
			continue
		case ctx.Err() != nil:
			return
		case q.Hopeless(err) && len(ms)-taken > 1:
			batch = (len(ms) - taken) / 2
			continue
		case q.Hopeless(err):
			q.setAside(ms[taken], err)
			continue
		}
		var giveUp chan struct{} // nil: never
		if q.Expendable {
			giveUp = q.closing
		}
		select {
		case <-time.After(pause):
		case <-giveUp:
			return
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, q.RetryMax)
	}
}

// gather waits for more to come, since one write of many costs a database little more
// than one of one.
func (q *queue) gather(ctx context.Context) {
	if q.Gather <= 0 {
		return
	}
	over := time.NewTimer(q.Gather)
	defer over.Stop()
	for q.report().Pending < q.Batch {
		select {
		case <-over.C:
			return
		case <-q.wake:
		case <-q.closing:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (q *queue) attempt(ctx context.Context, ms []Message) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	n, err := q.Take(ctx, ms)
	if err == nil || n >= len(ms) {
		return len(ms), nil
	}
	return max(n, 0), err
}

// head is the oldest that wait.
func (q *queue) head(n int) []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.waiting[:min(n, len(q.waiting))])
}

func (q *queue) took(n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Taken += int64(n)
	q.drop(n)
	if err != nil {
		q.stats.Failures++
		if q.stats.LastErr == "" {
			q.log.Warn("SIP messages wait: the outlet does not take them", "err", err)
		}
		q.stats.LastErr = err.Error()
		return
	}
	if q.stats.LastErr != "" {
		q.log.Info("SIP messages are taken again", "waiting", len(q.waiting), "lost", q.stats.Dropped)
	}
	q.stats.LastErr, q.losing = "", false
}

func (q *queue) setAside(m Message, err error) {
	q.log.Error("a SIP message cannot be taken and is set aside", "call", m.Call, "seq", m.Seq, "err", err)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.SetAside++
	q.stats.LastErr = ""
	q.drop(1)
}

// drop takes the first n off.
func (q *queue) drop(n int) {
	for i := range n {
		q.bytes -= q.waiting[i].size()
		q.waiting[i] = Message{} // the array lives on; what it held need not
	}
	if q.waiting = q.waiting[n:]; len(q.waiting) > 0 {
		return
	}
	q.waiting = nil
	if q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}
