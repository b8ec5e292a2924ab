package media

import (
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/internal/memnet"
	"github.com/tocsin-sip/tocsin/rtp"
)

// take is the samples of a sound from a moment on.
func take(s Sound, from, length time.Duration) []int16 {
	pcm := make([]int16, int(length.Seconds()*rtp.SampleRate))
	s.fill(pcm, int(from.Seconds()*rtp.SampleRate))
	return pcm
}

func TestAnnouncements(t *testing.T) {
	files, err := fs.Glob(spokenFiles, "prompts/*.wav")
	if err != nil || len(files) < 17 {
		t.Fatalf("%d announcements, %v", len(files), err)
	}
	for _, name := range files {
		file, err := spokenFiles.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		channels, pcm, err := rtp.ReadWAV(file)
		if err != nil || channels != 1 {
			t.Errorf("%s: %d channels, %v", name, channels, err)
		}
		said := Say(Announcement(strings.TrimSuffix(strings.TrimPrefix(name, "prompts/"), ".wav")))
		if said.samples != len(pcm) || !slices.Equal(take(said, 0, said.Length()), pcm[:int(said.Length().Seconds()*rtp.SampleRate)]) {
			t.Errorf("%s is not said as it is written", name)
		}
		if l := audiotest.Loudness(pcm); l < 0.03 {
			t.Errorf("%s is too quiet: %.3f", name, l)
		}
		if size := 2 * len(pcm); size > 120<<10 {
			t.Errorf("%s has %d octets", name, size)
		}
	}
	for _, name := range []Announcement{StayOnLine, PressOne, NoEmergencyCalling, Recorded, TestCall, LocationIs} {
		if !Known(name) {
			t.Errorf("%s is missing", name)
		}
	}
	if Known("nonsense") || audiotest.Loudness(take(Say("nonsense"), 0, time.Second)) != 0 {
		t.Error("an unknown announcement is not silence")
	}
}

func TestDigits(t *testing.T) {
	said := Digits("+1 (408) 5")
	var want time.Duration
	for _, name := range []Announcement{"plus", "1", "4", "0", "8", "5"} {
		want += Say(name).Length() + 150*time.Millisecond
	}
	if diff := said.Length() - want; diff < -time.Millisecond || diff > time.Millisecond {
		t.Errorf("takes %s, want %s", said.Length(), want)
	}
	one := take(Say("1"), 0, Say("1").Length())
	at := Say("plus").Length() + 150*time.Millisecond
	if _, likeness := audiotest.Match(one, take(said, at-time.Millisecond, Say("1").Length()+2*time.Millisecond)); likeness < 0.99 {
		t.Errorf("the second figure is like 1 by %.2f", likeness)
	}
}

func TestRingback(t *testing.T) {
	for country, want := range map[string]struct {
		hertz       []float64
		loud, quiet time.Duration
	}{
		"US": {[]float64{440, 480}, time.Second, 3 * time.Second},
		"GB": {[]float64{400, 450}, 100 * time.Millisecond, 2 * time.Second},
		"DE": {[]float64{425}, 500 * time.Millisecond, 3 * time.Second},
	} {
		ring := Ringback(country)
		for _, hertz := range want.hertz {
			if l := audiotest.Level(take(ring, want.loud, 200*time.Millisecond), hertz); l < 0.03 {
				t.Errorf("%s: %v Hz at %.3f", country, hertz, l)
			}
		}
		if l := audiotest.Loudness(take(ring, want.quiet, 200*time.Millisecond)); l > 0.001 {
			t.Errorf("%s: not quiet after %s: %.3f", country, want.quiet, l)
		}
		if ring.Length() != 0 {
			t.Errorf("%s: it ends", country)
		}
	}
}

// However a sound is put together, it is the same in whatever pieces it is taken.
func TestSoundsInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sequence(Beep(), Silence(time.Duration(rapid.IntRange(0, 50).Draw(t, "pause"))*time.Millisecond), Say("1"), Sound{fill: func([]int16, int) {}})
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 1:
			s = Repeat(s, 100*time.Millisecond)
		case 2:
			s = Sequence(Beep(), Repeat(s, 0))
		}
		whole := make([]int16, 3*rtp.SampleRate)
		s.fill(whole, 0)
		at := rapid.IntRange(0, len(whole)-rtp.FrameSize).Draw(t, "at")
		piece := make([]int16, rtp.FrameSize)
		s.fill(piece, at)
		if !slices.Equal(piece, whole[at:at+rtp.FrameSize]) {
			t.Fatalf("another sound at %d", at)
		}
	})
	Repeat(Sound{}, 0).fill(make([]int16, 10), 5) // nothing, for ever
}

// R8: the caller hears ringing, then an announcement at 20 s, for as long as it takes; at full
// length, in no real time.
func TestTheCallerHearsRingingAndTheAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		t.Cleanup(func() { _ = network.Close() })
		gateway, phone := network.Host("192.0.2.1"), network.Host("192.0.2.7")
		conn, err := phone.ListenPacket(t.Context(), "udp", "192.0.2.7:4000")
		if err != nil {
			t.Fatal(err)
		}
		c := audiotest.NewPhone(t, conn, 1)
		s := open(t, Config{Network: gateway, Address: netip.MustParseAddr("192.0.2.1")})
		notes, err := s.SetOffer(caller, offerOf(c.Address(), "8"))
		settled(t, notes, err)
		c.Aim(where(t, must(t)(s.AnswerLocal(caller)), 0))

		start := time.Now()
		ringing, err := s.Play(caller, Ringback("US"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		said, err := s.Play(caller, Say(StayOnLine))
		if err != nil {
			t.Fatal(err)
		}
		<-ringing.Done()
		<-said.Done()
		if took, want := time.Since(start)-20*time.Second, Say(StayOnLine).Length(); took < want-rtp.FrameTime || took > want+2*rtp.FrameTime {
			t.Errorf("the announcement of %s took %s", want, took)
		}
		if _, err := s.Play(caller, Ringback("US")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		s.Stop(caller)
		synctest.Wait()

		got := c.Packets()
		for i := 1; i < len(got); i++ {
			a, b := got[i-1], got[i]
			if b.SSRC != a.SSRC || b.Sequence != a.Sequence+1 || b.At.Sub(a.At) > rtp.FrameTime+time.Millisecond || b.PayloadType != rtp.PCMA {
				t.Fatalf("packet %d: %+v after %+v", i, b.Header, a.Header)
			}
			// RFC 3550 s5.1: the timeline is that of the clock, through every switch.
			if off := float64(b.Timestamp-got[0].Timestamp)/rtp.SampleRate - b.At.Sub(got[0].At).Seconds(); off < -0.05 || off > 0.1 {
				t.Fatalf("packet %d is off by %.3f s", i, off)
			}
		}
		if n, want := len(got), int(time.Since(start)/rtp.FrameTime); n < want-2 || n > want+4 {
			t.Errorf("%d packets, want %d", n, want)
		}
		pcm := audiotest.Speech(got)
		if l := audiotest.Level(pcm[8000:12000], 440); l < 0.03 {
			t.Errorf("ringing is heard at %.3f", l)
		}
		words := take(Say(StayOnLine), 500*time.Millisecond, time.Second)
		if _, likeness := audiotest.Match(words, pcm[20*rtp.SampleRate:22*rtp.SampleRate]); likeness < 0.98 {
			t.Errorf("the announcement is heard by %.2f", likeness)
		}
	})
}
