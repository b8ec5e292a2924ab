package rtp

import (
	"net/netip"
	"testing"
)

func TestSource(t *testing.T) {
	negotiated := netip.MustParseAddrPort("10.0.0.5:4000")
	nat := netip.MustParseAddrPort("203.0.113.9:61000")
	thief := netip.MustParseAddrPort("198.51.100.66:5004")

	type step struct {
		from netip.AddrPort
		ssrc uint32
		seq  uint16
		want Verdict
	}
	type row struct {
		name   string
		steps  []step
		want   netip.AddrPort
		locked bool
	}
	run := func(from netip.AddrPort, ssrc uint32, seq uint16, want ...Verdict) (s []step) {
		for i, v := range want {
			s = append(s, step{from, ssrc, seq + uint16(i), v})
		}
		return s
	}
	join := func(parts ...[]step) (s []step) {
		for _, p := range parts {
			s = append(s, p...)
		}
		return s
	}
	fiveFromNAT := run(nat, 7, 100, Keep, Keep, Keep, Keep, Learn)

	for _, r := range []row{
		{"the negotiated address is sent to before anything is heard", nil, negotiated, false},
		{"the negotiated address is kept while it sends", run(negotiated, 1, 1, Keep, Keep, Keep, Keep, Keep, Keep, Keep), negotiated, false},
		{"four packets from another source move nothing", run(nat, 7, 100, Keep, Keep, Keep, Keep), negotiated, false},
		{"the fifth packet in sequence is learned", fiveFromNAT, nat, true},
		{"sequence numbers wrap", run(nat, 7, 65533, Keep, Keep, Keep, Keep, Learn), nat, true},
		{"a gap starts the count again", join(run(nat, 7, 100, Keep, Keep, Keep, Keep), run(nat, 7, 105, Keep, Keep, Keep, Keep)), negotiated, false},
		{"five after a gap are learned", join(run(nat, 7, 100, Keep, Keep, Keep, Keep), run(nat, 7, 105, Keep, Keep, Keep, Keep, Learn)), nat, true},
		{"a reordering starts the count again", join(run(nat, 7, 100, Keep, Keep), run(nat, 7, 103, Keep), run(nat, 7, 102, Keep), run(nat, 7, 104, Keep)), negotiated, false},
		{"a repeated packet counts once", join(run(nat, 7, 100, Keep), run(nat, 7, 100, Keep), run(nat, 7, 100, Keep), run(nat, 7, 100, Keep), run(nat, 7, 100, Keep)), negotiated, false},
		{"another SSRC starts the count again", join(run(nat, 7, 100, Keep, Keep, Keep, Keep), run(nat, 8, 104, Keep)), negotiated, false},
		{"two other sources are counted apart", join(
			run(nat, 7, 100, Keep, Keep, Keep, Keep), run(thief, 9, 5, Keep, Keep, Keep, Keep), run(nat, 7, 104, Learn)), nat, true},
		{"sprayed packets do not stop learning", join(
			run(nat, 7, 100, Keep), run(netip.AddrPortFrom(thief.Addr(), 1), 9, 1, Keep), run(nat, 7, 101, Keep), run(netip.AddrPortFrom(thief.Addr(), 2), 9, 1, Keep),
			run(nat, 7, 102, Keep), run(netip.AddrPortFrom(thief.Addr(), 3), 9, 1, Keep), run(netip.AddrPortFrom(thief.Addr(), 4), 9, 1, Keep),
			run(netip.AddrPortFrom(thief.Addr(), 5), 9, 1, Keep), run(netip.AddrPortFrom(thief.Addr(), 6), 9, 1, Keep), run(nat, 7, 103, Keep, Learn)), nat, true},
		{"a locked source is not moved by another", join(fiveFromNAT, run(thief, 9, 5, Drop, Drop, Drop, Drop, Drop, Drop)), nat, true},
		{"once locked the negotiated address is another source too", join(fiveFromNAT, run(negotiated, 1, 1, Drop, Drop, Drop, Drop, Drop, Drop)), nat, true},
		{"a stray stream is not heard beside the negotiated one", join(run(negotiated, 1, 1, Keep), run(thief, 9, 5, Drop, Drop)), negotiated, false},
		{"the negotiated address is left when another source proves itself", join(run(negotiated, 1, 1, Keep, Keep, Keep, Keep, Keep, Keep), run(nat, 7, 100, Drop, Drop, Drop, Drop, Learn)), nat, true},
	} {
		t.Run(r.name, func(t *testing.T) {
			var s Source
			s.Negotiate(negotiated)
			for i, st := range r.steps {
				if got := s.Heard(st.from, Header{SSRC: st.ssrc, Sequence: st.seq}); got != st.want {
					t.Fatalf("packet %d from %s: %s, want %s", i, st.from, got, st.want)
				}
			}
			if s.Current() != r.want || s.Locked() != r.locked {
				t.Errorf("sends to %s (locked %t), want %s (%t)", s.Current(), s.Locked(), r.want, r.locked)
			}
		})
	}

	t.Run("the next offer/answer opens learning again", func(t *testing.T) {
		var s Source
		s.Negotiate(negotiated)
		for seq := range uint16(5) {
			s.Heard(nat, Header{Sequence: seq})
		}
		moved := netip.MustParseAddrPort("10.0.0.6:4002")
		s.Negotiate(moved)
		if s.Current() != moved || s.Locked() {
			t.Fatalf("after the offer: %s, locked %t", s.Current(), s.Locked())
		}
		for seq := range uint16(5) {
			s.Heard(thief, Header{Sequence: seq})
		}
		if s.Current() != thief {
			t.Errorf("sends to %s after learning again", s.Current())
		}
	})
	t.Run("without a negotiated address the first to prove itself is learned", func(t *testing.T) {
		var s Source
		for seq := range uint16(5) {
			s.Heard(nat, Header{Sequence: seq})
		}
		if s.Current() != nat {
			t.Errorf("sends to %s", s.Current())
		}
	})
}
