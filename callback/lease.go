package callback

import (
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
)

// Holder is the device a lent number leads back to.
type Holder struct {
	Account   string `json:"account"`
	Site      string `json:"site,omitempty"`
	Extension string `json:"extension,omitempty"`
	Device    string `json:"device,omitempty"` // its name, or what an unknown caller asserted
}

// Lease says that a number leads back to a holder.
type Lease struct {
	Number  e164.Number   `json:"number"`
	Pool    string        `json:"pool"`
	Holder  Holder        `json:"holder"`
	Calls   []string      `json:"calls,omitempty"`   // the holder's calls that are going on with it
	Since   time.Time     `json:"since"`             // when it was first lent to the holder
	EndedAt time.Time     `json:"ended_at,omitzero"` // when the last of them ended
	Window  time.Duration `json:"window"`
}

// Live says whether the lease holds at that instant.
func (l Lease) Live(at time.Time) bool {
	return l.InCall() || at.Before(l.EndedAt.Add(l.Window))
}

// InCall says whether the holder is in the call it was lent for.
func (l Lease) InCall() bool { return len(l.Calls) > 0 }

// Choice is how a number was chosen.
type Choice int

const (
	Kept        Choice = iota + 1 // the device held it already
	NextFree                      // the next free number of the pool
	IdleLongest                   // all lent: idle longest since its last call's end
	HeldLongest                   // all in calls: held longest
)

var choiceNames = [...]string{Kept: "kept from the call before", NextFree: "the next free number", IdleLongest: "all lent, the one idle longest is used again",
	HeldLongest: "all in calls, the one held longest is used again"}

func (c Choice) String() string {
	if c < Kept || c > HeldLongest {
		return fmt.Sprintf("choice(%d)", int(c))
	}
	return choiceNames[c]
}

// Shared says that the number has more than one holder now.
func (c Choice) Shared() bool { return c == IdleLongest || c == HeldLongest }

// Pool is a set of numbers lent under one rule.
type Pool struct {
	Name    string // unique in the installation: "acme/hq"
	Numbers []e164.Number
	Window  time.Duration
}

// Ledger is who holds what. The zero value is an empty one.
type Ledger struct {
	leases map[e164.Number][]Lease // the latest holder last
	last   map[string]e164.Number  // the number lent last, by pool
}

// Assign lends a number of the pool for a call. It fails only for an empty pool.
func (g *Ledger) Assign(p Pool, h Holder, call string, at time.Time) (Lease, Choice, bool) {
	if len(p.Numbers) == 0 {
		return Lease{}, 0, false
	}
	if g.leases == nil {
		g.leases, g.last = map[e164.Number][]Lease{}, map[string]e164.Number{}
	}
	n, choice := g.choose(p, h, at)
	lease := Lease{Number: n, Pool: p.Name, Holder: h, Since: at, Window: p.Window}
	ls := slices.DeleteFunc(g.leases[n], func(l Lease) bool {
		if l.Holder == h && l.Live(at) {
			lease.Since, lease.Calls = l.Since, l.Calls
			return true
		}
		return !l.Live(at)
	})
	if !slices.Contains(lease.Calls, call) {
		lease.Calls = append(slices.Clone(lease.Calls), call)
	}
	g.leases[n] = append(ls, lease)
	g.last[p.Name] = n
	return lease, choice, true
}

func (g *Ledger) choose(p Pool, h Holder, at time.Time) (e164.Number, Choice) {
	for _, n := range p.Numbers {
		for _, l := range g.leases[n] {
			if l.Holder == h && l.Live(at) {
				return n, Kept
			}
		}
	}
	first := slices.Index(p.Numbers, g.last[p.Name]) + 1
	for i := range p.Numbers {
		n := p.Numbers[(first+i)%len(p.Numbers)]
		if !slices.ContainsFunc(g.leases[n], func(l Lease) bool { return l.Live(at) }) {
			return n, NextFree
		}
	}
	idle := slices.DeleteFunc(slices.Clone(p.Numbers), func(n e164.Number) bool {
		return slices.ContainsFunc(g.leases[n], Lease.InCall)
	})
	if len(idle) > 0 {
		return slices.MinFunc(idle, func(a, b e164.Number) int { return g.idleSince(a).Compare(g.idleSince(b)) }), IdleLongest
	}
	return slices.MinFunc(p.Numbers, func(a, b e164.Number) int { return g.heldSince(a).Compare(g.heldSince(b)) }), HeldLongest
}

// idleSince is when the last call of any holder of the number ended.
func (g *Ledger) idleSince(n e164.Number) (t time.Time) {
	for _, l := range g.leases[n] {
		if l.EndedAt.After(t) {
			t = l.EndedAt
		}
	}
	return t
}

// heldSince is when the number was last given to somebody: the one held longest has
// been with its latest holder the longest.
func (g *Ledger) heldSince(n e164.Number) (t time.Time) {
	for _, l := range g.leases[n] {
		if l.Since.After(t) {
			t = l.Since
		}
	}
	return t
}

// Release starts the window of the leases of a call that has ended.
func (g *Ledger) Release(call string, at time.Time) {
	for n, ls := range g.leases {
		for i := range ls {
			j := slices.Index(ls[i].Calls, call)
			if j < 0 {
				continue
			}
			g.leases[n][i].Calls = slices.Delete(slices.Clone(ls[i].Calls), j, j+1)
			g.leases[n][i].EndedAt = at
		}
	}
}

// Resolve is whom a number leads back to: the latest holder first. A holder whose window
// has passed is not among them.
func (g *Ledger) Resolve(n e164.Number, at time.Time) []Lease {
	var live []Lease
	for _, l := range slices.Backward(g.leases[n]) {
		if l.Live(at) {
			live = append(live, l)
		}
	}
	return live
}

// Lent counts the numbers of a pool that are lent, for its health (C7).
func (g *Ledger) Lent(p Pool, at time.Time) int {
	lent := 0
	for _, n := range p.Numbers {
		if len(g.Resolve(n, at)) > 0 {
			lent++
		}
	}
	return lent
}
