package rtp

import "encoding/binary"

// KeyPress is one packet of a telephone-event (RFC 4733 s2.3).
type KeyPress struct {
	Key      rune // '0'..'9', '*', '#', 'A'..'D'
	End      bool
	Duration uint16
}

// ParseKeyPress reads the payload of a telephone-event packet. Events that are no key
// of a telephone are not ok.
func ParseKeyPress(payload []byte) (KeyPress, bool) {
	const keys = "0123456789*#ABCD" // RFC 4733 s3.2, in the order of their codes
	if len(payload) < 4 || int(payload[0]) >= len(keys) {
		return KeyPress{}, false
	}
	return KeyPress{
		Key:      rune(keys[payload[0]]),
		End:      payload[1]&0x80 != 0,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, true
}

// Put writes the payload of a telephone-event packet, at the volume RFC 4733 s2.5.1.2
// gives for a sender that does not measure, and returns its length.
func (k KeyPress) Put(payload []byte) int {
	code := 0
	for i, key := range "0123456789*#ABCD" {
		if key == k.Key {
			code = i
		}
	}
	payload[0], payload[1] = byte(code), 10
	if k.End {
		payload[1] |= 0x80
	}
	binary.BigEndian.PutUint16(payload[2:], k.Duration)
	return 4
}

// RenumberRED rewrites the payload types inside a redundant payload (RFC 2198 s3) in
// place: real-time text travels in it, and the two sides may number it differently.
func RenumberRED(payload []byte, number func(uint8) uint8) {
	for at := 0; at < len(payload); at += 4 {
		more := payload[at] & 0x80
		payload[at] = more | number(payload[at]&0x7f)&0x7f
		if more == 0 {
			return
		}
	}
}
