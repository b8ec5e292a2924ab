package media

import (
	"strconv"
	"strings"

	"github.com/tocsin-sip/tocsin/rtp"
)

// codec is what a payload type stands for: the two sides of a call may number the same
// codec differently, and different codecs the same.
type codec struct {
	name     string // upper case; RFC 4855 s3: names are compared without regard to case
	clock    uint32
	channels int
}

var (
	pcmu     = codec{"PCMU", 8000, 1}
	pcma     = codec{"PCMA", 8000, 1}
	g722     = codec{"G722", 8000, 1}
	keyPress = codec{"TELEPHONE-EVENT", 8000, 1}
)

// format is one payload type of an m-line.
type format struct {
	pt     uint8
	codec  codec
	rtpmap string // as written: "opus/48000/2"
	fmtp   string
}

// static are the payload types that need no rtpmap (RFC 3551 s6).
var static = map[uint8]string{
	0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 5: "DVI4/8000", 6: "DVI4/16000", 7: "LPC/8000", 8: "PCMA/8000", 9: "G722/8000",
	10: "L16/44100/2", 11: "L16/44100", 12: "QCELP/8000", 13: "CN/8000", 14: "MPA/90000", 15: "G728/8000", 16: "DVI4/11025",
	17: "DVI4/22050", 18: "G729/8000", 25: "CelB/90000", 26: "JPEG/90000", 28: "nv/90000", 31: "H261/90000", 32: "MPV/90000",
	33: "MP2T/90000", 34: "H263/90000",
}

func newFormat(pt uint8, rtpmap, fmtp string) format {
	if rtpmap == "" {
		rtpmap = static[pt]
	}
	f := format{pt: pt, rtpmap: rtpmap, fmtp: fmtp}
	parts := strings.Split(rtpmap, "/")
	f.codec = codec{name: strings.ToUpper(strings.TrimSpace(parts[0])), channels: 1}
	if len(parts) > 1 {
		clock, _ := strconv.ParseUint(strings.TrimSpace(parts[1]), 10, 32) // unreadable is zero, and matches itself
		f.codec.clock = uint32(clock)
	}
	if len(parts) > 2 {
		if n, err := strconv.Atoi(strings.TrimSpace(parts[2])); err == nil {
			f.codec.channels = n
		}
	}
	if f.codec.name == "" {
		// A dynamic payload type without rtpmap: all we know of it is its number.
		f.codec.name = "PT" + strconv.Itoa(int(pt))
	}
	return f
}

func (f format) law() (rtp.Law, bool) {
	switch f.codec {
	case pcmu:
		return rtp.MuLaw, true
	case pcma:
		return rtp.ALaw, true
	}
	return 0, false
}

func (f format) isKeyPress() bool { return f.codec.name == keyPress.name }
func (f format) isRED() bool      { return f.codec.name == "RED" }

// suppressesSilence: comfort noise announces that silence is not sent.
// RFC 6881 ED-72: silence suppression must not be used in an emergency call.
func (f format) suppressesSilence() bool { return f.codec.name == "CN" }

// speech says whether the format carries talk, rather than keys pressed.
func (f format) speech() bool { return !f.isKeyPress() && !f.suppressesSilence() }

func g711() []format { return []format{newFormat(rtp.PCMU, "", ""), newFormat(rtp.PCMA, "", "")} }

// find is the format among in that stands for the same as f: with the same number and
// parameters where there are several, as with the profiles of a video codec.
func find(f format, in []format) (format, bool) {
	var best format
	score := 0
	for _, g := range in {
		if g.codec != f.codec {
			continue
		}
		s := 1
		if g.fmtp == f.fmtp {
			s += 2
		}
		if g.pt == f.pt {
			s++
		}
		if s > score {
			best, score = g, s
		}
	}
	return best, score > 0
}

// reachableBy is find, or else a format that we can translate f into, G.711 before others.
func reachableBy(f format, in []format) (format, bool) {
	if g, ok := find(f, in); ok {
		return g, true
	}
	if !f.translatable() {
		return format{}, false
	}
	return spokenAs(in)
}

// heardBy is reachableBy in one direction: what f can be turned into for a party that takes in.
func heardBy(f format, in []format) (format, bool) {
	if g, ok := reachableBy(f, in); ok || !f.decodable() {
		return g, ok
	}
	return spokenAs(in)
}

// spokenAs is the format among in that we would rather code speech in: G.711, or else the
// first of those we can.
func spokenAs(in []format) (format, bool) {
	var best format
	found := false
	for _, f := range in {
		if _, isG711 := f.law(); isG711 {
			return f, true
		}
		if f.translatable() && !found {
			best, found = f, true
		}
	}
	return best, found
}
