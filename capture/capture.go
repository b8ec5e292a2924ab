package capture

import (
	"bytes"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Config is how a Capture behaves; its zero value works.
type Config struct {
	UnclaimedAge   time.Duration // how long a message waits to be claimed; 10 s
	UnclaimedBytes int           // and how much of them is kept; 8 MiB
	Linger         time.Duration // how long messages of a call are expected after its end; 64*T1, RFC 3261 s17.1.1.2
	MaxClaims      int           // Call-IDs known at a time; 100,000
	Log            *slog.Logger  // nil: silent
}

func (c *Config) defaults() {
	if c.UnclaimedAge <= 0 {
		c.UnclaimedAge = 10 * time.Second
	}
	if c.UnclaimedBytes <= 0 {
		c.UnclaimedBytes = 8 << 20
	}
	if c.Linger <= 0 {
		c.Linger = 32 * time.Second
	}
	if c.MaxClaims <= 0 {
		c.MaxClaims = 100_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Stats counts since the Capture was made.
type Stats struct {
	Kept      int64 // messages given to the outlets
	Passed    int64 // messages of no call
	Unclaimed int   // waiting to be claimed
	Claims    int   // Call-IDs of calls that go on or have just ended
	Refused   int64 // Call-IDs there was no room for
	Outlets   []OutletStats
}

// Capture sorts messages by call. It has to be closed.
type Capture struct {
	cfg     Config
	outlets []*queue

	mu        sync.Mutex
	seq       int64
	claims    map[string]string   // SIP Call-ID to record
	legs      map[string][]string // record to its Call-IDs
	ended     []ending            // in the order of their time
	unclaimed []waiting           // the oldest first
	bytes     int                 // of unclaimed
	stats     Stats
}

type ending struct {
	record string
	until  time.Time
}

type waiting struct {
	callID string
	Message
}

// New makes a Capture and starts its outlets.
func New(cfg Config, outlets ...Outlet) *Capture {
	cfg.defaults()
	c := &Capture{cfg: cfg, claims: map[string]string{}, legs: map[string][]string{}}
	for _, o := range outlets {
		c.outlets = append(c.outlets, open(o, cfg.Log))
	}
	return c
}

// Observe takes a message that was received or sent. It is a transport.Observer: it does
// not block and keeps nothing of what it is shown.
func (c *Capture) Observe(o transport.Observation) {
	s := summarise(o.Raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	record, claimed := c.claims[string(s.callID)]
	if len(s.callID) == 0 || !claimed && s.beginsNoCall() {
		c.stats.Passed++
		return
	}
	c.seq++
	m := Message{Call: record, At: o.At, Seq: c.seq, Direction: o.Direction, Flow: o.Flow, Raw: bytes.Clone(o.Raw)}
	mask(m.Raw)
	if claimed {
		c.keep(m)
		return
	}
	c.unclaimed = append(c.unclaimed, waiting{string(s.callID), m})
	c.bytes += m.size()
	c.forgetUnclaimed(o.At)
}

// keep gives a message to the outlets; the lock keeps those of a call in their order.
func (c *Capture) keep(m Message) {
	c.stats.Kept++
	for _, q := range c.outlets {
		q.put(m)
	}
}

// forgetUnclaimed drops what nobody has claimed in time, and the oldest of what is too much.
func (c *Capture) forgetUnclaimed(now time.Time) {
	n := 0
	for n < len(c.unclaimed) && (c.bytes > c.cfg.UnclaimedBytes || now.Sub(c.unclaimed[n].At) > c.cfg.UnclaimedAge) {
		c.bytes -= c.unclaimed[n].size()
		c.unclaimed[n] = waiting{} // the array lives on; what it held need not
		n++
	}
	c.stats.Passed += int64(n)
	if c.unclaimed = c.unclaimed[n:]; len(c.unclaimed) == 0 {
		c.unclaimed = nil
	}
}

// Belongs says that the messages with a Call-ID are those of a call: what was seen of them
// already, and all that come until the call has ended. Said of two calls, the later has
// what comes from then on.
func (c *Capture) Belongs(sipCallID, record string) {
	if sipCallID == "" || record == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetEnded(time.Now())
	was, known := c.claims[sipCallID]
	switch {
	case known && was == record:
		return
	case !known && len(c.claims) >= c.cfg.MaxClaims:
		c.stats.Refused++
		return
	}
	c.claims[sipCallID] = record
	c.legs[record] = append(c.legs[record], sipCallID)
	left := c.unclaimed[:0]
	for _, w := range c.unclaimed {
		if w.callID != sipCallID {
			left = append(left, w)
			continue
		}
		c.bytes -= w.size()
		w.Call = record
		c.keep(w.Message)
	}
	clear(c.unclaimed[len(left):])
	c.unclaimed = left
}

// End says that a call has ended: its BYEs and their answers are still to come.
func (c *Capture) End(record string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.forgetEnded(now)
	if len(c.legs[record]) > 0 {
		c.ended = append(c.ended, ending{record, now.Add(c.cfg.Linger)})
	}
}

func (c *Capture) forgetEnded(now time.Time) {
	n := 0
	for ; n < len(c.ended) && !now.Before(c.ended[n].until); n++ {
		record := c.ended[n].record
		for _, id := range c.legs[record] {
			if c.claims[id] == record {
				delete(c.claims, id)
			}
		}
		delete(c.legs, record)
	}
	if c.ended = c.ended[n:]; len(c.ended) == 0 {
		c.ended = nil
	}
}

// Stats says how the capture is doing.
func (c *Capture) Stats() Stats {
	c.mu.Lock()
	s := c.stats
	s.Unclaimed, s.Claims = len(c.unclaimed), len(c.claims)
	c.mu.Unlock()
	for _, q := range c.outlets {
		s.Outlets = append(s.Outlets, q.report())
	}
	return s
}
