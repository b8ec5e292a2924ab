package agent

import (
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// allow is what an agent understands.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE"

func newTag() string    { return rand.Text()[:10] }
func newCallID() string { return rand.Text() }

func lower(p transport.Protocol) string { return strings.ToLower(p.String()) }

// tagged is what From and To headers have in common.
type tagged interface {
	*sip.FromHeader | *sip.ToHeader
}

// tag is the tag of a From or To header that may be missing.
func tag[H tagged](h H) string {
	switch h := any(h).(type) {
	case *sip.FromHeader:
		if h != nil {
			return h.Params.GetOr("tag", "")
		}
	case *sip.ToHeader:
		if h != nil {
			return h.Params.GetOr("tag", "")
		}
	}
	return ""
}

// value is a header's value as it stands, "" when it is missing.
func value(m sip.Message, name string) string {
	if hs := m.GetHeaders(name); len(hs) > 0 {
		return hs[0].Value()
	}
	return ""
}

// withTag is a From or To value with a tag, where it has none.
func withTag(value, tag string) string {
	end := strings.LastIndex(value, ">")
	if strings.Contains(strings.ToLower(value[end+1:]), ";tag=") {
		return value
	}
	return value + ";tag=" + tag
}

// routeSet are the URIs of a message's Record-Route, in its order.
func routeSet(m sip.Message) []string {
	var uris []string
	for _, h := range m.GetHeaders("Record-Route") {
		for rest := h.Value(); rest != ""; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			uri, tail, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			uris = append(uris, uri)
			rest = tail
		}
	}
	return uris
}

// contact is the URI by which peers at a destination reach the agent.
func (a *Agent) contact(to transport.Destination) string {
	p := to.Protocol
	if !to.Flow.IsZero() {
		p = to.Flow.Protocol
	}
	host, port, err := a.transport.SentBy(to)
	if err != nil {
		at := a.listening()
		host, port = at.Addr().String(), int(at.Port())
	}
	if port != 0 {
		host = net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
	}
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", a.cfg.Name, host, lower(p))
}

// phrase is the reason phrase of a status (RFC 3261 s21).
func phrase(status int) string {
	switch status {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 183:
		return "Session Progress"
	case 200:
		return "OK"
	case 404:
		return "Not Found"
	case 480:
		return "Temporarily Unavailable"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 503:
		return "Service Unavailable"
	case 603:
		return "Decline"
	}
	return "Status " + strconv.Itoa(status)
}
