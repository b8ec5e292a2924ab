package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// spoken is an m-line that we are about to say.
type spoken struct {
	localLine
	proto           string
	opaque          []string // formats of a protocol that is not RTP
	attrs           []sdp.Attribute
	bandwidth       []sdp.Bandwidth
	sends, receives bool            // we
	keys            []sdp.Attribute // what secures the line: keys, DTLS, ICE
	ice             bool
	unsuppressed    bool // say that silence is sent
	mux             bool // reports go through the port of the media
	declined        bool
}

// say writes our SDP and remembers it. RFC 3264 s8: the version grows by one with each
// change, and only then.
func (l *leg) say(lines []spoken) []byte {
	l.local = make([]localLine, 0, len(lines))
	var b strings.Builder
	a := l.session.anchor
	fmt.Fprintf(&b, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", a.family, a.advertise)
	if slices.ContainsFunc(lines, func(out spoken) bool { return out.ice }) {
		b.WriteString("a=ice-lite\r\n") // RFC 8839 s5.3: for all lines or none
	}
	for _, out := range lines {
		out.write(&b)
		l.local = append(l.local, out.localLine)
	}
	if l.said != b.String() {
		l.said = b.String()
		l.version++
	}
	return fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s %s\r\n%s", l.id31, l.version, a.family, a.advertise, l.said)
}

func (out spoken) write(b *strings.Builder) {
	port := uint16(0)
	if out.stream != nil {
		port = out.stream.pair.RTP.Port()
	}
	fmt.Fprintf(b, "m=%s %d %s", clean(out.key.kind), port, clean(out.proto))
	for _, f := range out.formats {
		fmt.Fprintf(b, " %d", f.pt)
	}
	for _, f := range out.opaque {
		b.WriteString(" " + clean(f))
	}
	if len(out.formats)+len(out.opaque) == 0 {
		b.WriteString(" 0") // RFC 4566 s9: a line has at least one format
	}
	b.WriteString("\r\n")
	if out.stream == nil {
		return
	}
	for _, bw := range out.bandwidth {
		if bw.Experimental {
			fmt.Fprintf(b, "b=X-%s:%d\r\n", clean(bw.Type), bw.Bandwidth)
			continue
		}
		fmt.Fprintf(b, "b=%s:%d\r\n", clean(bw.Type), bw.Bandwidth)
	}
	for _, f := range out.formats {
		if f.rtpmap != "" {
			fmt.Fprintf(b, "a=rtpmap:%d %s\r\n", f.pt, clean(f.rtpmap))
		}
		if f.fmtp != "" {
			fmt.Fprintf(b, "a=fmtp:%d %s\r\n", f.pt, clean(f.fmtp))
		}
	}
	for _, a := range slices.Concat(out.attrs, out.keys) {
		if a.Value == "" {
			fmt.Fprintf(b, "a=%s\r\n", clean(a.Key))
			continue
		}
		fmt.Fprintf(b, "a=%s:%s\r\n", clean(a.Key), clean(a.Value))
	}
	if out.unsuppressed {
		// RFC 3108 s5.6.3.3 through RFC 6881 ED-72: silence is sent like speech.
		b.WriteString("a=silenceSupp:off - - - -\r\n")
	}
	if out.mux {
		b.WriteString("a=rtcp-mux\r\n") // RFC 5761 s5.1.1
	} else {
		fmt.Fprintf(b, "a=rtcp:%d\r\n", port+1) // RFC 3605: it has a port of its own
	}
	switch {
	case out.sends && out.receives:
		b.WriteString("a=sendrecv\r\n")
	case out.sends:
		b.WriteString("a=sendonly\r\n")
	case out.receives:
		b.WriteString("a=recvonly\r\n")
	default:
		b.WriteString("a=inactive\r\n")
	}
}

// clean keeps what a party wrote from breaking out of its line in what we write.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
