package policy

import (
	"fmt"

	"github.com/tocsin-sip/tocsin/callback"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/trace"
)

// Presentation is the number a trunk is to be shown, or the pool it is to be lent from.
type Presentation struct {
	Number e164.Number    // the number, unless Pool lends one
	Pool   *callback.Pool // not nil: a number of it is to be lent
	Why    string
}

// Number is C1: the number the call presents on one trunk.
func Number(f Facts, t *org.Trunk) (Presentation, trace.Trace) {
	n := &numbering{Facts: f, trunk: t}
	for _, step := range []func() (Presentation, bool){n.elin, n.own, n.extensionOnly, n.ofThatCountry, n.best} {
		if p, ok := step(); ok {
			return p, n.trace
		}
	}
	n.trace.Degrade(trace.Assign, "no-number", "the account has no number at all to present: the call goes out without one")
	return Presentation{Why: "the account has no number"}, n.trace
}

type numbering struct {
	Facts
	trunk *org.Trunk
	trace trace.Trace
}

func (n *numbering) because(rule, from, evidence, text string, args ...any) {
	n.trace.Because(trace.Assign, rule, from, evidence, text, args...)
}

func (n *numbering) fits(x e164.Number) bool {
	r, ok := x.Region()
	return ok && r == n.Country
}

func (f Facts) ownNumber() e164.Number {
	of := func(x e164.Number) bool {
		r, ok := x.Region()
		return x != "" && ok && r == f.Country
	}
	if f.Extension != nil {
		for _, x := range f.Account.OwnNumbers(f.Extension.Number) {
			if of(x.Number) {
				return x.Number
			}
		}
	}
	if of(f.Asserted) {
		return f.Asserted
	}
	return ""
}

// (1) an ELIN of the location, if the trunk carries no location.
func (n *numbering) elin() (Presentation, bool) {
	if n.LocName == "" {
		return Presentation{}, false
	}
	elins := n.Account.ELINs(n.LocName)
	if len(elins) == 0 {
		return Presentation{}, false
	}
	if n.trunk.Location != org.LocationNone && n.trunk.Location != "" {
		n.because("C1.1", "trunk "+n.trunk.Name, n.LocName, "the location's ELIN is passed over: the trunk carries the location itself")
		return Presentation{}, false
	}
	return n.lend("C1.1", "location "+n.LocName, "elin/"+n.LocName, elins, "an ELIN of "+n.LocName)
}

// (2) the caller's own number, or the one a trusted peer asserts, if it is of that country.
func (n *numbering) own() (Presentation, bool) {
	if own := n.ownNumber(); own != "" {
		n.because("C1.2", "", string(own), "the caller's own number is of %s", n.Country)
		return Presentation{Number: own, Why: "the caller's own number"}, true
	}
	switch {
	case n.Extension != nil && len(n.Account.OwnNumbers(n.Extension.Number)) > 0:
		n.because("C1.2", "", string(n.Account.OwnNumbers(n.Extension.Number)[0].Number), "the caller's own number is passed over: it is not of %s", orUnknown(n.Country))
	case n.Asserted != "":
		n.because("C1.2", "", string(n.Asserted), "the asserted number is passed over: it is not of %s", orUnknown(n.Country))
	default:
		n.because("C1.2", "", "", "the caller has no number of its own")
	}
	return Presentation{}, false
}

// (3) extension-only: what the site says, if it is of that country.
func (n *numbering) extensionOnly() (Presentation, bool) {
	s := n.Settings.ExtensionOnly
	if s.CallerID.V == org.CallerIDNumber && s.Number.V != "" {
		if !n.fits(s.Number.V) {
			n.because("C1.3", s.Number.From.String(), string(s.Number.V), "the dedicated number is passed over: it is not of %s", orUnknown(n.Country))
			return Presentation{}, false
		}
		if s.CallBackTo.V == org.ToCaller {
			pool := &callback.Pool{Name: n.Account.Name() + "/number/" + string(s.Number.V), Numbers: []e164.Number{s.Number.V}, Window: n.Settings.Callback.Window.V}
			n.because("C1.3", s.Number.From.String(), string(s.Number.V), "the dedicated number, whose call-backs lead to the caller")
			return Presentation{Pool: pool, Why: "the dedicated number, lent"}, true
		}
		n.because("C1.3", s.Number.From.String(), string(s.Number.V), "the dedicated number, which is staffed")
		return Presentation{Number: s.Number.V, Why: "the dedicated number"}, true
	}
	if n.Site == nil {
		return Presentation{}, false
	}
	return n.sitePool("C1.3", n.Site)
}

func (n *numbering) sitePool(rule string, s *org.Site) (Presentation, bool) {
	pool := n.Account.Pool(s.Name)
	if len(pool) == 0 {
		n.because(rule, "site "+s.Name, "", "the site has no emergency number pool")
		return Presentation{}, false
	}
	if !n.fits(pool[0].Number) {
		n.because(rule, "site "+s.Name, string(pool[0].Number), "the site's pool is passed over: it is not of %s", orUnknown(n.Country))
		return Presentation{}, false
	}
	return n.lend(rule, "site "+s.Name, s.Name, pool, "a number of the pool "+s.Name)
}

// (4) the pool of a site of that country on the same trunk, then a staffed number of it.
func (n *numbering) ofThatCountry() (Presentation, bool) {
	for i := range n.Account.Sites {
		s := &n.Account.Sites[i]
		if s == n.Site || s.Country != n.Country {
			continue
		}
		for _, x := range n.Account.Pool(s.Name) {
			if x.Trunk == n.trunk.Name {
				return n.sitePool("C1.4", s)
			}
		}
	}
	for i := range n.Account.Numbers {
		x := &n.Account.Numbers[i]
		if x.AssignedTo.Queue != "" && n.fits(x.Number) {
			n.because("C1.4", "queue "+x.AssignedTo.Queue, string(x.Number), "a number of %s that the account staffs", n.Country)
			return Presentation{Number: x.Number, Why: "a staffed number of the country"}, true
		}
	}
	return Presentation{}, false
}

// (5) the best of the account's numbers: one that leads to the caller before one that
// leads to people, before any.
func (n *numbering) best() (Presentation, bool) {
	var own, queue, other *org.Number
	for i := range n.Account.Numbers {
		x := &n.Account.Numbers[i]
		switch a := x.AssignedTo; {
		case a.Extension != "" && a.Extension == n.number():
			own = first(own, x)
		case a.Queue != "":
			queue = first(queue, x)
		case a.Extension == "":
			other = first(other, x)
		}
	}
	x := own
	if x == nil && n.Site != nil {
		if pool := n.Account.Pool(n.Site.Name); len(pool) > 0 {
			n.otherCountry(pool[0].Number)
			return n.lend("C1.5", "site "+n.Site.Name, n.Site.Name, pool, "a number of the pool "+n.Site.Name)
		}
	}
	if x == nil {
		x = first(queue, other)
	}
	if x == nil {
		return Presentation{}, false
	}
	n.otherCountry(x.Number)
	n.because("C1.5", "", string(x.Number), "the best of the account's numbers (%s)", x.AssignedTo)
	return Presentation{Number: x.Number, Why: "the best number the account has"}, true
}

func (n *numbering) otherCountry(x e164.Number) {
	n.trace.Degrade(trace.Assign, "number-of-another-country", "no number of %s is there to present: %s is used", orUnknown(n.Country), x.Mask())
}

func first(a, b *org.Number) *org.Number {
	if a != nil {
		return a
	}
	return b
}

func (n *numbering) lend(rule, from, name string, ns []*org.Number, why string) (Presentation, bool) {
	pool := &callback.Pool{Name: n.Account.Name() + "/" + name, Window: n.Settings.Callback.Window.V}
	for _, x := range ns {
		pool.Numbers = append(pool.Numbers, x.Number)
	}
	n.because(rule, from, count(len(ns)), "%s is lent", why)
	return Presentation{Pool: pool, Why: why}, true
}

func count(n int) string {
	if n == 1 {
		return "1 number"
	}
	return fmt.Sprintf("%d numbers", n)
}
