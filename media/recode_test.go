package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/rtp"
)

// say lets a phone speak in a format, frame by frame.
func say(p *audiotest.Phone, f format, pcm []int16) {
	encode := f.encoder()
	coded := make([]byte, f.octets(rtp.FrameSize))
	for ; len(pcm) >= rtp.FrameSize; pcm = pcm[rtp.FrameSize:] {
		n := encode.Encode(coded, pcm[:rtp.FrameSize])
		p.Send(f.pt, rtp.FrameSize*f.codec.clock/rtp.SampleRate, coded[:n])
	}
}

// heardIn is what a phone heard in a format.
func heardIn(t *testing.T, f format, packets []audiotest.Packet) []int16 {
	t.Helper()
	decode := f.decoder()
	pcm, all := make([]int16, maxSpeech), []int16{}
	for i, p := range packets {
		if p.PayloadType != f.pt {
			t.Fatalf("packet %d is of type %d, want %d", i, p.PayloadType, f.pt)
		}
		all = append(all, pcm[:decode.Decode(pcm, p.Payload)]...)
	}
	return all
}

func TestCallersWithoutG711(t *testing.T) {
	for _, r := range []struct {
		name, formats, rtpmap string
		psapHas               string
	}{
		{"G.722", "9", "", "0"},
		{"G.722 and an A-law PSAP", "9", "", "8"},
		{"linear at 8 kHz", "96", "L16/8000", "0"},
		{"linear at 16 kHz", "97", "L16/16000/1", "8"},
		{"linear at 44.1 kHz", "11", "", "0"},
		{"linear at 16 kHz in stereo", "98", "L16/16000/2", "0"},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := open(t, Config{})
			var more []string
			if r.rtpmap != "" {
				more = append(more, "a=rtpmap:"+r.formats+" "+r.rtpmap)
			}
			d, _ := readSDP(offerOf(audiotest.ListenLocal(t, 1).Address(), r.formats, more...), caller)
			f := d.lines[0].formats[0]
			c, p := audiotest.ListenLocal(t, 1000), audiotest.ListenLocal(t, 2000)
			notes, err := s.SetOffer(caller, offerOf(c.Address(), r.formats, more...))
			settled(t, notes, err)
			p.Aim(where(t, must(t)(s.OfferFor(psap, caller)), 0))
			notes, err = s.SetAnswer(psap, offerOf(p.Address(), r.psapHas))
			settled(t, notes, err)
			answer := must(t)(s.AnswerFor(caller, psap))
			if !strings.Contains(string(answer), " RTP/AVP "+r.formats+"\r\n") {
				t.Fatalf("the answer:\n%s", answer)
			}
			c.Aim(where(t, answer, 0))
			if err := s.Connect(caller, psap); err != nil {
				t.Fatal(err)
			}
			if r.psapHas == "8" {
				p.Law = rtp.ALaw
			}
			say(c, f, audiotest.Sine(700, 400*time.Millisecond))
			p.Await(20)
			p.Say(audiotest.Sine(1100, 400*time.Millisecond))
			c.Await(20)
			hears(t, "the PSAP", p, 700)
			for i, got := range p.Packets() {
				if fmt.Sprint(got.PayloadType) != r.psapHas || len(got.Payload) != rtp.FrameSize || i > 0 && got.Timestamp-p.Packets()[i-1].Timestamp != rtp.FrameSize {
					t.Fatalf("packet %d at the PSAP: %+v of %d octets", i, got.Header, len(got.Payload))
				}
			}
			got := c.Packets()
			if l := audiotest.Level(heardIn(t, f, got)[400:], 1100); l < 0.4 {
				t.Errorf("the caller hears 1100 Hz at %.2f", l)
			}
			for i := range got[1:] {
				if step := got[i+1].Timestamp - got[i].Timestamp; step != f.codec.clock/50 {
					t.Fatalf("a step of %d in the caller's timeline, want %d", step, f.codec.clock/50)
				}
			}
			// A sound of ours reaches it too.
			c.Forget()
			if _, err := s.Play(caller, Sequence(Beep(), Beep())); err != nil {
				t.Fatal(err)
			}
			if l := audiotest.Level(heardIn(t, f, c.Await(20)), 1400); l < 0.1 {
				t.Errorf("the caller hears the beep at %.2f", l)
			}
		})
	}
}
