package capture

import (
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Message is one SIP message of a call, without its secrets. At and Seq give the order
// among those of one node.
type Message struct {
	Call      string // the record's id
	At        time.Time
	Seq       int64 // from 1, over all calls since the Capture was made
	Direction transport.Direction
	Flow      transport.Flow
	Raw       []byte // shared between outlets: not to be changed
}

// size is what a message takes in memory.
func (m Message) size() int { return 160 + len(m.Raw) }
