package transport

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// multihomed is a UDP socket bound to all addresses of a node that has several: it knows which of them a datagram
// came to, and answers from that one. A peer drops an answer from an address it did not ask (RFC 3581 s4: it has
// to come from where the request went), and the route back may well leave by another.
//
// It is a *net.UDPConn with IP_PKTINFO or IPV6_PKTINFO on. Where the system has neither the
// socket is used as it is, and the route decides.
type multihomed struct {
	*net.UDPConn
	is4 bool

	oob []byte // of the reading goroutine, as are the next two
	cm4 ipv4.ControlMessage
	cm6 ipv6.ControlMessage
}

// asMultihomed returns nil if c cannot be used so.
func asMultihomed(c net.PacketConn, local netip.Addr) *multihomed {
	conn, ok := c.(*net.UDPConn)
	if !ok || !local.IsUnspecified() {
		return nil
	}
	if local.Is4() {
		if ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true) != nil {
			return nil
		}
		return &multihomed{UDPConn: conn, is4: true, oob: ipv4.NewControlMessage(ipv4.FlagDst)}
	}
	if ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true) != nil {
		return nil
	}
	return &multihomed{UDPConn: conn, oob: ipv6.NewControlMessage(ipv6.FlagDst)}
}

// read returns besides the datagram where it came from and to; the latter is not valid if the system does not say.
func (m *multihomed) read(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error) {
	n, size, _, from, err := m.ReadMsgUDPAddrPort(b, m.oob)
	if err != nil {
		return n, from, to, err
	}
	var dst net.IP
	if m.is4 {
		m.cm4.Dst = nil
		if m.cm4.Parse(m.oob[:size]) == nil {
			dst = m.cm4.Dst
		}
	} else {
		m.cm6.Dst = nil
		if m.cm6.Parse(m.oob[:size]) == nil {
			dst = m.cm6.Dst
		}
	}
	to, _ = netip.AddrFromSlice(dst)
	if to = to.Unmap(); to.IsMulticast() || to == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		to = netip.Addr{} // nothing is sent from there
	}
	return n, from, to, nil
}

// write sends from source.
func (m *multihomed) write(b []byte, to netip.AddrPort, source netip.Addr) error {
	var oob []byte
	if m.is4 {
		oob = (&ipv4.ControlMessage{Src: source.AsSlice()}).Marshal()
	} else {
		oob = (&ipv6.ControlMessage{Src: source.AsSlice()}).Marshal()
	}
	_, _, err := m.WriteMsgUDPAddrPort(b, oob, to)
	return err
}
