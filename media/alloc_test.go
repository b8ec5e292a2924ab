//go:build !race

package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/rtp"
)

// The race detector empties pools at random, so there is nothing to count under it.

func TestTranslatingDoesNotAllocate(t *testing.T) {
	s := openBench(t)
	c := audiotest.ListenLocal(t, 1)
	if _, err := s.SetOffer(caller, offerOf(c.Address(), "9")); err != nil {
		t.Fatal(err)
	}
	must(t)(s.OfferFor(psap, caller))
	if _, err := s.SetAnswer(psap, offerOf(netip.MustParseAddrPort("127.0.0.1:9"), "0")); err != nil {
		t.Fatal(err)
	}
	must(t)(s.AnswerFor(caller, psap))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, rtp.HeaderSize+rtp.FrameSize, maxPacket)
	rtp.Header{SSRC: 1, PayloadType: 9}.Put(packet)
	st, from := s.legs[caller].streams[0], c.Address()
	if allocs := testing.AllocsPerRun(1000, func() { st.heard(time.Now(), from, packet) }); allocs != 0 {
		t.Errorf("%v allocations for each packet", allocs)
	}
	// The translation of a leg that is gone is not kept.
	if len(st.recoders) == 0 {
		t.Fatal("nothing is translated")
	}
	if err := s.Release(psap); err != nil {
		t.Fatal(err)
	}
	if len(st.recoders) != 0 {
		t.Errorf("%d translations are kept", len(st.recoders))
	}
}

func TestSealingDoesNotAllocate(t *testing.T) {
	k := newKey("1", suites[0])
	out, err := newSeal(k)
	if err != nil {
		t.Fatal(err)
	}
	in, err := newSeal(k)
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, rtp.HeaderSize+rtp.FrameSize, maxPacket)
	h := rtp.Header{SSRC: 1}
	allocs := testing.AllocsPerRun(1000, func() {
		h.Sequence++
		h.Put(packet)
		b, err := out.protect(packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.unprotect(b); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for each packet", allocs)
	}
}
