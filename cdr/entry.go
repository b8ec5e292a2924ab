package cdr

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/trace"
)

// Kind is what an entry holds.
type Kind string

const (
	Opened   Kind = "opened"   // Header
	Stages   Kind = "decided"  // Decided
	Happened Kind = "event"    // call.Event
	Did      Kind = "action"   // call.Action
	Degraded Kind = "degraded" // trace.Degradation, found out while the call ran
)

// Content is what an entry says; one field is set.
type Content struct {
	Header      *Header            `json:"header,omitempty"`
	Decided     *Decided           `json:"decided,omitempty"`
	Event       *call.Event        `json:"event,omitempty"`
	Action      *call.Action       `json:"action,omitempty"`
	Degradation *trace.Degradation `json:"degradation,omitempty"`
}

func (c Content) kind() Kind {
	switch {
	case c.Header != nil:
		return Opened
	case c.Decided != nil:
		return Stages
	case c.Event != nil:
		return Happened
	case c.Action != nil:
		return Did
	}
	return Degraded
}

// Entry is one link of a call's chain. Content and Salt are nil once they were erased.
type Entry struct {
	Call    string    `json:"call"`
	Seq     int       `json:"seq"` // from 1, without gaps
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Content []byte    `json:"content,omitempty"`
	Salt    []byte    `json:"salt,omitempty"`
	Digest  []byte    `json:"digest"`
	Hash    []byte    `json:"hash"`
}

func (e Entry) content() (Content, error) {
	var c Content
	if e.Content == nil {
		return c, nil
	}
	if err := json.Unmarshal(e.Content, &c); err != nil {
		return c, fmt.Errorf("reading entry %d of call %s: %w", e.Seq, e.Call, err)
	}
	return c, nil
}

// Event is the session event of the entry, if it holds one. Those of a call, in order,
// rebuild its session.
func (e Entry) Event() (call.Event, bool, error) {
	c, err := e.content()
	if err != nil || c.Event == nil {
		return call.Event{}, false, err
	}
	return *c.Event, true, nil
}

// MayBe says whether the entry can be an action of that kind; it spares whoever looks for
// one kind the reading of all others. [Chain.Append] writes the content without blanks.
func (e Entry) MayBe(k call.ActionKind) bool {
	return e.Kind == Did && bytes.Contains(e.Content, []byte(`{"kind":"`+k.String()+`"`))
}

// SaltSize is the length of an entry's salt, in bytes.
const SaltSize = 16

// Chain makes the entries of one call. It belongs to the goroutine that owns the call.
type Chain struct {
	call string
	seq  int
	hash []byte
	salt func() [SaltSize]byte
}

// NewChain begins a call's chain. Each entry takes a fresh salt, which must be random:
// ring 0 has no source of randomness of its own.
func NewChain(callID string, salt func() [SaltSize]byte) *Chain {
	return &Chain{call: callID, salt: salt}
}

// Append makes the next entry.
func (c *Chain) Append(at time.Time, content Content) (Entry, error) {
	b, err := json.Marshal(content)
	if err != nil {
		return Entry{}, fmt.Errorf("writing entry %d of call %s: %w", c.seq+1, c.call, err)
	}
	c.seq++
	salt := c.salt()
	// Stores keep microseconds; what is hashed must be what comes back.
	at = at.UTC().Truncate(time.Microsecond)
	e := Entry{Call: c.call, Seq: c.seq, At: at, Kind: content.kind(), Content: b, Salt: salt[:]}
	e.Digest = digest(e.Salt, b)
	e.Hash = e.link(c.hash)
	c.hash = e.Hash
	return e, nil
}

func digest(salt, content []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(content)
	return h.Sum(nil)
}

func (e Entry) link(previous []byte) []byte {
	h := sha256.New()
	h.Write(previous)
	var n [8]byte
	for _, s := range []string{e.Call, string(e.Kind)} {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	binary.BigEndian.PutUint64(n[:], uint64(e.Seq))
	h.Write(n[:])
	binary.BigEndian.PutUint64(n[:], uint64(e.At.UnixMicro()))
	h.Write(n[:])
	h.Write(e.Digest)
	return h.Sum(nil)
}

// Erase removes what the entry says and leaves the chain whole.
func (e Entry) Erase() Entry {
	e.Content, e.Salt = nil, nil
	return e
}

// Verify checks the chain of one call, from its first entry.
func Verify(entries []Entry) error {
	var previous []byte
	for i, e := range entries {
		if e.Seq != i+1 {
			return fmt.Errorf("call %s: entry %d stands where entry %d should", e.Call, e.Seq, i+1)
		}
		if e.Content != nil && !bytes.Equal(digest(e.Salt, e.Content), e.Digest) {
			return fmt.Errorf("call %s: entry %d was changed", e.Call, e.Seq)
		}
		if !bytes.Equal(e.link(previous), e.Hash) {
			return fmt.Errorf("call %s: the chain is broken at entry %d", e.Call, e.Seq)
		}
		previous = e.Hash
	}
	return nil
}
