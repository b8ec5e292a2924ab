package sipua

import (
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

func newTag() string                 { return rand.Text()[:16] }
func newCallID(domain string) string { return rand.Text() + "@" + domain }

// request builds a request; the transport puts the Via on top.
func (u *UA) request(m sip.RequestMethod, to sip.Uri, from, toHeader, callID string, seq uint32) *sip.Request {
	r := sip.NewRequest(m, to)
	r.AppendHeader(sip.NewHeader("Max-Forwards", "70"))
	r.AppendHeader(sip.NewHeader("From", from))
	r.AppendHeader(sip.NewHeader("To", toHeader))
	r.AppendHeader(sip.NewHeader("Call-ID", callID))
	r.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: m})
	r.AppendHeader(sip.NewHeader("User-Agent", u.Agent))
	return r
}

// supported are the extensions this element says it knows (RFC 3891, RFC 4028, RFC 3262).
const supported = "replaces, timer, 100rel"

func toTag(m sip.Message) string {
	if h := m.To(); h != nil {
		return h.Params.GetOr("tag", "")
	}
	return ""
}

func fromTag(m sip.Message) string {
	if h := m.From(); h != nil {
		return h.Params.GetOr("tag", "")
	}
	return ""
}

func callIDOf(m sip.Message) string {
	if h := m.CallID(); h != nil {
		return h.Value()
	}
	return ""
}

func seqOf(m sip.Message) uint32 {
	if h := m.CSeq(); h != nil {
		return h.SeqNo
	}
	return 0
}

// ourUser is the user part of our Contacts.
const ourUser = "tocsin"

// contact is the URI this element is reached by from a destination.
func (u *UA) contact(to transport.Destination) string {
	host, port, err := u.Transport.SentBy(to)
	if err != nil {
		host, port = u.Domain, 0
	}
	host = strings.Trim(host, "[]")
	switch {
	case port != 0:
		host = net.JoinHostPort(host, strconv.Itoa(port))
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	p := to.Protocol
	if !to.Flow.IsZero() {
		p = to.Flow.Protocol
	}
	return "<sip:" + ourUser + "@" + host + ";transport=" + strings.ToLower(p.String()) + ">"
}

// reason is the phrase of a status (RFC 3261 s21).
func reason(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	return "Status " + strconv.Itoa(status)
}

var reasons = map[int]string{100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily",
	400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
	415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 469: "Bad Info Package",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
	501: "Not Implemented", 503: "Service Unavailable", 505: "Version Not Supported", 603: "Decline"}

// quoting escapes what a quoted-string may not hold bare (RFC 3261 s25.1).
var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quoted makes a quoted string of any text (RFC 3261 s25.1).
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return `"` + quoting.Replace(s) + `"`
}

// oneLine makes header text of any text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// escapeUser makes a user part of any text (RFC 3261 s25.1).
func escapeUser(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
