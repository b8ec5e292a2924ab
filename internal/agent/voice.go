package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// Sound is something an agent says. Fill writes the samples from position at on into frame
// and returns how many there were; fewer than the frame holds is the end. rtp.Tone is one.
type Sound interface {
	Fill(frame []int16, at int) int
}

// Samples is speech at rtp.SampleRate: what rtp.ReadWAV returns for one channel.
type Samples []int16

// Fill makes Samples a Sound.
func (s Samples) Fill(frame []int16, at int) int {
	n := 0
	if at < len(s) {
		n = copy(frame, s[at:])
	}
	clear(frame[n:])
	return n
}

// Tone is one frequency without an end, by which tests and demonstrations know who speaks.
func Tone(hertz float64) Sound {
	return rtp.Tone{Bursts: []rtp.Burst{{Hertz: []float64{hertz}, For: time.Second}}, Repeat: true}
}

// Key is a key that was pressed.
type Key struct {
	At  time.Time
	Key rune
}

// mostHeard bounds what is kept of a call: ten minutes.
const mostHeard = 10 * 60 * rtp.SampleRate

// errNoKeys: the peer's description has no telephone-event.
var errNoKeys = errors.New("the peer takes no telephone-events")

// voice is the mouth and the ear of one call.
type voice struct {
	pair    *rtp.Pair
	address netip.Addr
	session uint64
	spawn   func(func())
	ctx     context.Context
	hush    context.CancelFunc

	mu       sync.Mutex
	version  int
	to       netip.AddrPort
	law      rtp.Law
	keys     uint8
	held     bool // the peer does not want to hear us
	sound    Sound
	at       int
	speaking bool // the sender runs
	pressing bool // keys are being sent in place of speech
	header   rtp.Header
	heard    []int16
	pressed  []rune
	sent     []Key
	event    uint32 // the timestamp of the key heard last
	events   int
}

func (a *Agent) newVoice() (*voice, error) {
	pair, err := a.ports.Listen(a.ctx)
	if err != nil {
		return nil, fmt.Errorf("ports for a voice: %w", err)
	}
	v := &voice{pair: pair, address: a.address, session: rand.Uint64() >> 2, spawn: a.spawn, law: rtp.MuLaw, keys: ownKeys,
		header: rtp.Header{SSRC: rand.Uint32(), Sequence: uint16(rand.Uint32()), Timestamp: rand.Uint32()}}
	v.ctx, v.hush = context.WithCancel(a.ctx)
	a.spawn(v.listen)
	return v, nil
}

func (v *voice) local() netip.AddrPort { return netip.AddrPortFrom(v.address, v.pair.RTP.Port()) }

// nextVersion is the version of a new description (RFC 3264 s8: one more each time).
func (v *voice) nextVersion() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.version++
	return v.version
}

// aim sets where the voice goes and what it talks.
func (v *voice) aim(d description) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.to, v.law, v.keys, v.held = d.at, d.laws[0], d.keys, d.hold
}

// say begins a sound in place of the one before; nil is silence, in which nothing is sent.
func (v *voice) say(s Sound) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sound, v.at = s, 0
	if s == nil || v.speaking {
		return
	}
	v.speaking = true
	v.spawn(func() { rtp.Pace(v.ctx, v.speak) })
}

// speak sends one frame and says whether there is more to send.
func (v *voice) speak(time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sound == nil {
		v.speaking = false
		return false
	}
	var frame [rtp.FrameSize]int16
	n := v.sound.Fill(frame[:], v.at)
	v.at += n
	if n < len(frame) {
		v.sound = nil
	}
	if n == 0 || v.pressing {
		return true
	}
	var packet [rtp.HeaderSize + rtp.FrameSize]byte
	v.law.Encode(packet[rtp.HeaderSize:], frame[:])
	v.header.PayloadType = payloadType(v.law)
	v.send(packet[:])
	v.header.Timestamp += rtp.FrameSize
	return true
}

// send puts the header on a packet and sends it, with the lock held.
func (v *voice) send(packet []byte) {
	v.header.Put(packet)
	v.header.Sequence++
	if v.to.IsValid() && !v.held {
		_ = v.pair.RTP.WriteTo(packet, v.to) // what is lost is lost: this is RTP
	}
}

// press sends one key: five packets while it is down, and its end three times (RFC 4733
// s2.5.1.4), all with the timestamp of its beginning.
func (v *voice) press(ctx context.Context, key rune) error {
	const down, ends = 5, 3
	v.mu.Lock()
	if v.keys == 0 {
		v.mu.Unlock()
		return errNoKeys
	}
	v.pressing = true
	v.sent = append(v.sent, Key{time.Now(), key})
	v.mu.Unlock()
	n := 0
	rtp.Pace(ctx, func(time.Time) bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		n++
		k := rtp.KeyPress{Key: key, End: n > down, Duration: uint16(min(n, down) * rtp.FrameSize)}
		var packet [rtp.HeaderSize + 4]byte
		k.Put(packet[rtp.HeaderSize:])
		v.header.PayloadType, v.header.Marker = v.keys, n == 1
		v.send(packet[:])
		v.header.Marker = false
		return n < down+ends
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pressing = false
	v.header.Timestamp += (down + ends) * rtp.FrameSize
	return ctx.Err()
}

// listen keeps what is heard until the socket is closed.
func (v *voice) listen() {
	buf := make([]byte, 2048)
	for {
		n, _, err := v.pair.RTP.ReadFrom(buf)
		if err != nil {
			return
		}
		if h, err := rtp.Parse(buf[:n]); err == nil {
			v.hear(h, h.Payload(buf[:n]))
		}
	}
}

func (v *voice) hear(h rtp.Header, payload []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	law := rtp.MuLaw
	switch h.PayloadType {
	case rtp.PCMU:
	case rtp.PCMA:
		law = rtp.ALaw
	case v.keys:
		k, ok := rtp.ParseKeyPress(payload)
		if ok && (v.events == 0 || v.event != h.Timestamp) {
			v.events++
			v.event = h.Timestamp
			v.pressed = append(v.pressed, k.Key)
		}
		return
	default:
		return
	}
	if room := mostHeard - len(v.heard); len(payload) > room {
		payload = payload[:room]
	}
	at := len(v.heard)
	v.heard = append(v.heard, make([]int16, len(payload))...)
	law.Decode(v.heard[at:], payload)
}

func (v *voice) close() {
	v.hush()
	_ = v.pair.Close()
}
