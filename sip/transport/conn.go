package transport

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// queueLimit is how many messages may wait for one connection.
const queueLimit = 512

var errBacklog = errors.New("peer does not read")

// outgoing is a message on its way over a connection. What it looks like is known when the connection is.
type outgoing struct {
	encode func(c *conn) []byte
	report Report
}

// conn is one connection, perhaps still being opened. One goroutine (serve) opens and
// writes it, another reads.
//
//	dialling --connected--> open --error, EOF, idle, close--> closed
//	    \-------failed, close------------------------------------^
type conn struct {
	layer  *Layer
	stream stream
	remote netip.AddrPort
	id     uint64
	limit  time.Duration // to connect in

	proven bool          // guarded by conns.mu
	place  *list.Element // guarded by conns.mu

	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}
	last   atomic.Int64 // when a message went either way, Unix ns

	mu     sync.Mutex
	nc     net.Conn
	flow   Flow
	queue  []outgoing
	ending bool // to be closed when the queue is empty
	closed bool
}

func newConn(l *Layer, st stream, remote netip.AddrPort) *conn {
	return makeConn(l, st, remote, l.conns.nextID())
}

func makeConn(l *Layer, st stream, remote netip.AddrPort, id uint64) *conn {
	c := &conn{layer: l, stream: st, remote: remote, id: id, wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.last.Store(time.Now().UnixNano())
	return c
}

// attach gives the connection its socket.
func (c *conn) attach(nc net.Conn) {
	local, _ := addrPort(nc.LocalAddr())
	c.mu.Lock()
	c.nc = nc
	c.flow = Flow{Protocol: c.stream.protocol(), Local: local, Remote: c.remote, ConnID: c.id}
	closed := c.closed
	c.mu.Unlock()
	if closed {
		nc.Close()
	}
}

// put queues a message. If it returns an error the message will not be reported on.
func (c *conn) put(o outgoing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.ending {
		return net.ErrClosed
	}
	if len(c.queue) >= queueLimit {
		return errBacklog
	}
	c.queue = append(c.queue, o)
	c.nudge()
	return nil
}

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take waits for the next message to write; false when the connection is over.
func (c *conn) take() (outgoing, bool) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return outgoing{}, false
		}
		if len(c.queue) > 0 {
			o := c.queue[0]
			c.queue[0] = outgoing{}
			c.queue = c.queue[1:]
			c.mu.Unlock()
			return o, true
		}
		if c.ending {
			c.mu.Unlock()
			return outgoing{}, false
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-c.ctx.Done():
			return outgoing{}, false
		}
	}
}

// close ends the connection at once. serve clears up.
func (c *conn) close() {
	c.mu.Lock()
	c.closed = true
	nc := c.nc
	c.mu.Unlock()
	c.cancel()
	if nc != nil {
		nc.Close()
	}
}

// finish ends the connection when what is queued has been written.
func (c *conn) finish() {
	c.mu.Lock()
	c.ending = true
	c.nudge()
	c.mu.Unlock()
}

// serve opens the connection if need be, then writes until the end.
func (c *conn) serve() {
	err := c.run()
	c.close()
	c.layer.conns.remove(c, &c.layer.stats)
	c.mu.Lock()
	rest := c.queue
	c.queue = nil
	flow := c.flow
	c.mu.Unlock()
	for _, o := range rest {
		o.tell(Sent{Flow: flow, Err: err})
	}
	if !flow.IsZero() {
		c.layer.sink.Closed(flow)
	}
}

// run returns why the connection ended.
func (c *conn) run() error {
	if c.nc == nil { // only this goroutine sets it then
		ctx, cancel := context.WithTimeout(c.ctx, c.limit)
		nc, err := c.stream.dial(ctx, c.layer.cfg.Network, c.remote)
		cancel()
		if err != nil {
			return fmt.Errorf("connecting to %s %s: %w", c.stream.protocol(), c.remote, err)
		}
		c.attach(nc)
	}
	if !c.layer.goes(c.read) {
		return ErrClosed
	}
	gone := fmt.Errorf("connection to %s %s ended: %w", c.stream.protocol(), c.remote, ErrFlowGone)
	for {
		o, ok := c.take()
		if !ok {
			return gone
		}
		raw := o.encode(c)
		c.nc.SetWriteDeadline(time.Now().Add(c.layer.cfg.WriteTimeout))
		if _, err := c.nc.Write(raw); err != nil {
			c.layer.stats.SendErrors.Add(1)
			err = fmt.Errorf("sending to %s %s: %w", c.stream.protocol(), c.remote, err)
			o.tell(Sent{Flow: c.flow, Raw: raw, Err: err})
			return err
		}
		c.last.Store(time.Now().UnixNano())
		if len(raw) > len(pong) {
			c.layer.sent(raw, c.flow)
			c.layer.conns.used(c)
		}
		o.tell(Sent{Flow: c.flow, Raw: raw})
	}
}

func (o outgoing) tell(s Sent) {
	if o.report != nil {
		o.report(s)
	}
}

const pong = "\r\n" // RFC 5626 s3.5.1

// read is the connection's second goroutine.
func (c *conn) read() {
	if c.readAll() {
		c.finish()
		return
	}
	c.close()
}

// readAll reads to the end of the connection, and says whether what is queued should still go out.
func (c *conn) readAll() (flush bool) {
	f := framer{max: c.layer.cfg.MaxMessage}
	var began time.Time // when the first bytes of the message under way arrived
	for {
		deadline := time.Unix(0, c.last.Load()).Add(c.layer.cfg.IdleTimeout)
		if f.partial() {
			if began.IsZero() {
				began = time.Now()
			}
			deadline = began.Add(c.layer.cfg.MessageTimeout)
		} else {
			began = time.Time{}
		}
		c.nc.SetReadDeadline(deadline)
		n, err := c.nc.Read(f.space())
		f.added(n)
		for n > 0 {
			kind, raw, ferr := f.next()
			if ferr != nil {
				c.layer.stats.Junk.Add(1)
				c.layer.cfg.Log.Info("closing a connection", "flow", c.flow, "err", ferr)
				// RFC 4475 s3.1.2.3: nothing behind it can be read, but it may be answered.
				return raw != nil && c.layer.receive(raw, c.flow)
			}
			if kind == frameNone {
				break
			}
			c.last.Store(time.Now().UnixNano())
			began = time.Time{}
			if kind == framePing {
				c.layer.stats.Keepalives.Add(1)
				c.layer.conns.used(c)
				c.put(outgoing{encode: func(*conn) []byte { return []byte(pong) }})
				continue
			}
			if !c.layer.receive(raw, c.flow) {
				return false // not SIP: there is no telling what else it is
			}
			c.layer.conns.used(c)
		}
		if err != nil {
			// Idle only if nothing was written meanwhile either.
			idle := time.Since(time.Unix(0, c.last.Load())) >= c.layer.cfg.IdleTimeout
			if errors.Is(err, os.ErrDeadlineExceeded) && !f.partial() && !idle {
				continue
			}
			return false
		}
	}
}
