package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	window  = 256 << 10 // bytes of one direction written and not yet read
	backlog = 1024      // connections of a listener not yet accepted
)

// Listener is a TCP listener.
type Listener struct {
	host  *Host
	local netip.AddrPort

	mu      sync.Mutex
	gate    gate
	waiting []*Conn
	closed  bool
}

var _ net.Listener = (*Listener)(nil)

func newListener(h *Host, local netip.AddrPort) *Listener {
	l := &Listener{host: h, local: local}
	l.gate = newGate(&l.mu)
	return l
}

// offer queues a connection for Accept and says whether there was room.
func (l *Listener) offer(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) >= backlog {
		return false
	}
	l.waiting = append(l.waiting, c)
	l.gate.cond.Signal()
	return true
}

func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.gate.cond.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// Close stops listening; connections not yet accepted are reset.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.closed = true
	waiting := l.waiting
	l.waiting = nil
	l.gate.stop()
	l.mu.Unlock()

	n := l.host.net
	n.mu.Lock()
	delete(l.host.tcp, l.local)
	delete(n.sockets, l)
	n.mu.Unlock()
	for _, c := range waiting {
		c.Reset()
	}
	return nil
}

func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// Conn is one end of a TCP connection.
type Conn struct {
	net           *Net
	local, remote netip.AddrPort
	in, out       *direction
}

var _ net.Conn = (*Conn)(nil)

func newConnPair(n *Net, near, far netip.AddrPort) (*Conn, *Conn) {
	there, back := newDirection(), newDirection()
	return &Conn{net: n, local: near, remote: far, in: back, out: there},
		&Conn{net: n, local: far, remote: near, in: there, out: back}
}

// direction is one of the two byte streams of a connection.
type direction struct {
	mu       sync.Mutex
	reading  gate
	writing  gate
	arrived  []byte
	flying   int       // written and delayed
	lastDue  time.Time // of what is flying: later writes may not overtake
	finished bool      // the writer has closed, and that has arrived
	err      error     // what the writer's next write fails with
	shut     bool      // the reader has closed
	broken   bool      // reset: the reader fails even on what has arrived
}

func newDirection() *direction {
	d := new(direction)
	d.reading, d.writing = newGate(&d.mu), newGate(&d.mu)
	return d
}

func (c *Conn) Read(b []byte) (int, error) {
	c.net.mu.Lock()
	limit := c.net.segment
	c.net.mu.Unlock()
	if limit > 0 && len(b) > limit {
		b = b[:limit]
	}
	d := c.in
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		switch {
		case d.shut:
			return 0, c.fail("read", net.ErrClosed)
		case d.broken:
			return 0, c.fail("read", syscall.ECONNRESET)
		case d.reading.expired():
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(d.arrived) > 0:
			n := copy(b, d.arrived)
			if d.arrived = d.arrived[n:]; len(d.arrived) == 0 {
				d.arrived = nil
			}
			d.writing.cond.Signal()
			return n, nil
		case d.finished:
			return 0, io.EOF
		}
		d.reading.cond.Wait()
	}
}

// Write sends b, waiting while the other side's window is full.
func (c *Conn) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := c.write(b[written:])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (c *Conn) write(b []byte) (int, error) {
	d := c.out
	d.mu.Lock()
	for {
		if err := d.err; err != nil {
			d.mu.Unlock()
			return 0, c.fail("write", err)
		}
		if d.writing.expired() {
			d.mu.Unlock()
			return 0, c.fail("write", os.ErrDeadlineExceeded)
		}
		if room := window - len(d.arrived) - d.flying; room > 0 {
			b = b[:min(room, len(b))]
			break
		}
		d.writing.cond.Wait()
	}
	d.flying += len(b)
	d.mu.Unlock()

	v := c.net.judge(Packet{Kind: Segment, From: c.local, To: c.remote, Payload: b})
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.Drop {
		d.flying -= len(b)
		return len(b), nil
	}
	payload := append([]byte(nil), b...)
	d.after(c.net, v.Delay, func() {
		d.flying -= len(payload)
		if !d.shut {
			d.arrived = append(d.arrived, payload...)
		}
		d.reading.cond.Signal()
	})
	return len(b), nil
}

// after runs do with d.mu held, after delay and never before what went earlier.
// d.mu is held by the caller.
func (d *direction) after(n *Net, delay time.Duration, do func()) {
	due := time.Now().Add(delay)
	if due.Before(d.lastDue) {
		due = d.lastDue
	}
	if !due.After(time.Now()) && d.lastDue.Before(time.Now()) {
		do()
		return
	}
	d.lastDue = due
	n.later(due, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		do()
	})
}

// Close closes this end: what was written still arrives, then the other end reads
// EOF; what the other end writes from now on fails with ECONNRESET.
func (c *Conn) Close() error {
	d := c.in
	d.mu.Lock()
	if d.shut {
		d.mu.Unlock()
		return c.fail("close", net.ErrClosed)
	}
	d.shut = true
	d.arrived = nil
	if d.err == nil {
		d.err = syscall.ECONNRESET
	}
	d.reading.stop()
	d.writing.cond.Broadcast()
	d.mu.Unlock()

	d = c.out
	d.mu.Lock()
	d.err = net.ErrClosed
	d.writing.stop()
	d.after(c.net, 0, func() {
		d.finished = true
		d.reading.cond.Broadcast()
	})
	d.mu.Unlock()
	c.net.forget(c)
	return nil
}

// Reset closes this end as a crashed host would: the other end's next read fails with
// ECONNRESET, whatever it has not read yet.
func (c *Conn) Reset() {
	d := c.out
	d.mu.Lock()
	d.broken = true
	d.reading.cond.Broadcast()
	d.mu.Unlock()
	c.Close()
}

func (c *Conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	if c.in.shut {
		return c.fail("set", net.ErrClosed)
	}
	c.in.reading.set(t)
	return nil
}

func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.err == net.ErrClosed {
		return c.fail("set", net.ErrClosed)
	}
	c.out.writing.set(t)
	return nil
}

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
