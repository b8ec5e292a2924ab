package media

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/trace"
)

// LegID names a leg within its session; the call's own names are used.
type LegID string

// Heard is one packet a leg has sent, as a tap sees it. Header and Payload are valid
// only during the call.
type Heard struct {
	Leg     LegID
	Kind    string // audio, video, text
	At      time.Time
	Law     rtp.Law // zero when it is not G.711
	Header  rtp.Header
	Payload []byte
}

// Session is the media of one call. Its methods may be used by any goroutine.
type Session struct {
	anchor *Anchor
	log    *slog.Logger
	tap    atomic.Pointer[func(Heard)]
	keys   atomic.Pointer[func(LegID, rune)]

	mu     sync.Mutex
	closed bool
	legs   map[LegID]*leg
	feeds  int // the last number given to a feed
	lost   *onLost
	busy   sync.WaitGroup // sounds, and news of losses
}

// leg is one party of the call. Session.mu guards it.
type leg struct {
	id      LegID
	session *Session
	streams []*stream

	remote   description // what the party said last
	offered  bool        // remote is an offer, not an answer
	local    []localLine // what we said last, line by line
	said     string      // the same as text, but for its version
	answered []byte      // our answer to remote, when it has been given
	id31     uint32      // RFC 4566 s5.2: the session id and its version
	version  uint32

	hears   LegID
	playing *Playback
	lost    bool // and it was told

	security Security // of our offers; zero is Plain
}

// localLine is an m-line of ours.
type localLine struct {
	key     streamKey
	stream  *stream // nil: declined
	formats []format
}

// OnKey sets who is told of keys pressed (RFC 4733), each once when it goes down. The
// function runs on the goroutine that reads the leg's packets: it must return at once,
// and must not call the session.
func (s *Session) OnKey(f func(leg LegID, key rune)) {
	if f == nil {
		s.keys.Store(nil)
		return
	}
	s.keys.Store(&f)
}

// Tap sets who sees each packet that a leg has sent, under the rules of OnKey. nil ends
// it; without a tap it costs one load.
func (s *Session) Tap(f func(Heard)) {
	if f == nil {
		s.tap.Store(nil)
		return
	}
	s.tap.Store(&f)
}

// leg finds or begins a leg. Session.mu is held.
func (s *Session) leg(id LegID) (*leg, error) {
	if s.closed {
		return nil, ErrClosed
	}
	l := s.legs[id]
	if l == nil {
		l = &leg{id: id, session: s, id31: rand.Uint32() >> 1}
		s.legs[id] = l
	}
	return l, nil
}

// stream finds or opens a stream of a leg. Session.mu is held.
func (l *leg) stream(key streamKey) (*stream, []trace.Degradation, error) {
	for _, st := range l.streams {
		if st.key == key {
			return st, nil, nil
		}
	}
	// Binding a datagram socket does not wait for anybody, so there is nothing to cancel.
	pair, early, err := l.session.anchor.lend(context.Background())
	if err != nil {
		return nil, nil, err
	}
	var notes []trace.Degradation
	if early {
		notes = append(notes, degraded("rtp-ports-short", "no port pair has rested: %d is used again before its time", pair.RTP.Port()))
	}
	l.session.feeds++
	st := newStream(l, key, pair, l.session.feeds)
	l.streams = append(l.streams, st)
	return st, notes, nil
}

// Release ends a leg: its sockets are closed and its ports drain. A leg that is not
// there is no mistake.
func (s *Session) Release(id LegID) error {
	s.mu.Lock()
	l := s.legs[id]
	if l == nil {
		s.mu.Unlock()
		return nil
	}
	delete(s.legs, id)
	for _, other := range s.legs {
		if other.hears == id {
			other.hears = ""
		}
		for _, st := range other.streams {
			maps.DeleteFunc(st.recoders, func(to recoding, _ *recoder) bool { return to.to.leg == l })
		}
	}
	playing := l.playing
	l.playing = nil
	s.route()
	s.mu.Unlock()
	return l.end(playing)
}

// end closes what a leg has. Session.mu is not held: readers may need it to finish.
func (l *leg) end(playing *Playback) error {
	if playing != nil {
		playing.stop()
	}
	var errs []error
	for _, st := range l.streams {
		errs = append(errs, st.close())
	}
	return errors.Join(errs...)
}

// Close releases every leg. It is idempotent.
func (s *Session) Close() error {
	s.mu.Lock()
	s.closed = true
	legs, playing := s.legs, map[LegID]*Playback{}
	s.legs = map[LegID]*leg{}
	for id, l := range legs {
		playing[id], l.playing = l.playing, nil
	}
	s.mu.Unlock()
	var errs []error
	for id, l := range legs {
		errs = append(errs, l.end(playing[id]))
	}
	s.busy.Wait()
	s.anchor.mu.Lock()
	delete(s.anchor.sessions, s)
	s.anchor.mu.Unlock()
	return errors.Join(errs...)
}
