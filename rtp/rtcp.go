package rtp

import "encoding/binary"

// RTCP packet types (RFC 3550 s12.1, RFC 4585 s6.1).
const (
	rtcpSender   = 200
	rtcpReceiver = 201
	rtcpSource   = 202
	rtcpGoodbye  = 203
	rtcpFeedback = 205
	rtcpPayload  = 206
)

// Translation is how the numbers of a report change between the two streams that a
// relay joins. Sent is the reporting side's own stream as we pass it on; Received is
// the stream it hears from us, whose original the other side knows.
type Translation struct {
	Sent     Renumbering
	Received Renumbering
}

// Renumbering moves one stream's numbers: Sequence and Timestamp are added to them.
type Renumbering struct {
	From, To  uint32 // SSRC
	Sequence  uint16
	Timestamp uint32
}

// TranslateRTCP rewrites a compound packet in place for the other side, and returns how
// much of it is to be sent: RFC 3550 s7.2 lets a translator forward reports when it
// adjusts what it changed. BYE is cut off: the stream we send goes on when one of its
// sources leaves. Malformed parts are cut off too; zero means send nothing.
func TranslateRTCP(packet []byte, t Translation) int {
	at := 0
	for len(packet)-at >= 4 {
		b := packet[at:]
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if b[0]>>6 != 2 || size > len(b) {
			return at
		}
		b = b[:size]
		count := int(b[0] & 0x1f)
		switch b[1] {
		case rtcpSender:
			if size < 28+24*count {
				return at
			}
			t.Sent.ssrc(b[4:])
			binary.BigEndian.PutUint32(b[16:], binary.BigEndian.Uint32(b[16:])+t.Sent.Timestamp)
			t.reports(b[28:], count)
		case rtcpReceiver:
			if size < 8+24*count {
				return at
			}
			t.Sent.ssrc(b[4:])
			t.reports(b[8:], count)
		case rtcpSource:
			if count > 0 && size >= 8 {
				t.Sent.ssrc(b[4:]) // the first chunk; a phone has one
			}
		case rtcpGoodbye:
			return at
		case rtcpFeedback, rtcpPayload:
			if size < 12 {
				return at
			}
			t.Sent.ssrc(b[4:])
			t.Received.ssrc(b[8:])
		}
		at += size
	}
	return at
}

// reports rewrites report blocks: whom they speak of, and the highest sequence number
// received, whose cycle count stays the receiver's own.
func (t Translation) reports(b []byte, count int) {
	for range count {
		if t.Received.ssrc(b) {
			binary.BigEndian.PutUint16(b[10:], binary.BigEndian.Uint16(b[10:])+t.Received.Sequence)
		}
		b = b[24:]
	}
}

func (r Renumbering) ssrc(b []byte) bool {
	if binary.BigEndian.Uint32(b) != r.From {
		return false
	}
	binary.BigEndian.PutUint32(b, r.To)
	return true
}
