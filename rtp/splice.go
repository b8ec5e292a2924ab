package rtp

import "time"

// Splice joins what one receiver hears one after the other, an announcement, ringing,
// the PSAP, into one stream: one SSRC, consecutive sequence numbers, a timeline that
// follows the clock. Inside one source gaps and reordering are kept as they came, since
// the receiver's jitter buffer and loss concealment need to see them.
//
// Source is an opaque number that the user gives each feed; a feed that changes its own
// SSRC counts as a new source. Splice is not safe for concurrent use.
type Splice struct {
	SSRC  uint32
	Clock uint32 // timestamp units per second; zero means 8000

	source  int
	ssrc    uint32
	begun   bool
	seq     uint16 // highest sequence number sent
	ts      uint32 // and its timestamp
	at      time.Time
	seqDiff uint16
	tsDiff  uint32
}

// NewSplice starts a stream; seq and ts should be random (RFC 3550 s5.1).
func NewSplice(ssrc uint32, clock uint32, seq uint16, ts uint32) Splice {
	return Splice{SSRC: ssrc, Clock: clock, seq: seq, ts: ts}
}

// Next maps the header of a packet from source to the header to send at now.
func (s *Splice) Next(now time.Time, source int, in Header) Header {
	fresh := !s.begun || source != s.source || in.SSRC != s.ssrc
	if fresh {
		at := s.ts
		if s.begun {
			// The timeline runs on while nothing was sent (RFC 3550 s5.1: the timestamp
			// increments with the sampling clock, also across silence). At least one
			// frame, so that two packets never share a timestamp.
			at += max(s.units(now.Sub(s.at)), s.units(FrameTime))
		}
		s.seqDiff = s.seq + 1 - in.Sequence
		s.tsDiff = at - in.Timestamp
		s.source, s.ssrc, s.begun = source, in.SSRC, true
	}
	out := in
	out.SSRC = s.SSRC
	out.Sequence = in.Sequence + s.seqDiff
	out.Timestamp = in.Timestamp + s.tsDiff
	// RFC 3551 s4.1: the marker bit begins a talkspurt, where a receiver may adapt its delay.
	out.Marker = in.Marker || fresh
	if fresh || int16(out.Sequence-s.seq) > 0 {
		s.seq, s.ts, s.at = out.Sequence, out.Timestamp, now
	}
	return out
}

// Shift is by how much the current source's numbers are moved, and whose they are: what
// a report about the stream needs to be translated.
func (s *Splice) Shift() (source int, ssrc uint32, seq uint16, ts uint32) {
	return s.source, s.ssrc, s.seqDiff, s.tsDiff
}

func (s *Splice) units(d time.Duration) uint32 {
	clock := s.Clock
	if clock == 0 {
		clock = SampleRate
	}
	return uint32(int64(d) * int64(clock) / int64(time.Second))
}
