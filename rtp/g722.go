package rtp

// G722 is one direction of ITU-T G.722 at 64 kbit/s, at the rate of a telephone.
//
// G.722 splits 16 kHz speech into two bands of 8 kHz each, and codes them apart: six bits
// of each octet are the lower one, 0 to 4 kHz. That band alone is what a telephone hears,
// so a relay to G.711 needs neither the upper band nor the filters that join them: it
// decodes the lower six bits (G.722 s4) and, the other way, sends an upper band without
// sound (s3). The RTP clock is 8000, though the speech has 16000 samples a second
// (RFC 3551 s4.5.2: an error that was kept); so timestamps pass unchanged.
//
// A coder and a decoder each need their own; the zero value is not one, NewG722 is. It
// cannot fail: any octets are some sound.
type G722 struct {
	scale int32 // the quantizer's step: NABLA and DET of the lower band
	log   int32

	estimate, zeros int32    // s and sz: what is predicted, and the part of the zeros
	rebuilt         [3]int32 // r, partial reconstruction and its past
	partial         [3]int32 // p
	poles           [3]int32 // a; the first is not used
	difference      [7]int32 // d
	taps            [7]int32 // b; likewise
}

// NewG722 is a coder or decoder that has heard nothing yet.
func NewG722() *G722 { return &G722{scale: 32} }

// silentUpper is the code of the upper band's smallest step.
const silentUpper = 0xc0

// Decode turns octets into as many samples, and returns how many.
func (g *G722) Decode(pcm []int16, coded []byte) int {
	n := min(len(pcm), len(coded))
	for i, octet := range coded[:n] {
		code := octet & 0x3f
		// Block 5L and 6L: all six bits for the listener, four of them for the predictor.
		heard := g.estimate + g.scale*g722Six[code]>>15
		pcm[i] = int16(max(min(heard, 16383), -16384) << 1)
		g.adapt(code >> 2)
	}
	return n
}

// Encode turns samples into as many octets, and returns how many.
func (g *G722) Encode(coded []byte, pcm []int16) int {
	n := min(len(pcm), len(coded))
	for i, sample := range pcm[:n] {
		off := saturate(int32(sample>>1) - g.estimate)
		size := off
		if off < 0 {
			size = -off - 1
		}
		// Block 1L: the first level that is not reached.
		level := 1
		for level < 30 && size >= g722Levels[level]*g.scale>>12 {
			level++
		}
		// G.722 table 7: codes fall as levels rise, and the four smallest negative ones
		// lie apart from the others.
		var code byte
		switch {
		case off >= 0:
			code = byte(62 - level)
		case level <= 2:
			code = byte(64 - level)
		default:
			code = byte(34 - level)
		}
		coded[i] = silentUpper | code
		g.adapt(code >> 2)
	}
	return n
}

// adapt is what coder and decoder do alike with the four bits that both know: the step
// (blocks 3L) and the predictor (blocks 4L) of the next sample.
func (g *G722) adapt(code byte) {
	d := g.scale * g722Four[code] >> 15

	g.log = max(min(g.log*127>>7+g722Steps[code], 18432), 0)
	if shift := 8 - g.log>>11; shift >= 0 {
		g.scale = g722Powers[g.log>>6&31] >> shift << 2
	} else {
		g.scale = g722Powers[g.log>>6&31] << -shift << 2
	}

	g.difference[0] = d
	g.rebuilt[0] = saturate(g.estimate + d)
	g.partial[0] = saturate(g.zeros + d)
	g.adaptPoles()
	g.adaptZeros()
	copy(g.difference[1:], g.difference[:6])
	copy(g.rebuilt[1:], g.rebuilt[:2])
	copy(g.partial[1:], g.partial[:2])

	// FILTEP, FILTEZ and PREDIC: the next sample, as the past has it.
	poles := saturate(g.poles[1]*saturate(2*g.rebuilt[1])>>15 + g.poles[2]*saturate(2*g.rebuilt[2])>>15)
	var zeros int32
	for i := 6; i > 0; i-- {
		zeros += g.taps[i] * saturate(2*g.difference[i]) >> 15
	}
	g.zeros = saturate(zeros)
	g.estimate = saturate(poles + g.zeros)
}

// adaptPoles is UPPOL2 and UPPOL1; the bounds keep the predictor stable.
func (g *G722) adaptPoles() {
	alike := func(i int) bool { return g.partial[0] < 0 == (g.partial[i] < 0) }
	second := saturate(4 * g.poles[1])
	if alike(1) {
		second = min(-second, 32767)
	}
	second >>= 7
	if alike(2) {
		second += 128
	} else {
		second -= 128
	}
	second = max(min(second+g.poles[2]*32512>>15, 12288), -12288)

	first := int32(-192)
	if alike(1) {
		first = 192
	}
	bound := saturate(15360 - second)
	first = max(min(saturate(first+g.poles[1]*32640>>15), bound), -bound)
	g.poles[1], g.poles[2] = first, second
}

// adaptZeros is UPZERO.
func (g *G722) adaptZeros() {
	var step int32
	if g.difference[0] != 0 {
		step = 128
	}
	for i := 1; i < 7; i++ {
		by := -step
		if g.difference[i] < 0 == (g.difference[0] < 0) {
			by = step
		}
		g.taps[i] = saturate(by + g.taps[i]*32640>>15)
	}
}

func saturate(v int32) int32 { return max(min(v, 32767), -32768) }

// The tables of G.722 for the lower band.
var (
	// g722Levels are the decision levels of the coder (table 4: Q6).
	g722Levels = [30]int32{0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919}
	// g722Six are the outputs of the six-bit inverse quantizer (table 8: QQ6).
	g722Six = [64]int32{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	// g722Four are those of the four-bit one (table 8: QQ4).
	g722Four = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	// g722Steps say by how much each code changes the logarithm of the step (table 9: WL by RL42).
	g722Steps = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	// g722Powers are 32 steps of an octave: 2048 * 2^(i/32) (table 11: ILB).
	g722Powers = [32]int32{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
)
