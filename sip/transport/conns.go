package transport

import (
	"container/list"
	"net/netip"
	"sync"
)

// conns is the table of connections. Two lists in order of use decide who goes when
// it is full: first those that never delivered a message, then the one idle longest.
type conns struct {
	mu     sync.Mutex
	lastID uint64
	byID   map[uint64]*conn
	byPeer map[peer]*conn // those we opened: only they lead to a known address
	fresh  *list.List
	proven *list.List
}

// peer is a remote address by one protocol, and for TLS whom we take it for: a connection verified for one
// name is not used for another that lives at the same address, nor one opened with Prefer for
// a request that is Strict.
type peer struct {
	protocol Protocol
	addr     netip.AddrPort
	name     string
	verify   Verify
}

func peerAt(to Destination) peer {
	p := peer{protocol: to.Protocol, addr: unmap(to.Addr)}
	if p.protocol == TLS {
		if p.name, p.verify = serverName(to.Name), max(to.Verify, Strict); p.name == "" {
			p.name = p.addr.Addr().String()
		}
	}
	return p
}

func (t *conns) init() {
	t.byID, t.byPeer = make(map[uint64]*conn), make(map[peer]*conn)
	t.fresh, t.proven = list.New(), list.New()
}

func (t *conns) nextID() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastID++
	return t.lastID
}

// add enters an accepted connection, closing another if the table is full.
func (t *conns) add(c *conn, limit int, stats *Stats) {
	t.mu.Lock()
	victim := t.enter(c, limit, stats)
	t.mu.Unlock()
	if victim != nil {
		victim.close()
	}
}

// opened returns the connection to p, or enters the one that dial makes.
func (t *conns) opened(p peer, limit int, stats *Stats, dial func() *conn) (c *conn, isNew bool) {
	t.mu.Lock()
	if c = t.byPeer[p]; c != nil {
		t.mu.Unlock()
		return c, false
	}
	c = dial()
	c.proven = true
	victim := t.enter(c, limit, stats)
	t.byPeer[p] = c
	t.mu.Unlock()
	if victim != nil {
		victim.close()
	}
	return c, true
}

// enter does the work of add; t.mu is held.
func (t *conns) enter(c *conn, limit int, stats *Stats) (victim *conn) {
	if len(t.byID) >= limit {
		from := t.fresh
		if from.Len() == 0 {
			from = t.proven
		}
		if last := from.Back(); last != nil {
			victim = last.Value.(*conn)
			t.leave(victim)
			stats.Evicted.Add(1)
			stats.Open.Add(-1)
		}
	}
	t.byID[c.id] = c
	if c.proven {
		c.place = t.proven.PushFront(c)
	} else {
		c.place = t.fresh.PushFront(c)
	}
	stats.Opened.Add(1)
	stats.Open.Add(1)
	return victim
}

// used notes that a connection has carried a message.
func (t *conns) used(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case c.place == nil:
	case c.proven:
		t.proven.MoveToFront(c.place)
	default:
		t.fresh.Remove(c.place)
		c.proven = true
		c.place = t.proven.PushFront(c)
	}
}

// remove takes a connection out; it may be out already.
func (t *conns) remove(c *conn, stats *Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[c.id] == c {
		t.leave(c)
		stats.Open.Add(-1)
	}
}

func (t *conns) leave(c *conn) {
	delete(t.byID, c.id)
	if t.byPeer[c.to] == c {
		delete(t.byPeer, c.to)
	}
	if c.proven {
		t.proven.Remove(c.place)
	} else {
		t.fresh.Remove(c.place)
	}
	c.place = nil
}

func (t *conns) get(id uint64) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

func (t *conns) all() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*conn, 0, len(t.byID))
	for _, c := range t.byID {
		list = append(list, c)
	}
	return list
}
