package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Protocol is a SIP transport protocol.
type Protocol uint8

const (
	UDP Protocol = iota + 1
	TCP
	TLS // over TCP
)

// ErrProtocol says that a transport is not (yet) spoken here.
var ErrProtocol = errors.New("transport protocol not supported")

// ParseProtocol reads the name in a Via or a transport parameter.
func ParseProtocol(s string) (Protocol, error) {
	switch strings.ToLower(s) {
	case "udp":
		return UDP, nil
	case "tcp":
		return TCP, nil
	case "tls":
		return TLS, nil
	}
	return 0, fmt.Errorf("transport %q: %w", s, ErrProtocol)
}

// String is the name as a Via writes it.
func (p Protocol) String() string {
	switch p {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	}
	return fmt.Sprintf("Protocol(%d)", uint8(p))
}

// Reliable says whether the transport retransmits, so that transactions need not.
func (p Protocol) Reliable() bool { return p != UDP }

// DefaultPort is the port of RFC 3261 s19.1.2 for a URI or Via without one.
func (p Protocol) DefaultPort() uint16 {
	if p == TLS {
		return 5061
	}
	return 5060
}

// Flow is where a message came from and a way back: a UDP socket and a remote address, or
// one connection (RFC 5626 s3.1). Flows are comparable; the zero Flow is none.
type Flow struct {
	Protocol Protocol
	Local    netip.AddrPort
	Remote   netip.AddrPort
	ConnID   uint64 // of a connection, unique in the life of a Layer; 0 for UDP
}

func (f Flow) IsZero() bool { return f == Flow{} }

func (f Flow) String() string {
	if f.IsZero() {
		return "no flow"
	}
	s := fmt.Sprintf("%s %s-%s", f.Protocol, f.Local, f.Remote)
	if f.ConnID != 0 {
		s += fmt.Sprintf("#%d", f.ConnID)
	}
	return s
}

// ParseFlow reads what String wrote, so that a flow can be kept as text.
func ParseFlow(s string) (Flow, error) {
	protocol, rest, ok := strings.Cut(s, " ")
	ends, id, hasID := strings.Cut(rest, "#")
	cut := strings.LastIndex(ends, "-")
	if !ok || cut < 0 {
		return Flow{}, fmt.Errorf("%q is no flow", s)
	}
	var f Flow
	var err error
	if f.Protocol, err = ParseProtocol(protocol); err != nil {
		return Flow{}, fmt.Errorf("flow %q: %w", s, err)
	}
	if f.Local, err = netip.ParseAddrPort(ends[:cut]); err != nil {
		return Flow{}, fmt.Errorf("flow %q: %w", s, err)
	}
	if f.Remote, err = netip.ParseAddrPort(ends[cut+1:]); err != nil {
		return Flow{}, fmt.Errorf("flow %q: %w", s, err)
	}
	if hasID {
		if f.ConnID, err = strconv.ParseUint(id, 10, 64); err != nil {
			return Flow{}, fmt.Errorf("flow %q: %w", s, err)
		}
	}
	return f, nil
}

// Destination is where a request goes: an address, or a flow and nothing else.
type Destination struct {
	Protocol Protocol
	Addr     netip.AddrPort
	Flow     Flow           // if set, the request goes over it or not at all
	Local    netip.AddrPort // UDP: the socket to send from; unset lets the route decide
	// Name is whom the certificate has to be for (RFC 5922 s4: the domain that was looked up, not what DNS made of it),
	// and Verify what happens if it is not. TLS only; without a Name it is the address.
	Name   string
	Verify Verify
}

// To is the destination at an address.
func To(p Protocol, addr netip.AddrPort) Destination { return Destination{Protocol: p, Addr: addr} }

// Over is the destination at the other end of a flow.
func Over(f Flow) Destination { return Destination{Protocol: f.Protocol, Addr: f.Remote, Flow: f} }

func (d Destination) String() string {
	if !d.Flow.IsZero() {
		return "flow " + d.Flow.String()
	}
	return d.Protocol.String() + " " + d.Addr.String()
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
