package transport

import (
	"sync/atomic"
	"time"
)

// Stats counts since the Layer was made. Read them with Load.
type Stats struct {
	Received   atomic.Uint64 // messages given to the sink
	Keepalives atomic.Uint64
	Junk       atomic.Uint64 // datagrams or stretches of a stream that were no SIP
	Faulty     atomic.Uint64 // messages received with at least one Fault
	Strays     atomic.Uint64 // responses dropped: their Via is not ours
	Sent       atomic.Uint64
	SendErrors atomic.Uint64
	Upgraded   atomic.Uint64 // requests over 1300 bytes tried by TCP
	Downgraded atomic.Uint64 // of those, sent by UDP after all
	Opened     atomic.Uint64 // connections, either way
	Evicted    atomic.Uint64 // connections closed because of MaxConns
	Open       atomic.Int64  // connections now

	HandshakeErrors atomic.Uint64 // TLS connections that came to nothing
	Unverified      atomic.Uint64 // those used although the peer's certificate was wrong
	PongsMissed     atomic.Uint64 // connections closed because a ping was not answered
}

// Direction of an observed message.
type Direction uint8

const (
	In Direction = iota + 1
	Out
)

func (d Direction) String() string {
	if d == In {
		return "in"
	}
	return "out"
}

// Observation is one message as it was on the wire.
type Observation struct {
	Direction Direction
	Flow      Flow
	At        time.Time
	Raw       []byte // not to be kept nor changed
}

// Observer is told of every message, in and out, junk and keep-alives left out. It is
// called by the goroutine that reads or writes and must not block.
type Observer func(Observation)
