package sipua

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/internal/memnet"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	usIP    = "192.0.2.1"
	phoneIP = "192.0.2.10"
	psapIP  = "192.0.2.20"
	otherIP = "192.0.2.21"
	offer   = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	answer  = "v=0\r\no=- 2 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
)

// rig is a UA under test in a network in memory. Everything else in it is raw text.
type rig struct {
	*testing.T
	net   *memnet.Net
	hosts map[string]*memnet.Host
	trans *transport.Layer
	ua    *UA
	start time.Time

	mu     sync.Mutex
	calls  []arrival
	handle func(gateway.Inbound, gateway.Caller) // nil: the test plays the call
}

type arrival struct {
	in     gateway.Inbound
	caller gateway.Caller
}

// Handle is the Calls port.
func (r *rig) Handle(in gateway.Inbound, c gateway.Caller) {
	r.mu.Lock()
	r.calls = append(r.calls, arrival{in, c})
	handle := r.handle
	r.mu.Unlock()
	if handle != nil {
		handle(in, c)
	}
}

// onRig runs a test. When it ends, all that was kept for its calls must be gone after
// the longest time anything may be repeated, and nothing may leak.
func onRig(t *testing.T, f func(r *rig), configure ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, net: memnet.New(), hosts: map[string]*memnet.Host{}, start: time.Now()}
		host := r.net.Host(usIP)
		r.trans = transport.New(transport.Config{Network: host, Listen: []transport.Listen{
			{Protocol: transport.UDP, Addr: usIP + ":5060"}, {Protocol: transport.TCP, Addr: usIP + ":5060"}}})
		resolver := transport.NewResolver(r.net)
		cfg := Config{Transport: r.trans, Resolver: resolver, Calls: r, Domain: "gw.example.com", Agent: "Tocsin/test"}
		for _, c := range configure {
			c(&cfg)
		}
		r.ua = New(cfg)
		if err := r.trans.Start(t.Context(), r.ua); err != nil {
			t.Fatal(err)
		}
		defer func() {
			r.trans.Close()
			r.ua.Close()
			r.ua.Close()
			resolver.Close()
			r.net.Close()
		}()
		f(r)
		r.wait(100 * time.Second)
		r.empty()
	})
}

// empty checks that the UA keeps nothing.
func (r *rig) empty() {
	r.Helper()
	r.ua.mu.Lock()
	defer r.ua.mu.Unlock()
	if n := len(r.ua.dialogs) + len(r.ua.invites) + len(r.ua.answers) + len(r.ua.requests) + len(r.ua.ours) + len(r.ua.unwanted) + len(r.ua.silent); n != 0 {
		r.Errorf("kept after the last call: %d dialogs, %d invites, %d answers, %d requests, %d ours, %d unwanted, %d silent",
			len(r.ua.dialogs), len(r.ua.invites), len(r.ua.answers), len(r.ua.requests), len(r.ua.ours), len(r.ua.unwanted), len(r.ua.silent))
	}
	if s := r.ua.Stats(); s.Clients.Load()+s.Servers.Load() != 0 {
		r.Errorf("%d client and %d server transactions left", s.Clients.Load(), s.Servers.Load())
	}
}

// wait lets time pass.
func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// arrived is the nth call that came in, from 1.
func (r *rig) arrived(n int) arrival {
	r.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) != n {
		r.Fatalf("%d calls arrived, want %d", len(r.calls), n)
	}
	return r.calls[n-1]
}

// peer is a SIP element that is nothing but a socket: the test writes what it says.
type peer struct {
	r    *rig
	ip   string
	conn net.PacketConn

	mu   sync.Mutex
	got  []heard
	read int
}

type heard struct {
	at   time.Duration
	text string
}

// host is another machine.
func (r *rig) host(ip string) *memnet.Host {
	if r.hosts[ip] == nil {
		r.hosts[ip] = r.net.Host(ip)
	}
	return r.hosts[ip]
}

func (r *rig) peer(ip string) *peer {
	c, err := r.host(ip).ListenPacket(context.Background(), "udp", ip+":5060")
	if err != nil {
		r.Fatal(err)
	}
	p := &peer{r: r, ip: ip, conn: c}
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			p.hear(string(b[:n]))
		}
	}()
	return p
}

func (p *peer) hear(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, heard{time.Since(p.r.start), text})
}

func (p *peer) say(text string) {
	if _, err := p.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(usIP+":5060"))); err != nil {
		p.r.Fatal(err)
	}
	synctest.Wait()
}

// next is the next message heard, which must begin as given.
func (p *peer) next(begin string) string {
	p.r.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read >= len(p.got) {
		p.r.Fatalf("%s heard nothing, want %q", p.ip, begin)
	}
	m := p.got[p.read]
	p.read++
	if !strings.HasPrefix(m.text, begin) {
		p.r.Fatalf("%s heard at %s\n%s\nwant %q", p.ip, m.at, m.text, begin)
	}
	return m.text
}

// story are the start lines of what was heard and not yet looked at.
func (p *peer) story() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var ls []string
	for ; p.read < len(p.got); p.read++ {
		line, _, _ := strings.Cut(p.got[p.read].text, "\r\n")
		line = strings.TrimSuffix(strings.TrimPrefix(line, "SIP/2.0 "), " SIP/2.0")
		ls = append(ls, fmt.Sprintf("%s %s", p.got[p.read].at, line))
	}
	return strings.Join(ls, "; ")
}

// silent checks that nothing was heard since.
func (p *peer) silent() {
	p.r.Helper()
	if s := p.story(); s != "" {
		p.r.Errorf("%s heard %s, want nothing", p.ip, s)
	}
}

// message writes a message: a start line and headers, one per line, and a body.
func message(head, body string) string {
	head = strings.TrimSpace(strings.ReplaceAll(head, "\r\n", "\n"))
	return strings.ReplaceAll(head, "\n", "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

var branches int

// request is a request of a peer, in dialog or not. A header given replaces the usual one.
func (p *peer) request(method, uri, body string, headers ...string) string {
	branches++
	usual := []string{
		fmt.Sprintf("Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK-%d;rport", p.ip, branches),
		"Max-Forwards: 70", `From: "Lobby" <sip:2041@example.com>;tag=f1`, "To: <" + uri + ">", "Call-ID: c1@" + p.ip,
		"CSeq: 1 " + method, "Contact: <sip:2041@" + p.ip + ":5060>"}
	if body != "" {
		usual = append(usual, "Content-Type: application/sdp")
	}
	text := method + " " + uri + " SIP/2.0\n"
	for _, u := range usual {
		if name, _, _ := strings.Cut(u, ":"); find(headers, name) == "" {
			text += u + "\n"
		}
	}
	for _, h := range headers {
		if !strings.HasSuffix(h, ": -") { // left out
			text += h + "\n"
		}
	}
	return message(text, body)
}

func find(headers []string, name string) string {
	for _, h := range headers {
		if n, _, _ := strings.Cut(h, ":"); strings.EqualFold(n, name) {
			return h
		}
	}
	return ""
}

// values are the values of a header in a message.
func values(text, name string) []string {
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	var vs []string
	for _, line := range strings.Split(head, "\r\n")[1:] {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			vs = append(vs, strings.TrimSpace(v))
		}
	}
	return vs
}

func value(text, name string) string {
	if vs := values(text, name); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

func bodyOf(text string) string {
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	return body
}

func tagOf(v string) string {
	_, tag, _ := strings.Cut(v, ";tag=")
	tag, _, _ = strings.Cut(tag, ";")
	return tag
}

// reply is a response to a request that was heard.
func reply(req string, status int, tag, body string, headers ...string) string {
	text := fmt.Sprintf("SIP/2.0 %d Whatever\n", status)
	for _, name := range []string{"Via", "From", "Call-ID", "CSeq"} {
		for _, v := range values(req, name) {
			text += name + ": " + v + "\n"
		}
	}
	text += "To: " + value(req, "To")
	if tag != "" {
		text += ";tag=" + tag
	}
	text += "\n" + strings.Join(headers, "\n")
	if body != "" {
		text = strings.TrimSpace(text) + "\nContent-Type: application/sdp"
	}
	return message(text, body)
}

// log is a call's side of a leg: it writes down what it is told.
type log struct {
	mu      sync.Mutex
	events  []string
	sdps    []string
	offers  []string
	refuse  error
	ends    int
	touched func() // called from inside Report, to show that no lock is held
}

func (l *log) Report(e call.Event) {
	if l.touched != nil {
		l.touched()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.At.IsZero() {
		panic("an event without its time")
	}
	if e.Kind == call.Failed || e.Kind == call.HungUp {
		l.ends++
	}
	s := e.String()
	if e.SDP != "" {
		s += " sdp"
		l.sdps = append(l.sdps, e.SDP)
	}
	l.events = append(l.events, s)
}

func (l *log) ReOffer(sdp string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offers = append(l.offers, sdp)
	return answer, l.refuse
}

func (l *log) story() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.events, "; ")
}

// ended is how often the leg has ended, all what was told, described the
// descriptions that came with it, asked the offers to answer.
func (l *log) ended() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

func (l *log) described() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sdps)
}

func (l *log) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.offers)
}

func (l *log) want(t testing.TB, want string) {
	t.Helper()
	if got := l.story(); got != want {
		t.Errorf("told\n  %s\nwant\n  %s", got, want)
	}
	if n := l.ended(); n > 1 {
		t.Errorf("the leg ended %d times", n)
	}
}

var errRefused = errors.New("no such codec")

// parse is a request as the transport hands it up.
func parse(t testing.TB, text string) (*sip.Request, []transport.Fault) {
	t.Helper()
	m, faults, err := transport.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*sip.Request), faults
}

// transportParse is a request of whatever text, nil if it is none.
func transportParse(text string) (*sip.Request, []transport.Fault, error) {
	m, faults, err := transport.Parse([]byte(text))
	req, _ := m.(*sip.Request)
	return req, faults, err
}
