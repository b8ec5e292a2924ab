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
	r.AppendHeader(sip.NewHeader("CSeq", fmt.Sprintf("%d %s", seq, m)))
	r.AppendHeader(sip.NewHeader("User-Agent", u.Agent))
	return r
}

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

// headerValues are the values of a header that may stand several times.
func headerValues(m sip.Message, name string) []string {
	var vs []string
	for _, h := range m.GetHeaders(name) {
		vs = append(vs, h.Value())
	}
	return vs
}

// withoutTag is a From or To value as it stands, less its tag.
func withoutTag(value string) string {
	i := strings.LastIndex(value, ">")
	head, params := value, ""
	if i >= 0 {
		head, params = value[:i+1], value[i+1:]
	} else if j := strings.Index(value, ";"); j >= 0 {
		head, params = value[:j], value[j:]
	}
	for _, p := range strings.Split(params, ";") {
		if p = strings.TrimSpace(p); p != "" && !strings.HasPrefix(strings.ToLower(p), "tag=") {
			head += ";" + p
		}
	}
	return head
}

// contact is the URI this element is reached by from a destination.
func (u *UA) contact(to transport.Destination) string {
	host, port, err := u.Transport.SentBy(to)
	if err != nil {
		host, port = u.Domain, 0
	}
	hp := host
	if port != 0 {
		hp = net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
	}
	p := to.Protocol
	if !to.Flow.IsZero() {
		p = to.Flow.Protocol
	}
	return "<sip:tocsin@" + hp + ";transport=" + strings.ToLower(p.String()) + ">"
}

// reason is the phrase of a status (RFC 3261 s21).
func reason(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	return "Status " + strconv.Itoa(status)
}

var reasons = map[int]string{180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily", 400: "Bad Request",
	403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
	503: "Service Unavailable", 603: "Decline"}

// quoted makes a display name of any text.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// oneLine makes header text of any text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
