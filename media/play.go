package media

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// Playback is a sound being played to a leg.
type Playback struct {
	feed   int
	cancel context.CancelFunc
	ended  chan struct{} // it was played to its end, or stopped
	gone   chan struct{} // and its goroutine is gone
}

// Done is closed when the sound has been played, was stopped, or gave way to another.
func (p *Playback) Done() <-chan struct{} { return p.ended }

func (p *Playback) stop() {
	p.cancel()
	<-p.gone
}

// Play lets a leg hear a sound instead of what it hears otherwise, until the sound ends,
// is stopped, or gives way to another. It may begin before the leg has an audio stream:
// the leg hears it from when it has. ErrClosed is its only error.
func (s *Session) Play(id LegID, sound Sound) (*Playback, error) {
	s.mu.Lock()
	l, err := s.leg(id)
	if err != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("play to %s: %w", id, err)
	}
	before := l.playing
	s.feeds++
	ctx, cancel := context.WithCancel(context.Background())
	p := &Playback{feed: s.feeds, cancel: cancel, ended: make(chan struct{}), gone: make(chan struct{})}
	l.playing = p
	s.route()
	s.busy.Go(func() { p.run(ctx, l, sound) })
	s.mu.Unlock()
	if before != nil {
		before.stop()
	}
	return p, nil
}

// Stop ends what is played to a leg; it hears again what it is connected with.
func (s *Session) Stop(id LegID) {
	s.mu.Lock()
	var p *Playback
	if l := s.legs[id]; l != nil && l.playing != nil {
		p, l.playing = l.playing, nil
		s.route()
	}
	s.mu.Unlock()
	if p != nil {
		p.stop()
	}
}

// run sends a frame every 20 ms. Whoever takes the Playback from its leg waits for it.
func (p *Playback) run(ctx context.Context, l *leg, sound Sound) {
	defer close(p.gone)
	defer close(p.ended)
	defer p.cancel()
	var (
		pcm    [rtp.FrameSize]int16
		packet [rtp.HeaderSize + rtp.FrameSize + sealRoom]byte
		at     int
		header = rtp.Header{SSRC: rand.Uint32()}
	)
	rtp.Pace(ctx, func(now time.Time) bool {
		if !sound.endless && at >= sound.samples {
			return false
		}
		if st := l.speech(); st != nil {
			if v := st.voice.Load(); v != nil {
				sound.fill(pcm[:], at)
				v.law.Encode(packet[rtp.HeaderSize:], pcm[:])
				header.PayloadType = v.pt
				header.Put(packet[:])
				st.transmit(now, p.feed, header, packet[:rtp.HeaderSize+rtp.FrameSize])
			}
		}
		at += rtp.FrameSize
		header.Sequence++
		header.Timestamp += rtp.FrameSize
		return true
	})
	l.played(p)
}

// speech is the leg's first audio stream, when it has one.
func (l *leg) speech() *stream {
	l.session.mu.Lock()
	defer l.session.mu.Unlock()
	for _, st := range l.streams {
		if st.key == (streamKey{kind: "audio"}) {
			return st
		}
	}
	return nil
}

// played lets the leg hear again what it is connected with, unless another sound plays.
func (l *leg) played(p *Playback) {
	l.session.mu.Lock()
	defer l.session.mu.Unlock()
	if l.playing == p {
		l.playing = nil
		l.session.route()
	}
}
