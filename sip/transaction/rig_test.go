package transaction

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

var (
	udpFlow = transport.Flow{Protocol: transport.UDP, Local: at("192.0.2.1:5060"), Remote: at("192.0.2.2:5060")}
	tcpFlow = transport.Flow{Protocol: transport.TCP, Local: at("192.0.2.1:5060"), Remote: at("192.0.2.2:5060"), ConnID: 7}
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// rig is a Layer between a transport that writes down what is sent and a user that writes down what
// it is told, each with the virtual time since the start.
//
//	> sent   < told   ! failed
type rig struct {
	layer *Layer
	flow  transport.Flow
	start time.Time
	fail  error // what sending fails with

	mu   sync.Mutex
	log  []string
	last *Server // the newest server transaction the user was given
	req  *sip.Request
}

func newRig(flow transport.Flow, cfg Config) *rig {
	r := &rig{flow: flow, start: time.Now()}
	r.layer = New(r, r, cfg)
	return r
}

func (r *rig) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf("%s %s", time.Since(r.start).Round(time.Millisecond), fmt.Sprintf(format, args...)))
}

func (r *rig) story() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.log, "\n")
}

// Transport.

func (r *rig) SendRequest(req *sip.Request, branch string, to transport.Destination, report transport.Report) {
	if r.fail != nil {
		report(transport.Sent{Err: r.fail})
		return
	}
	extra := ""
	if h := req.GetHeader("Reason"); h != nil {
		extra = " " + h.Value()
	}
	r.note("> %s%s", req.Method, extra)
	report(transport.Sent{Flow: r.flow, Raw: []byte(req.Method + " again")})
}

func (r *rig) SendResponse(res *sip.Response, on transport.Flow, report transport.Report) {
	if r.fail != nil {
		report(transport.Sent{Flow: on, Err: r.fail})
		return
	}
	r.note("> %d", res.StatusCode)
	if report != nil {
		report(transport.Sent{Flow: on, Raw: fmt.Appendf(nil, "%d again", res.StatusCode)})
	}
}

func (r *rig) SendRaw(raw []byte, on transport.Flow, fallback netip.AddrPort, report transport.Report) {
	r.note("> %s", raw)
}

// User.

func (r *rig) Request(tx *Server, req *sip.Request, faults []transport.Fault) {
	r.mu.Lock()
	r.last, r.req = tx, req
	r.mu.Unlock()
	r.note("< %s", req.Method)
}

func (r *rig) Cancel(tx *Server, req *sip.Request, invite *Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	which := "of nothing"
	if invite != nil {
		which = "of " + string(invite.Method())
	}
	r.log = append(r.log, fmt.Sprintf("%s < CANCEL %s", time.Since(r.start), which))
	tx.AnswerCancel()
}

func (r *rig) Ack(req *sip.Request, flow transport.Flow, invite *Server) {
	if invite == nil {
		r.note("< stray ACK")
	} else {
		r.note("< ACK")
	}
}

func (r *rig) Stray(res *sip.Response, flow transport.Flow) { r.note("< stray %d", res.StatusCode) }

func (r *rig) Failed(tx *Server, err error) { r.note("! %v", err) }

// Messages.

const branch = "z9hG4bK1"

func parse(raw string) sip.Message {
	msg, _, err := transport.Parse([]byte(strings.ReplaceAll(raw, "\n", "\r\n") + "\r\n\r\n"))
	if err != nil {
		panic(err)
	}
	return msg
}

// requestText is a request with everything that matching looks at.
func requestText(method, via string) string {
	return method + " sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP " + via + "\nFrom: <sip:a@b>;tag=f\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 5 " + method
}

func (r *rig) receive(msg sip.Message) {
	r.layer.Receive(transport.Inbound{Message: msg, Flow: r.flow, At: time.Now()})
}

func (r *rig) receiveText(raw string) { r.receive(parse(raw)) }

// respond lets a response to the client transaction arrive.
func (r *rig) respond(tx *Client, method string, status int, tag string) {
	r.receiveText(fmt.Sprintf("SIP/2.0 %d X\nVia: SIP/2.0/UDP 192.0.2.1;branch=%s\nFrom: <sip:a@b>;tag=f\nTo: <sip:911@b>;tag=%s\nCall-ID: c\nCSeq: 5 %s",
		status, tx.Branch(), tag, method))
}

// outgoing is a request without Via, as a user makes it.
func outgoing(method string) *sip.Request {
	req := parse(strings.Replace(requestText(method, "192.0.2.1"), "\nVia: SIP/2.0/UDP 192.0.2.1", "\nRoute: <sip:gw;lr>", 1))
	return req.(*sip.Request)
}

func (r *rig) request(method string) *Client {
	return r.layer.Request(outgoing(method), transport.To(r.flow.Protocol, r.flow.Remote), r.tell)
}

func (r *rig) tell(e Event) {
	switch e.Kind {
	case TimedOut:
		if !errors.Is(e.Err, ErrTimeout) {
			r.note("! timed out with %v", e.Err)
		}
		r.note("! timed out")
	case Broken:
		r.note("! broken")
	default:
		tag, _ := e.Response.To().Params.Get("tag")
		r.note("< %s %d %s", e.Kind, e.Response.StatusCode, tag)
	}
}

// act is something done at a time since the start.
type act struct {
	at time.Duration
	do string
}

const (
	ms = time.Millisecond
	s  = time.Second
)

// times writes the story of one message sent at each of the times.
func times(what string, at ...time.Duration) (lines []string) {
	for _, t := range at {
		lines = append(lines, fmt.Sprintf("%s > %s", t, what))
	}
	return lines
}

func lines(parts ...any) string {
	var all []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, p)
		case []string:
			all = append(all, p...)
		}
	}
	return strings.Join(all, "\n")
}

// run does the acts at their times, waits until no transaction is left, and says when that was.
func (r *rig) run(t *testing.T, acts []act, do func(string)) (gone time.Duration) {
	t.Helper()
	for _, a := range acts {
		time.Sleep(time.Until(r.start.Add(a.at)))
		do(a.do)
		synctest.Wait()
	}
	for range 1 << 20 {
		if r.layer.stats.Clients.Load() == 0 && r.layer.stats.Servers.Load() == 0 {
			return time.Since(r.start)
		}
		time.Sleep(50 * ms)
		synctest.Wait()
	}
	t.Fatal("a transaction never ended")
	return 0
}
