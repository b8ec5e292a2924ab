package memnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// queueLimit bounds the datagrams a socket holds unread, as SO_RCVBUF does;
// what comes on top is lost.
const queueLimit = 4096

// maxDatagram is the largest payload of UDP over IPv4.
const maxDatagram = 65507

// PacketConn is a UDP socket. It has the methods of net.UDPConn that servers
// use: both the net.PacketConn ones and the allocation-free AddrPort ones.
type PacketConn struct {
	host   *Host
	local  netip.AddrPort
	remote netip.AddrPort // set on a dialled socket

	mu     sync.Mutex
	gate   gate
	queue  []datagram
	closed bool
	lost   int
}

type datagram struct {
	from    netip.AddrPort
	payload []byte
}

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

func newPacketConn(h *Host, local netip.AddrPort) *PacketConn {
	c := &PacketConn{host: h, local: local}
	c.gate = newGate(&c.mu)
	return c
}

func (c *PacketConn) connect(remote netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remote = remote
}

// ReadFromUDPAddrPort waits for a datagram; what does not fit in b is lost.
func (c *PacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 || c.closed || c.gate.expired() {
		if c.closed {
			return 0, netip.AddrPort{}, c.fail("read", net.ErrClosed)
		}
		if c.gate.expired() {
			return 0, netip.AddrPort{}, c.fail("read", os.ErrDeadlineExceeded)
		}
		c.gate.cond.Wait()
	}
	d := c.queue[0]
	c.queue[0] = datagram{}
	c.queue = c.queue[1:]
	return copy(b, d.payload), d.from, nil
}

// WriteToUDPAddrPort sends one datagram. It never blocks.
func (c *PacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, c.fail("write", net.ErrClosed)
	}
	if len(b) > maxDatagram {
		return 0, c.fail("write", syscall.EMSGSIZE)
	}
	from := c.local
	if from.Addr().IsUnspecified() {
		source, ok := c.host.source(to.Addr())
		if !ok {
			return 0, c.fail("write", syscall.ENETUNREACH)
		}
		from = netip.AddrPortFrom(source, from.Port())
	}
	n := c.host.net
	v := n.judge(Packet{Kind: Datagram, From: from, To: to, Payload: b})
	if v.Drop {
		return len(b), nil
	}
	payload := append([]byte(nil), b...)
	due := time.Now().Add(v.Delay)
	for range 1 + v.Copies {
		if v.Delay > 0 {
			n.later(due, func() { n.deliver(from, to, payload) })
		} else {
			n.deliver(from, to, payload)
		}
	}
	return len(b), nil
}

// deliver puts a datagram in the queue of whoever has bound its destination.
func (n *Net) deliver(from, to netip.AddrPort, payload []byte) {
	n.mu.Lock()
	var c *PacketConn
	if h := n.hosts[to.Addr()]; h != nil {
		if c = h.udp[to]; c == nil {
			c = h.udp[wildcard(to)]
		}
	}
	n.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed, c.remote.IsValid() && c.remote != from:
	case len(c.queue) >= queueLimit:
		c.lost++
	default:
		c.queue = append(c.queue, datagram{from: from, payload: payload})
		c.gate.cond.Signal()
	}
}

// Lost counts the datagrams that found the queue full.
func (c *PacketConn) Lost() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.fail("write", &net.AddrError{Err: "not a UDP address", Addr: to.String()})
	}
	return c.WriteToUDPAddrPort(b, a.AddrPort())
}

func (c *PacketConn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFromUDPAddrPort(b)
	return n, err
}

func (c *PacketConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	remote := c.remote
	c.mu.Unlock()
	if !remote.IsValid() {
		return 0, c.fail("write", errors.New("destination address required"))
	}
	return c.WriteToUDPAddrPort(b, remote)
}

func (c *PacketConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.queue = nil
	c.gate.stop()
	c.mu.Unlock()

	n := c.host.net
	n.mu.Lock()
	delete(c.host.udp, c.local)
	delete(n.sockets, c)
	n.mu.Unlock()
	return nil
}

func (c *PacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

func (c *PacketConn) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.remote.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(c.remote)
}

func (c *PacketConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.gate.set(t)
	return nil
}

func (c *PacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a datagram is never waited for.
func (c *PacketConn) SetWriteDeadline(time.Time) error { return nil }

func (c *PacketConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: net.UDPAddrFromAddrPort(c.local), Err: err}
}
