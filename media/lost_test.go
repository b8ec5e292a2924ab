package media

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/internal/memnet"
)

// losses is a call in memory, and what was told of its legs, with the time since it began.
type losses struct {
	t       *testing.T
	s       *Session
	c, p    *audiotest.Phone
	reports net.PacketConn // of the caller
	began   time.Time

	mu   sync.Mutex
	told []string
}

func (l *losses) hear(leg LegID, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, fmt.Sprintf("%s %t %v", leg, lost, time.Since(l.began)))
}

func (l *losses) want(told ...string) {
	l.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.told, told) {
		l.t.Errorf("told %q, want %q", l.told, told)
	}
}

func inMemory(t *testing.T, do func(l *losses)) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		t.Cleanup(func() { _ = n.Close() }) // the last: it ends what the phones wait for
		phones := n.Host("192.0.2.1")
		a, err := New(Config{Address: netip.MustParseAddr("192.0.2.9"), Network: n.Host("192.0.2.9"), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		listen := func(port int) net.PacketConn {
			conn, err := phones.ListenPacket(t.Context(), "udp4", fmt.Sprintf("192.0.2.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		l := &losses{t: t, s: a.Open("1"), began: time.Now(), reports: listen(4001)}
		l.c, l.p = audiotest.NewPhone(t, listen(4000), 1000), audiotest.NewPhone(t, listen(5000), 2000)
		notes, err := l.s.SetOffer(caller, offerOf(l.c.Address(), "0"))
		settled(t, notes, err)
		l.p.Aim(where(t, must(t)(l.s.OfferFor(psap, caller)), 0))
		notes, err = l.s.SetAnswer(psap, offerOf(l.p.Address(), "0"))
		settled(t, notes, err)
		l.c.Aim(where(t, must(t)(l.s.AnswerFor(caller, psap)), 0))
		if err := l.s.Connect(caller, psap); err != nil {
			t.Fatal(err)
		}
		l.s.OnLost(0, l.hear)
		do(l)
		for range 2 {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// both talk for so long.
func (l *losses) talk(phones []*audiotest.Phone, length time.Duration) {
	var talking sync.WaitGroup
	for _, p := range phones {
		talking.Go(func() { p.Talk(l.t.Context(), audiotest.Sine(700, length)) })
	}
	talking.Wait()
}

func (l *losses) report() {
	packet := []byte{0x80, 201, 0, 1, 0, 0, 3, 232}
	to := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), l.s.Stats(caller)[0].Port+1)
	if _, err := l.reports.WriteTo(packet, net.UDPAddrFromAddrPort(to)); err != nil {
		l.t.Error(err)
	}
}

func TestLostIsToldOnceAndSoIsItsReturn(t *testing.T) {
	inMemory(t, func(l *losses) {
		l.talk([]*audiotest.Phone{l.c, l.p}, 3*time.Second)
		l.talk([]*audiotest.Phone{l.c}, 30500*time.Millisecond)
		l.want("psap true 13s") // the last packet at 2.98 s, ten seconds, and the next look
		l.talk([]*audiotest.Phone{l.c, l.p}, 3*time.Second)
		l.want("psap true 13s", "psap false 34s")
	})
}

func TestNotLost(t *testing.T) {
	silent := func(l *losses) { time.Sleep(time.Minute) }
	for _, r := range []struct {
		name string
		do   func(l *losses)
		told []string
	}{
		{"a party that was never heard", silent, nil},
		{"a party that reports while it is muted", func(l *losses) {
			l.talk([]*audiotest.Phone{l.c}, time.Second)
			for range 10 {
				time.Sleep(6 * time.Second)
				l.report()
			}
		}, nil},
		{"a party on hold, until it resumes", func(l *losses) {
			l.talk([]*audiotest.Phone{l.c}, time.Second)
			must(l.t)(l.s.ReOffer(caller, offerOf(l.c.Address(), "0", "a=sendonly")))
			time.Sleep(59 * time.Second)
			l.want()
			must(l.t)(l.s.ReOffer(caller, offerOf(l.c.Address(), "0", "a=sendrecv")))
			time.Sleep(20 * time.Second)
		}, []string{"caller true 1m10s"}},
		{"a party that suppresses silence", func(l *losses) {
			must(l.t)(l.s.ReOffer(caller, offerOf(l.c.Address(), "0 13")))
			l.talk([]*audiotest.Phone{l.c}, time.Second)
			time.Sleep(time.Minute)
		}, nil},
		{"a party that suppresses silence, until its reports stop", func(l *losses) {
			must(l.t)(l.s.ReOffer(caller, offerOf(l.c.Address(), "0 13")))
			l.talk([]*audiotest.Phone{l.c}, time.Second)
			l.report()
			time.Sleep(time.Minute)
		}, []string{"caller true 26s"}},
		{"a party that was released", func(l *losses) {
			l.talk([]*audiotest.Phone{l.c}, time.Second)
			if err := l.s.Release(caller); err != nil {
				l.t.Error(err)
			}
			time.Sleep(time.Minute)
		}, nil},
		{"nobody is to be told", func(l *losses) {
			l.talk([]*audiotest.Phone{l.c}, time.Second)
			l.s.OnLost(0, nil)
			time.Sleep(time.Minute)
		}, nil},
	} {
		t.Run(r.name, func(t *testing.T) {
			inMemory(t, func(l *losses) {
				r.do(l)
				l.want(r.told...)
			})
		})
	}
}

func TestMeaningOfSilence(t *testing.T) {
	for _, r := range []struct {
		name  string
		sdp   string
		means unheard
	}{
		{"G.711", "m=audio 4000 RTP/AVP 0 8", loss},
		{"G.729 with annex B by default", "m=audio 4000 RTP/AVP 18", pausing},
		{"G.729 without annex B", "m=audio 4000 RTP/AVP 18\r\na=fmtp:18 annexb=no", loss},
		{"Opus with discontinuous transmission", "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10; usedtx=1", pausing},
		{"Opus", "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2", loss},
		{"receiving only", "m=audio 4000 RTP/AVP 0\r\na=recvonly", asAgreed},
		{"text", "m=text 4000 RTP/AVP 98\r\na=rtpmap:98 t140/1000", asAgreed},
	} {
		d, _ := readSDP([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"+r.sdp+"\r\n"), caller)
		if got := meaning(d.lines[0]); got != r.means {
			t.Errorf("%s: %d, want %d", r.name, got, r.means)
		}
	}
}
