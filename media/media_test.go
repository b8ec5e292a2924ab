package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/trace"
)

const (
	caller LegID = "caller"
	psap   LegID = "psap"
	team   LegID = "team"
)

func open(t testing.TB, cfg Config) *Session {
	t.Helper()
	if !cfg.Address.IsValid() {
		cfg.Address = netip.MustParseAddr("127.0.0.1")
	}
	if cfg.PortMin == 0 {
		cfg.PortMin, cfg.PortMax = 42000, 43999
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if _, lent, _ := a.Load(); lent != 0 {
			t.Errorf("%d port pairs were not given back", lent)
		}
	})
	return a.Open("call-" + t.Name())
}

// offerOf is the SDP of a phone: formats as in an m-line, then lines of its own.
func offerOf(at netip.AddrPort, formats string, more ...string) []byte {
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	s := fmt.Sprintf("v=0\r\no=- %d 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\n",
		at.Port(), family, at.Addr(), family, at.Addr(), at.Port(), formats)
	for _, m := range more {
		s += m + "\r\n"
	}
	return []byte(s)
}

func read(t testing.TB, body []byte) *sdp.SessionDescription {
	t.Helper()
	var s sdp.SessionDescription
	if err := s.Unmarshal(body); err != nil {
		t.Fatalf("what we say cannot be read: %v\n%s", err, body)
	}
	return &s
}

// where is the address in our SDP for the n-th line.
func where(t testing.TB, body []byte, n int) netip.AddrPort {
	t.Helper()
	s := read(t, body)
	return netip.AddrPortFrom(netip.MustParseAddr(s.ConnectionInformation.Address.Address), uint16(s.MediaDescriptions[n].MediaName.Port.Value))
}

func codes(notes []trace.Degradation) string {
	var all []string
	for _, n := range notes {
		all = append(all, n.Code)
	}
	return strings.Join(all, " ")
}

// must fails the test unless err is nil and nothing is degraded.
func must(t testing.TB) func(body []byte, notes []trace.Degradation, err error) []byte {
	return func(body []byte, notes []trace.Degradation, err error) []byte {
		t.Helper()
		if err != nil || len(notes) > 0 {
			t.Fatalf("%v, %v", err, notes)
		}
		return body
	}
}

func settled(t testing.TB, notes []trace.Degradation, err error) {
	t.Helper()
	if err != nil || len(notes) > 0 {
		t.Fatalf("%v, %v", err, notes)
	}
}

// join brings a caller and a PSAP into a call, as the gateway does, with the formats each has.
func join(t testing.TB, s *Session, callerFormats, psapFormats string, more ...string) (c, p *audiotest.Phone) {
	t.Helper()
	c, p = audiotest.ListenLocal(t, 1000), audiotest.ListenLocal(t, 2000)
	notes, err := s.SetOffer(caller, offerOf(c.Address(), callerFormats, more...))
	settled(t, notes, err)
	offer := must(t)(s.OfferFor(psap, caller))
	p.Aim(where(t, offer, 0))
	notes, err = s.SetAnswer(psap, offerOf(p.Address(), psapFormats, more...))
	settled(t, notes, err)
	c.Aim(where(t, must(t)(s.AnswerFor(caller, psap)), 0))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	return c, p
}

func hears(t *testing.T, who string, p *audiotest.Phone, hertz float64) {
	t.Helper()
	if l := audiotest.Level(p.Heard(), hertz); l < 0.4 {
		t.Errorf("%s hears %v Hz at %.2f", who, hertz, l)
	}
}

func TestBothDirectionsInBothLaws(t *testing.T) {
	for _, r := range []struct {
		name                   string
		callerHas, psapHas     string
		callerTalks, psapTalks rtp.Law
	}{
		{"mu-law on both sides", "0 8", "0", rtp.MuLaw, rtp.MuLaw},
		{"A-law on both sides", "8 0", "8", rtp.ALaw, rtp.ALaw},
		{"the PSAP has A-law only", "0", "8", rtp.MuLaw, rtp.ALaw},
		{"the PSAP has mu-law only", "8", "0", rtp.ALaw, rtp.MuLaw},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := open(t, Config{})
			c, p := join(t, s, r.callerHas, r.psapHas)
			c.Law, p.Law = r.callerTalks, r.psapTalks
			c.Say(audiotest.Sine(700, 400*time.Millisecond))
			p.Await(20)
			p.Say(audiotest.Sine(1100, 400*time.Millisecond))
			c.Await(20)
			hears(t, "the PSAP", p, 700)
			hears(t, "the caller", c, 1100)
			for _, got := range p.Packets() {
				if got.PayloadType != audiotest.PayloadType(r.psapTalks) {
					t.Fatalf("the PSAP got payload type %d", got.PayloadType)
				}
			}
			stats := s.Stats(caller)[0]
			if stats.Packets != 20 || stats.Octets != 20*172 || stats.Lost != 0 || stats.Sent != 20 || stats.Remote != c.Address() || stats.Learned {
				t.Errorf("%+v", stats)
			}
			if s.LastHeard(caller).IsZero() || !s.LastHeard(team).IsZero() {
				t.Error("who was heard is not who talked")
			}
		})
	}
}

func TestLearningBehindNAT(t *testing.T) {
	s := open(t, Config{})
	c, p := join(t, s, "0", "0")
	nat := audiotest.ListenLocal(t, 3000)
	nat.Aim(where(t, must(t)(s.AnswerFor(caller, psap)), 0))

	nat.Say(audiotest.Sine(700, 80*time.Millisecond)) // four packets
	p.Await(4)
	p.Say(audiotest.Sine(1100, 20*time.Millisecond))
	c.Await(1) // the negotiated address still
	nat.Say(audiotest.Sine(700, 20*time.Millisecond))
	p.Await(5)
	p.Say(audiotest.Sine(1100, 20*time.Millisecond))
	nat.Await(1)
	if st := s.Stats(caller)[0]; st.Remote != nat.Address() || !st.Learned {
		t.Errorf("sends to %s", st.Remote)
	}

	thief := audiotest.ListenLocal(t, 4000)
	thief.Aim(where(t, must(t)(s.AnswerFor(caller, psap)), 0))
	p.Forget()
	thief.Say(audiotest.Sine(2000, 200*time.Millisecond))
	nat.Say(audiotest.Sine(700, 200*time.Millisecond))
	p.Await(10)
	if l := audiotest.Level(p.Heard(), 2000); l > 0.01 {
		t.Errorf("another source is heard at %.2f", l)
	}
	if st := s.Stats(caller)[0]; st.Stray != 10 || st.Remote != nat.Address() {
		t.Errorf("%d stray packets, sends to %s", st.Stray, st.Remote)
	}

	// The same offer again changes nothing, a new one opens learning.
	again := must(t)(s.ReOffer(caller, offerOf(c.Address(), "0")))
	if st := s.Stats(caller)[0]; st.Remote != nat.Address() {
		t.Errorf("a repeated offer moved the stream to %s", st.Remote)
	}
	moved := audiotest.ListenLocal(t, 5000)
	answer := must(t)(s.ReOffer(caller, offerOf(moved.Address(), "0")))
	if read(t, answer).Origin.SessionVersion != read(t, again).Origin.SessionVersion {
		t.Error("our side did not change, but its version did")
	}
	p.Say(audiotest.Sine(1100, 20*time.Millisecond))
	moved.Await(1)
	if st := s.Stats(caller)[0]; st.Remote != moved.Address() || st.Learned {
		t.Errorf("after a new offer: %+v", st)
	}
}

func TestWithoutReadableSDPTheCallerIsHeard(t *testing.T) {
	s := open(t, Config{})
	c, p := audiotest.ListenLocal(t, 1), audiotest.ListenLocal(t, 2)
	if notes, err := s.SetOffer(caller, []byte("\x00garbage")); err != nil || codes(notes) != "sdp-unreadable sdp-without-media" {
		t.Fatal(notes, err)
	}
	offer := must(t)(s.OfferFor(psap, caller))
	p.Aim(where(t, offer, 0))
	notes, err := s.SetAnswer(psap, offerOf(p.Address(), "0"))
	settled(t, notes, err)
	c.Aim(where(t, must(t)(s.AnswerFor(caller, psap)), 0))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	c.Say(audiotest.Sine(700, 200*time.Millisecond))
	p.Await(10)
	hears(t, "the PSAP", p, 700)
	p.Say(audiotest.Sine(1100, 200*time.Millisecond))
	c.Await(10)
	hears(t, "the caller", c, 1100)
}

func TestRealTimeText(t *testing.T) {
	s := open(t, Config{})
	lines := func(text netip.AddrPort, red, t140 int) []string {
		return []string{
			fmt.Sprintf("m=text %d RTP/AVP %d %d", text.Port(), red, t140), fmt.Sprintf("a=rtpmap:%d red/1000", red), fmt.Sprintf("a=rtpmap:%d t140/1000", t140),
			fmt.Sprintf("a=fmtp:%d %d/%d/%d", red, t140, t140, t140), "a=rtt-mixer",
		}
	}
	c, p := audiotest.ListenLocal(t, 1), audiotest.ListenLocal(t, 2)
	notes, err := s.SetOffer(caller, offerOf(audiotest.ListenLocal(t, 9).Address(), "0", lines(c.Address(), 100, 98)...))
	settled(t, notes, err)
	offer := must(t)(s.OfferFor(psap, caller))
	for _, want := range []string{"m=text ", " RTP/AVP 100 98\r\n", "a=rtpmap:98 t140/1000\r\n", "a=fmtp:100 98/98/98\r\n", "a=rtt-mixer\r\n"} {
		if !strings.Contains(string(offer), want) {
			t.Errorf("the offer lacks %q:\n%s", want, offer)
		}
	}
	p.Aim(where(t, offer, 1))
	// The PSAP gives the formats its own numbers.
	notes, err = s.SetAnswer(psap, offerOf(audiotest.ListenLocal(t, 8).Address(), "0", lines(p.Address(), 112, 111)...))
	settled(t, notes, err)
	answer := must(t)(s.AnswerFor(caller, psap))
	if !strings.Contains(string(answer), "a=fmtp:100 98/98/98\r\n") || !strings.Contains(string(answer), "a=rtt-mixer") {
		t.Errorf("the answer's parameters are not the caller's:\n%s", answer)
	}
	c.Aim(where(t, answer, 1))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	c.Send(100, 300, append([]byte{0x80 | 98, 0x01, 0x2c << 2 & 0xff, 1, 98, 'h'}, "elp"...))
	got := p.Await(1)[0]
	if got.PayloadType != 112 || got.Payload[0] != 0x80|111 || got.Payload[4] != 111 || string(got.Payload[5:]) != "help" {
		t.Errorf("the PSAP got %d: %x", got.PayloadType, got.Payload)
	}
	p.Send(98, 300, []byte("where are you?")) // numbered as we offered
	if got := c.Await(1)[0]; got.PayloadType != 98 || string(got.Payload) != "where are you?" {
		t.Errorf("the caller got %d: %q", got.PayloadType, got.Payload)
	}
}

func TestOtherCodecsAndKeysAreRenumbered(t *testing.T) {
	s := open(t, Config{})
	c, p := audiotest.ListenLocal(t, 1), audiotest.ListenLocal(t, 2)
	type pressed struct {
		leg LegID
		key rune
	}
	keys := make(chan pressed, 10)
	s.OnKey(func(leg LegID, key rune) { keys <- pressed{leg, key} })
	notes, err := s.SetOffer(caller, offerOf(c.Address(), "111 0 110", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 useinbandfec=1", "a=rtpmap:110 telephone-event/8000"))
	settled(t, notes, err)
	p.Aim(where(t, must(t)(s.OfferFor(psap, caller)), 0))
	notes, err = s.SetAnswer(psap, offerOf(p.Address(), "96 97 0", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000"))
	settled(t, notes, err)
	answer := must(t)(s.AnswerFor(caller, psap))
	if !strings.Contains(string(answer), "RTP/AVP 111 110 0\r\n") {
		t.Errorf("the answer:\n%s", answer)
	}
	c.Aim(where(t, answer, 0))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	c.Send(111, 960, []byte("opus"))
	one := make([]byte, 4)
	for range 3 {
		rtp.KeyPress{Key: '1', Duration: 160}.Put(one)
		c.Send(110, 0, one) // all packets of one press have one timestamp
	}
	rtp.KeyPress{Key: '#', Duration: 160}.Put(one)
	c.Send(110, 800, one)
	got := p.Await(5)
	for i, want := range []uint8{96, 97, 97, 97, 97} {
		if got[i].PayloadType != want {
			t.Errorf("packet %d is of type %d, want %d", i, got[i].PayloadType, want)
		}
	}
	for _, want := range []rune{'1', '#'} {
		if k := <-keys; k != (pressed{caller, want}) {
			t.Errorf("pressed: %c by %s", k.key, k.leg)
		}
	}
	if len(keys) != 0 {
		t.Errorf("%d presses too many", len(keys))
	}
}

func TestOneStreamThroughAllSwitches(t *testing.T) {
	s := open(t, Config{})
	c, p := join(t, s, "0", "0")
	m := audiotest.ListenLocal(t, 7000)
	m.Aim(where(t, must(t)(s.OfferFor(team, caller)), 0))
	notes, err := s.SetAnswer(team, offerOf(m.Address(), "0"))
	settled(t, notes, err)

	p.Say(audiotest.Sine(1100, 100*time.Millisecond))
	c.Await(5)
	play, err := s.Play(caller, Beep())
	if err != nil {
		t.Fatal(err)
	}
	p.Say(audiotest.Sine(1100, 100*time.Millisecond)) // not heard: the beep is
	<-play.Done()
	heard := len(c.Await(5 + 13))
	if err := s.Connect(caller, team); err != nil {
		t.Fatal(err)
	}
	p.Say(audiotest.Sine(1100, 100*time.Millisecond)) // nor now
	m.Say(audiotest.Sine(500, 100*time.Millisecond))
	got := c.Await(heard + 5)
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if b.SSRC != a.SSRC || b.Sequence != a.Sequence+1 || int32(b.Timestamp-a.Timestamp) < rtp.FrameSize {
			t.Errorf("packet %d: %+v after %+v", i, b.Header, a.Header)
		}
		if b.Marker != (i == 5 || i == heard) {
			t.Errorf("packet %d has marker %t", i, b.Marker)
		}
	}
	if l := audiotest.Level(audiotest.Speech(got[5:heard]), 1400); l < 0.1 {
		t.Errorf("the beep is heard at %.2f", l)
	}
	if l := audiotest.Level(audiotest.Speech(got[heard:]), 500); l < 0.4 {
		t.Errorf("the team is heard at %.2f", l)
	}
	// The PSAP was connected with the caller, and hears nobody now.
	c.Say(audiotest.Sine(700, 100*time.Millisecond))
	m.Await(5)
	if n := len(p.Packets()); n != 0 {
		t.Errorf("the PSAP heard %d packets", n)
	}
}

func TestBothAnswered(t *testing.T) {
	// Until mixing: the caller is connected to the PSAP, the team hears a tone.
	s := open(t, Config{})
	c, p := join(t, s, "0", "8")
	m := audiotest.ListenLocal(t, 7000)
	m.Aim(where(t, must(t)(s.OfferFor(team, caller)), 0))
	notes, err := s.SetAnswer(team, offerOf(m.Address(), "8"))
	settled(t, notes, err)
	if _, err := s.Play(team, BothAnswered()); err != nil {
		t.Fatal(err)
	}
	p.Law = rtp.ALaw
	c.Say(audiotest.Sine(700, 100*time.Millisecond))
	p.Say(audiotest.Sine(1100, 100*time.Millisecond))
	p.Await(5)
	c.Await(5)
	hears(t, "the PSAP", p, 700)
	hears(t, "the caller", c, 1100)
	tone := audiotest.Speech(m.Await(20)[:20])
	if l := audiotest.Level(tone[:1500], 660); l < 0.05 {
		t.Errorf("the first note is heard at %.3f", l)
	}
	if l := audiotest.Level(tone[1700:3100], 880); l < 0.05 {
		t.Errorf("the second note is heard at %.3f", l)
	}
	s.Stop(team)
	s.Stop(team)
	// A member who listens hears the caller and is not heard.
	if err := s.Listen(team, caller); err != nil {
		t.Fatal(err)
	}
	m.Forget()
	p.Forget()
	m.Law = rtp.ALaw
	m.Say(audiotest.Sine(2000, 100*time.Millisecond))
	c.Say(audiotest.Sine(700, 100*time.Millisecond))
	m.Await(5)
	p.Await(5)
	hears(t, "the member", m, 700)
	hears(t, "the PSAP", p, 700)
	if err := s.Release(psap); err != nil {
		t.Error(err)
	}
	if err := s.Release(psap); err != nil {
		t.Errorf("released twice: %v", err)
	}
}

func TestHold(t *testing.T) {
	s := open(t, Config{})
	c, p := join(t, s, "0", "0")
	for _, r := range []struct {
		name, theirs, ours string
		offer              []byte
		hears              bool
	}{
		{"sendonly", "sendonly", "recvonly", offerOf(c.Address(), "0", "a=sendonly"), false},
		{"resume", "sendrecv", "sendrecv", offerOf(c.Address(), "0", "a=sendrecv"), true},
		{"inactive", "inactive", "inactive", offerOf(c.Address(), "0", "a=inactive"), false},
		{"recvonly", "recvonly", "sendonly", offerOf(c.Address(), "0", "a=recvonly"), true},
		{"the old way", "c=0.0.0.0", "recvonly", []byte(strings.ReplaceAll(string(offerOf(c.Address(), "0")), "IN IP4 127.0.0.1", "IN IP4 0.0.0.0")), false},
		{"resume again", "", "sendrecv", offerOf(c.Address(), "0"), true},
	} {
		answer := must(t)(s.ReOffer(caller, r.offer))
		if !strings.Contains(string(answer), "a="+r.ours+"\r\n") {
			t.Errorf("%s: answered\n%s", r.name, answer)
		}
		c.Forget()
		if r.hears {
			p.Say(audiotest.Sine(1100, 100*time.Millisecond))
			c.Await(5)
			continue
		}
		// When the sixth packet is read, the five before it have gone where they go.
		read := make(chan struct{}, 6)
		s.Tap(func(Heard) { read <- struct{}{} })
		p.Say(audiotest.Sine(1100, 120*time.Millisecond))
		for range 6 {
			<-read
		}
		s.Tap(nil)
		if n := len(c.Packets()); n != 0 {
			t.Errorf("%s: heard %d packets", r.name, n)
		}
	}
}

func TestPortsRunOut(t *testing.T) {
	s := open(t, Config{PortMin: 44100, PortMax: 44103, Drain: time.Hour})
	c, _ := join(t, s, "0", "0")
	if _, _, err := s.OfferG711(team); !errors.Is(err, rtp.ErrNoPorts) || !strings.Contains(err.Error(), "2 lent, 0 draining") {
		t.Errorf("a third leg: %v", err)
	}
	if err := s.Release(psap); err != nil {
		t.Fatal(err)
	}
	// L1: rather early than not at all.
	if _, notes, err := s.OfferG711(team); err != nil || codes(notes) != "rtp-ports-short" {
		t.Errorf("after a release: %v, %v", notes, err)
	}
	// A caller with video is served without it.
	if err := s.Release(team); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetOffer(caller, offerOf(c.Address(), "0", "m=video 4000 RTP/AVP 34")); err != nil {
		t.Fatal(err)
	}
	if body, notes, err := s.OfferFor(psap, caller); err != nil || codes(notes) != "rtp-ports-short media-declined" || read(t, body).MediaDescriptions[1].MediaName.Port.Value != 0 {
		t.Errorf("audio and video with one pair: %v, %v\n%s", notes, err, body)
	}
}

func TestAfterClose(t *testing.T) {
	a, err := New(Config{Address: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	s := a.Open("1")
	if _, _, err := s.OfferG711(psap); err != nil {
		t.Fatal(err)
	}
	play, err := s.Play(psap, Ringback("US"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	<-play.Done()
	if _, _, err := s.OfferG711(psap); !errors.Is(err, ErrClosed) {
		t.Errorf("an offer: %v", err)
	}
	if _, err := a.Open("2").Play(psap, Beep()); !errors.Is(err, ErrClosed) {
		t.Errorf("a new session: %v", err)
	}
	if _, err := s.SetOffer(caller, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("an offer to us: %v", err)
	}
}

func TestTap(t *testing.T) {
	s := open(t, Config{})
	c, p := join(t, s, "0", "8")
	seen := make(chan []int16, 10)
	s.Tap(func(h Heard) {
		pcm := make([]int16, len(h.Payload))
		h.Law.Decode(pcm, h.Payload)
		if h.Leg == caller && h.Kind == "audio" && h.Law == rtp.MuLaw {
			seen <- pcm
		}
	})
	c.Say(audiotest.Sine(700, 40*time.Millisecond))
	p.Await(2)
	if l := audiotest.Level(append(<-seen, <-seen...), 700); l < 0.4 {
		t.Errorf("the tap hears the caller at %.2f", l)
	}
	s.Tap(nil)
	c.Say(audiotest.Sine(700, 20*time.Millisecond))
	p.Await(3)
	if len(seen) != 0 {
		t.Error("it still taps")
	}
}
