package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// talkFor is how long the calls talk while the relay is measured.
const talkFor = 10 * time.Second

// measureRelay sets calls up and has both ends of each send G.711, 50 packets a second with
// the time they were sent in them.
func measureRelay(ctx context.Context, s system, on *process, dir string, n int, add adder) error {
	begun := time.Duration(n) * time.Second / 50
	seen := newSpeakers(s.address)
	wire, err := listen(seen.take)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		res, err := drive(ctx, load{target: s.address, calls: n, rate: 50, hold: begun + talkFor + 4*time.Second, dir: dir})
		if err == nil {
			err = res.flawless(on)
		}
		ended <- err
	}()
	err = pause(ctx, begun+1500*time.Millisecond)
	wire.Close() // before the first packet of speech
	if err == nil {
		err = talk(ctx, seen, on, n, add)
	}
	return errors.Join(err, <-ended)
}

func talk(ctx context.Context, seen *speakers, on *process, n int, add adder) error {
	talkers, err := seen.open()
	if err != nil {
		return err
	}
	defer func() {
		for _, t := range talkers {
			t.socket.Close()
		}
	}()
	if len(talkers) < 2*n*9/10 {
		return fmt.Errorf("the wire shows %d parties of %d calls", len(talkers), n)
	}
	var hearing sync.WaitGroup
	for _, t := range talkers {
		hearing.Go(t.hear)
	}
	speak(ctx, talkers, time.Second, nil) // latching, and the first buffers
	before, err := cpu(on.pid())
	if err != nil {
		return err
	}
	var sent atomic.Int64
	for _, t := range talkers {
		t.counting.Store(true)
	}
	speak(ctx, talkers, talkFor, &sent)
	after, err := cpu(on.pid())
	if err != nil {
		return err
	}
	if err := pause(ctx, 200*time.Millisecond); err != nil {
		return err
	}
	for _, t := range talkers {
		t.socket.Close()
	}
	hearing.Wait()
	var late []time.Duration
	for _, t := range talkers {
		late = append(late, t.late...)
	}
	at := fmt.Sprintf(", %d calls", n)
	calls := float64(len(talkers)) / 2
	add("relay, CPU of one core per 100 calls"+at, 100*(after-before).Seconds()/talkFor.Seconds()/calls*100, "%")
	add("relay, latency p50"+at, ms(quantile(late, 0.5)), "ms")
	add("relay, latency p99"+at, ms(quantile(late, 0.99)), "ms")
	add("relay, loss"+at, 100*(1-float64(len(late))/float64(sent.Load())), "%")
	return nil
}

// talker is one party of a call.
type talker struct {
	socket   *net.UDPConn
	to       netip.AddrPort // the system's port for it
	counting atomic.Bool
	late     []time.Duration
}

// speech is what a packet of 20 ms of G.711 is on the wire: RFC 3550 s5.1, RFC 3551 s4.5.14.
const header, frame = 12, 160

// speak sends for a time, the talkers one after the other, so that 20 ms are filled evenly.
func speak(ctx context.Context, talkers []*talker, lasting time.Duration, sent *atomic.Int64) {
	packet := make([]byte, header+frame)
	packet[0] = 0x80
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun, done := time.Now(), 0
	for done < int(lasting.Milliseconds())/20*len(talkers) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		// Ticks that came late are made up for.
		due := int(time.Since(begun).Microseconds() * int64(len(talkers)) / 20_000)
		for ; done < due; done++ {
			i, t := uint32(done/len(talkers)), talkers[done%len(talkers)]
			binary.BigEndian.PutUint16(packet[2:], uint16(i))
			binary.BigEndian.PutUint32(packet[4:], i*frame)
			binary.BigEndian.PutUint32(packet[8:], uint32(done%len(talkers))+1)
			stamped := uint64(0)
			if sent != nil {
				sent.Add(1)
				stamped = uint64(time.Now().UnixNano())
			}
			binary.BigEndian.PutUint64(packet[header:], stamped)
			_, _ = t.socket.WriteToUDPAddrPort(packet, t.to) // what is not sent is counted as lost
		}
	}
}

// hear notes how late each packet was when the kernel had it.
func (t *talker) hear() {
	b, control := make([]byte, 2048), make([]byte, 128)
	for {
		n, c, _, _, err := t.socket.ReadMsgUDPAddrPort(b, control)
		if err != nil {
			return
		}
		if n < header+8 || !t.counting.Load() {
			continue
		}
		if at := int64(binary.BigEndian.Uint64(b[header:])); at != 0 {
			t.late = append(t.late, stamp(control[:c]).Sub(time.Unix(0, at)))
		}
	}
}

// speakers finds the parties of calls on the wire, and the system's port for each.
type speakers struct {
	system string
	caller map[string]string // Call-ID of the caller's leg -> its port, until the answer
	psap   map[string]string // Call-ID of the PSAP's leg -> the system's port, until the answer
	found  []speaker
}

type speaker struct{ own, to netip.AddrPort }

func newSpeakers(system string) *speakers {
	return &speakers{system: system, caller: map[string]string{}, psap: map[string]string{}}
}

var (
	audio    = []byte("m=audio ")
	accepted = []byte("SIP/2.0 200")
)

func (s *speakers) take(p packet) {
	port, id := after(p.payload, audio), after(p.payload, callID)
	if port == "" || id == "" {
		return
	}
	host := s.system[:len(s.system)-len(":5060")]
	switch request := bytes.HasPrefix(p.payload, invite); {
	case request && p.to == s.system:
		s.caller[id] = port
	case request && p.to == network+"4:5190":
		s.psap[id] = port
	case bytes.HasPrefix(p.payload, accepted) && p.from == s.system && s.caller[id] != "":
		s.pair(network+"5:"+s.caller[id], host+":"+port)
		delete(s.caller, id)
	case bytes.HasPrefix(p.payload, accepted) && s.psap[id] != "":
		s.pair(network+"6:"+port, host+":"+s.psap[id])
		delete(s.psap, id)
	}
}

func (s *speakers) pair(own, to string) {
	a, err := netip.ParseAddrPort(own)
	b, err2 := netip.ParseAddrPort(to)
	if err == nil && err2 == nil {
		s.found = append(s.found, speaker{a, b})
	}
}

// open binds what the SDPs promised. A SIPp has the port of one call itself, and keeps it.
func (s *speakers) open() ([]*talker, error) {
	var ts []*talker
	for _, f := range s.found {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(f.own))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err == nil {
			err = timestamps(c)
		}
		if err != nil {
			for _, t := range ts {
				t.socket.Close()
			}
			return nil, fmt.Errorf("talk from %s: %w", f.own, err)
		}
		ts = append(ts, &talker{socket: c, to: f.to, late: make([]time.Duration, 0, 600)})
	}
	return slices.Clip(ts), nil
}
