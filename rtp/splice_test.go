package rtp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSplice(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := NewSplice(42, SampleRate, 999, 5000)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

	for _, r := range []struct {
		name   string
		ms     int
		source int
		in     Header
		want   Header
	}{
		{"the first packet begins a talkspurt", 0, 1, Header{Sequence: 10, Timestamp: 160, SSRC: 1}, Header{Marker: true, Sequence: 1000, Timestamp: 5000, SSRC: 42}},
		{"the next follows", 20, 1, Header{Sequence: 11, Timestamp: 320, SSRC: 1}, Header{Sequence: 1001, Timestamp: 5160, SSRC: 42}},
		{"a gap is kept", 60, 1, Header{Sequence: 13, Timestamp: 640, SSRC: 1}, Header{Sequence: 1003, Timestamp: 5480, SSRC: 42}},
		{"a late packet keeps its place", 61, 1, Header{Sequence: 12, Timestamp: 480, SSRC: 1}, Header{Sequence: 1002, Timestamp: 5320, SSRC: 42}},
		{"another source follows the highest sent, a second later", 1060, 2, Header{Sequence: 60000, Timestamp: 9, SSRC: 2}, Header{Marker: true, Sequence: 1004, Timestamp: 13480, SSRC: 42}},
		{"and goes on", 1080, 2, Header{Sequence: 60001, Timestamp: 169, SSRC: 2}, Header{Sequence: 1005, Timestamp: 13640, SSRC: 42}},
		{"a new SSRC of one source counts as another", 1080, 2, Header{Sequence: 5, Timestamp: 1, SSRC: 3}, Header{Marker: true, Sequence: 1006, Timestamp: 13800, SSRC: 42}},
		{"the payload type is not touched", 1100, 2, Header{PayloadType: 8, Sequence: 6, Timestamp: 161, SSRC: 3}, Header{PayloadType: 8, Sequence: 1007, Timestamp: 13960, SSRC: 42}},
	} {
		if got := s.Next(at(r.ms), r.source, r.in); got != r.want {
			t.Errorf("%s: %+v, want %+v", r.name, got, r.want)
		}
	}
}

// However sources take turns, the receiver sees one SSRC and every packet exactly one after the other.
func TestSpliceIsOneStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSplice(1, 8000, rapid.Uint16().Draw(t, "seq"), rapid.Uint32().Draw(t, "ts"))
		now := time.Unix(0, 0)
		feeds := make([]Header, 4)
		for i := range feeds {
			feeds[i] = Header{SSRC: uint32(i), Sequence: rapid.Uint16().Draw(t, "in seq"), Timestamp: rapid.Uint32().Draw(t, "in ts")}
		}
		var last Header
		for i := range rapid.IntRange(2, 100).Draw(t, "packets") {
			source := rapid.IntRange(0, 3).Draw(t, "source")
			now = now.Add(FrameTime)
			feeds[source].Sequence++
			feeds[source].Timestamp += FrameSize
			out := s.Next(now, source, feeds[source])
			if i > 0 && (out.SSRC != last.SSRC || out.Sequence != last.Sequence+1 || out.Timestamp-last.Timestamp != FrameSize) {
				t.Fatalf("%+v after %+v", out, last)
			}
			last = out
		}
	})
}
