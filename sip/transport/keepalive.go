package transport

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	ping = "\r\n\r\n" // RFC 5626 s3.5.1
	pong = "\r\n"

	pongTimeout = 10 * time.Second // RFC 5626 s4.4.1
)

// pulse keeps a connection we opened alive, and finds out when it is not.
//
//	resting --due--> pinged --anything read--> resting
//	                   \--10 s of nothing--> the flow has failed (RFC 5626 s4.4.1)
//
// A peer that has never answered a ping may not know RFC 5626, and nobody has asked
// it. Its connection is kept open against NATs and firewalls and not closed for silence.
type pulse struct {
	every  time.Duration // 0: off
	timer  *time.Timer   // of serve's goroutine
	pinged time.Time     // since when an answer is awaited; zero while resting

	heard    atomic.Int64 // when anything was last read, Unix ns
	awaiting atomic.Bool  // a ping is out and its pong has not come
	ponged   atomic.Bool  // the peer has answered a ping
}

func (p *pulse) start(every time.Duration) {
	if p.every = every; every > 0 {
		p.timer = time.NewTimer(p.rest())
	}
}

func (p *pulse) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// due is nil, and so never ready, when there is nothing to keep alive.
func (p *pulse) due() <-chan time.Time {
	if p.timer == nil {
		return nil
	}
	return p.timer.C
}

// rest is the time from one ping to the next, 80 to 100 % of the interval, so that pings of many connections do not fall together
// (RFC 5626 s4.4.1).
func (p *pulse) rest() time.Duration {
	return p.every - time.Duration(rand.Int64N(int64(p.every)/5+1))
}

// patience is how long a pong may take; less than RFC 5626's 10 s only where pings are closer together.
func (p *pulse) patience() time.Duration { return min(pongTimeout, p.every/2) }

// beat is called when due: it says whether to ping, or what is wrong.
func (p *pulse) beat() (send bool, err error) {
	if p.pinged.IsZero() {
		p.pinged = time.Now()
		p.awaiting.Store(true)
		p.timer.Reset(p.patience())
		return true, nil
	}
	silent := p.heard.Load() < p.pinged.UnixNano()
	p.pinged = time.Time{}
	if silent && p.ponged.Load() {
		return false, fmt.Errorf("no answer to a ping in %s", p.patience())
	}
	p.timer.Reset(p.rest() - p.patience())
	return false, nil
}
