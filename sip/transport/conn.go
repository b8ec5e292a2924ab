package transport

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
//	dialling --connected--> greeting --done--> open --error, EOF, idle, close--> closed
//	    \-------failed, close----\------------------------------------------------^
type conn struct {
	layer    *Layer
	stream   stream
	to       peer
	accepted bool
	id       uint64
	limit    time.Duration // to connect and greet in

	proven bool          // guarded by conns.mu
	place  *list.Element // guarded by conns.mu

	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}
	last   atomic.Int64 // when a message or ping went either way, Unix ns
	pulse  pulse

	mu     sync.Mutex
	nc     net.Conn
	flow   Flow // set when open, as is peer
	peer   *Peer
	queue  []outgoing
	ending bool // to be closed when the queue is empty
	closed bool
}

func makeConn(l *Layer, st stream, to peer, id uint64) *conn {
	c := &conn{layer: l, stream: st, to: to, id: id, limit: l.cfg.ConnectTimeout, wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.last.Store(time.Now().UnixNano())
	return c
}

// attach gives the connection its socket.
func (c *conn) attach(nc net.Conn) {
	c.mu.Lock()
	c.nc = nc
	closed := c.closed
	c.mu.Unlock()
	if closed {
		abort(nc)
	}
}

// abort closes a socket without a word to the peer: crypto/tls would say goodbye first, and wait for a
// peer that does not read.
func abort(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	nc.Close()
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

// take waits for the next message or ping to write; an error when the connection is over.
func (c *conn) take() (outgoing, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return outgoing{}, ErrFlowGone
		}
		if len(c.queue) > 0 {
			o := c.queue[0]
			c.queue[0] = outgoing{}
			c.queue = c.queue[1:]
			c.mu.Unlock()
			return o, nil
		}
		if c.ending {
			c.mu.Unlock()
			return outgoing{}, ErrFlowGone
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-c.ctx.Done():
			return outgoing{}, ErrFlowGone
		case <-c.pulse.due():
			send, err := c.pulse.beat()
			if err != nil {
				c.layer.stats.PongsMissed.Add(1)
				return outgoing{}, fmt.Errorf("%w: %w", err, ErrFlowGone)
			}
			if send {
				return outgoing{encode: func(*conn) []byte { return []byte(ping) }}, nil
			}
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
		abort(nc)
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
	if t, ok := c.nc.(*tls.Conn); ok && c.isEnding() {
		t.CloseWrite() // close_notify, which a peer may mistake the absence of for an attack
	}
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
	if err := c.open(); err != nil {
		return err
	}
	if !c.layer.goes(c.read) {
		return ErrClosed
	}
	if !c.accepted {
		c.pulse.start(c.layer.cfg.PingInterval)
		defer c.pulse.stop()
	}
	for {
		o, err := c.take()
		if err != nil {
			return fmt.Errorf("connection to %s %s ended: %w", c.to.protocol, c.to.addr, err)
		}
		raw, at := o.encode(c), time.Now()
		c.nc.SetWriteDeadline(at.Add(c.layer.cfg.WriteTimeout))
		if _, err := c.nc.Write(raw); err != nil {
			c.layer.stats.SendErrors.Add(1)
			err = fmt.Errorf("sending to %s %s: %w", c.to.protocol, c.to.addr, err)
			o.tell(Sent{Flow: c.flow, Raw: raw, Peer: c.peer, Err: err})
			return err
		}
		c.last.Store(time.Now().UnixNano())
		if len(raw) > len(ping) {
			c.layer.sent(raw, c.flow, at)
			c.layer.conns.used(c)
		}
		o.tell(Sent{Flow: c.flow, Raw: raw, Peer: c.peer})
	}
}

// open gets the connection to where SIP can be spoken.
func (c *conn) open() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.limit)
	defer cancel()
	if c.nc == nil { // only this goroutine sets it then
		nc, err := c.stream.dial(ctx, c.layer.cfg.Network, c.to)
		if err != nil {
			return fmt.Errorf("connecting to %s %s: %w", c.to.protocol, c.to.addr, err)
		}
		c.attach(nc)
	}
	who, err := c.stream.greet(ctx, c.nc, c.to, c.accepted)
	if err != nil {
		return fmt.Errorf("connecting to %s %s: %w", c.to.protocol, c.to.addr, err)
	}
	local, _ := addrPort(c.nc.LocalAddr())
	c.mu.Lock()
	c.flow = Flow{Protocol: c.to.protocol, Local: local, Remote: c.to.addr, ConnID: c.id}
	c.peer = who
	c.mu.Unlock()
	return nil
}

func (c *conn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending && !c.closed
}

func (o outgoing) tell(s Sent) {
	if o.report != nil {
		o.report(s)
	}
}

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
		if n > 0 {
			c.pulse.heard.Store(time.Now().UnixNano())
		}
		for n > 0 {
			kind, raw, ferr := f.next()
			if ferr != nil {
				c.layer.stats.Junk.Add(1)
				c.layer.cfg.Log.Info("closing a connection", "flow", c.flow, "err", ferr)
				// RFC 4475 s3.1.2.3: nothing behind it can be read, but it may be answered.
				return raw != nil && c.layer.receive(raw, c.flow, c.peer)
			}
			if kind == frameNone {
				if c.pulse.awaiting.Load() && f.pong() {
					c.pulse.awaiting.Store(false)
					c.pulse.ponged.Store(true)
				}
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
			if !c.layer.receive(raw, c.flow, c.peer) {
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
