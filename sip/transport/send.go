package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// datagramLimit is the size over which a request leaves UDP (RFC 3261 s18.1.1, path MTU unknown).
const datagramLimit = 1300

// Sent says what became of a message: what was written where, or why not.
type Sent struct {
	Flow Flow
	Raw  []byte // as written; not to be changed
	Peer *Peer  // who the other end of a TLS connection is; with Prefer look at its Problem
	Err  error
}

// Report is told of the fate of a message, once, by any goroutine, perhaps before the
// call that sent it returns. It must not block. It may be nil.
type Report func(Sent)

func (r Report) tell(s Sent) {
	if r != nil {
		r(s)
	}
}

// SendRequest sends a request with a Via of our own on top, which it does not put into req: the
// branch is the caller's, the rest follows from the transport it ends up on. Further calls with the same
// branch make the CANCEL and ACK of a transaction.
func (l *Layer) SendRequest(req *sip.Request, branch string, to Destination, report Report) {
	switch {
	case !to.Flow.IsZero() && to.Flow.Protocol == UDP:
		l.requestByUDP(req, branch, Destination{Protocol: UDP, Addr: to.Flow.Remote, Local: to.Flow.Local}, report, false)
	case !to.Flow.IsZero():
		err := error(net.ErrClosed)
		if c := l.conns.get(to.Flow.ConnID); c != nil {
			err = c.put(requestOver(req, branch, report))
		}
		if errors.Is(err, net.ErrClosed) {
			err = ErrFlowGone
		}
		if err != nil {
			report.tell(Sent{Flow: to.Flow, Err: fmt.Errorf("sending a request over %s: %w", to.Flow, err)})
		}
	case to.Protocol == UDP:
		l.requestByUDP(req, branch, to, report, true)
	default:
		l.connect(to, l.cfg.ConnectTimeout, requestOver(req, branch, report))
	}
}

// requestByUDP sends a datagram, or a large request by TCP where that is allowed.
func (l *Layer) requestByUDP(req *sip.Request, branch string, to Destination, report Report, upgrade bool) {
	to.Addr = unmap(to.Addr)
	s, source, err := l.socketTo(to.Addr, to.Local)
	if err != nil {
		report.tell(Sent{Err: fmt.Errorf("sending a request to %s: %w", to, err)})
		return
	}
	host, port := s.name.sentBy(s.local, source)
	l.memory.learnOurs(host)
	raw := encode(req, newVia(UDP, host, port, branch))
	datagram := func() {
		flow, err := s.send(raw, to.Addr, source)
		report.tell(Sent{Flow: flow, Raw: raw, Err: err})
	}
	if len(raw) <= datagramLimit || !upgrade || l.memory.refusesTCP(to.Addr) {
		datagram()
		return
	}
	l.stats.Upgraded.Add(1)
	byTCP := requestOver(req, branch, func(sent Sent) {
		// Raw is set once the request has been written, whole or in part. A copy by UDP would then
		// be a second request for a peer that has read the first.
		if sent.Err == nil || sent.Raw != nil || l.ctx.Err() != nil {
			report.tell(sent)
			return
		}
		// RFC 3261 s18.1.1 says so for a refusal. Silence is what a firewall answers, and a
		// caller in need cannot wait for the difference.
		l.stats.Downgraded.Add(1)
		l.memory.learnRefused(to.Addr)
		l.cfg.Log.Info("request over 1300 bytes goes by UDP", "to", to.Addr, "err", sent.Err)
		datagram()
	})
	l.connect(To(TCP, to.Addr), l.cfg.UpgradeTimeout, byTCP)
}

// SendResponse sends a response to a request that came over flow: back over its connection while that lives,
// else to the address in the top Via (RFC 3261 s18.2.2, RFC 3581 s4).
func (l *Layer) SendResponse(res *sip.Response, on Flow, report Report) {
	l.SendRaw(encode(res, nil), on, responseAddr(res, on), report)
}

// SendRaw repeats what was sent before: over flow, or, where that was a connection and has ended, over one to
// fallback if that is valid.
func (l *Layer) SendRaw(raw []byte, on Flow, fallback netip.AddrPort, report Report) {
	if on.Protocol == UDP {
		s := l.socketAt(on.Local)
		if s == nil {
			report.tell(Sent{Flow: on, Raw: raw, Err: fmt.Errorf("sending over %s: %w", on, ErrFlowGone)})
			return
		}
		to := on.Remote
		if fallback.IsValid() {
			to = fallback
		}
		flow, err := s.send(raw, to, on.Local.Addr())
		report.tell(Sent{Flow: flow, Raw: raw, Err: err})
		return
	}
	o := outgoing{encode: func(*conn) []byte { return raw }, report: report}
	if c := l.conns.get(on.ConnID); c != nil && c.put(o) == nil {
		return
	}
	if !fallback.IsValid() {
		report.tell(Sent{Flow: on, Raw: raw, Err: fmt.Errorf("sending over %s: %w", on, ErrFlowGone)})
		return
	}
	to := To(on.Protocol, fallback)
	if to.Protocol == TLS {
		to.Name = viaHost(raw)
	}
	l.connect(to, l.cfg.ConnectTimeout, o)
}

// viaHost is the sent-by host of the top Via in what encode wrote: for a TLS connection that replaces a dead
// one, the name its certificate has to be for.
func viaHost(raw []byte) string {
	msg, _, err := Parse(raw)
	if err != nil || msg.Via() == nil {
		return ""
	}
	return msg.Via().Host
}

// connect queues o for the open connection to a destination, or a new one.
func (l *Layer) connect(to Destination, limit time.Duration, o outgoing) {
	st, err := l.streamOf(to.Protocol)
	if err != nil {
		o.tell(Sent{Err: fmt.Errorf("sending to %s: %w", to, err)})
		return
	}
	p := peerAt(to)
	// Twice: the connection found may have ended between being found and being used.
	for range 2 {
		id := l.conns.nextID()
		c, isNew := l.conns.opened(p, l.cfg.MaxConns, &l.stats, func() *conn {
			c := makeConn(l, st, p, id)
			c.limit = limit
			return c
		})
		err = c.put(o)
		if isNew && !l.goes(c.serve) {
			c.close()
			l.conns.remove(c, &l.stats)
			err = ErrClosed
		}
		if err == nil || !errors.Is(err, net.ErrClosed) {
			break
		}
		l.conns.remove(c, &l.stats)
	}
	if err != nil {
		o.tell(Sent{Err: fmt.Errorf("sending to %s: %w", to, err)})
	}
}

func requestOver(req *sip.Request, branch string, report Report) outgoing {
	return outgoing{report: report, encode: func(c *conn) []byte {
		host, port := c.layer.connSentBy(c.flow)
		c.layer.memory.learnOurs(host)
		return encode(req, newVia(c.flow.Protocol, host, port, branch))
	}}
}

// connSentBy is the name of the listener that a new connection for the same peer would reach
// (RFC 3261 s18.1.1), or of the connection's own end where we do not listen.
func (l *Layer) connSentBy(f Flow) (string, int) {
	var same *listener
	for _, s := range l.streams {
		if s.stream.protocol() != f.Protocol || s.local.Addr().Is4() != f.Local.Addr().Is4() {
			continue
		}
		if s.local.Addr() == f.Local.Addr() {
			same = s
			break
		}
		if same == nil {
			same = s
		}
	}
	if same == nil {
		return f.Local.Addr().String(), int(f.Local.Port())
	}
	return same.name.sentBy(same.local, f.Local.Addr())
}

// SentBy is the host and port that peers at a destination reach this element by: what goes into a Contact.
func (l *Layer) SentBy(to Destination) (host string, port int, err error) {
	if !to.Flow.IsZero() {
		to.Addr, to.Protocol = to.Flow.Remote, to.Flow.Protocol
		if to.Protocol == UDP {
			to.Local = to.Flow.Local
		}
	}
	to.Addr = unmap(to.Addr)
	if to.Protocol != UDP {
		f := Flow{Protocol: to.Protocol, Local: to.Flow.Local, Remote: to.Addr}
		if !f.Local.IsValid() {
			source, err := l.sourceTo(to.Addr)
			if err != nil {
				return "", 0, err
			}
			f.Local = netip.AddrPortFrom(source, to.Protocol.DefaultPort())
		}
		host, port = l.connSentBy(f)
		return host, port, nil
	}
	s, source, err := l.socketTo(to.Addr, to.Local)
	if err != nil {
		return "", 0, err
	}
	host, port = s.name.sentBy(s.local, source)
	return host, port, nil
}

// responseAddr is where a response goes by its top Via.
func responseAddr(res *sip.Response, on Flow) netip.AddrPort {
	via := res.Via()
	if via == nil {
		return on.Remote
	}
	port := on.Protocol.DefaultPort()
	if via.Port != 0 {
		port = uint16(via.Port)
	}
	param := func(name string) netip.Addr {
		value, _ := via.Params.Get(name)
		addr, _ := netip.ParseAddr(unbracket(value))
		return addr.Unmap()
	}
	if maddr := param("maddr"); on.Protocol == UDP && maddr.IsValid() && !maddr.IsMulticast() {
		return netip.AddrPortFrom(maddr, port)
	}
	// RFC 3581 s4: with rport a response goes where the request came from, for
	// connections that have ended there is only the port the peer listens on.
	if via.Params.Has("rport") && on.Protocol == UDP {
		return on.Remote
	}
	addr := on.Remote.Addr() // is what received says, and not under the sender's control
	return netip.AddrPortFrom(addr, port)
}

func newVia(p Protocol, host string, port int, branch string) *sip.ViaHeader {
	return &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: p.String(), Host: host, Port: port,
		// RFC 3581 s3: asking for rport is what gets the answer through a NAT.
		Params: sip.HeaderParams{{K: "branch", V: branch}, {K: "rport"}},
	}
}

// encode writes a message, with via on top if there is one and a Content-Length that is right, which RFC 3261
// s20.14 wants on a stream.
func encode(msg sip.Message, via *sip.ViaHeader) []byte {
	var b strings.Builder
	b.Grow(1024 + len(msg.Body()))
	switch m := msg.(type) {
	case *sip.Request:
		m.StartLineWrite(&b)
	case *sip.Response:
		m.StartLineWrite(&b)
	}
	b.WriteString("\r\n")
	if via != nil {
		via.StringWrite(&b)
		b.WriteString("\r\n")
	}
	for _, h := range rows(msg) {
		if h.Name() == "Content-Length" {
			continue
		}
		h.StringWrite(&b)
		b.WriteString("\r\n")
	}
	b.WriteString("Content-Length: ")
	b.WriteString(strconv.Itoa(len(msg.Body())))
	b.WriteString("\r\n\r\n")
	b.Write(msg.Body())
	return []byte(b.String())
}
