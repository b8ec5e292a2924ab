package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// stream is a connection-oriented transport: how to listen and how to dial, and what both ends do before the
// first byte of SIP (greet; in a goroutine of the connection's own, so that a slow
// peer delays nobody). Framing is by Content-Length;
// a WebSocket's stream hands out a net.Conn whose Read yields messages and whose Write makes one frame.
type stream interface {
	protocol() Protocol
	listen(ctx context.Context, n Network, addr netip.AddrPort, spec Listen) (net.Listener, error)
	dial(ctx context.Context, n Network, to peer) (net.Conn, error)
	greet(ctx context.Context, nc net.Conn, to peer, accepted bool) (*Peer, error)
}

func (l *Layer) streamOf(p Protocol) (stream, error) {
	switch p {
	case TCP:
		return tcp{}, nil
	case TLS:
		return secure{l.security}, nil
	}
	return nil, fmt.Errorf("%s: %w", p, ErrProtocol)
}

type tcp struct{}

func (tcp) protocol() Protocol { return TCP }

func (tcp) listen(ctx context.Context, n Network, addr netip.AddrPort, _ Listen) (net.Listener, error) {
	return n.Listen(ctx, family("tcp", addr.Addr()), addr.String())
}

func (tcp) dial(ctx context.Context, n Network, to peer) (net.Conn, error) {
	return n.DialContext(ctx, family("tcp", to.addr.Addr()), to.addr.String())
}

func (tcp) greet(context.Context, net.Conn, peer, bool) (*Peer, error) { return nil, nil }

// listener accepts connections.
type listener struct {
	net.Listener
	layer  *Layer
	stream stream
	local  netip.AddrPort
	name   advertised
}

// accept is the listener's goroutine until it is closed.
func (s *listener) accept() {
	for {
		nc, err := s.Listener.Accept()
		if err != nil {
			if s.layer.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, as a rule: it passes when connections end.
			s.layer.cfg.Log.Warn("accepting", "local", s.local, "err", err)
			if !pause(s.layer.ctx, 50*time.Millisecond) {
				return
			}
			continue
		}
		s.layer.adopt(nc, s.stream)
	}
}

// adopt begins to serve an accepted connection.
func (l *Layer) adopt(nc net.Conn, st stream) {
	remote, err := addrPort(nc.RemoteAddr())
	if err != nil {
		nc.Close()
		return
	}
	c := makeConn(l, st, peer{protocol: st.protocol(), addr: remote}, l.conns.nextID())
	c.accepted = true
	c.attach(nc)
	l.conns.add(c, l.cfg.MaxConns, &l.stats)
	if !l.goes(c.serve) {
		c.close()
	}
}
