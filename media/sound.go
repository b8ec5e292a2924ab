package media

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// Sound is something that can be played to a leg. Sounds are values and can be shared.
type Sound struct {
	fill    func(frame []int16, at int) // at is in samples from the start
	samples int
	endless bool
}

// Length is how long it takes; zero when it does not end.
func (s Sound) Length() time.Duration {
	if s.endless {
		return 0
	}
	return time.Duration(s.samples) * time.Second / rtp.SampleRate
}

// Announcement is the name of something spoken.
type Announcement string

// What is said is in prompts/build.sh.
const (
	StayOnLine         Announcement = "stay-on-line"
	PressOne           Announcement = "press-1"
	NoEmergencyCalling Announcement = "no-emergency-calling"
	Recorded           Announcement = "recorded"
	TestCall           Announcement = "test-call"
	LocationIs         Announcement = "location-is"
)

//go:embed prompts/*.wav
var spokenFiles embed.FS

// Say is an announcement. An unknown name is silence of a second, so that whoever plays
// it is not stopped by it; Known tells.
func Say(name Announcement) Sound {
	pcm, err := recording(string(name))
	if err != nil {
		return Silence(time.Second)
	}
	return recorded(pcm)
}

// Known says whether there is such an announcement.
func Known(name Announcement) bool {
	_, err := recording(string(name))
	return err == nil
}

// Digits reads a number back, figure by figure; what is not a figure or a plus is left out.
func Digits(number string) Sound {
	var parts []Sound
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			parts = append(parts, Say(Announcement(r)), Silence(150*time.Millisecond))
		case r == '+':
			parts = append(parts, Say("plus"), Silence(150*time.Millisecond))
		}
	}
	return Sequence(parts...)
}

// recording is the samples of an embedded file, as they lie in it: nothing is decoded
// before it is played, and nothing is kept.
func recording(name string) ([]byte, error) {
	file, err := spokenFiles.ReadFile("prompts/" + name + ".wav")
	if err != nil {
		return nil, fmt.Errorf("announcement %s: %w", name, err)
	}
	if len(file) < rtp.WAVHeaderSize || !bytes.Equal(file[36:40], []byte("data")) {
		return nil, fmt.Errorf("announcement %s: not plain WAV", name)
	}
	return file[rtp.WAVHeaderSize:], nil
}

func recorded(pcm []byte) Sound {
	return Sound{samples: len(pcm) / 2, fill: func(frame []int16, at int) {
		for i := range frame {
			frame[i] = 0
			if pos := 2 * (at + i); pos+1 < len(pcm) {
				frame[i] = int16(binary.LittleEndian.Uint16(pcm[pos:]))
			}
		}
	}}
}

// toneSound is a tone as a sound.
func toneSound(t rtp.Tone) Sound {
	return Sound{samples: int(int64(t.Length()) * rtp.SampleRate / int64(time.Second)), endless: t.Repeat, fill: func(frame []int16, at int) { t.Fill(frame, at) }}
}

// Silence is packets without sound: they keep a NAT open, and tell a phone that we live.
func Silence(length time.Duration) Sound {
	return toneSound(rtp.Tone{Bursts: []rtp.Burst{{For: length}}})
}

// Sequence plays sounds one after the other; none of them but the last may be endless.
func Sequence(parts ...Sound) Sound {
	var all Sound
	for _, p := range parts {
		all.samples += p.samples
		all.endless = all.endless || p.endless
	}
	all.fill = func(frame []int16, at int) {
		clear(frame)
		for i, p := range parts {
			last := i == len(parts)-1
			if at >= p.samples && !(last && p.endless) {
				at -= p.samples
				continue
			}
			n := min(len(frame), p.samples-at)
			if last && p.endless {
				n = len(frame)
			}
			p.fill(frame[:n], at)
			if frame, at = frame[n:], 0; len(frame) == 0 {
				return
			}
		}
	}
	return all
}

// Repeat plays a sound again and again with a pause between.
func Repeat(s Sound, pause time.Duration) Sound {
	once := Sequence(s, Silence(pause))
	if once.samples == 0 {
		return Sound{endless: true, fill: func(frame []int16, _ int) { clear(frame) }}
	}
	return Sound{samples: once.samples, endless: true, fill: func(frame []int16, at int) {
		for len(frame) > 0 {
			from := at % once.samples
			n := min(len(frame), once.samples-from)
			once.fill(frame[:n], from)
			frame, at = frame[n:], at+n
		}
	}}
}

// Ringback is the ringing tone of a country (ITU-T E.180 supplement 2), by its ISO code;
// where it is not known, that of most of Europe.
func Ringback(country string) Sound {
	ring := func(hertz ...float64) func(cadence ...time.Duration) Sound {
		return func(cadence ...time.Duration) Sound {
			t := rtp.Tone{Repeat: true, Level: -19}
			for i, d := range cadence {
				b := rtp.Burst{For: d}
				if i%2 == 0 {
					b.Hertz = hertz
				}
				t.Bursts = append(t.Bursts, b)
			}
			return toneSound(t)
		}
	}
	const ms, s = time.Millisecond, time.Second
	switch country {
	case "US", "CA", "PR", "VI", "GU":
		return ring(440, 480)(2*s, 4*s)
	case "GB", "IE", "JE", "GG", "IM", "GI", "MT", "SG", "HK", "IN", "MY", "ZA":
		return ring(400, 450)(400*ms, 200*ms, 400*ms, 2*s)
	case "AU", "NZ":
		return ring(400, 425)(400*ms, 200*ms, 400*ms, 2*s)
	case "JP":
		return ring(384, 416)(1*s, 2*s)
	}
	return ring(425)(1*s, 4*s)
}

// Beep is one short tone: a recording goes on, or something is about to be said.
func Beep() Sound {
	return toneSound(rtp.Tone{Bursts: []rtp.Burst{{Hertz: []float64{1400}, For: 250 * time.Millisecond}}})
}

// BothAnswered tells a member of the safety team that the PSAP has the caller: two
// rising notes every four seconds, unlike any tone of a telephone network.
func BothAnswered() Sound {
	return toneSound(rtp.Tone{Repeat: true, Level: -19, Bursts: []rtp.Burst{
		{Hertz: []float64{660}, For: 200 * time.Millisecond}, {Hertz: []float64{880}, For: 200 * time.Millisecond}, {For: 3600 * time.Millisecond},
	}})
}
