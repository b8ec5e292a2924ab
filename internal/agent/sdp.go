package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/tocsin-sip/tocsin/rtp"
)

// errNoAudio: a description offers nothing an agent can talk.
var errNoAudio = errors.New("no G.711 audio in the description")

// ownKeys is the payload type of our telephone-events where we make the offer.
const ownKeys = 101

// description is what a peer's SDP says about its audio.
type description struct {
	at    netip.AddrPort // where it hears
	laws  []rtp.Law      // in its order of preference
	keys  uint8          // the payload type of its telephone-events, 0 for none
	hold  bool           // it does not want to hear us: sendonly or inactive (RFC 3264 s8.4)
	lines []mediaLine
	audio int // which of the lines it is
}

// mediaLine is an m-line as an answer has to repeat it (RFC 3264 s6).
type mediaLine struct {
	kind, proto, format string
}

func readDescription(text string) (description, error) {
	d := description{audio: -1}
	var s sdp.SessionDescription
	if err := s.UnmarshalString(text); err != nil {
		return d, fmt.Errorf("reading the description: %w", err)
	}
	for i, m := range s.MediaDescriptions {
		line := mediaLine{m.MediaName.Media, strings.Join(m.MediaName.Protos, "/"), "0"}
		if len(m.MediaName.Formats) > 0 {
			line.format = m.MediaName.Formats[0]
		}
		d.lines = append(d.lines, line)
		if d.audio < 0 && line.kind == "audio" && m.MediaName.Port.Value != 0 {
			d.audio = i
			d.readAudio(m, s.ConnectionInformation)
		}
	}
	if len(d.laws) == 0 {
		return d, errNoAudio
	}
	return d, nil
}

func (d *description) readAudio(m *sdp.MediaDescription, session *sdp.ConnectionInformation) {
	where := m.ConnectionInformation
	if where == nil {
		where = session
	}
	if where != nil && where.Address != nil {
		if addr, err := netip.ParseAddr(where.Address.Address); err == nil {
			d.at = netip.AddrPortFrom(addr, uint16(m.MediaName.Port.Value))
		}
	}
	coded := map[string]string{"0": "PCMU", "8": "PCMA"}
	for _, a := range m.Attributes {
		switch a.Key {
		case "rtpmap":
			if pt, name, ok := strings.Cut(a.Value, " "); ok {
				name, _, _ = strings.Cut(name, "/")
				coded[pt] = strings.ToUpper(name)
			}
		case "sendonly", "inactive":
			d.hold = true
		}
	}
	for _, f := range m.MediaName.Formats {
		switch coded[f] {
		case "PCMU":
			d.laws = append(d.laws, rtp.MuLaw)
		case "PCMA":
			d.laws = append(d.laws, rtp.ALaw)
		case "TELEPHONE-EVENT":
			if pt, err := strconv.ParseUint(f, 10, 7); err == nil && d.keys == 0 {
				d.keys = uint8(pt)
			}
		}
	}
}

// own is our description of a voice: an answer to theirs, or an offer where there is none.
// hold makes it send only.
func own(v *voice, theirs *description, hold bool) string {
	at := v.local()
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	laws, keys, direction := []rtp.Law{rtp.MuLaw, rtp.ALaw}, uint8(ownKeys), "sendrecv"
	if hold {
		direction = "sendonly"
	}
	lines, audio := []mediaLine{{kind: "audio"}}, 0
	if theirs != nil {
		laws, keys, lines, audio = theirs.laws[:1], theirs.keys, theirs.lines, theirs.audio
		if theirs.hold {
			direction = "recvonly"
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", v.session, v.nextVersion(), family, at.Addr(), family, at.Addr())
	for i, l := range lines {
		if i != audio {
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", l.kind, l.proto, l.format)
			continue
		}
		fmt.Fprintf(&b, "m=audio %d RTP/AVP", at.Port())
		for _, law := range laws {
			fmt.Fprintf(&b, " %d", payloadType(law))
		}
		if keys != 0 {
			fmt.Fprintf(&b, " %d", keys)
		}
		b.WriteString("\r\n")
		for _, law := range laws {
			fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", payloadType(law), law)
		}
		if keys != 0 {
			fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", keys, keys)
		}
		fmt.Fprintf(&b, "a=ptime:20\r\na=%s\r\n", direction)
	}
	return b.String()
}

// payloadType is the static one of a law (RFC 3551 s6).
func payloadType(l rtp.Law) uint8 {
	if l == rtp.ALaw {
		return rtp.PCMA
	}
	return rtp.PCMU
}
