package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// receiveBuffer is asked of the kernel: a burst of 20 kB INVITEs should wait, not vanish.
const receiveBuffer = 4 << 20

// socket is one UDP listener. Requests leave by it too, so that answers through a NAT come back (RFC 3581 s4).
type socket struct {
	packetConn
	homes *multihomed // nil: bound to one address, or the system cannot tell
	layer *Layer
	local netip.AddrPort
	name  advertised
}

func (l *Layer) openSocket(ctx context.Context, addr netip.AddrPort, name advertised) (*socket, error) {
	pc, err := l.cfg.Network.ListenPacket(ctx, family("udp", addr.Addr()), addr.String())
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(packetConn)
	if !ok {
		pc.Close()
		return nil, fmt.Errorf("socket of type %T cannot read with an address", pc)
	}
	local, err := addrPort(pc.LocalAddr())
	if err != nil {
		pc.Close()
		return nil, err
	}
	if sizable, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		sizable.SetReadBuffer(receiveBuffer) // the kernel may give less; that is its business
	}
	return &socket{packetConn: conn, homes: asMultihomed(pc, local.Addr()), layer: l, local: local, name: name}, nil
}

// read is the socket's goroutine until the socket is closed.
func (s *socket) read() {
	buf := make([]byte, 64<<10)
	for {
		n, from, local, err := s.datagram(buf)
		if err != nil {
			if s.layer.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Some systems report an earlier datagram's ICMP error here. It concerns one
			// peer, the socket is fine; the pause is for the case that it is not.
			s.layer.cfg.Log.Warn("reading a UDP socket", "local", s.local, "err", err)
			if !pause(s.layer.ctx, 10*time.Millisecond) {
				return
			}
			continue
		}
		raw := buf[:n]
		// RFC 5626 s3.5 and habit: empty lines or zeros that keep a NAT's pinhole open.
		if len(bytes.Trim(raw, "\r\n\x00 ")) == 0 {
			s.layer.stats.Keepalives.Add(1)
			continue
		}
		s.layer.receive(raw, Flow{Protocol: UDP, Local: local, Remote: unmap(from)}, nil)
	}
}

// datagram reads one, and says which of our addresses it came to.
func (s *socket) datagram(b []byte) (n int, from, local netip.AddrPort, err error) {
	if s.homes == nil {
		n, from, err = s.ReadFromUDPAddrPort(b)
		return n, from, s.local, err
	}
	n, from, to, err := s.homes.read(b)
	return n, from, s.at(to), err
}

// at is the socket's address when one of the node's addresses is meant, if it can be told.
func (s *socket) at(source netip.Addr) netip.AddrPort {
	if s.homes == nil || !source.IsValid() || source.IsUnspecified() {
		return s.local
	}
	return netip.AddrPortFrom(source, s.local.Port())
}

// send writes a datagram, from source where the socket is bound to all addresses.
func (s *socket) send(raw []byte, to netip.AddrPort, source netip.Addr) (Flow, error) {
	flow, now := Flow{Protocol: UDP, Local: s.at(source), Remote: to}, time.Now()
	if flow.Local != s.local {
		if s.homes.write(raw, to, source) == nil {
			s.layer.sent(raw, flow, now)
			return flow, nil
		}
		// The node has lost that address, or it was a network's broadcast: better from another than not.
		flow.Local = s.local
	}
	if _, err := s.WriteToUDPAddrPort(raw, to); err != nil {
		s.layer.stats.SendErrors.Add(1)
		return flow, fmt.Errorf("sending to %s by UDP: %w", to, err)
	}
	s.layer.sent(raw, flow, now)
	return flow, nil
}

// sent counts and shows a message that has left. Its time is from before that, since the
// answer may be here already.
func (l *Layer) sent(raw []byte, flow Flow, at time.Time) {
	l.stats.Sent.Add(1)
	if l.cfg.Observer != nil {
		l.cfg.Observer(Observation{Out, flow, at, raw})
	}
}

// socketAt is the socket bound at local, or to all addresses with its port; nil if none is.
func (l *Layer) socketAt(local netip.AddrPort) *socket {
	for _, s := range l.udp {
		if s.local == local {
			return s
		}
	}
	for _, s := range l.udp {
		if s.local.Addr().IsUnspecified() && s.local.Port() == local.Port() && s.local.Addr().Is4() == local.Addr().Is4() {
			return s
		}
	}
	return nil
}

// socketTo is the socket to send from to remote: the one bound to the address that the route to
// remote leaves by, else the first of the family. The second result is that address.
func (l *Layer) socketTo(remote, local netip.AddrPort) (*socket, netip.Addr, error) {
	if local.IsValid() {
		s := l.socketAt(local)
		if s == nil {
			return nil, netip.Addr{}, fmt.Errorf("no UDP socket at %s: %w", local, ErrFlowGone)
		}
		if !local.Addr().IsUnspecified() {
			return s, local.Addr(), nil
		}
		source, err := l.sourceTo(remote)
		return s, source, err
	}
	var first *socket
	count := 0
	for _, s := range l.udp {
		if s.local.Addr().Is4() == remote.Addr().Is4() {
			if count++; first == nil {
				first = s
			}
		}
	}
	if first == nil {
		return nil, netip.Addr{}, fmt.Errorf("no UDP socket of the family of %s: %w", remote.Addr(), ErrProtocol)
	}
	if count == 1 && !first.local.Addr().IsUnspecified() {
		return first, first.local.Addr(), nil
	}
	source, err := l.sourceTo(remote)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	for _, s := range l.udp {
		if s.local.Addr() == source {
			return s, source, nil
		}
	}
	return first, source, nil
}

// sourceTo asks the routing table, by way of a connected socket that sends nothing.
func (l *Layer) sourceTo(remote netip.AddrPort) (netip.Addr, error) {
	if source, ok := l.memory.source(remote.Addr()); ok {
		return source, nil
	}
	conn, err := l.cfg.Network.DialContext(l.ctx, family("udp", remote.Addr()), remote.String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("finding the local address towards %s: %w", remote.Addr(), err)
	}
	defer conn.Close()
	local, err := addrPort(conn.LocalAddr())
	if err != nil {
		return netip.Addr{}, err
	}
	l.memory.learnSource(remote.Addr(), local.Addr())
	return local.Addr(), nil
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
