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
		at     int
		mouth  speaker
		header = rtp.Header{SSRC: rand.Uint32()}
	)
	rtp.Pace(ctx, func(now time.Time) bool {
		if !sound.endless && at >= sound.samples {
			return false
		}
		clock := uint32(rtp.SampleRate)
		if st := l.speech(); st != nil {
			if f := st.voice.Load(); f != nil {
				mouth.speak(*f)
				clock = f.codec.clock
				sound.fill(mouth.pcm[:], at)
				header.PayloadType = f.pt
				st.transmit(now, p.feed, header, mouth.packetOf(header))
			}
		}
		at += rtp.FrameSize
		header.Sequence++
		header.Timestamp += rtp.FrameSize * (clock / 100) / (rtp.SampleRate / 100)
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

// speaker codes the frames of a sound.
type speaker struct {
	as     format
	encode encoder
	pcm    [rtp.FrameSize]int16
	packet []byte
}

// speak sets the codec; the state of one that stays goes on.
func (s *speaker) speak(as format) {
	if s.encode != nil && s.as.codec == as.codec {
		return
	}
	s.as, s.encode = as, as.encoder()
	s.packet = make([]byte, rtp.HeaderSize+as.octets(rtp.FrameSize)+sealRoom)
}

// packetOf is the frame in pcm as a packet.
func (s *speaker) packetOf(h rtp.Header) []byte {
	h.Put(s.packet)
	n := s.encode.Encode(s.packet[rtp.HeaderSize:len(s.packet)-sealRoom], s.pcm[:])
	return s.packet[:rtp.HeaderSize+n]
}
