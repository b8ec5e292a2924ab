package rtp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
)

// Network opens sockets. *net.ListenConfig is one; tests bring their own.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
}

// datagrams is what *net.UDPConn offers to read and write without allocating.
type datagrams interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// Socket is a bound datagram socket that speaks netip. On a *net.UDPConn neither
// direction allocates; any other net.PacketConn works through its own addresses.
type Socket struct {
	conn   net.PacketConn
	udp    datagrams // conn, when it can do that
	port   uint16
	closed atomic.Bool
}

func newSocket(conn net.PacketConn, port uint16) *Socket {
	udp, _ := conn.(datagrams)
	return &Socket{conn: conn, udp: udp, port: port}
}

// Port is the local port.
func (s *Socket) Port() uint16 { return s.port }

// ReadFrom waits for a packet. After Close its error is net.ErrClosed.
func (s *Socket) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	if s.udp != nil {
		n, from, err := s.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return 0, netip.AddrPort{}, s.failed("read", err)
		}
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
	}
	n, addr, err := s.conn.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, s.failed("read", err)
	}
	return n, addrPort(addr), nil
}

// WriteTo sends a packet.
func (s *Socket) WriteTo(b []byte, to netip.AddrPort) error {
	var err error
	if s.udp != nil {
		_, err = s.udp.WriteToUDPAddrPort(b, to)
	} else {
		_, err = s.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	if err != nil {
		return s.failed("write", err)
	}
	return nil
}

func (s *Socket) failed(deed string, err error) error {
	if s.closed.Load() {
		return net.ErrClosed
	}
	return fmt.Errorf("%s datagram on port %d: %w", deed, s.port, err)
}

// Close ends a waiting ReadFrom. It is idempotent.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.conn.Close()
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return ap
}
