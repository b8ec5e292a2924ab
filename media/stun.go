package media

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // RFC 8489 s14.5: what ICE checks are signed with
	"crypto/subtle"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strings"
)

// STUN, as much as an agent needs that only answers checks (RFC 8445 s2.5, ICE-lite;
// RFC 8489 for the messages).
const (
	stunHeader   = 20
	stunCookie   = 0x2112a442
	stunRequest  = 0x0001 // binding
	stunResponse = 0x0101

	stunUsername     = 0x0006
	stunIntegrity    = 0x0008
	stunMapped       = 0x0020 // XOR-MAPPED-ADDRESS
	stunUseCandidate = 0x0025
	stunFingerprint  = 0x8028

	stunFingerprintXOR = 0x5354554e
)

// check is a connectivity check that its sender was allowed to make.
type check struct {
	transaction [12]byte
	nominated   bool
}

// readCheck reads a binding request for user (its part before the colon), signed with the
// password. Anything else is not ok: it is not answered, since whoever has not seen our
// SDP has no business here.
func readCheck(packet []byte, user, password string) (c check, ok bool) {
	if len(packet) < stunHeader || binary.BigEndian.Uint16(packet) != stunRequest || binary.BigEndian.Uint32(packet[4:]) != stunCookie ||
		int(binary.BigEndian.Uint16(packet[2:])) != len(packet)-stunHeader || len(packet)%4 != 0 {
		return check{}, false
	}
	copy(c.transaction[:], packet[8:])
	named := false
	for at := stunHeader; at+4 <= len(packet); {
		kind, size := binary.BigEndian.Uint16(packet[at:]), int(binary.BigEndian.Uint16(packet[at+2:]))
		if at+4+size > len(packet) {
			return check{}, false
		}
		value := packet[at+4 : at+4+size]
		switch kind {
		case stunUsername:
			// RFC 8445 s7.2.2: ours, a colon, theirs.
			to, _, _ := strings.Cut(string(value), ":")
			named = to == user
		case stunUseCandidate:
			c.nominated = true
		case stunIntegrity:
			// What follows is not signed, and not looked at.
			return c, named && subtle.ConstantTimeCompare(value, stunSignature(packet[:at], password)) == 1
		}
		at += 4 + (size+3)&^3
	}
	return check{}, false
}

// answer is the response to a check that came from an address.
func (c check) answer(from netip.AddrPort, password string) []byte {
	b := make([]byte, stunHeader, 128)
	binary.BigEndian.PutUint16(b, stunResponse)
	binary.BigEndian.PutUint32(b[4:], stunCookie)
	copy(b[8:], c.transaction[:])

	// RFC 8489 s14.2: the address, mixed with the cookie and the transaction, so that no
	// NAT on the way takes it for one to be changed.
	ip := from.Addr().AsSlice()
	mapped := []byte{0, 1, 0, 0}
	if len(ip) == 16 {
		mapped[1] = 2
	}
	binary.BigEndian.PutUint16(mapped[2:], from.Port()^stunCookie>>16)
	for i, octet := range ip {
		mapped = append(mapped, octet^b[4+i])
	}
	b = stunAttribute(b, stunMapped, mapped)
	b = stunAttribute(b, stunIntegrity, stunSignature(b, password))
	sum := make([]byte, 4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader+8))
	binary.BigEndian.PutUint32(sum, crc32.ChecksumIEEE(b)^stunFingerprintXOR)
	return stunAttribute(b, stunFingerprint, sum)
}

// stunAttribute appends an attribute and sets the length of the message.
func stunAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	b = append(b, bytes.Repeat([]byte{0}, -len(value)&3)...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

// stunSignature signs what comes before the attribute that holds it. RFC 8489 s14.5: as if
// the message ended with that attribute.
func stunSignature(before []byte, password string) []byte {
	signed := bytes.Clone(before)
	binary.BigEndian.PutUint16(signed[2:], uint16(len(before)-stunHeader+24))
	h := hmac.New(sha1.New, []byte(password))
	_, _ = h.Write(signed) // a hash never fails
	return h.Sum(nil)
}
