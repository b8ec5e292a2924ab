package capture

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// HEPConfig is a collector that takes HEP version 3 (also called EEP), such as Homer.
// Network and Address are required.
type HEPConfig struct {
	Network  string // "udp" or "tcp"
	Address  string // host:port
	NodeID   uint32 // this node among those that send to the collector
	Password string // the authentication key; "" sends none
	// Dial opens the connection; nil: the operating system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// HEP sends messages to a collector, one packet each, with the id of the call's record to
// tell which belong together. Send is the Sink of an outlet, whose goroutine owns the
// connection; it is opened with the first message, and again after a failure.
type HEP struct {
	cfg      HEPConfig
	conn     net.Conn
	tooLarge atomic.Int64
}

// NewHEP is a sender that has not connected yet.
func NewHEP(cfg HEPConfig) *HEP {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	return &HEP{cfg: cfg}
}

// TooLarge counts messages that no packet holds, which are passed over.
func (h *HEP) TooLarge() int64 { return h.tooLarge.Load() }

// Send is a Sink.
func (h *HEP) Send(ctx context.Context, ms []Message) (taken int, err error) {
	for _, m := range ms {
		p, ok := h.encode(m)
		if !ok {
			h.tooLarge.Add(1)
			taken++
			continue
		}
		if err := h.write(ctx, p); err != nil {
			return taken, fmt.Errorf("send to the HEP collector: %w", err)
		}
		taken++
	}
	return taken, nil
}

func (h *HEP) write(ctx context.Context, p []byte) error {
	if h.conn == nil {
		c, err := h.cfg.Dial(ctx, h.cfg.Network, h.cfg.Address)
		if err != nil {
			return err
		}
		h.conn = c
	}
	limit, _ := ctx.Deadline() // the zero time is none
	err := h.conn.SetWriteDeadline(limit)
	if err == nil {
		_, err = h.conn.Write(p)
	}
	if err != nil {
		// Half a packet may have gone, and behind it a stream cannot be read; and the name may
		// lead elsewhere by now.
		_ = h.Close()
	}
	return err
}

// Close ends the connection. It is called when the outlet has ended.
func (h *HEP) Close() error {
	if h.conn == nil {
		return nil
	}
	c := h.conn
	h.conn = nil
	return c.Close()
}

// The generic chunks, vendor 0, of the HEP3 Network Protocol Specification (sipcapture.org).
const (
	chunkFamily        = 0x0001
	chunkProtocol      = 0x0002
	chunkSource4       = 0x0003
	chunkDestination4  = 0x0004
	chunkSource6       = 0x0005
	chunkDestination6  = 0x0006
	chunkSourcePort    = 0x0007
	chunkDestPort      = 0x0008
	chunkSeconds       = 0x0009
	chunkMicros        = 0x000a
	chunkPayloadType   = 0x000b
	chunkNode          = 0x000c
	chunkKey           = 0x000e
	chunkPayload       = 0x000f
	chunkCorrelationID = 0x0011

	familyIPv4 = 2  // as AF_INET
	familyIPv6 = 10 // as AF_INET6 of Linux, whatever this runs on
	payloadSIP = 1
)

// encode makes the packet of one message:
//
//	"HEP3" | total length, 16 bits | chunks: vendor 0, type, length with these six bytes, 16 bits each | value
//
// It is not ok where the message does not fit into 16 bits, or a datagram.
func (h *HEP) encode(m Message) (packet []byte, ok bool) {
	from, to := ends(m)
	p := append(make([]byte, 0, 160+len(m.Raw)), "HEP3\x00\x00"...)
	chunk := func(kind uint16, value ...byte) {
		p = binary.BigEndian.AppendUint16(p, 0)
		p = binary.BigEndian.AppendUint16(p, kind)
		p = binary.BigEndian.AppendUint16(p, uint16(6+len(value)))
		p = append(p, value...)
	}
	be := binary.BigEndian
	family, source, destination := byte(familyIPv4), uint16(chunkSource4), uint16(chunkDestination4)
	if from.Addr().Is6() {
		family, source, destination = familyIPv6, chunkSource6, chunkDestination6
	}
	protocol := byte(protocolTCP)
	if m.Flow.Protocol == transport.UDP {
		protocol = protocolUDP
	}
	chunk(chunkFamily, family)
	chunk(chunkProtocol, protocol)
	chunk(source, from.Addr().AsSlice()...)
	chunk(destination, to.Addr().AsSlice()...)
	chunk(chunkSourcePort, be.AppendUint16(nil, from.Port())...)
	chunk(chunkDestPort, be.AppendUint16(nil, to.Port())...)
	chunk(chunkSeconds, be.AppendUint32(nil, uint32(m.At.Unix()))...)
	chunk(chunkMicros, be.AppendUint32(nil, uint32(m.At.Nanosecond()/int(time.Microsecond)))...)
	chunk(chunkPayloadType, payloadSIP)
	chunk(chunkNode, be.AppendUint32(nil, h.cfg.NodeID)...)
	if h.cfg.Password != "" {
		chunk(chunkKey, []byte(h.cfg.Password)...)
	}
	chunk(chunkCorrelationID, []byte(m.Call)...)
	if len(p)+6+len(m.Raw) > maxDatagram {
		return nil, false
	}
	chunk(chunkPayload, m.Raw...)
	be.PutUint16(p[4:], uint16(len(p)))
	return p, true
}
