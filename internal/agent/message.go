package agent

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Message is one SIP message that came in or went out.
type Message struct {
	At        time.Time
	Direction transport.Direction
	Protocol  transport.Protocol
	Peer      netip.AddrPort
	Method    string // of a response, that of its CSeq
	Status    int    // 0 for a request
	CallID    string
	Again     bool // the same bytes were there before: a retransmission
	SIP       sip.Message
}

func (m Message) String() string {
	arrow := "<"
	if m.Direction == transport.Out {
		arrow = ">"
	}
	if m.Status == 0 {
		return fmt.Sprintf("%s %s %s", arrow, m.Peer, m.Method)
	}
	return fmt.Sprintf("%s %s %d (%s)", arrow, m.Peer, m.Status, m.Method)
}

// Header is the first value of a header of the message.
func (m Message) Header(name string) string {
	return value(m.SIP, name)
}

// Parts are the parts of the body other than the session description.
func (m Message) Parts() []Part {
	_, parts := takeApart(m.SIP)
	return parts
}

// SDP is the session description in the message, "" without one.
func (m Message) SDP() string {
	sdp, _ := takeApart(m.SIP)
	return sdp
}

// Messages are all messages so far, in the order of the wire.
func (a *Agent) Messages() []Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Message(nil), a.messages...)
}

// observe is the transport's observer.
func (a *Agent) observe(o transport.Observation) {
	msg, _, err := transport.Parse(bytes.Clone(o.Raw))
	if err != nil {
		return
	}
	m := Message{At: o.At, Direction: o.Direction, Protocol: o.Flow.Protocol, Peer: o.Flow.Remote, SIP: msg}
	if h := msg.CallID(); h != nil {
		m.CallID = h.Value()
	}
	switch msg := msg.(type) {
	case *sip.Request:
		m.Method = string(msg.Method)
	case *sip.Response:
		m.Status = msg.StatusCode
		if h := msg.CSeq(); h != nil {
			m.Method = string(h.MethodName)
		}
	}
	// The direction goes into the sum: a message that came back is not one that was sent again.
	sum := sha256.Sum256(append([]byte{byte(o.Direction)}, o.Raw...))
	a.mu.Lock()
	m.Again, a.seen[sum] = a.seen[sum], true
	a.messages = append(a.messages, m)
	a.mu.Unlock()
	if a.cfg.Watch != nil {
		a.cfg.Watch(m)
	}
}

// Part is a part of a body beside the session description.
type Part struct {
	ContentType string
	ContentID   string // without brackets
	Content     []byte
}

const boundary = "the-next-part-of-this-agent"

// putTogether is the body of a session description and other parts.
func putTogether(sdp string, parts []Part) (contentType string, body []byte) {
	if len(parts) == 0 {
		return "application/sdp", []byte(sdp)
	}
	var b bytes.Buffer
	if sdp != "" {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: application/sdp\r\n\r\n%s\r\n", boundary, sdp)
	}
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\n", boundary, p.ContentType)
		if p.ContentID != "" {
			fmt.Fprintf(&b, "Content-ID: <%s>\r\n", p.ContentID)
		}
		fmt.Fprintf(&b, "\r\n%s\r\n", p.Content)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return "multipart/mixed;boundary=" + boundary, b.Bytes()
}

// takeApart is the inverse of putTogether, for what any peer sends.
func takeApart(m sip.Message) (sdp string, parts []Part) {
	whole := value(m, "Content-Type")
	if whole == "" || len(m.Body()) == 0 {
		return "", nil
	}
	kind, rest, _ := strings.Cut(whole, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if kind == "application/sdp" {
		return string(m.Body()), nil
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return "", []Part{{ContentType: whole, Content: m.Body()}}
	}
	_, mark, ok := strings.Cut(rest, "boundary=")
	if !ok {
		return "", nil
	}
	mark, _, _ = strings.Cut(mark, ";")
	mark = strings.Trim(strings.TrimSpace(mark), `"`)
	pieces := strings.Split("\r\n"+string(m.Body()), "\r\n--"+mark)
	for _, piece := range pieces[1:] {
		if strings.HasPrefix(piece, "--") {
			break
		}
		head, content, ok := strings.Cut(piece, "\r\n\r\n")
		if !ok {
			continue
		}
		p := Part{Content: []byte(content)}
		for _, line := range strings.Split(head, "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(name)) {
			case "content-type":
				p.ContentType = value
			case "content-id":
				p.ContentID = strings.Trim(value, "<>")
			}
		}
		if sdp == "" && strings.HasPrefix(strings.ToLower(p.ContentType), "application/sdp") {
			sdp = content
			continue
		}
		parts = append(parts, p)
	}
	return sdp, parts
}
