package media

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// counts are written by the reader of a stream and read by anybody.
type counts struct {
	packets, octets, lost, sent, unsent atomic.Uint64
	malformed, foreign, stray, forged   atomic.Uint64
	last                                atomic.Int64 // UnixNano; zero for never
	reported                            atomic.Int64 // when the last RTCP came, likewise
}

// sequence follows the sequence numbers of one source (RFC 3550 A.1).
type sequence struct {
	any      bool
	ssrc     uint32
	highest  uint16
	expected uint64 // since the stream began, over all its sources
	received uint64
}

// maxJump is from where on a step in the sequence numbers is a restart and not a loss
// (RFC 3550 A.1: MAX_DROPOUT).
const maxJump = 3000

func (s *sequence) take(c *counts, now time.Time, h rtp.Header, octets int) {
	step := int16(h.Sequence - s.highest)
	switch {
	case !s.any || s.ssrc != h.SSRC || step > maxJump || step < -maxJump:
		s.any, s.ssrc, s.highest = true, h.SSRC, h.Sequence
		s.expected++
	case step > 0:
		s.highest = h.Sequence
		s.expected += uint64(step)
	}
	s.received++
	if s.expected > s.received { // repeated packets may hide a loss, never invent one
		c.lost.Store(s.expected - s.received)
	} else {
		c.lost.Store(0)
	}
	c.packets.Add(1)
	c.octets.Add(uint64(octets))
	c.last.Store(now.UnixNano())
}

// StreamStats is what became of one stream of a leg.
type StreamStats struct {
	Kind      string
	Port      uint16         // ours
	Remote    netip.AddrPort // where we send; not valid while unknown
	Learned   bool           // Remote was learned from packets
	Packets   uint64         // of the party, as are Octets and Lost
	Octets    uint64
	Lost      uint64 // gaps in the sequence numbers
	Sent      uint64 // towards the party
	Unsent    uint64 // of them refused by the system
	Malformed uint64 // not RTP
	Foreign   uint64 // of a payload type that was not negotiated
	Stray     uint64 // from another source than the party's
	Forged    uint64 // under SRTP, but not under the party's key, or repeated
	Suite     string // the crypto suite of SRTP; empty for plain RTP
	LastHeard time.Time
}

// Stats are the streams of a leg, in the order of its SDP.
func (s *Session) Stats(id LegID) []StreamStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.legs[id]
	if l == nil {
		return nil
	}
	var all []StreamStats
	for _, st := range l.streams {
		st.srcMu.Lock()
		learned := st.source.Locked()
		st.srcMu.Unlock()
		one := StreamStats{
			Kind: st.key.kind, Port: st.pair.RTP.Port(), Learned: learned,
			Packets: st.counts.packets.Load(), Octets: st.counts.octets.Load(), Lost: st.counts.lost.Load(),
			Sent: st.counts.sent.Load(), Unsent: st.counts.unsent.Load(),
			Malformed: st.counts.malformed.Load(), Foreign: st.counts.foreign.Load(), Stray: st.counts.stray.Load(), Forged: st.counts.forged.Load(),
			Suite: st.theirKey.suite.name,
		}
		if to := st.target.Load(); to != nil {
			one.Remote = *to
		}
		if last := st.counts.last.Load(); last != 0 {
			one.LastHeard = time.Unix(0, last)
		}
		all = append(all, one)
	}
	return all
}

// LastHeard is when the last packet of a leg came, of any of its streams; the zero time
// when none has. A party on hold, or one that sends no silence, is quiet too.
func (s *Session) LastHeard(id LegID) time.Time {
	var last time.Time
	for _, st := range s.Stats(id) {
		if st.LastHeard.After(last) {
			last = st.LastHeard
		}
	}
	return last
}
