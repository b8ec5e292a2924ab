package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// slots spread the packets of all calls over a frame time, as calls that began at any
// time are.
const slots = 20

// run measures one way.
func run(way string, calls int, length time.Duration) (result, error) {
	r := result{Way: way, Calls: calls}
	t, err := newTraffic()
	if err != nil {
		return r, err
	}
	defer t.close()
	var targets []netip.AddrPort
	var c *child
	if way == "straight" {
		for range 2 * calls {
			targets = append(targets, t.sink)
		}
	} else {
		if c, err = start(way, t.sink, calls); err != nil {
			return r, err
		}
		for _, p := range c.ports {
			targets = append(targets, netip.AddrPortFrom(t.sink.Addr(), p))
		}
	}
	t.aim(targets)
	t.send(time.Second) // until everything has its size
	t.settle()
	var before, after usage
	if c != nil {
		if before, err = c.used("usage"); err != nil {
			return r, err
		}
	}
	began := time.Now()
	r.Sent = t.send(length)
	took := time.Since(began)
	latencies := t.settle()
	if c != nil {
		if after, err = c.used("usage"); err != nil {
			return r, err
		}
		kept, err := c.used("collect")
		if err != nil {
			return r, err
		}
		if err := c.stop(); err != nil {
			return r, err
		}
		cpu := (after.CPU - before.CPU).Seconds()
		r.CorePercent100 = 100 * cpu / took.Seconds() / float64(calls) * 100
		r.MicrosPerPacket = 1e6 * cpu / float64(r.Sent)
		r.Allocations = math.Round(1000*float64(after.Mallocs-before.Mallocs)/float64(r.Sent)) / 1000
		r.BytesPerCall = int64(kept.Memory) / int64(calls)
	}
	r.Lost = r.Sent - min(uint64(len(latencies)), r.Sent)
	if len(latencies) == 0 {
		return r, fmt.Errorf("nothing came through")
	}
	slices.Sort(latencies)
	ms := func(q float64) float64 { return latencies[int(q*float64(len(latencies)-1))].Seconds() * 1000 }
	r.Median, r.P99, r.Longest = ms(0.5), ms(0.99), ms(1)
	return r, nil
}

// traffic sends from one socket and receives on the same: it is all telephones, so that
// the measured process has the machine to itself as far as possible.
type traffic struct {
	conn *net.UDPConn
	sink netip.AddrPort
	done sync.WaitGroup

	targets []netip.AddrPort
	headers []rtp.Header

	latencies []time.Duration // the receiver's own until settle
	collect   chan []time.Duration
	ask       chan struct{}
}

func newTraffic() (*traffic, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	// What the system allows; a sender that fills the buffer shows as loss.
	_ = conn.SetReadBuffer(8 << 20)
	t := &traffic{conn: conn, sink: conn.LocalAddr().(*net.UDPAddr).AddrPort(), collect: make(chan []time.Duration, 1), ask: make(chan struct{}, 1)}
	t.done.Go(t.receive)
	return t, nil
}

func (t *traffic) close() {
	_ = t.conn.Close()
	t.done.Wait()
}

func (t *traffic) aim(targets []netip.AddrPort) {
	t.targets = targets
	for i := range targets {
		t.headers = append(t.headers, rtp.Header{SSRC: uint32(i + 1)})
	}
}

var origin = time.Now()

// send sends a frame to every target each 20 ms, and says how many packets that were.
func (t *traffic) send(length time.Duration) (sent uint64) {
	packet := make([]byte, rtp.HeaderSize+rtp.FrameSize)
	began := time.Now()
	for slot := 0; ; slot++ {
		due := began.Add(time.Duration(slot) * rtp.FrameTime / slots)
		if due.Sub(began) >= length {
			return sent
		}
		time.Sleep(time.Until(due))
		for i := slot % slots; i < len(t.targets); i += slots {
			h := &t.headers[i]
			h.Sequence++
			h.Timestamp += rtp.FrameSize
			h.Put(packet)
			binary.BigEndian.PutUint64(packet[rtp.HeaderSize:], uint64(time.Since(origin)))
			_, _ = t.conn.WriteToUDPAddrPort(packet, t.targets[i]) // what is not sent counts as lost
			sent++
		}
	}
}

// receive notes how old each packet is.
func (t *traffic) receive() {
	b := make([]byte, 2000)
	for {
		n, _, err := t.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if n >= rtp.HeaderSize+8 {
			age := time.Since(origin) - time.Duration(binary.BigEndian.Uint64(b[rtp.HeaderSize:]))
			select {
			case <-t.ask:
				t.collect <- t.latencies
				t.latencies = nil
				continue // the packet was settle's own
			default:
			}
			t.latencies = append(t.latencies, age)
		}
	}
}

// settle waits until everything has come and takes what was noted.
func (t *traffic) settle() []time.Duration {
	time.Sleep(200 * time.Millisecond)
	t.ask <- struct{}{}
	_, _ = t.conn.WriteToUDPAddrPort(make([]byte, rtp.HeaderSize+8), t.sink) // wakes the receiver
	return <-t.collect
}
