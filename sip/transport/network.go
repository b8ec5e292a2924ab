package transport

import (
	"context"
	"net"
	"net/netip"
)

// Network is where sockets come from: the operating system, or a network in memory.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// System is the network of the operating system.
type System struct {
	net.ListenConfig
	net.Dialer
}

var _ Network = (*System)(nil)

// packetConn is what net.UDPConn has beyond net.PacketConn: no allocation per datagram.
type packetConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// family is the network name that keeps IPv4 and IPv6 sockets apart, so that one address means one family.
func family(kind string, a netip.Addr) string {
	if a.Is4() {
		return kind + "4"
	}
	return kind + "6"
}
