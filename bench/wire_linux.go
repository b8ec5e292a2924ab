package main

import (
	"bytes"
	"encoding/binary"
	"time"
)

// packet is what one IP packet carries, with the instant the kernel had it.
type packet struct {
	at       time.Time
	from, to string // address and port
	payload  []byte
}

// readPacket reads IPv4 with UDP or TCP; ok is false for anything else.
func readPacket(b []byte) (p packet, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return p, false
	}
	head := int(b[0]&15) * 4
	total := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	if total < head+8 {
		return p, false
	}
	segment := b[head:total]
	skip := 8
	switch b[9] {
	case 17: // UDP
	case 6: // TCP
		if len(segment) < 20 {
			return p, false
		}
		skip = int(segment[12]>>4) * 4
	default:
		return p, false
	}
	if skip > len(segment) {
		return p, false
	}
	p.from = address(b[12:16], segment[0:])
	p.to = address(b[16:20], segment[2:])
	p.payload = segment[skip:]
	return p, true
}

func address(ip, port []byte) string {
	out := make([]byte, 0, 21)
	for i, v := range ip[:4] {
		if i > 0 {
			out = append(out, '.')
		}
		out = appendNumber(out, int(v))
	}
	return string(appendNumber(append(out, ':'), int(binary.BigEndian.Uint16(port))))
}

func appendNumber(b []byte, n int) []byte {
	if n >= 10 {
		b = appendNumber(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// delays is what a system added to calls.
type delays struct {
	out     []time.Duration // from the INVITE in to the INVITE out
	ringing []time.Duration // from the INVITE in to the first 18x back
}

// pairing follows calls through a system. A call is known by its identifier in Call-Info,
// which a B2BUA keeps, and at the caller by its Call-ID.
type pairing struct {
	system string
	came   map[string]time.Time // by identifier
	called map[string]time.Time // by Call-ID
	delays delays
}

func newPairing(system string) *pairing {
	return &pairing{system: system, came: map[string]time.Time{}, called: map[string]time.Time{}}
}

var (
	invite  = []byte("INVITE sip:")
	ringing = []byte("SIP/2.0 18")
	mark    = []byte("callid:b")
	callID  = []byte("Call-ID: ")
)

// take sees one packet.
func (w *pairing) take(p packet) {
	// A TCP segment may hold several messages.
	for rest := p.payload; ; {
		i := bytes.Index(rest, invite)
		if i < 0 {
			break
		}
		rest = rest[i+len(invite):]
		w.invite(p, rest)
	}
	if bytes.HasPrefix(p.payload, ringing) && p.from == w.system {
		id := after(p.payload, callID)
		if at, ok := w.called[id]; ok {
			w.delays.ringing = append(w.delays.ringing, p.at.Sub(at))
			delete(w.called, id)
		}
	}
}

func (w *pairing) invite(p packet, message []byte) {
	id := after(message, mark)
	if id == "" {
		return
	}
	at, seen := w.came[id]
	switch {
	case p.to == w.system && !seen:
		w.came[id] = p.at
		if c := after(message, callID); c != "" {
			w.called[c] = p.at
		}
	case p.to != w.system && seen && !at.IsZero():
		w.delays.out = append(w.delays.out, p.at.Sub(at))
		w.came[id] = time.Time{} // a retransmission adds nothing
	}
}

// after is the word behind a mark.
func after(b, mark []byte) string {
	_, rest, ok := bytes.Cut(b, mark)
	if !ok {
		return ""
	}
	if end := bytes.IndexAny(rest, " \r\n;>"); end >= 0 {
		return string(rest[:end])
	}
	return ""
}
