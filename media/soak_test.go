package media

import (
	"runtime"
	"testing"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
)

// After many calls everything is as before: goroutines, ports, and memory but for what
// the port pool and the runtime keep of any call.
func TestSoak(t *testing.T) {
	s := open(t, Config{})
	a := s.anchor
	c, p := audiotest.ListenLocal(t, 1000), audiotest.ListenLocal(t, 2000)
	round := func(calls int) {
		for range calls {
			s := a.Open("soak")
			notes, err := s.SetOffer(caller, secured(c.Address(), "RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+keyOf(1, "AES_CM_128_HMAC_SHA1_80")))
			settled(t, notes, err)
			if _, _, err := s.OfferFor(psap, caller); err != nil {
				t.Fatal(err)
			}
			notes, err = s.SetAnswer(psap, offerOf(p.Address(), "8"))
			settled(t, notes, err)
			if _, _, err := s.AnswerFor(caller, psap); err != nil {
				t.Fatal(err)
			}
			if err := s.Connect(caller, psap); err != nil {
				t.Fatal(err)
			}
			s.OnLost(0, func(LegID, bool) {})
			if _, err := s.Play(caller, Ringback("US")); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round(50)
	goroutines, heap := runtime.NumGoroutine(), memory()
	round(500)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d at the start", n, goroutines)
	}
	if _, lent, _ := a.Load(); lent != 0 {
		t.Errorf("%d port pairs are lent", lent)
	}
	if grown := int64(memory()) - int64(heap); grown > 500*256 {
		t.Errorf("%d octets are kept of each call", grown/500)
	}
}
