package orgcheck

import (
	"fmt"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
)

// numbers: each has one use (C6).
func (c *checker) numbers() {
	first := map[e164.Number]int{}
	for i := range c.o.Numbers {
		n := &c.o.Numbers[i]
		path := fmt.Sprintf("numbers[%d]", i)
		if n.Number == "" {
			c.refuse(path+".number", "C6", `write it as "+14085550141"`, "there is no number")
			continue
		}
		if j, twice := first[n.Number]; twice {
			c.refuse(path+".number", "C6", fmt.Sprintf("keep one of them; the other is numbers[%d]", j), "%s is of the %s and of the %s, and a number has one use", n.Number, c.o.Numbers[j].AssignedTo, n.AssignedTo)
			continue
		}
		first[n.Number] = i
		for _, o := range c.in.Others {
			for _, other := range o.Numbers {
				if other.Number == n.Number {
					c.refuse(path+".number", "C6", "remove it from one of the two accounts", "%s belongs to account %s", n.Number, o.Name())
				}
			}
		}
		c.refer(path+".trunk", "C6", "trunk", n.Trunk)
		c.refer(path+".address", "C9", "address", n.Address)
		c.assignment(path+".assigned_to", n)
	}
}

func (c *checker) assignment(path string, n *org.Number) {
	a := n.AssignedTo
	uses := 0
	for _, use := range []struct{ field, kind, name string }{
		{"extension", "extension", a.Extension}, {"emergency_pool", "site", a.EmergencyPool}, {"elin", "location", a.ELIN}, {"queue", "queue", a.Queue},
	} {
		if use.name == "" {
			continue
		}
		uses++
		c.refer(path+"."+use.field, "C6", use.kind, use.name)
	}
	if uses > 1 {
		c.refuse(path, "C6", "keep one of them", "%s is assigned to %d things, and a number has one use", n.Number, uses)
	}
	// P10: what stands for a site or a place there is of its country.
	if s := c.view.Site(a.EmergencyPool); s != nil && !ofCountry(n.Number, s.Country) {
		c.refuse(path+".emergency_pool", "C6", "use a number of "+string(s.Country), "%s is not a number of %s and cannot be in the emergency number pool %s", n.Number, s.Country, s.Name)
	}
	if node, ok := c.view.Location(a.ELIN); ok {
		if s := c.view.Site(node.Site); s != nil && !ofCountry(n.Number, s.Country) {
			c.refuse(path+".elin", "P10", "use a number of "+string(s.Country), "%s is not a number of %s and cannot be an ELIN of %s", n.Number, s.Country, a.ELIN)
		}
	}
}

// pools: the emergency number pool of each site (C6, C9).
func (c *checker) pools() {
	for i := range c.o.Sites {
		s := &c.o.Sites[i]
		pool := c.view.Pool(s.Name)
		c.emptyPool(fmt.Sprintf("sites[%d]", i), s, pool)
		for _, n := range pool {
			path := fmt.Sprintf("numbers[%d]", c.numberIndex(n))
			if first := pool[0]; n.Source != first.Source {
				c.refuse(path+".source", "C6", "keep numbers of one source in a pool", "%s is %s and %s is %s: the emergency number pool %s may not mix them", n.Number, source(n), first.Number, source(first), s.Name)
				break
			}
		}
		for _, n := range pool {
			// C9: where the number is all that the PSAP gets, its address is where help goes.
			t := c.view.Trunk(n.Trunk)
			numberOnly := t == nil || t.Location == "" || t.Location == org.LocationNone
			if numberOnly && n.Address != "" && s.DefaultAddress != "" && n.Address != s.DefaultAddress {
				c.warn(fmt.Sprintf("numbers[%d].address", c.numberIndex(n)), "C9", "register the number for "+s.DefaultAddress,
					"whoever at %s calls as %s is sent help to %s, not to the site's default address %s", s.Name, n.Number, n.Address, s.DefaultAddress)
			}
		}
	}
}

// emptyPool: at least one number where the pool is chosen (C6). Where nothing was said
// the pool is only the default, and a call goes out with the best number there is.
func (c *checker) emptyPool(path string, s *org.Site, pool []*org.Number) {
	e := org.Settings(c.o.Account, s, nil)
	if len(pool) > 0 || e.ExtensionOnly.CallerID.V != org.CallerIDPool {
		return
	}
	fix := fmt.Sprintf("assign a number of %s to {emergency_pool: %s}, or set extension_only.caller_id: number", s.Country, s.Name)
	if e.ExtensionOnly.CallerID.From.Kind != org.LevelDefault && e.PSAP.V && e.ExtensionOnly.PSAP.V {
		c.refuse(path, "C6", fix, "extension-only callers of %s are shown by a number of its pool (set at %s), and the pool is empty", s.Name, e.ExtensionOnly.CallerID.From)
		return
	}
	c.warn(path, "C6", fix, "extension-only callers of %s cannot be called back: its emergency number pool is empty", s.Name)
}

func (c *checker) numberIndex(n *org.Number) int {
	for i := range c.o.Numbers {
		if c.o.Numbers[i].Number == n.Number {
			return i
		}
	}
	return 0
}

func source(n *org.Number) string {
	if n.Source == "" {
		return "of no source"
	}
	return string(n.Source)
}
