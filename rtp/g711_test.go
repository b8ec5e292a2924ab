package rtp

import (
	"math"
	"testing"
)

func TestG711KnownValues(t *testing.T) {
	for _, r := range []struct {
		law   Law
		pcm   int16
		coded byte
	}{
		{MuLaw, 0, 0xff}, {MuLaw, 32767, 0x80}, {MuLaw, -32768, 0x00}, {MuLaw, 1000, 0xce}, {MuLaw, -1000, 0x4e},
		{ALaw, 0, 0xd5}, {ALaw, -1, 0x55}, {ALaw, 32767, 0xaa}, {ALaw, -32768, 0x2a}, {ALaw, 1000, 0xfa}, {ALaw, -1000, 0x7a},
	} {
		var got [1]byte
		r.law.Encode(got[:], []int16{r.pcm})
		if got[0] != r.coded {
			t.Errorf("%s of %d is %#x, want %#x", r.law, r.pcm, got[0], r.coded)
		}
	}
}

func TestG711(t *testing.T) {
	for _, law := range []Law{MuLaw, ALaw} {
		// Every code stands for itself, but for mu-law's second zero.
		for c := range 256 {
			var pcm [1]int16
			var again [1]byte
			law.Decode(pcm[:], []byte{byte(c)})
			law.Encode(again[:], pcm[:])
			if again[0] != byte(c) && !(law == MuLaw && c == 0x7f && again[0] == 0xff) {
				t.Errorf("%s %#x became %#x", law, c, again[0])
			}
		}
		// No sample moves by more than half a step of its segment, 1/32 of its size.
		for v := -32768; v <= 32767; v++ {
			var coded [1]byte
			var pcm [1]int16
			law.Encode(coded[:], []int16{int16(v)})
			law.Decode(pcm[:], coded[:])
			if diff := math.Abs(float64(v) - float64(pcm[0])); diff > 16+math.Abs(float64(v))/16 {
				t.Fatalf("%s: %d became %d", law, v, pcm[0])
			}
		}
		// Through the other law and back nothing is lost but the last step.
		for c := range 256 {
			var before, after [1]int16
			coded := []byte{byte(c)}
			law.Decode(before[:], coded)
			law.Transcode(coded)
			other := MuLaw
			if law == MuLaw {
				other = ALaw
			}
			other.Decode(after[:], coded)
			if diff := math.Abs(float64(before[0]) - float64(after[0])); diff > 16+math.Abs(float64(before[0]))/16 {
				t.Errorf("%s %#x: %d became %d in %s", law, c, before[0], after[0], other)
			}
		}
	}
	var quiet [1]int16
	if MuLaw.Decode(quiet[:], []byte{MuSilence}); quiet[0] != 0 {
		t.Errorf("mu-law silence is %d", quiet[0])
	}
	if ALaw.Decode(quiet[:], []byte{ASilence}); quiet[0] != 8 {
		t.Errorf("A-law silence is %d", quiet[0])
	}
}
