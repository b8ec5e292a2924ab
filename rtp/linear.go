package rtp

import "encoding/binary"

// Linear is one direction of L16: samples of 16 bits, most significant octet first, those
// of one instant side by side (RFC 3551 s4.5.11), at any rate and with any number of
// channels. The other side of it is speech at SampleRate.
type Linear struct {
	channels int
	resample *Resampler // nil at SampleRate
	mono     []int16
	spoken   []int16
}

// NewLinearDecoder decodes L16 of a rate; channels are mixed to one.
func NewLinearDecoder(rate, channels int) *Linear { return newLinear(rate, SampleRate, channels) }

// NewLinearEncoder encodes to L16 of a rate; all channels get the same.
func NewLinearEncoder(rate, channels int) *Linear { return newLinear(SampleRate, rate, channels) }

func newLinear(from, to, channels int) *Linear {
	l := &Linear{channels: max(channels, 1)}
	if from != to {
		l.resample = NewResampler(from, to)
	}
	return l
}

// Decode turns octets into samples at SampleRate, and returns how many. A part of a sample
// at the end is left out.
func (l *Linear) Decode(pcm []int16, coded []byte) int {
	size := 2 * l.channels
	l.mono = l.mono[:0]
	for ; len(coded) >= size; coded = coded[size:] {
		sum := 0
		for c := range l.channels {
			sum += int(int16(binary.BigEndian.Uint16(coded[2*c:])))
		}
		l.mono = append(l.mono, int16(sum/l.channels))
	}
	return copy(pcm, l.at(l.mono))
}

// Encode turns samples at SampleRate into octets, and returns how many. What does not fit
// is left out.
func (l *Linear) Encode(coded []byte, pcm []int16) int {
	n := 0
	for _, s := range l.at(pcm) {
		if n+2*l.channels > len(coded) {
			break
		}
		for range l.channels {
			binary.BigEndian.PutUint16(coded[n:], uint16(s))
			n += 2
		}
	}
	return n
}

func (l *Linear) at(pcm []int16) []int16 {
	if l.resample == nil {
		return pcm
	}
	l.spoken = l.resample.Resample(l.spoken[:0], pcm)
	return l.spoken
}
