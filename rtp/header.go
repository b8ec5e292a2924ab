package rtp

import (
	"encoding/binary"
	"errors"
)

// HeaderSize is the length of a header without contributing sources or extension.
const HeaderSize = 12

// ErrNotRTP is the reason for dropping a packet: too short, not version 2, or with
// lengths that point outside of it.
var ErrNotRTP = errors.New("not an RTP packet")

// Header is the fixed part of an RTP header (RFC 3550 s5.1), and where the payload lies.
type Header struct {
	Marker      bool
	PayloadType uint8
	Sequence    uint16
	Timestamp   uint32
	SSRC        uint32

	payload, end int // the payload is packet[payload:end]; padding follows end
}

// Parse reads the header of a packet. It checks every length, so that Payload cannot
// reach outside the packet.
func Parse(packet []byte) (Header, error) {
	if len(packet) < HeaderSize || packet[0]>>6 != 2 {
		return Header{}, ErrNotRTP
	}
	// RFC 5761 s4: with the marker bit, the payload types 64..95 are RTCP packet types.
	if pt := packet[1]; pt >= 192 && pt <= 223 {
		return Header{}, ErrNotRTP
	}
	h := Header{
		Marker:      packet[1]&0x80 != 0,
		PayloadType: packet[1] & 0x7f,
		Sequence:    binary.BigEndian.Uint16(packet[2:]),
		Timestamp:   binary.BigEndian.Uint32(packet[4:]),
		SSRC:        binary.BigEndian.Uint32(packet[8:]),
		payload:     HeaderSize + 4*int(packet[0]&0x0f),
		end:         len(packet),
	}
	if packet[0]&0x10 != 0 { // an extension follows the contributing sources (RFC 3550 s5.3.1)
		if len(packet) < h.payload+4 {
			return Header{}, ErrNotRTP
		}
		h.payload += 4 + 4*int(binary.BigEndian.Uint16(packet[h.payload+2:]))
	}
	if packet[0]&0x20 != 0 { // the last octet counts the padding, itself included (RFC 3550 s5.1)
		h.end -= int(packet[len(packet)-1])
		if packet[len(packet)-1] == 0 {
			return Header{}, ErrNotRTP
		}
	}
	if h.payload > h.end {
		return Header{}, ErrNotRTP
	}
	return h, nil
}

// Payload is the part of the packet that h was parsed from which carries the media.
func (h Header) Payload(packet []byte) []byte { return packet[h.payload:h.end] }

// Rewrite writes h's fields over the header of packet and leaves everything else:
// contributing sources, extension, payload and padding.
func (h Header) Rewrite(packet []byte) {
	packet[1] = h.PayloadType & 0x7f
	if h.Marker {
		packet[1] |= 0x80
	}
	binary.BigEndian.PutUint16(packet[2:], h.Sequence)
	binary.BigEndian.PutUint32(packet[4:], h.Timestamp)
	binary.BigEndian.PutUint32(packet[8:], h.SSRC)
}

// Put writes h as a new header at the start of packet: version 2, nothing optional.
func (h Header) Put(packet []byte) {
	packet[0] = 2 << 6
	h.Rewrite(packet)
}
