package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// hepPacket is what a collector makes of a packet. It is written from the specification,
// and knows nothing of the sender.
type hepPacket struct {
	family, protocol, kind byte
	from, to               netip.AddrPort
	at                     time.Time
	node                   uint32
	key, call, payload     string
}

// decodeHEP is as strict as collectors are: a chunk of the wrong size is an error.
func decodeHEP(b []byte) (p hepPacket, err error) {
	if len(b) < 6 || string(b[:4]) != "HEP3" || int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		return p, fmt.Errorf("%d bytes that begin with %.6q", len(b), b)
	}
	var ports [2]uint16
	var addresses [2]netip.Addr
	var seconds, micros uint32
	fixed := map[uint16]int{1: 1, 2: 1, 3: 4, 4: 4, 5: 16, 6: 16, 7: 2, 8: 2, 9: 4, 10: 4, 11: 1, 12: 4}
	for b = b[6:]; len(b) > 0; {
		if len(b) < 6 {
			return p, fmt.Errorf("%d bytes are left over", len(b))
		}
		vendor, kind, length := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), int(binary.BigEndian.Uint16(b[4:]))
		if vendor != 0 || length < 6 || length > len(b) {
			return p, fmt.Errorf("chunk %d of vendor %d has length %d", kind, vendor, length)
		}
		v := b[6:length]
		b = b[length:]
		if n, ok := fixed[kind]; ok && n != len(v) {
			return p, fmt.Errorf("chunk %d has %d bytes", kind, len(v))
		}
		switch kind {
		case 1:
			p.family = v[0]
		case 2:
			p.protocol = v[0]
		case 3, 5:
			addresses[0], _ = netip.AddrFromSlice(v)
		case 4, 6:
			addresses[1], _ = netip.AddrFromSlice(v)
		case 7, 8:
			ports[kind-7] = binary.BigEndian.Uint16(v)
		case 9:
			seconds = binary.BigEndian.Uint32(v)
		case 10:
			micros = binary.BigEndian.Uint32(v)
		case 11:
			p.kind = v[0]
		case 12:
			p.node = binary.BigEndian.Uint32(v)
		case 14:
			p.key = string(v)
		case 15:
			p.payload = string(v)
		case 17:
			p.call = string(v)
		default:
			return p, fmt.Errorf("chunk %d is not known", kind)
		}
	}
	p.from, p.to = netip.AddrPortFrom(addresses[0], ports[0]), netip.AddrPortFrom(addresses[1], ports[1])
	p.at = time.Unix(int64(seconds), int64(micros)*1000).UTC()
	return p, nil
}

func TestHEPBytes(t *testing.T) {
	h := NewHEP(HEPConfig{NodeID: 2001, Password: "pw"})
	got, ok := h.encode(Message{Call: "c1", At: noon, Direction: transport.In, Flow: udpFlow, Raw: []byte("ABC")})
	want := strings.Join([]string{
		"48455033 0076",           // HEP3, 118 bytes
		"0000 0001 0007 02",       // IPv4
		"0000 0002 0007 11",       // UDP
		"0000 0003 000a c000020a", // from 192.0.2.10
		"0000 0004 000a c0000201", // to 192.0.2.1
		"0000 0007 0008 13c4",
		"0000 0008 0008 13c4",
		"0000 0009 000a 6b0187c0",
		"0000 000a 000a 0001e240",
		"0000 000b 0007 01", // SIP
		"0000 000c 000a 000007d1",
		"0000 000e 0008 7077",
		"0000 0011 0008 6331",
		"0000 000f 0009 414243",
	}, "")
	if w, err := hex.DecodeString(strings.ReplaceAll(want, " ", "")); err != nil || !ok || !bytes.Equal(got, w) {
		t.Errorf("got\n%x\nwant\n%x (%v)", got, w, err)
	}
}

func TestHEPSaysWhatWasOnTheWire(t *testing.T) {
	for _, tc := range []struct {
		flow     string
		d        transport.Direction
		family   byte
		protocol byte
		from, to string
	}{
		{"UDP 192.0.2.1:5060-192.0.2.10:5062", transport.Out, 2, 17, "192.0.2.1:5060", "192.0.2.10:5062"},
		{"UDP 192.0.2.1:5060-192.0.2.10:5062", transport.In, 2, 17, "192.0.2.10:5062", "192.0.2.1:5060"},
		{"TCP [2001:db8::1]:5060-[2001:db8::2]:40000#3", transport.Out, 10, 6, "[2001:db8::1]:5060", "[2001:db8::2]:40000"},
	} {
		p, ok := NewHEP(HEPConfig{NodeID: 1}).encode(Message{Call: "01J", At: noon, Direction: tc.d, Flow: flow(t, tc.flow), Raw: []byte("BYE")})
		got, err := decodeHEP(p)
		want := hepPacket{family: tc.family, protocol: tc.protocol, kind: 1, from: netip.MustParseAddrPort(tc.from), to: netip.MustParseAddrPort(tc.to),
			at: noon, node: 1, call: "01J", payload: "BYE"}
		if !ok || err != nil || got != want {
			t.Errorf("%s %s: got %+v (%v), want %+v", tc.d, tc.flow, got, err, want)
		}
	}
}

// messages have one byte more each.
func messages(n int) (ms []Message) {
	for i := range n {
		ms = append(ms, Message{Call: "c1", At: noon, Direction: transport.In, Flow: udpFlow, Raw: []byte(strings.Repeat("x", i))})
	}
	return ms
}

func ctxOf(t *testing.T) context.Context {
	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(done)
	return ctx
}

func TestHEPOverUDP(t *testing.T) {
	collector, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	h := NewHEP(HEPConfig{Network: "udp", Address: collector.LocalAddr().String()})
	ms := messages(5)
	ms[2].Raw = make([]byte, maxDatagram-100) // with what is before it, no datagram holds it
	if n, err := h.Send(ctxOf(t), ms); n != 5 || err != nil || h.TooLarge() != 1 {
		t.Fatalf("%d were sent, %d too large: %v", n, h.TooLarge(), err)
	}
	for _, want := range []int{0, 1, 3, 4} {
		b := make([]byte, 65536)
		collector.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := collector.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := decodeHEP(b[:n]); err != nil || len(p.payload) != want {
			t.Errorf("one datagram is %+v: %v", p, err)
		}
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// readHEP takes one packet from a stream.
func readHEP(r io.Reader) (hepPacket, error) {
	b := make([]byte, 6)
	if _, err := io.ReadFull(r, b); err != nil {
		return hepPacket{}, err
	}
	b = append(b, make([]byte, max(int(binary.BigEndian.Uint16(b[4:]))-6, 0))...)
	if _, err := io.ReadFull(r, b[6:]); err != nil {
		return hepPacket{}, err
	}
	return decodeHEP(b)
}

// A collector that goes and comes back gets whole packets, and all that were not sent.
func TestHEPOverTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := make(chan net.Conn, 1)
		refuse := false
		h := NewHEP(HEPConfig{Network: "tcp", Address: "homer.example.com:9061", Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			if network != "tcp" || address != "homer.example.com:9061" {
				t.Errorf("dialled %s %s", network, address)
			}
			if refuse {
				return nil, errors.New("refused")
			}
			ours, theirs := net.Pipe()
			dialled <- theirs
			return ours, nil
		}})
		type outcome struct {
			taken int
			err   error
		}
		sent := make(chan outcome, 1)
		ms := messages(4)
		send := func(ms []Message) {
			n, err := h.Send(ctxOf(t), ms)
			sent <- outcome{n, err}
		}
		var got []int
		read := func(c net.Conn, n int) {
			for range n {
				p, err := readHEP(c)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, len(p.payload))
			}
		}

		go send(ms)
		c := <-dialled
		read(c, 2)
		if _, err := io.ReadFull(c, make([]byte, 10)); err != nil { // and a part of the third
			t.Fatal(err)
		}
		c.Close()
		if o := <-sent; o.taken != 2 || o.err == nil {
			t.Errorf("cut off: %+v", o)
		}
		refuse = true
		go send(ms[2:])
		if o := <-sent; o.taken != 0 || o.err == nil || !strings.Contains(o.err.Error(), "refused") {
			t.Errorf("refused: %+v", o)
		}
		refuse = false
		go send(ms[2:])
		c = <-dialled
		read(c, 1)
		if o := <-sent; o.taken != 1 || !errors.Is(o.err, os.ErrDeadlineExceeded) { // it reads no more
			t.Errorf("stuck: %+v", o)
		}
		go send(ms[3:])
		read(<-dialled, 1)
		if o := <-sent; o.err != nil || !slices.Equal(got, []int{0, 1, 2, 3}) {
			t.Errorf("received %v: %+v", got, o)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}
