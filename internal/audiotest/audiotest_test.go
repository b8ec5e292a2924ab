package audiotest

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestLevel(t *testing.T) {
	pcm := Sine(1000, time.Second)
	if l := Level(pcm, 1000); math.Abs(l-0.5) > 0.01 {
		t.Errorf("a sine at half of full scale measures %.3f", l)
	}
	if l := Level(pcm, 1400); l > 0.01 {
		t.Errorf("another frequency measures %.3f", l)
	}
	if l := Loudness(pcm); math.Abs(l-0.5/math.Sqrt2) > 0.01 {
		t.Errorf("its loudness is %.3f", l)
	}
	if Level(nil, 1000) != 0 || Loudness(nil) != 0 {
		t.Error("nothing was heard in nothing")
	}
}

func TestMatch(t *testing.T) {
	sweep := make([]int16, 2000)
	for i := range sweep {
		sweep[i] = int16(8000 * math.Sin(float64(i)*float64(i)/3000))
	}
	quiet := slices.Clone(sweep)
	for i := range quiet {
		quiet[i] /= 3
	}
	got := slices.Concat(make([]int16, 333), quiet, Sine(500, 100*time.Millisecond))
	if at, likeness := Match(sweep, got); at != 333 || likeness < 0.99 {
		t.Errorf("found at %d with %.2f", at, likeness)
	}
	if _, likeness := Match(sweep, Sine(500, time.Second)); likeness > 0.4 {
		t.Errorf("heard the sweep in a tone with %.2f", likeness)
	}
}

func TestPhonesHearEachOther(t *testing.T) {
	a, b := ListenLocal(t, 1), ListenLocal(t, 2)
	a.Aim(b.Address())
	a.Say(Sine(700, 200*time.Millisecond))
	b.Await(10)
	if l := Level(b.Heard(), 700); l < 0.45 {
		t.Errorf("heard at %.2f", l)
	}
}
