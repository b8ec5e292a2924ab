package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/rtp"
)

// One packet through the anchor: read, checked, counted, rewritten and sent.
func BenchmarkRelay(b *testing.B) {
	for _, r := range []struct{ name, psapHas string }{{"passed", "0"}, {"translated", "8"}} {
		b.Run(r.name, func(b *testing.B) {
			s := openBench(b)
			c, packet := silentCall(b, s, r.psapHas)
			st := s.legs[caller].streams[0]
			from, now := c.Address(), time.Now()
			h, err := rtp.Parse(packet)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.Sequence++
				h.Rewrite(packet)
				st.heard(now, from, packet)
			}
		})
	}
}

func openBench(b testing.TB) *Session {
	a, err := New(Config{Address: netip.MustParseAddr("127.0.0.1"), PortMin: 46000, PortMax: 46999})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.Close() })
	return a.Open("bench")
}

// silentCall is a call whose PSAP is a port that nobody reads, and a packet of its caller.
func silentCall(b testing.TB, s *Session, psapHas string) (*audiotest.Phone, []byte) {
	c := audiotest.ListenLocal(b, 1)
	if _, err := s.SetOffer(caller, offerOf(c.Address(), "0")); err != nil {
		b.Fatal(err)
	}
	must(b)(s.OfferFor(psap, caller))
	if _, err := s.SetAnswer(psap, offerOf(netip.MustParseAddrPort("127.0.0.1:9"), psapHas)); err != nil {
		b.Fatal(err)
	}
	must(b)(s.AnswerFor(caller, psap))
	if err := s.Connect(caller, psap); err != nil {
		b.Fatal(err)
	}
	packet := make([]byte, rtp.HeaderSize+rtp.FrameSize)
	rtp.Header{SSRC: 1}.Put(packet)
	return c, packet
}

func TestRelayingDoesNotAllocate(t *testing.T) {
	for name, psapHas := range map[string]string{"passed": "0", "translated": "8"} {
		s := openBench(t)
		c, packet := silentCall(t, s, psapHas)
		from := c.Address()
		st := s.legs[caller].streams[0]
		if allocs := testing.AllocsPerRun(1000, func() { st.heard(time.Now(), from, packet) }); allocs != 0 {
			t.Errorf("%s: %v allocations per packet", name, allocs)
		}
		if got := s.Stats(psap)[0].Sent; got == 0 {
			t.Errorf("%s: nothing was sent", name)
		}
	}
}
