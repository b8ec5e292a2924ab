package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

var (
	// ErrFlowGone says that a flow's socket or connection is no longer there.
	ErrFlowGone = errors.New("flow is gone")
	// ErrClosed says that the Layer was closed.
	ErrClosed = errors.New("transport is closed")
)

// Listen is one address to listen on.
type Listen struct {
	Protocol Protocol
	Addr     string // "192.0.2.1:5060", "[2001:db8::1]:5060", "0.0.0.0:5060"; an empty host is 0.0.0.0
	// Advertise is the host or host:port that peers reach it by, where that is not Addr (behind a NAT, or a name).
	Advertise string
	// RequireClient turns away who has no certificate of TLSConfig.ClientCA's. Without it
	// such a peer is let in and has no Peer.Names. TLS only.
	RequireClient bool
}

// Config of a Layer. The zero value listens nowhere and can still call out by TCP.
type Config struct {
	Listen   []Listen
	Network  Network // nil: the operating system's
	Observer Observer
	Log      *slog.Logger // nil: silent
	TLS      TLSConfig

	MaxMessage     int           // bytes of one message; 64 KiB
	MaxConns       int           // 10,000
	IdleTimeout    time.Duration // of a connection; 10 min: RFC 5626 clients ping every 2 min at most
	MessageTimeout time.Duration // from the first byte of a message to its last; 30 s
	ConnectTimeout time.Duration // 5 s, with the TLS handshake, which accepted connections have as long for
	UpgradeTimeout time.Duration // to connect for a request over 1300 bytes before UDP is used; 1 s
	WriteTimeout   time.Duration // 10 s
	// PingInterval is the longest time between the pings that keep a connection we opened alive (RFC 5626 s3.5.1); 0 for
	// none. 2 min is what the RFC has for TCP.
	PingInterval time.Duration
}

func (c *Config) defaults() {
	if c.Network == nil {
		c.Network = new(System)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.IdleTimeout, 10 * time.Minute}, {&c.MessageTimeout, 30 * time.Second}, {&c.ConnectTimeout, 5 * time.Second},
		{&c.UpgradeTimeout, time.Second}, {&c.WriteTimeout, 10 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = 64 << 10
	}
	if c.MaxConns == 0 {
		c.MaxConns = 10_000
	}
}

// Inbound is one message received.
type Inbound struct {
	Message sip.Message // *sip.Request or *sip.Response
	Flow    Flow
	Peer    *Peer // who the other end of a TLS connection is; nil for other transports
	Faults  []Fault
	At      time.Time
}

// Sink takes what comes in. It is called by the reading goroutines, one message after the
// other for one flow, and must not block.
type Sink interface {
	Receive(Inbound)
	Closed(Flow) // a connection has ended; what was sent over it may be lost
}

// Layer is the transport layer of one element. Make it with New, then Start.
type Layer struct {
	cfg   Config
	stats Stats
	sink  Sink

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	udp     []*socket // fixed once started
	streams []*listener
	conns   conns
	memory  memory

	security *security

	mu     sync.Mutex // guards closed and adding to wg
	closed bool
}

// New makes a Layer that is not listening yet.
func New(cfg Config) *Layer {
	cfg.defaults()
	l := &Layer{cfg: cfg}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.conns.init()
	l.security = newSecurity(l)
	return l
}

// Stats returns the live counters.
func (l *Layer) Stats() *Stats { return &l.stats }

// Start opens the listeners and begins to read; ctx bounds the opening. After an error nothing is open.
func (l *Layer) Start(ctx context.Context, sink Sink) error {
	l.sink = sink
	for _, spec := range l.cfg.Listen {
		if err := l.open(ctx, spec); err != nil {
			l.Close()
			return fmt.Errorf("listening on %s %s: %w", spec.Protocol, spec.Addr, err)
		}
	}
	// Reading begins when everything is open, so that the sink never sees half a Layer.
	for _, s := range l.udp {
		l.goes(s.read)
	}
	for _, s := range l.streams {
		l.goes(s.accept)
	}
	return nil
}

func (l *Layer) open(ctx context.Context, spec Listen) error {
	addr, err := listenAddr(spec.Addr)
	if err != nil {
		return err
	}
	name, err := parseAdvertise(spec.Advertise)
	if err != nil {
		return err
	}
	if spec.Protocol == UDP {
		s, err := l.openSocket(ctx, addr, name)
		if err != nil {
			return err
		}
		l.udp = append(l.udp, s)
		return nil
	}
	st, err := l.streamOf(spec.Protocol)
	if err != nil {
		return err
	}
	nl, err := st.listen(ctx, l.cfg.Network, addr, spec)
	if err != nil {
		return err
	}
	local, err := addrPort(nl.Addr())
	if err != nil {
		nl.Close()
		return err
	}
	l.streams = append(l.streams, &listener{layer: l, stream: st, Listener: nl, local: local, name: name})
	return nil
}

// Close closes every socket and connection and waits for the goroutines. It must not be called from the sink.
func (l *Layer) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	for _, s := range l.udp {
		s.Close()
	}
	for _, s := range l.streams {
		s.Close()
	}
	for _, c := range l.conns.all() {
		c.close()
	}
	l.wg.Wait()
	return nil
}

// goes runs f in a goroutine that Close waits for; false once closed.
func (l *Layer) goes(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.wg.Go(f)
	return true
}

// Reaches says whether there is a route to a destination and, for UDP, a socket of its family. It sends nothing.
func (l *Layer) Reaches(to Destination) bool {
	to.Addr = unmap(to.Addr)
	if to.Protocol == UDP {
		_, _, err := l.socketTo(to.Addr, to.Local)
		return err == nil
	}
	_, err := l.sourceTo(to.Addr)
	return err == nil
}

// Listening returns the local addresses, in the order of Config.Listen within each protocol.
func (l *Layer) Listening(p Protocol) []netip.AddrPort {
	var list []netip.AddrPort
	if p == UDP {
		for _, s := range l.udp {
			list = append(list, s.local)
		}
		return list
	}
	for _, s := range l.streams {
		if s.stream.protocol() == p {
			list = append(list, s.local)
		}
	}
	return list
}

// receive parses one message and hands it up. False means that the sender does not speak SIP.
func (l *Layer) receive(raw []byte, flow Flow, from *Peer) bool {
	now := time.Now()
	msg, faults, err := Parse(raw)
	if err != nil {
		l.stats.Junk.Add(1)
		l.cfg.Log.Debug("dropped", "flow", flow, "err", err)
		return errors.Is(err, errBadResponse)
	}
	if l.cfg.Observer != nil {
		l.cfg.Observer(Observation{In, flow, now, raw})
	}
	switch m := msg.(type) {
	case *sip.Request:
		markSource(m, flow)
	case *sip.Response:
		// RFC 3261 s18.1.2: a response whose top Via is not ours must be discarded.
		if !l.memory.isOurs(m.Via().Host) {
			l.stats.Strays.Add(1)
			return true
		}
	}
	l.stats.Received.Add(1)
	if len(faults) > 0 {
		l.stats.Faulty.Add(1)
	}
	msg.SetTransport(flow.Protocol.String())
	msg.SetSource(flow.Remote.String())
	l.sink.Receive(Inbound{Message: msg, Flow: flow, Peer: from, Faults: faults, At: now})
	return true
}

// markSource writes down in the top Via where a request really came from (RFC 3261 s18.2.1,
// RFC 3581 s4). A request without a readable Via gets one, so that it can be answered.
func markSource(req *sip.Request, flow Flow) {
	source := flow.Remote.Addr().String()
	via := req.Via()
	if via == nil {
		req.PrependHeader(&sip.ViaHeader{
			ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: flow.Protocol.String(),
			Host: source, Port: int(flow.Remote.Port()),
		})
		return
	}
	_, rport := via.Params.Get("rport")
	if rport {
		via.Params.Add("rport", strconv.Itoa(int(flow.Remote.Port())))
	}
	if host, err := netip.ParseAddr(via.Host); rport || err != nil || host.Unmap() != flow.Remote.Addr() {
		via.Params.Add("received", source)
	} else {
		via.Params.Remove("received") // not for the sender to say
	}
}

// advertised is what a listener is called by; port 0 is the listener's own.
type advertised struct {
	host string
	port uint16
}

func parseAdvertise(s string) (advertised, error) {
	if s == "" {
		return advertised{}, nil
	}
	if _, err := netip.ParseAddr(s); err == nil || isHost(s) {
		return advertised{host: unbracket(s)}, nil
	}
	host, service, err := net.SplitHostPort(s)
	if err != nil {
		return advertised{}, fmt.Errorf("advertised address: %w", err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || host == "" {
		return advertised{}, fmt.Errorf("advertised address %q: no host or port", s)
	}
	return advertised{host: host, port: uint16(port)}, nil
}

// sentBy is the host and port that go into a Via or Contact for a socket bound at local and, if that is unspecified,
// a packet leaving by source.
func (a advertised) sentBy(local netip.AddrPort, source netip.Addr) (string, int) {
	host, port := a.host, int(a.port)
	if host == "" {
		if host = local.Addr().String(); local.Addr().IsUnspecified() {
			host = source.String()
		}
	}
	if port == 0 {
		port = int(local.Port())
	}
	return host, port
}

func listenAddr(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	a, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	return unmap(a), err
}

func addrPort(a net.Addr) (netip.AddrPort, error) {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort()), nil
	case *net.TCPAddr:
		return unmap(a.AddrPort()), nil
	}
	return netip.AddrPort{}, fmt.Errorf("address %v is of type %T", a, a)
}

func unbracket(s string) string {
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}
