package rtp

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"
	"time"
)

// tone is a sine at half of full scale at a rate.
func tone(hertz float64, rate int, length time.Duration) []int16 {
	pcm := make([]int16, int(length.Seconds()*float64(rate)))
	for i := range pcm {
		pcm[i] = int16(16384 * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate)))
	}
	return pcm
}

// level is the amplitude of one frequency, 1 being half of full scale.
func level(pcm []int16, hertz float64, rate int) float64 {
	var re, im float64
	for i, s := range pcm {
		a := 2 * math.Pi * hertz * float64(i) / float64(rate)
		re, im = re+float64(s)*math.Cos(a), im+float64(s)*math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm)) / 16384
}

// What another implementation (spandsp 0.0.6, at its 8 kHz option) makes of the same: noise
// whose loudness rises and falls, and octets that no coder would send.
func TestG722IsThatOfOthers(t *testing.T) {
	const (
		n          = 16000
		wantCoded  = 0xac23fecb
		wantSounds = 0x5f07bc65
	)
	var (
		x      = uint32(1)
		pcm    = make([]int16, n)
		octets = make([]byte, n)
	)
	for i := range n {
		x = x*1664525 + 1013904223
		pcm[i] = int16((int(x>>16) - 32768) >> (i / 1000 % 8))
		x = x*1664525 + 1013904223
		octets[i] = byte(x >> 24)
	}
	coded := make([]byte, n)
	if got := NewG722().Encode(coded, pcm); got != n || crc32.ChecksumIEEE(coded) != wantCoded {
		t.Errorf("coded %d octets with sum %#x", got, crc32.ChecksumIEEE(coded))
	}
	var sounds []byte
	if got := NewG722().Decode(pcm, octets); got != n {
		t.Errorf("decoded %d", got)
	}
	for _, s := range pcm {
		sounds = binary.LittleEndian.AppendUint16(sounds, uint16(s))
	}
	if crc32.ChecksumIEEE(sounds) != wantSounds {
		t.Errorf("decoded samples with sum %#x", crc32.ChecksumIEEE(sounds))
	}
}

func TestG722KeepsSpeech(t *testing.T) {
	for _, hertz := range []float64{300, 1000, 2000, 3000} {
		in := tone(hertz, SampleRate, time.Second)
		coded, out := make([]byte, len(in)), make([]int16, len(in))
		NewG722().Encode(coded, in)
		NewG722().Decode(out, coded)
		if l := level(out[400:], hertz, SampleRate); math.Abs(l-1) > 0.1 {
			t.Errorf("%v Hz comes back at %.2f", hertz, l)
		}
	}
}

func TestResampler(t *testing.T) {
	for _, r := range []struct {
		name     string
		from, to int
		hertz    float64
		level    float64 // that is to come out
	}{
		{"16 kHz down", 16000, 8000, 1000, 1},
		{"16 kHz up", 8000, 16000, 1000, 1},
		{"44.1 kHz down", 44100, 8000, 2000, 1},
		{"44.1 kHz up", 8000, 44100, 2000, 1},
		{"48 kHz down", 48000, 8000, 3000, 1},
		{"11.025 kHz down", 11025, 8000, 1000, 1},
		{"what 8 kHz cannot carry does not fold back", 48000, 8000, 5000, 0},
		{"nor close above", 16000, 8000, 4600, 0},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := NewResampler(r.from, r.to)
			in := tone(r.hertz, r.from, time.Second)
			var out []int16
			frame := r.from / 50
			for at := 0; at+frame <= len(in); at += frame {
				before := len(out)
				out = s.Resample(out, in[at:at+frame])
				if got := len(out) - before; r.to%50 == 0 && r.from%50 == 0 && got != r.to/50 {
					t.Fatalf("a frame became %d samples", got)
				}
			}
			if math.Abs(float64(len(out)-r.to*frame*50/r.from)) > 1 {
				t.Errorf("a second became %d samples", len(out))
			}
			out = out[r.to/10:]
			if l := level(out, r.hertz, r.to); r.level > 0 && math.Abs(l-r.level) > 0.05 {
				t.Errorf("%v Hz came out at %.3f", r.hertz, l)
			}
			var sum float64
			for _, s := range out {
				sum += float64(s) * float64(s)
			}
			loud := math.Sqrt(2*sum/float64(len(out))) / 16384
			if math.Abs(loud-r.level) > 0.05 {
				t.Errorf("all that came out is at %.3f", loud)
			}
		})
	}
}

func TestLinear(t *testing.T) {
	for _, r := range []struct{ rate, channels int }{{8000, 1}, {16000, 1}, {44100, 1}, {44100, 2}, {48000, 2}} {
		in := tone(1000, SampleRate, 500*time.Millisecond)
		encode, decode := NewLinearEncoder(r.rate, r.channels), NewLinearDecoder(r.rate, r.channels)
		coded, pcm := make([]byte, 8000), make([]int16, 400)
		var out []int16
		for at := 0; at < len(in); at += FrameSize {
			n := encode.Encode(coded, in[at:at+FrameSize])
			if want := r.rate / 50 * r.channels * 2; n != want {
				t.Fatalf("%v: a frame of %d octets, want %d", r, n, want)
			}
			out = append(out, pcm[:decode.Decode(pcm, coded[:n])]...)
		}
		if l := level(out[400:], 1000, SampleRate); len(out) != len(in) || math.Abs(l-1) > 0.05 {
			t.Errorf("%v: %d samples at %.2f", r, len(out), l)
		}
	}
	// Half a sample, and room for less than all.
	pcm := make([]int16, 2)
	if n := NewLinearDecoder(8000, 1).Decode(pcm, []byte{0, 1, 2}); n != 1 || pcm[0] != 1 {
		t.Errorf("%d samples: %v", n, pcm)
	}
	if n := NewLinearEncoder(8000, 2).Encode(make([]byte, 7), []int16{1, 2, 3}); n != 4 {
		t.Errorf("%d octets", n)
	}
}

func TestConvertingDoesNotAllocate(t *testing.T) {
	pcm, coded := tone(1000, SampleRate, FrameTime), make([]byte, 2000)
	for name, convert := range map[string]func(){
		"G.722":       func() { g := NewG722(); g.Decode(pcm, coded); g.Encode(coded, pcm) },
		"L16 encoder": func(e *Linear) func() { return func() { e.Encode(coded, pcm) } }(NewLinearEncoder(44100, 1)),
		"L16 decoder": func(d *Linear) func() { return func() { d.Decode(pcm, coded[:1764]) } }(NewLinearDecoder(44100, 1)),
	} {
		convert()
		if n := testing.AllocsPerRun(100, convert); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}
