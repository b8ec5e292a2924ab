package rtp

import "math/bits"

// G.711 and the frame the whole relay works in (RFC 3551 s4.5.14).
const (
	SampleRate   = 8000
	FrameSize    = 160 // samples, and in G.711 octets, of one 20 ms packet
	MuSilence    = 0xff
	ASilence     = 0xd5
	PCMU         = 0 // static payload types (RFC 3551 s6)
	PCMA         = 8
	ComfortNoise = 13 // RFC 3389: silence suppression, never offered to a PSAP
)

// Law is one of the two companding laws of G.711.
type Law int

const (
	MuLaw Law = iota + 1
	ALaw
)

func (l Law) String() string {
	switch l {
	case MuLaw:
		return "PCMU"
	case ALaw:
		return "PCMA"
	}
	return "law?"
}

var (
	muToLinear, aToLinear = expandTables()
	muToA, aToMu          = crossTables()
)

// Decode expands coded speech into samples; len(pcm) must be at least len(coded).
func (l Law) Decode(pcm []int16, coded []byte) {
	table := &muToLinear
	if l == ALaw {
		table = &aToLinear
	}
	for i, c := range coded {
		pcm[i] = table[c]
	}
}

// Encode compresses samples; len(coded) must be at least len(pcm).
func (l Law) Encode(coded []byte, pcm []int16) {
	if l == ALaw {
		for i, s := range pcm {
			coded[i] = linearToA(s)
		}
		return
	}
	for i, s := range pcm {
		coded[i] = linearToMu(s)
	}
}

// Transcode turns speech coded in l into the other law, in place.
func (l Law) Transcode(coded []byte) {
	table := &muToA
	if l == ALaw {
		table = &aToMu
	}
	for i, c := range coded {
		coded[i] = table[c]
	}
}

const (
	muBias = 0x84
	muClip = 32635
)

// linearToMu is G.711 table 2: sign, three bits of segment, four of step, all inverted.
func linearToMu(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, muClip) + muBias
	segment := bits.Len(uint(v)) - 8
	return ^(sign | byte(segment)<<4 | byte(v>>(segment+3))&0x0f)
}

// linearToA is G.711 table 1: the even bits are inverted.
func linearToA(s int16) byte {
	v, sign := int(s), byte(0x80)
	if v < 0 {
		v, sign = -v-1, 0
	}
	segment := max(bits.Len(uint(v))-8, 0)
	step := byte(v>>max(segment+3, 4)) & 0x0f
	return (sign | byte(segment)<<4 | step) ^ 0x55
}

func expandTables() (mu, a [256]int16) {
	for i := range 256 {
		c := ^byte(i)
		v := (int(c&0x0f)<<3+muBias)<<(c>>4&7) - muBias
		if c&0x80 != 0 {
			v = -v
		}
		mu[i] = int16(v)

		c = byte(i) ^ 0x55
		v = int(c&0x0f)<<4 + 8
		if segment := c >> 4 & 7; segment > 0 {
			v = (v + 0x100) << (segment - 1)
		}
		if c&0x80 == 0 {
			v = -v
		}
		a[i] = int16(v)
	}
	return mu, a
}

func crossTables() (ma, am [256]byte) {
	for i := range 256 {
		ma[i] = linearToA(muToLinear[i])
		am[i] = linearToMu(aToLinear[i])
	}
	return ma, am
}
