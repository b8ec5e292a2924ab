package rtp

import (
	"math"
	"sync"
)

// Resampler changes the rate of a stream of samples: a windowed sinc in as many phases as
// the two rates need. It delays by about a millisecond, keeps what both rates can carry and
// lets nothing fold back. It works on blocks of any length; what it gives for each is exact
// over time, and for whole frames in each.
type Resampler struct {
	kernel *kernel
	buffer []float32
	at     int // in buffer, where the window of the next sample begins
	phase  int
}

// kernel is the filter for one pair of rates. It does not change, and is shared.
type kernel struct {
	phases, step, width int
	weights             []float32 // width for each phase
}

// lobes of the sinc on each side.
const lobes = 12

// passband is how much of the smaller rate's band is kept; the window's slope needs the rest.
const passband = 0.9

var kernels sync.Map // [2]int of rates to *kernel: computed once for each pair

// NewResampler is a resampler between two rates in samples a second.
func NewResampler(from, to int) *Resampler {
	k, ok := kernels.Load([2]int{from, to})
	if !ok {
		k, _ = kernels.LoadOrStore([2]int{from, to}, newKernel(from, to))
	}
	r := &Resampler{kernel: k.(*kernel)}
	r.buffer = make([]float32, r.kernel.width-1, r.kernel.width+from/50)
	return r
}

func newKernel(from, to int) *kernel {
	a, b := from, to
	for b != 0 {
		a, b = b, a%b
	}
	cut := min(1, float64(to)/float64(from)) * passband
	half := int(math.Ceil(lobes / cut))
	k := &kernel{phases: to / a, step: from / a, width: 2 * half}
	k.weights = make([]float32, 0, k.phases*k.width)
	for phase := range k.phases {
		weights, sum := make([]float64, k.width), 0.0
		for i := range weights {
			x := float64(i-half+1) - float64(phase)/float64(k.phases)
			weights[i] = sinc(cut*x) * (0.5 + 0.5*math.Cos(math.Pi*max(min(x/float64(half), 1), -1)))
			sum += weights[i]
		}
		for _, w := range weights {
			k.weights = append(k.weights, float32(w/sum))
		}
	}
	return k
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// Resample appends to to what from is at the other rate. It allocates only when to, or a
// block far longer than a frame, needs it.
func (r *Resampler) Resample(to, from []int16) []int16 {
	k := r.kernel
	for _, s := range from {
		r.buffer = append(r.buffer, float32(s))
	}
	for r.at+k.width <= len(r.buffer) {
		var sum float32
		window := r.buffer[r.at : r.at+k.width]
		for i, w := range k.weights[r.phase*k.width : (r.phase+1)*k.width] {
			sum += w * window[i]
		}
		to = append(to, int16(max(min(sum, math.MaxInt16), math.MinInt16)))
		r.phase += k.step
		r.at += r.phase / k.phases
		r.phase %= k.phases
	}
	done := min(r.at, len(r.buffer))
	r.buffer = r.buffer[:copy(r.buffer, r.buffer[done:])]
	r.at -= done
	return to
}
