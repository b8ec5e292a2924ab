package media

import (
	"testing"

	"github.com/tocsin-sip/tocsin/rtp"
)

// What SRTP adds to a packet in one direction, and what a translation does.

func BenchmarkSeal(b *testing.B) {
	for _, s := range suites {
		b.Run(s.name, func(b *testing.B) {
			out, err := newSeal(newKey("1", s))
			if err != nil {
				b.Fatal(err)
			}
			packet := make([]byte, rtp.HeaderSize+rtp.FrameSize, maxPacket)
			h := rtp.Header{SSRC: 1}
			b.ReportAllocs()
			for b.Loop() {
				h.Sequence++
				h.Put(packet)
				if _, err := out.protect(packet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTranslate(b *testing.B) {
	muLaw := newFormat(0, "", "")
	linear := func(name string) format { return newFormat(96, name, "") }
	for _, r := range []struct {
		name     string
		from, to format
		payload  []byte
	}{
		{"G.722 to PCMU", newFormat(9, "", ""), muLaw, make([]byte, 160)},
		{"PCMU to G.722", muLaw, newFormat(9, "", ""), make([]byte, 160)},
		{"L16 at 16 kHz to PCMU", linear("L16/16000"), muLaw, make([]byte, 640)},
		{"L16 at 44.1 kHz to PCMU", linear("L16/44100"), muLaw, make([]byte, 1764)},
		{"PCMU to L16 at 44.1 kHz", muLaw, linear("L16/44100"), make([]byte, 160)},
		{"Opus to PCMU", linear("opus/48000/2"), muLaw, opusPackets(b, "opus-celt.packets")[3]},
	} {
		b.Run(r.name, func(b *testing.B) {
			c := newRecoder(r.from, r.to)
			h := rtp.Header{SSRC: 1}
			b.ReportAllocs()
			for b.Loop() {
				h.Sequence++
				h.Timestamp += rtp.FrameSize
				c.recode(h, r.payload)
			}
		})
	}
}
