package media

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/tocsin-sip/tocsin/trace"
)

// description is what we keep of a party's SDP.
type description struct {
	raw   string // to tell a repetition from a new offer
	lines []line
}

// line is one m-line of a party.
type line struct {
	key         streamKey
	proto       string // as written
	formats     []format
	opaque      []string       // formats of a protocol that is not RTP
	addr        netip.AddrPort // not valid: unknown, to be learned
	control     netip.AddrPort
	sends       bool // what the party wants to do
	receives    bool
	declined    bool        // port 0
	mux         bool        // RFC 5761: RTCP on the port of RTP
	keys        []masterKey // RFC 4568, those that we can use
	fingerprint fingerprint // RFC 5763; zero without DTLS
	setup       string      // likewise
	ice         credentials // RFC 8839; zero without ICE
	mid         string
	attrs       []sdp.Attribute
	bandwidth   []sdp.Bandwidth
}

// streamKey names a stream within a leg, and its counterpart in another leg.
type streamKey struct {
	kind string // audio, video, text, ...
	n    int    // the n-th of its kind
}

// relayed: RTP in the clear or under SRTP profiles, whose plain form we speak.
func (l line) relayed() bool {
	switch strings.ToUpper(l.proto) {
	case "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF":
		return slices.Contains([]string{"audio", "video", "text", "application"}, l.key.kind)
	}
	return false
}

// secured: RFC 3711 or RFC 5764 profiles.
func (l line) secured() bool { return strings.Contains(strings.ToUpper(l.proto), "SAVP") }

func (d description) line(key streamKey) (line, bool) {
	for _, l := range d.lines {
		if l.key == key {
			return l, true
		}
	}
	return line{}, false
}

func degraded(code, text string, args ...any) trace.Degradation {
	return trace.Degradation{Stage: trace.Execute, Code: code, Text: fmt.Sprintf(text, args...)}
}

// maxSDP bounds what is read: no phone needs more, and 64 kB of m-lines would take
// every port we have.
const (
	maxSDP   = 32 << 10
	maxLines = 16
)

// readSDP never fails: what is legible is used, and when nothing is, the party is taken
// to speak G.711 from an address that its packets will show.
func readSDP(body []byte, leg LegID) (description, []trace.Degradation) {
	var notes []trace.Degradation
	d := description{raw: string(body)}
	s, media, err := legible(body)
	if err != nil {
		notes = append(notes, degraded("sdp-unreadable", "the SDP of %s is not as RFC 4566 has it, what is legible is used: %v", leg, err))
	}
	if len(media) > maxLines {
		notes = append(notes, degraded("sdp-too-long", "only the first %d media lines of %s are used", maxLines, leg))
		media = media[:maxLines]
	}
	for i, m := range media {
		d.lines = append(d.lines, readLine(s, s.MediaDescriptions[i], m))
	}
	notes = append(notes, d.number(leg)...)
	if len(d.lines) == 0 {
		notes = append(notes, degraded("sdp-without-media", "the SDP of %s names no media: G.711 is assumed", leg))
		d.lines = []line{{key: streamKey{kind: "audio"}, proto: "RTP/AVP", formats: g711(), sends: true, receives: true}}
	}
	return d, notes
}

// number gives each line its key, and says what cannot be served as it was asked for.
func (d description) number(leg LegID) []trace.Degradation {
	var notes []trace.Degradation
	count := map[string]int{}
	for i := range d.lines {
		l := &d.lines[i]
		twin := func(secured bool) bool {
			return slices.ContainsFunc(d.lines, func(o line) bool {
				return o.key.kind == l.key.kind && o.relayed() && !o.declined && o.secured() == secured && (!secured || o.sealable())
			})
		}
		switch {
		case l.declined:
			l.key.n = -1 - i // it has no counterpart
			continue
		case !l.relayed():
			notes = append(notes, degraded("media-not-relayed", "%s offers %s over %s, which is not relayed", leg, l.key.kind, l.proto))
		case l.secured() && !l.sealable() && twin(false),
			l.relayed() && !l.secured() && twin(true):
			// The same media twice, in the clear and secured: the secured one is taken if
			// we can speak it.
			l.declined, l.key.n = true, -1-i
			continue
		case l.secured() && !l.sealable():
			notes = append(notes, degraded("srtp-key-unusable", "%s asks for %s over SRTP without a key that can be used: plain RTP is tried", leg, l.key.kind))
		}
		if l.relayed() && l.receives && !l.addr.IsValid() && l.ice.user == "" {
			notes = append(notes, degraded("media-address-unknown", "the SDP of %s has no usable address for %s: it is learned from its packets", leg, l.key.kind))
		}
		l.key.n = count[l.key.kind]
		count[l.key.kind]++
	}
	return notes
}

// mediaName is an m-line, taken apart.
type mediaName struct {
	kind    string
	port    string
	proto   string
	formats []string
}

// legible parses body, and after a failure as much of it as makes sense.
//
// The m-lines are read here and not by the library, which refuses kinds and protocols it
// does not know: a line must keep its place whatever is in it, or the lines of offer and
// answer no longer match (RFC 3264 s6). There is one MediaDescription for each of them.
func legible(body []byte) (*sdp.SessionDescription, []mediaName, error) {
	const (
		start    = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\n"
		timing   = "t=0 0\r\n"
		anyMedia = "m=audio 9 RTP/AVP 0\r\n"
	)
	var (
		media  []mediaName
		blocks = [][]string{nil} // the lines of the session, then those of each m-line
		whole  strings.Builder
	)
	body = body[:min(len(body), maxSDP)]
	for text := range strings.FieldsFuncSeq(string(body), func(r rune) bool { return r == '\r' || r == '\n' }) {
		text = clean(text)
		if strings.HasPrefix(text, "m=") {
			var m mediaName
			fields := strings.Fields(text[2:])
			for i, to := range []*string{&m.kind, &m.port, &m.proto} {
				if i < len(fields) {
					*to = fields[i]
				}
			}
			m.formats = fields[min(len(fields), 3):]
			media = append(media, m)
			blocks = append(blocks, nil)
			whole.WriteString(anyMedia)
			continue
		}
		whole.WriteString(text + "\r\n")
		if len(text) > 2 && text[1] == '=' {
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], text)
		}
	}
	var s sdp.SessionDescription
	err := s.UnmarshalString(whole.String())
	if err == nil {
		return &s, media, nil
	}
	// Each line is tried on its own, in a skeleton that holds nothing else, and those
	// that stand are put in the order RFC 4566 s5 demands.
	var text strings.Builder
	text.WriteString(start)
	stand(&text, blocks[0], 'c', start, timing)
	text.WriteString(timing)
	stand(&text, blocks[0], 'a', start+timing, "")
	for _, b := range blocks[1:min(len(blocks), maxLines+1)] {
		text.WriteString(anyMedia)
		stand(&text, b, 'c', start+timing+anyMedia, "")
		stand(&text, b, 'b', start+timing+anyMedia, "")
		stand(&text, b, 'a', start+timing+anyMedia, "")
	}
	var rest sdp.SessionDescription
	if rest.UnmarshalString(text.String()) != nil || len(rest.MediaDescriptions) < min(len(media), maxLines) {
		return &sdp.SessionDescription{}, nil, err
	}
	return &rest, media, err
}

// stand appends the lines of one kind that can be read between before and after, of c=
// only the first.
func stand(text *strings.Builder, lines []string, kind byte, before, after string) bool {
	any := false
	for _, l := range lines {
		var try sdp.SessionDescription
		if l[0] != kind || any && kind == 'c' || try.UnmarshalString(before+l+"\r\n"+after) != nil {
			continue
		}
		text.WriteString(l + "\r\n")
		any = true
	}
	return any
}

func readLine(s *sdp.SessionDescription, m *sdp.MediaDescription, name mediaName) line {
	l := line{
		key:       streamKey{kind: strings.ToLower(name.kind)},
		proto:     name.proto,
		declined:  name.port == "0",
		sends:     true,
		receives:  true,
		bandwidth: m.Bandwidth,
	}
	if l.key.kind == "" || l.proto == "" && l.key.kind != "audio" {
		l.key.kind, l.proto, l.declined = cmp.Or(l.key.kind, "application"), cmp.Or(l.proto, "RTP/AVP"), true
	}
	if l.key.kind == "audio" && !l.relayed() {
		// There is no speech but over RTP; what else it may say is a mistake.
		l.proto = "RTP/AVP"
	}
	if l.relayed() {
		l.proto = strings.ToUpper(l.proto)
	}
	maps, params := map[string]string{}, map[string]string{}
	for _, a := range s.Attributes {
		l.direct(a.Key)
	}
	for _, a := range m.Attributes {
		switch key := strings.ToLower(a.Key); key {
		case "rtpmap":
			if pt, name, ok := strings.Cut(strings.TrimSpace(a.Value), " "); ok {
				maps[pt] = strings.TrimSpace(name)
			}
		case "fmtp":
			if pt, value, ok := strings.Cut(strings.TrimSpace(a.Value), " "); ok {
				params[pt] = strings.TrimSpace(value)
			}
		case "rtcp-mux":
			l.mux = true
		default:
			if !l.direct(key) && travels(key) {
				l.attrs = append(l.attrs, a)
			}
		}
	}
	l.secure(s, m)
	l.address(s, m, name)
	if !l.relayed() {
		l.opaque = name.formats
		return l
	}
	for _, text := range name.formats {
		pt, err := strconv.ParseUint(text, 10, 7)
		if err == nil && !slices.ContainsFunc(l.formats, func(f format) bool { return f.pt == uint8(pt) }) {
			l.formats = append(l.formats, newFormat(uint8(pt), maps[text], params[text]))
		}
	}
	if len(l.formats) == 0 && l.key.kind == "audio" {
		l.formats = g711()
	}
	return l
}

// secure reads what secures the line: keys, or what DTLS and ICE need, which may also be
// said once for all lines (RFC 8122 s5, RFC 8839 s5.4).
func (l *line) secure(s *sdp.SessionDescription, m *sdp.MediaDescription) {
	either := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return strings.TrimSpace(v)
		}
		v, _ := s.Attribute(key)
		return strings.TrimSpace(v)
	}
	l.keys = readKeys(m.Attributes)
	for _, a := range slices.Concat(m.Attributes, s.Attributes) {
		if f, ok := readFingerprint(a.Value); a.Key == "fingerprint" && ok && l.secured() && len(l.keys) == 0 {
			l.fingerprint, l.setup = f, either("setup")
			break
		}
	}
	if user, password := either("ice-ufrag"), either("ice-pwd"); user != "" && password != "" {
		l.ice = credentials{user, password}
	}
	l.mid, _ = m.Attribute("mid")
}

// sealable: under a profile of SRTP, and with what its keys come from.
func (l line) sealable() bool { return len(l.keys) > 0 || l.fingerprint.hash != "" }

// direct takes a direction attribute (RFC 4566 s6), and says whether it was one.
func (l *line) direct(key string) bool {
	switch strings.ToLower(key) {
	case "sendrecv":
		l.sends, l.receives = true, true
	case "sendonly":
		l.sends, l.receives = true, false
	case "recvonly":
		l.sends, l.receives = false, true
	case "inactive":
		l.sends, l.receives = false, false
	default:
		return false
	}
	return true
}

// address finds where the party wants to receive.
func (l *line) address(s *sdp.SessionDescription, m *sdp.MediaDescription, name mediaName) {
	if l.ice.user != "" {
		// RFC 8839 s4.2.1: what stands here is for those without ICE, mostly 0.0.0.0 and
		// port 9. The party's checks will show where it is.
		return
	}
	c := m.ConnectionInformation
	if c == nil {
		c = s.ConnectionInformation
	}
	host, ok := connection(c)
	if ok && host.IsUnspecified() {
		// RFC 3264 s8.4: the old way to put a stream on hold.
		l.receives = false
		return
	}
	first, _, _ := strings.Cut(name.port, "/") // a number of ports
	port, err := strconv.ParseUint(first, 10, 16)
	if !ok || err != nil || port == 0 {
		return
	}
	l.addr = netip.AddrPortFrom(host, uint16(port))
	if port < 65535 {
		l.control = netip.AddrPortFrom(host, uint16(port)+1)
	}
	// RFC 3605: RTCP may have a port, even an address, of its own.
	if v, ok := m.Attribute("rtcp"); ok {
		fields := strings.Fields(v)
		if len(fields) == 0 {
			return
		}
		if p, err := strconv.ParseUint(fields[0], 10, 16); err == nil && p > 0 {
			if len(fields) == 4 {
				if other, err := netip.ParseAddr(fields[3]); err == nil {
					host = other.Unmap()
				}
			}
			l.control = netip.AddrPortFrom(host, uint16(p))
		}
	}
}

func connection(c *sdp.ConnectionInformation) (netip.Addr, bool) {
	if c == nil || c.Address == nil {
		return netip.Addr{}, false
	}
	host, _, _ := strings.Cut(c.Address.Address, "/") // a time to live
	addr, err := netip.ParseAddr(strings.TrimSpace(host))
	if err != nil || addr.IsMulticast() {
		return netip.Addr{}, false // a host name: the packets will show where it is
	}
	return addr.Unmap().WithZone(""), true
}

// travels says whether an attribute describes the media, and so belongs to the other
// side too, rather than the transport of one leg, which ends at the anchor.
func travels(key string) bool {
	switch key {
	case "rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize", "candidate", "remote-candidates", "end-of-candidates", "ice-ufrag",
		"ice-pwd", "ice-options", "ice-lite", "ice-mismatch", "fingerprint", "setup", "connection", "tls-id", "crypto", "key-mgmt", "zrtp-hash",
		"ssrc", "ssrc-group", "msid", "mid", "extmap", "extmap-allow-mixed", "rid", "simulcast", "bundle-only",
		"acap", "tcap", "pcfg", "acfg", "csup", "creq", "silencesupp":
		return false
	}
	return !strings.HasPrefix(key, "x-")
}
