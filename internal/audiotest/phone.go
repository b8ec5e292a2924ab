package audiotest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// Phone is one RTP end point of a test. Its reader ends with the test.
type Phone struct {
	Law rtp.Law // what it talks; it understands both by their static payload types

	t    testing.TB
	conn net.PacketConn

	mu      sync.Mutex
	to      netip.AddrPort
	header  rtp.Header
	heard   []Packet
	arrived chan struct{}
}

// Packet is something a Phone heard.
type Packet struct {
	rtp.Header
	Payload []byte
	From    netip.AddrPort
	At      time.Time
}

// NewPhone begins to listen on conn and closes it when the test ends.
func NewPhone(t testing.TB, conn net.PacketConn, ssrc uint32) *Phone {
	p := &Phone{t: t, conn: conn, Law: rtp.MuLaw, header: rtp.Header{SSRC: ssrc, Sequence: uint16(ssrc), Timestamp: ssrc * 7}, arrived: make(chan struct{}, 1)}
	var done sync.WaitGroup
	done.Go(p.listen)
	t.Cleanup(func() {
		_ = conn.Close() // ends the reader
		done.Wait()
	})
	return p
}

// ListenLocal is a Phone on a free port of the loopback.
func ListenLocal(t testing.TB, ssrc uint32) *Phone {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return NewPhone(t, conn, ssrc)
}

// Address is where the phone listens.
func (p *Phone) Address() netip.AddrPort { return address(p.conn.LocalAddr()) }

func address(a net.Addr) netip.AddrPort {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// Aim sets where the phone sends.
func (p *Phone) Aim(to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

// Send sends one packet with the phone's next sequence number.
func (p *Phone) Send(payloadType uint8, units uint32, payload []byte) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.header.PayloadType = payloadType
	p.header.Sequence++
	p.header.Timestamp += units
	packet := make([]byte, rtp.HeaderSize, rtp.HeaderSize+len(payload))
	p.header.Put(packet)
	if _, err := p.conn.WriteTo(append(packet, payload...), net.UDPAddrFromAddrPort(p.to)); err != nil {
		p.t.Errorf("phone on %s: %v", p.conn.LocalAddr(), err)
	}
}

// Say sends pcm as fast as it goes; a relay must not mind.
func (p *Phone) Say(pcm []int16) {
	p.t.Helper()
	for frame := range slices.Chunk(pcm, rtp.FrameSize) {
		p.frame(frame)
	}
}

// Talk sends pcm at the pace of speech and returns when it is said or ctx ends.
func (p *Phone) Talk(ctx context.Context, pcm []int16) {
	frames := slices.Collect(slices.Chunk(pcm, rtp.FrameSize))
	rtp.Pace(ctx, func(time.Time) bool {
		if len(frames) > 0 {
			p.frame(frames[0])
			frames = frames[1:]
		}
		return len(frames) > 0
	})
}

func (p *Phone) frame(pcm []int16) {
	p.t.Helper()
	coded := make([]byte, len(pcm))
	p.Law.Encode(coded, pcm)
	p.Send(PayloadType(p.Law), uint32(len(pcm)), coded)
}

// PayloadType is the static payload type of a law (RFC 3551 s6).
func PayloadType(l rtp.Law) uint8 {
	if l == rtp.ALaw {
		return rtp.PCMA
	}
	return rtp.PCMU
}

func (p *Phone) listen() {
	b := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFrom(b)
		if err != nil {
			return
		}
		h, err := rtp.Parse(b[:n])
		if err != nil {
			continue
		}
		p.mu.Lock()
		p.heard = append(p.heard, Packet{Header: h, Payload: slices.Clone(h.Payload(b[:n])), From: address(from), At: time.Now()})
		p.mu.Unlock()
		select {
		case p.arrived <- struct{}{}:
		default:
		}
	}
}

// Packets is what the phone has heard so far.
func (p *Phone) Packets() []Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.heard)
}

// Forget drops what was heard so far.
func (p *Phone) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = nil
}

// Await waits until n packets were heard since the start or Forget, and fails the test
// when that takes longer than five seconds.
func (p *Phone) Await(n int) []Packet {
	p.t.Helper()
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	for {
		if got := p.Packets(); len(got) >= n {
			return got
		}
		select {
		case <-p.arrived:
		case <-limit.C:
			p.t.Fatalf("phone on %s heard %d packets, want %d", p.conn.LocalAddr(), len(p.Packets()), n)
		}
	}
}

// Heard is the speech in what the phone has heard, in the order of arrival.
func (p *Phone) Heard() []int16 { return Speech(p.Packets()) }

// Speech decodes the G.711 among packets.
func Speech(packets []Packet) []int16 {
	var pcm []int16
	for _, h := range packets {
		frame := make([]int16, len(h.Payload))
		switch h.PayloadType {
		case rtp.PCMU:
			rtp.MuLaw.Decode(frame, h.Payload)
		case rtp.PCMA:
			rtp.ALaw.Decode(frame, h.Payload)
		default:
			continue
		}
		pcm = append(pcm, frame...)
	}
	return pcm
}
