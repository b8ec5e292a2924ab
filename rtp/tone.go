package rtp

import (
	"math"
	"time"
)

// Burst is one part of a tone's cadence: the sum of Hertz for the time For. No
// frequencies is silence.
type Burst struct {
	Hertz []float64
	For   time.Duration
}

// Tone is a cadence of bursts at a level in dBm0 (ITU-T E.180; 0 means -13, a usual
// level for a call progress tone).
type Tone struct {
	Bursts []Burst
	Level  float64
	Repeat bool
}

// fullScale is the level of a full scale sine in G.711: +3.17 dBm0 for mu-law.
const fullScale = 3.17

// Length is how long one run of the cadence takes.
func (t Tone) Length() time.Duration {
	var sum time.Duration
	for _, b := range t.Bursts {
		sum += b.For
	}
	return sum
}

// Fill writes the samples from position at on into frame and returns how many belong
// to the tone; what comes after its end is silence.
func (t Tone) Fill(frame []int16, at int) int {
	total := samplesIn(t.Length())
	for i := range frame {
		pos := at + i
		if t.Repeat && total > 0 {
			pos %= total
		}
		if pos >= total {
			clear(frame[i:])
			return i
		}
		frame[i] = t.sample(pos)
	}
	return len(frame)
}

func (t Tone) sample(pos int) int16 {
	level := t.Level
	if level == 0 {
		level = -13
	}
	for _, b := range t.Bursts {
		n := samplesIn(b.For)
		if pos >= n {
			pos -= n
			continue
		}
		if len(b.Hertz) == 0 {
			return 0
		}
		var sum float64
		for _, f := range b.Hertz {
			sum += math.Sin(2 * math.Pi * f * float64(pos) / SampleRate)
		}
		// The level is that of the sum, so a dual tone has 3 dB less in each part.
		amplitude := math.MaxInt16 * math.Pow(10, (level-fullScale)/20) / math.Sqrt(float64(len(b.Hertz)))
		return int16(sum * amplitude * ramp(pos, n))
	}
	return 0
}

// ramp fades five milliseconds in and out: a tone cut hard clicks in the ear.
func ramp(pos, n int) float64 {
	const edge = SampleRate / 200
	return min(1, float64(pos)/edge, float64(n-1-pos)/edge)
}

func samplesIn(d time.Duration) int { return int(int64(d) * SampleRate / int64(time.Second)) }
