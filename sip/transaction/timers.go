package transaction

import (
	"sync"
	"time"
)

// Timers are the times of RFC 3261 Table 4 and RFC 6026 s8.7. A zero field has its default.
type Timers struct {
	T1 time.Duration // 500 ms: estimate of a round trip
	T2 time.Duration // 4 s: longest interval between retransmissions
	T4 time.Duration // 5 s: longest life of a message in the network

	Trying time.Duration // 200 ms: until a server INVITE transaction says 100 by itself (s17.2.1)

	B time.Duration // 64*T1: client INVITE without response
	D time.Duration // 32 s, at least 64*T1: client INVITE, repeated failures
	F time.Duration // 64*T1: client other without final response
	H time.Duration // 64*T1: server INVITE, failure without ACK
	J time.Duration // 64*T1: server other, repeated requests
	L time.Duration // 64*T1: server INVITE after a 2xx
	M time.Duration // 64*T1: client INVITE, further 2xx
}

func (t *Timers) defaults() {
	or := func(field *time.Duration, d time.Duration) {
		if *field == 0 {
			*field = d
		}
	}
	or(&t.T1, 500*time.Millisecond)
	or(&t.T2, 4*time.Second)
	or(&t.T4, 5*time.Second)
	or(&t.Trying, 200*time.Millisecond)
	long := 64 * t.T1
	or(&t.D, max(32*time.Second, long))
	for _, field := range []*time.Duration{&t.B, &t.F, &t.H, &t.J, &t.L, &t.M} {
		or(field, long)
	}
}

// steps runs functions one after the other, on the goroutine that brings the first; what is brought meanwhile,
// also from within, waits in line.
type steps struct {
	mu   sync.Mutex
	busy bool
	line []func()
}

func (s *steps) do(f func()) {
	s.mu.Lock()
	if s.busy {
		s.line = append(s.line, f)
		s.mu.Unlock()
		return
	}
	s.busy = true
	s.mu.Unlock()
	for {
		f()
		s.mu.Lock()
		if len(s.line) == 0 {
			s.busy, s.line = false, nil
			s.mu.Unlock()
			return
		}
		f = s.line[0]
		s.line = s.line[1:]
		s.mu.Unlock()
	}
}

// alarm is one timer of a transaction; it is set, stopped, and goes off as a step. One that goes off
// while it is being stopped does nothing.
type alarm struct{ timer *time.Timer }

func (a *alarm) set(s *steps, d time.Duration, f func()) {
	a.stop()
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.do(func() {
			if a.timer == t {
				a.timer = nil
				f()
			}
		})
	})
	a.timer = t
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}
