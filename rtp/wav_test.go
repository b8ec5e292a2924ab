package rtp

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

func TestWAV(t *testing.T) {
	for _, channels := range []int{1, 2} {
		want := []int16{0, 1, -1, 32767, -32768, 12}
		var file bytes.Buffer
		if err := WriteWAV(&file, channels, want); err != nil {
			t.Fatal(err)
		}
		n, got, err := ReadWAV(bytes.NewReader(file.Bytes()))
		if err != nil || n != channels || !slices.Equal(got, want) {
			t.Errorf("read %d channels, %v, %v", n, got, err)
		}
		if _, got, err := ReadWAV(bytes.NewReader(file.Bytes()[:file.Len()-5])); err != nil || !slices.Equal(got, want[:3]) {
			t.Errorf("cut short: %v, %v", got, err)
		}
	}
	for name, file := range map[string]string{
		"nothing":    "",
		"no samples": string(WAVHeader(1, 0)[:36]),
		"another":    "RIFF\x00\x00\x00\x00AVI ",
		"data first": "RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00\x01\x00",
		"three ears": string(WAVHeader(3, 0)),
	} {
		if _, _, err := ReadWAV(bytes.NewReader([]byte(file))); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestTone(t *testing.T) {
	ring := Tone{Bursts: []Burst{{Hertz: []float64{440, 480}, For: 2 * time.Second}, {For: 4 * time.Second}}, Repeat: true}
	frame := make([]int16, FrameSize)
	loud := func(at time.Duration) bool {
		if n := ring.Fill(frame, samplesIn(at)); n != FrameSize {
			t.Fatalf("%d samples at %s", n, at)
		}
		return slices.Max(frame) > 1000
	}
	for at, want := range map[time.Duration]bool{time.Second: true, 2500 * time.Millisecond: false, 5 * time.Second: false, 6500 * time.Millisecond: true, time.Hour + time.Second: true} {
		if loud(at) != want {
			t.Errorf("at %s: loud %t", at, !want)
		}
	}
	beep := Tone{Bursts: []Burst{{Hertz: []float64{1000}, For: 30 * time.Millisecond}}}
	if n := beep.Fill(frame, FrameSize); n != FrameSize/2 || slices.Max(frame[n:]) != 0 {
		t.Errorf("%d samples of the beep's second frame", n)
	}
}

func TestKeyPress(t *testing.T) {
	for _, key := range "0123456789*#ABCD" {
		payload := make([]byte, 4)
		want := KeyPress{Key: key, End: true, Duration: 800}
		want.Put(payload)
		if got, ok := ParseKeyPress(payload); !ok || got != want {
			t.Errorf("%+v, %t, want %+v", got, ok, want)
		}
	}
	for _, payload := range [][]byte{nil, {1, 0, 0}, {16, 0, 0, 0}} {
		if got, ok := ParseKeyPress(payload); ok {
			t.Errorf("%x is %+v", payload, got)
		}
	}
}

func TestRenumberRED(t *testing.T) {
	payload := []byte{0x80 | 98, 1, 2, 3, 0x80 | 98, 1, 2, 3, 98, 'h', 'i', 98}
	RenumberRED(payload, func(uint8) uint8 { return 100 })
	if want := []byte{0x80 | 100, 1, 2, 3, 0x80 | 100, 1, 2, 3, 100, 'h', 'i', 98}; !bytes.Equal(payload, want) {
		t.Errorf("%x", payload)
	}
}
