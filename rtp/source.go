package rtp

import "net/netip"

// LearnAfter is how many valid packets in sequence another source than the negotiated
// one has to send before media goes there.
const LearnAfter = 5

// candidates bounds how many unknown sources are counted side by side. With one slot,
// anybody who sprays single packets could keep the caller's NAT from being learned.
const candidates = 4

// Source decides which far address a stream belongs to. Its zero value knows no
// address and learns the first that proves itself.
//
// The address in the SDP is where we send. Behind NAT it is wrong, and the packets that
// arrive come from another source: after LearnAfter valid packets in sequence from one
// source and with one SSRC, we send there, and from then on only that source is heard
// until the next offer/answer. "In sequence" is strict: each is the successor of the one
// before (as probation in RFC 3550 A.1); a repeated packet counts once, and a gap or a
// reordering starts the count again with that packet. Five in a row come within 100 ms
// on any line that can carry speech, so tolerance would only help someone who guesses.
//
// The negotiated address does not lock by being heard: a phone whose NAT or route is
// decided late is followed all the same. Until the lock, packets from elsewhere are heard
// only while the negotiated address is silent, so a stray stream is not mixed in.
//
// Source is not safe for concurrent use; a stream guards it.
type Source struct {
	current netip.AddrPort
	locked  bool
	heard   bool // the negotiated address has sent something since it was negotiated
	tries   [candidates]candidate
	next    int
}

type candidate struct {
	from netip.AddrPort
	ssrc uint32
	last uint16
	run  int
}

// Verdict is what to do with a packet.
type Verdict int

const (
	Drop  Verdict = iota + 1 // not this stream's
	Keep                     // the party's: forward it
	Learn                    // forward it, and Current has just changed
)

func (v Verdict) String() string {
	switch v {
	case Drop:
		return "drop"
	case Keep:
		return "keep"
	case Learn:
		return "learn"
	}
	return "verdict?"
}

// Negotiate sets the address an offer or answer named and opens learning again. An
// invalid address (a host name, 0.0.0.0, unreadable SDP) leaves it all to learning.
func (s *Source) Negotiate(addr netip.AddrPort) {
	*s = Source{current: addr}
}

// Current is where to send; it is not valid while no address is known.
func (s *Source) Current() netip.AddrPort { return s.current }

// Locked says whether another source than the negotiated one was learned.
func (s *Source) Locked() bool { return s.locked }

// Heard takes note of one valid packet. The caller has parsed it, and checked that its
// payload type is one that was negotiated.
func (s *Source) Heard(from netip.AddrPort, h Header) Verdict {
	if from == s.current {
		s.heard = true
		return Keep
	}
	if s.locked {
		return Drop
	}
	c := s.candidate(from)
	switch {
	case c.run > 0 && c.ssrc == h.SSRC && h.Sequence == c.last:
		// a repetition: RFC 3550 A.1 counts only successors
	case c.run > 0 && c.ssrc == h.SSRC && h.Sequence == c.last+1:
		c.run++
	default:
		c.run = 1
	}
	c.ssrc, c.last = h.SSRC, h.Sequence
	if c.run >= LearnAfter {
		*s = Source{current: from, locked: true, heard: true}
		return Learn
	}
	if s.heard {
		return Drop
	}
	return Keep
}

func (s *Source) candidate(from netip.AddrPort) *candidate {
	for i := range s.tries {
		if s.tries[i].from == from {
			return &s.tries[i]
		}
	}
	// The newest takes the place of the one that has proved least, oldest first.
	worst := s.next
	for k := range s.tries {
		if i := (s.next + k) % candidates; s.tries[i].run < s.tries[worst].run {
			worst = i
		}
	}
	s.next = (worst + 1) % candidates
	s.tries[worst] = candidate{from: from}
	return &s.tries[worst]
}
