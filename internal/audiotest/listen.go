package audiotest

import (
	"math"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// Sine is a tone at half of full scale.
func Sine(hertz float64, length time.Duration) []int16 {
	pcm := make([]int16, int(length.Seconds()*rtp.SampleRate))
	for i := range pcm {
		pcm[i] = int16(math.MaxInt16 / 2 * math.Sin(2*math.Pi*hertz*float64(i)/rtp.SampleRate))
	}
	return pcm
}

// Level is the amplitude of one frequency in pcm, 1 being a full scale sine.
func Level(pcm []int16, hertz float64) float64 {
	if len(pcm) == 0 {
		return 0
	}
	turn := 2 * math.Cos(2*math.Pi*hertz/rtp.SampleRate)
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)+turn*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - turn*s1*s2
	return 2 * math.Sqrt(max(power, 0)) / float64(len(pcm)) / math.MaxInt16
}

// Loudness is the root mean square of pcm, 1 being full scale.
func Loudness(pcm []int16) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(len(pcm))) / math.MaxInt16
}

// Match looks for want inside got: at is where it begins there, likeness is 1 for the
// same waveform at any loudness and about 0 for another one.
func Match(want, got []int16) (at int, likeness float64) {
	for lag := 0; lag+len(want) <= len(got); lag++ {
		if l := correlation(want, got[lag:lag+len(want)]); l > likeness {
			at, likeness = lag, l
		}
	}
	return at, likeness
}

func correlation(a, b []int16) float64 {
	var aa, bb, ab float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
