package memnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Host is one machine of a Net. Its methods have the signatures of net.ListenConfig
// and net.Dialer.
type Host struct {
	net   *Net
	addrs []netip.Addr

	// Guarded by net.mu. An unspecified address stands for all of the host's.
	udp  map[netip.AddrPort]*PacketConn
	tcp  map[netip.AddrPort]*Listener
	port uint16 // the last ephemeral port given out
}

// Addrs returns the host's addresses, in the order they were given.
func (h *Host) Addrs() []netip.Addr { return append([]netip.Addr(nil), h.addrs...) }

// LookupNetIP answers from the names of the Net.
func (h *Host) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return h.net.LookupNetIP(ctx, network, host)
}

// ListenPacket opens a UDP socket.
func (h *Host) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	fail := func(err error) error {
		return &net.OpError{Op: "listen", Net: network, Err: err}
	}
	if !strings.HasPrefix(network, "udp") {
		return nil, fail(net.UnknownNetworkError(network))
	}
	local, err := h.local(network, address)
	if err != nil {
		return nil, fail(err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.closed {
		return nil, fail(net.ErrClosed)
	}
	if local, err = h.bind(local, func(a netip.AddrPort) bool { _, taken := h.udp[a]; return taken }); err != nil {
		return nil, fail(err)
	}
	c := newPacketConn(h, local)
	h.udp[local] = c
	h.net.sockets[c] = struct{}{}
	return c, nil
}

// Listen opens a TCP listener.
func (h *Host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	fail := func(err error) error {
		return &net.OpError{Op: "listen", Net: network, Err: err}
	}
	if !strings.HasPrefix(network, "tcp") {
		return nil, fail(net.UnknownNetworkError(network))
	}
	local, err := h.local(network, address)
	if err != nil {
		return nil, fail(err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.closed {
		return nil, fail(net.ErrClosed)
	}
	if local, err = h.bind(local, func(a netip.AddrPort) bool { _, taken := h.tcp[a]; return taken }); err != nil {
		return nil, fail(err)
	}
	l := newListener(h, local)
	h.tcp[local] = l
	h.net.sockets[l] = struct{}{}
	return l, nil
}

// DialContext connects to address, which must be numeric. For UDP it only fixes the remote address.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Err: err}
	}
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fail(err)
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	source, ok := h.source(remote.Addr())
	if !ok {
		return nil, fail(syscall.ENETUNREACH)
	}
	switch {
	case strings.HasPrefix(network, "udp"):
		pc, err := h.ListenPacket(ctx, network, net.JoinHostPort(source.String(), "0"))
		if err != nil {
			return nil, err
		}
		c := pc.(*PacketConn)
		c.connect(remote)
		return c, nil
	case strings.HasPrefix(network, "tcp"):
		c, err := h.dialTCP(ctx, source, remote)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(remote), Err: err}
		}
		return c, nil
	}
	return nil, fail(net.UnknownNetworkError(network))
}

func (h *Host) dialTCP(ctx context.Context, source netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	h.net.mu.Lock()
	local, err := h.bind(netip.AddrPortFrom(source, 0), func(netip.AddrPort) bool { return false })
	h.net.mu.Unlock()
	if err != nil {
		return nil, err
	}
	v := h.net.judge(Packet{Kind: Connect, From: local, To: remote})
	if v.Drop {
		// As a firewall that says nothing: only the dialler's own patience ends it.
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if v.Delay > 0 {
		t := time.NewTimer(v.Delay)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if v.Refuse {
		return nil, syscall.ECONNREFUSED
	}
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, net.ErrClosed
	}
	var l *Listener
	if peer := n.hosts[remote.Addr()]; peer != nil {
		if l = peer.tcp[remote]; l == nil {
			l = peer.tcp[wildcard(remote)]
		}
	}
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	near, far := newConnPair(n, local, remote)
	if !l.offer(far) {
		return nil, syscall.ECONNREFUSED
	}
	n.sockets[near] = struct{}{}
	n.sockets[far] = struct{}{}
	return near, nil
}

// local parses what a listener asks for and checks that the host has it.
func (h *Host) local(network, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q: %w", service, err)
	}
	addr := netip.IPv4Unspecified()
	if strings.HasSuffix(network, "6") {
		addr = netip.IPv6Unspecified()
	}
	if host != "" {
		if addr, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, err
		}
		addr = addr.Unmap()
	}
	if addr.IsUnspecified() {
		return netip.AddrPortFrom(addr, uint16(port)), nil
	}
	for _, a := range h.addrs {
		if a == addr {
			return netip.AddrPortFrom(addr, uint16(port)), nil
		}
	}
	return netip.AddrPort{}, syscall.EADDRNOTAVAIL
}

// bind settles the port. net.mu is held.
func (h *Host) bind(local netip.AddrPort, taken func(netip.AddrPort) bool) (netip.AddrPort, error) {
	if local.Port() != 0 {
		if taken(local) {
			return local, syscall.EADDRINUSE
		}
		return local, nil
	}
	for range 65535 - 49152 {
		h.port++
		if h.port < 49152 { // wrapped around
			h.port = 49152
		}
		if a := netip.AddrPortFrom(local.Addr(), h.port); !taken(a) {
			return a, nil
		}
	}
	return local, syscall.EADDRINUSE
}

// source is the host's first address of the family of remote.
func (h *Host) source(remote netip.Addr) (netip.Addr, bool) {
	for _, a := range h.addrs {
		if a.Is4() == remote.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// wildcard is a's port on every address of its family.
func wildcard(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), a.Port())
}
