package trunk

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Use is what a call on a trunk is for.
type Use int

const (
	Emergency Use = iota + 1
	Ordinary
	Test
)

func (u Use) String() string {
	switch u {
	case Emergency:
		return "emergency"
	case Ordinary:
		return "ordinary"
	case Test:
		return "test"
	}
	return "no use"
}

// Capacity counts the calls on trunks (R14). Its zero value is ready.
type Capacity struct {
	mu      sync.Mutex
	trunks  map[ID]map[string]*carried
	counter uint64
	refused uint64
	givenUp uint64
}

type carried struct {
	use     Use
	begun   uint64
	leaving bool // to make room
}

// Grant is what a call may do.
type Grant struct {
	Granted bool
	GiveUp  string // the call to end for it; "" for none
}

// Acquire asks for room on a trunk that carries maxCalls, 0 for any number. An emergency
// call is always granted, and where the trunk is full told which call to end. A call has
// one place on a trunk, however often it asks.
func (c *Capacity) Acquire(t ID, maxCalls int, call string, u Use) Grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.trunks[t]
	if calls[call] != nil {
		return Grant{Granted: true}
	}
	g := Grant{Granted: true}
	if maxCalls > 0 {
		switch {
		case u != Emergency && len(calls) >= maxCalls:
			c.refused++
			return Grant{}
		case staying(calls) >= maxCalls:
			g.GiveUp = least(calls)
		}
	}
	if g.GiveUp != "" {
		calls[g.GiveUp].leaving = true
		c.givenUp++
	}
	if calls == nil {
		calls = map[string]*carried{}
		if c.trunks == nil {
			c.trunks = map[ID]map[string]*carried{}
		}
		c.trunks[t] = calls
	}
	c.counter++
	calls[call] = &carried{use: u, begun: c.counter}
	return g
}

// Release gives a call's place back.
func (c *Capacity) Release(t ID, call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.trunks[t], call)
	if len(c.trunks[t]) == 0 {
		delete(c.trunks, t)
	}
}

func staying(calls map[string]*carried) (n int) {
	for _, c := range calls {
		if !c.leaving {
			n++
		}
	}
	return n
}

// least is the call to give up: a test before an ordinary call, and of these the latest.
// An emergency call is never given up.
func least(calls map[string]*carried) string {
	var name string
	var least *carried
	for id, c := range calls {
		if c.use == Emergency || c.leaving {
			continue
		}
		if least == nil || cmp.Or(cmp.Compare(c.use, least.use), cmp.Compare(c.begun, least.begun)) > 0 {
			name, least = id, c
		}
	}
	return name
}

// Load is how many calls a trunk carries.
type Load struct {
	ID
	Emergency int `json:"emergency"`
	Ordinary  int `json:"ordinary"`
	Test      int `json:"test"`
	Leaving   int `json:"leaving"` // of the ordinary and test calls, those that make room
}

// Snapshot is the load of every trunk with calls, in the order of their names.
func (c *Capacity) Snapshot() []Load {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := slices.SortedFunc(maps.Keys(c.trunks), func(a, b ID) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Trunk, b.Trunk))
	})
	list := make([]Load, len(ids))
	for i, id := range ids {
		l := Load{ID: id}
		for _, x := range c.trunks[id] {
			switch x.use {
			case Emergency:
				l.Emergency++
			case Ordinary:
				l.Ordinary++
			case Test:
				l.Test++
			}
			if x.leaving {
				l.Leaving++
			}
		}
		list[i] = l
	}
	return list
}

// Counts are the calls refused and given up since the start.
func (c *Capacity) Counts() (refused, givenUp uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused, c.givenUp
}
