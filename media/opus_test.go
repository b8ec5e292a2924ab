package media

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/rtp"
)

// opusPackets are half a second of 700 Hz by libopus 1.3.1, each packet after its length.
func opusPackets(t testing.TB, file string) [][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for len(b) > 2 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		all, b = append(all, b[2:n]), b[n:]
	}
	return all
}

func TestCallerWithOnlyOpusIsHeard(t *testing.T) {
	for _, file := range []string{"opus-silk.packets", "opus-celt.packets"} {
		t.Run(file, func(t *testing.T) {
			s := open(t, Config{})
			c, p := audiotest.ListenLocal(t, 1000), audiotest.ListenLocal(t, 2000)
			notes, err := s.SetOffer(caller, offerOf(c.Address(), "96", "a=rtpmap:96 opus/48000/2"))
			settled(t, notes, err)
			p.Aim(where(t, must(t)(s.OfferFor(psap, caller)), 0))
			notes, err = s.SetAnswer(psap, offerOf(p.Address(), "0"))
			settled(t, notes, err)
			answer, notes, err := s.AnswerFor(caller, psap)
			if err != nil || codes(notes) != "heard-one-way" {
				t.Fatal(notes, err)
			}
			if _, notes, err := s.AnswerFor(caller, psap); err != nil || codes(notes) != "heard-one-way" {
				t.Errorf("again: %v, %v", notes, err)
			}
			c.Aim(where(t, answer, 0))
			if err := s.Connect(caller, psap); err != nil {
				t.Fatal(err)
			}
			packets := opusPackets(t, file)
			for _, b := range packets {
				c.Send(96, 960, b)
			}
			got := p.Await(len(packets))
			hears(t, "the PSAP", p, 700)
			for i := range got[1:] {
				if step := got[i+1].Timestamp - got[i].Timestamp; step != rtp.FrameSize || len(got[i].Payload) != rtp.FrameSize {
					t.Fatalf("packet %d of %d octets, a step of %d", i, len(got[i].Payload), step)
				}
			}
			// What cannot be decoded is a lost packet.
			c.Send(96, 960, []byte{0xff, 0xff, 0xff})
			c.Send(96, 960, packets[0])
			if last := p.Await(len(packets) + 1)[len(packets)]; len(last.Payload) != rtp.FrameSize || last.Sequence != got[len(packets)-1].Sequence+2 {
				t.Errorf("after a packet that cannot be decoded: %+v of %d octets", last.Header, len(last.Payload))
			}
		})
	}
}

func TestOpusPasses(t *testing.T) {
	s := open(t, Config{})
	c, p := audiotest.ListenLocal(t, 1000), audiotest.ListenLocal(t, 2000)
	notes, err := s.SetOffer(caller, offerOf(c.Address(), "96", "a=rtpmap:96 opus/48000/2"))
	settled(t, notes, err)
	p.Aim(where(t, must(t)(s.OfferFor(psap, caller)), 0))
	notes, err = s.SetAnswer(psap, offerOf(p.Address(), "96", "a=rtpmap:96 opus/48000/2"))
	settled(t, notes, err)
	c.Aim(where(t, must(t)(s.AnswerFor(caller, psap)), 0))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	c.Send(96, 960, []byte("opus"))
	if got := p.Await(1)[0]; string(got.Payload) != "opus" {
		t.Errorf("the PSAP got %q", got.Payload)
	}
}

// Whatever comes, the decoder answers with some samples or none.
func FuzzOpus(f *testing.F) {
	for _, file := range []string{"opus-silk.packets", "opus-celt.packets"} {
		for _, b := range opusPackets(f, file)[:3] {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, coded []byte) {
		var d opusDecoder
		pcm := make([]int16, maxSpeech)
		for range 2 {
			if n := d.Decode(pcm, coded); n < 0 || n > len(pcm) {
				t.Errorf("%d samples", n)
			}
		}
	})
}
