package memnet

import (
	"container/heap"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Kind says what a Fault is asked about.
type Kind int

const (
	Datagram Kind = iota + 1 // one UDP datagram
	Connect                  // a TCP connection being opened, From the dialler
	Segment                  // one Write on a TCP connection
)

func (k Kind) String() string {
	switch k {
	case Datagram:
		return "datagram"
	case Connect:
		return "connect"
	case Segment:
		return "segment"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Packet is what travels and what a Fault judges. A Fault must not keep Payload.
type Packet struct {
	Kind     Kind
	From, To netip.AddrPort
	Payload  []byte
}

// Verdict is what happens to a Packet; its zero value delivers it at once.
type Verdict struct {
	Drop   bool          // never arrives; a dropped Connect hangs, a dropped Segment leaves a hole that a real TCP would not
	Refuse bool          // Connect only: ECONNREFUSED
	Delay  time.Duration // arrives that much later
	Copies int           // Datagram only: that many further copies
}

// Fault decides what happens to each packet. It is called without any lock
// of the Net held and may be called by several goroutines at once.
type Fault func(Packet) Verdict

// Net is one in-memory network. Make it with New, inside the synctest bubble.
type Net struct {
	mu       sync.Mutex
	closed   bool
	hosts    map[netip.Addr]*Host
	names    map[string][]netip.Addr
	fault    Fault
	holes    map[netip.Addr]bool
	refusing map[netip.Addr]bool
	segment  int
	sockets  map[interface{ Close() error }]struct{}

	pending deliveries
	seq     uint64
	timer   *time.Timer
	running bool
	idle    *sync.Cond // signalled when a scheduler run ends
}

// New makes an empty network.
func New() *Net {
	n := &Net{
		hosts:    make(map[netip.Addr]*Host),
		names:    make(map[string][]netip.Addr),
		holes:    make(map[netip.Addr]bool),
		refusing: make(map[netip.Addr]bool),
		sockets:  make(map[interface{ Close() error }]struct{}),
	}
	n.idle = sync.NewCond(&n.mu)
	return n
}

// Host adds a host with the given addresses. It panics on a bad, missing or taken
// address: that is a mistake in a test, not a condition to handle.
func (n *Net) Host(addrs ...string) *Host {
	if len(addrs) == 0 {
		panic("memnet: a host needs an address")
	}
	h := &Host{net: n, udp: make(map[netip.AddrPort]*PacketConn), tcp: make(map[netip.AddrPort]*Listener), port: 49151}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range addrs {
		a := netip.MustParseAddr(s).Unmap()
		if n.hosts[a] != nil {
			panic("memnet: address " + s + " is taken")
		}
		n.hosts[a] = h
		h.addrs = append(h.addrs, a)
	}
	return h
}

// SetFault replaces the fault function; nil delivers everything.
func (n *Net) SetFault(f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = f
}

// BlackHole makes everything from and to addr vanish, or ends that.
func (n *Net) BlackHole(addr string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.holes[netip.MustParseAddr(addr)] = on
}

// RefuseTCP makes every TCP connect to addr fail with ECONNREFUSED, or ends that.
func (n *Net) RefuseTCP(addr string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusing[netip.MustParseAddr(addr)] = on
}

// SegmentSize limits what one Read of a TCP connection returns, to see how a
// reader copes with a message in pieces. Zero is no limit.
func (n *Net) SegmentSize(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segment = bytes
}

// Name gives name the addresses; LookupNetIP answers with them. No addresses
// takes the name away.
func (n *Net) Name(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.names, name)
	for _, s := range addrs {
		n.names[name] = append(n.names[name], netip.MustParseAddr(s))
	}
}

// LookupNetIP answers like net.Resolver's method of that name.
func (n *Net) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: host, IsTimeout: true}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []netip.Addr
	for _, a := range n.names[host] {
		if network == "ip" || (network == "ip4") == a.Is4() {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

// Close closes every socket of every host and forgets what is under way. It
// returns when the scheduler has stopped.
func (n *Net) Close() error {
	n.mu.Lock()
	n.closed = true
	n.pending = nil
	if n.timer != nil {
		n.timer.Stop()
	}
	for n.running {
		n.idle.Wait()
	}
	open := make([]interface{ Close() error }, 0, len(n.sockets))
	for s := range n.sockets {
		open = append(open, s)
	}
	n.mu.Unlock()
	for _, s := range open {
		s.Close()
	}
	return nil
}

// judge asks the switches and the fault function about p.
func (n *Net) judge(p Packet) Verdict {
	n.mu.Lock()
	f := n.fault
	hole := n.holes[p.From.Addr()] || n.holes[p.To.Addr()]
	refuse := p.Kind == Connect && n.refusing[p.To.Addr()]
	n.mu.Unlock()
	switch {
	case hole:
		return Verdict{Drop: true}
	case refuse:
		return Verdict{Refuse: true}
	case f != nil:
		return f(p)
	}
	return Verdict{}
}

// later runs deliver at due, in order of due and then of the calls to later.
func (n *Net) later(due time.Time, deliver func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.seq++
	heap.Push(&n.pending, delivery{due: due, seq: n.seq, deliver: deliver})
	if !n.running {
		n.arm()
	}
}

// arm sets the timer for the first delivery. n.mu is held.
func (n *Net) arm() {
	if len(n.pending) == 0 || n.closed {
		return
	}
	wait := time.Until(n.pending[0].due)
	if n.timer == nil {
		n.timer = time.AfterFunc(wait, n.run)
		return
	}
	n.timer.Reset(wait)
}

// run delivers what is due. Only one run is ever active, which keeps order.
func (n *Net) run() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running {
		return
	}
	n.running = true
	for !n.closed && len(n.pending) > 0 && !n.pending[0].due.After(time.Now()) {
		d := heap.Pop(&n.pending).(delivery)
		n.mu.Unlock()
		d.deliver()
		n.mu.Lock()
	}
	n.running = false
	n.idle.Broadcast()
	n.arm()
}

func (n *Net) forget(s interface{ Close() error }) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sockets, s)
}

// delivery is one packet under way.
type delivery struct {
	due     time.Time
	seq     uint64
	deliver func()
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	if !d[i].due.Equal(d[j].due) {
		return d[i].due.Before(d[j].due)
	}
	return d[i].seq < d[j].seq
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	old := *d
	last := old[len(old)-1]
	old[len(old)-1] = delivery{}
	*d = old[:len(old)-1]
	return last
}
