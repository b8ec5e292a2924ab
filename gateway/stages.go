package gateway

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/callback"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/dialplan"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/pidflo"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/trace"
)

// identified is a call whose caller is known as well as it can be.
type identified struct {
	classified
	extension *org.Extension
	device    *org.Device
	asserted  e164.Number // what a peer trusted for identity asserts, in E.164
	shown     string      // who is calling, in the words of the directory or of the peer
	claimed   string      // what the request claims and nobody vouches for
	settings  org.Effective
}

func identify(c classified) identified {
	i := identified{classified: c, extension: c.origin.extension, device: c.origin.device}
	switch c.origin.kind {
	case fromRegistration:
		i.registeredCaller()
	case fromTrunk:
		i.trunkCaller()
	default:
		i.unknownCaller()
	}
	i.settings = org.Settings(c.origin.account.Account, c.origin.site, i.extension)
	return i
}

func (i *identified) because(rule, from, evidence, text string, args ...any) {
	i.trace.Because(trace.Identify, rule, from, evidence, text, args...)
}

func (i *identified) registeredCaller() {
	x := i.extension
	i.shown = labelled(x.Label, x.Number)
	i.because("R15", "", x.Number, "the caller is extension %s, %s", x.Number, x.Label)
	// R15: a From that claims an extension over a flow that is not that extension's gives
	// neither its number nor its place.
	from, _ := i.in.claim("from")
	known := slices.ContainsFunc(x.Devices, func(d org.Device) bool { return d.Username == from.User })
	if from.User != "" && from.User != x.Number && !known {
		i.claimed = from.User
		i.because("R15", "", from.User, "the From header claims another user over this registration's flow: recorded as a claim")
	}
}

// trunkCaller believes the trunk's identity header where the trunk is trusted for it (P8, P9).
func (i *identified) trunkCaller() {
	t := i.origin.trunk
	header := t.Identity
	if header == "" {
		header = "p-asserted-identity"
	}
	c, ok := i.in.claim(header)
	if !ok {
		c, _ = i.in.claim("from")
	}
	if !t.Trusts(org.TrustIdentity) {
		i.claimed = c.User
		i.shown = "unknown caller on " + t.Name
		i.because("P9", "trunk "+t.Name, c.User, "the trunk is not trusted for identity: an unknown caller of its site")
		return
	}
	v := i.origin.account
	if x := v.Extension(c.User); x != nil {
		i.directoryCaller(x, "extension")
		return
	}
	n, err := e164.Parse(c.User)
	if err != nil && i.origin.site != nil {
		n, err = e164.ParseNational(c.User, i.origin.site.Country)
	}
	if err == nil {
		if own := v.Number(n); own != nil && own.AssignedTo.Extension != "" {
			if x := v.Extension(own.AssignedTo.Extension); x != nil {
				i.directoryCaller(x, "number")
				return
			}
		}
		i.asserted = n
	}
	i.shown = labelled(c.Display, c.User)
	i.because("P8", "trunk "+t.Name, c.User, "the asserted caller is not in the directory: an extension-only caller of the trunk's site")
}

func (i *identified) directoryCaller(x *org.Extension, by string) {
	i.extension, i.shown = x, labelled(x.Label, x.Number)
	if s := i.origin.account.Site(x.Site); s != nil {
		i.origin.site = s
	}
	i.because("P8", "trunk "+i.origin.trunk.Name, x.Number, "the trunk asserts %s, known by its %s", i.shown, by)
}

func (i *identified) unknownCaller() {
	from, _ := i.in.claim("from")
	i.claimed = from.User
	i.shown = "unknown caller at " + i.origin.site.Label
	i.because("R15", "site "+i.origin.site.Name, i.source().String(), "an address in the site's networks: an unknown, extension-only caller of the site")
	i.trace.Degrade(trace.Identify, "identity-unverified", "nobody vouches for who is calling")
}

func labelled(label, key string) string {
	switch {
	case label == "" || label == key:
		return key
	case key == "":
		return label
	}
	return label + " (" + key + ")"
}

// holder is who a lent number leads back to.
func (i identified) holder() callback.Holder {
	h := callback.Holder{Account: i.origin.account.Name()}
	if i.origin.site != nil {
		h.Site = i.origin.site.Name
	}
	if i.extension != nil {
		h.Extension = i.extension.Number
	}
	switch {
	case i.device != nil:
		h.Device = i.device.Name
	case i.extension == nil:
		h.Device = i.claimed + "@" + i.source().String()
	}
	return h
}

// located is a call whose caller's place is known as well as it can be.
type located struct {
	identified
	place location.Location
}

// locate is a look-up in memory: matching happened when the device reported (W3).
func locate(i identified) located {
	v, s, x := i.origin.account, i.origin.site, i.extension
	f := location.Facts{ID: "loc-" + i.header.ID, At: i.in.At}
	if s != nil {
		f.Country = s.Country
		f.SiteDefault = v.Address(s.DefaultAddress)
	}
	f.AccountDefault = v.Address(v.Account.DefaultAddress)
	fixed := ""
	if x != nil {
		fixed = x.FixedLocation
		f.ExtensionDefault = v.Address(x.DefaultAddress)
	}
	if d := i.device; d != nil {
		f.Moving = d.Mobility == org.Moving
		if d.FixedLocation != "" {
			fixed = d.FixedLocation
		}
	}
	if n, ok := v.Location(fixed); ok {
		p := n.Place()
		f.Fixed = &p
	} else if fixed != "" {
		i.trace.Degrade(trace.Locate, "location-unknown", "there is no location %q", fixed)
	}
	f.Carried = i.carried()
	l, why := location.Resolve(f)
	i.trace.Merge(why)
	return located{i, l}
}

// carried is the location the call itself brings, by value or by reference (W3 step 1).
func (i identified) carried() []location.Carried {
	from, trusted := "the request", false
	switch {
	case i.origin.kind == fromRegistration && i.device != nil:
		from, trusted = "device "+i.device.Name, true
	case i.origin.trunk != nil:
		from, trusted = "trunk "+i.origin.trunk.Name, i.origin.trunk.Trusts(org.TrustLocation)
	}
	var cs []location.Carried
	for _, uri := range geolocationURIs(i.in.Geolocation) {
		if !strings.HasPrefix(strings.ToLower(uri), "cid:") {
			cs = append(cs, location.Carried{Reference: uri, From: from, Trusted: trusted})
		}
	}
	for _, p := range i.in.all() {
		if !strings.HasPrefix(strings.ToLower(p.ContentType), "application/pidf+xml") {
			continue
		}
		doc, err := pidflo.Decode(p.Content)
		if err != nil {
			cs = append(cs, location.Carried{From: from, Trusted: trusted, Bad: err.Error()})
			continue
		}
		for _, l := range doc.Carried() {
			l.From, l.Trusted = from, trusted
			cs = append(cs, l)
		}
	}
	return cs
}

// geolocationURIs reads the locationValues of RFC 6442 s4.1: <uri>;params, <uri> ...
func geolocationURIs(headers []string) []string {
	var uris []string
	for _, h := range headers {
		for h != "" {
			_, rest, ok := strings.Cut(h, "<")
			if !ok {
				break
			}
			uri, after, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			uris = append(uris, strings.TrimSpace(uri))
			h = after
		}
	}
	return uris
}

// decided is a call with a plan.
type decided struct {
	located
	facts policy.Facts
	plan  policy.Plan
}

func decide(l located) decided {
	f := policy.Facts{At: l.in.At, Account: l.origin.account, Site: l.origin.site, Extension: l.extension, Device: l.device,
		Settings: l.settings, Country: l.place.Country, Asserted: l.asserted, Loose: l.origin.kind == fromSite,
		LocName: l.place.Place, Reach: l.reach, Proxies: l.proxies}
	if f.Country == "" && l.origin.site != nil {
		f.Country = l.origin.site.Country
	}
	if l.class.IsEmergency() {
		// P6: what leaves is a number of the called country.
		l.class.Emergency = l.class.Emergency.In(f.Country)
		f.Number, f.Service = string(l.class.Emergency.Leaves), string(l.class.Emergency.Service)
	}
	if l.class.Kind == dialplan.Custom {
		f.Rule, f.Dialled = l.class.Rule, string(l.class.Out)
	}
	p, why := policy.Decide(f)
	l.trace.Merge(why)
	if p.Record {
		l.trace.Degrade(trace.Decide, "not-recorded", "the call is to be recorded; it is not recorded yet")
	}
	return decided{l, f, p}
}

func (d decided) refused() bool { return d.plan.Route == policy.Refused }

// budget is what is left of dial_budget: all work before the first INVITE shares it (L1).
func (d decided) budget() time.Duration {
	return max(0, d.settings.DialBudget.V-time.Since(d.in.At))
}

// assigned is a call that knows which number it shows to whom.
type assigned struct {
	decided
	presented []cdr.Presented
}

// assign finds the number for each trunk of the plan, lending one where it must.
func (g *Gateway) assign(ctx context.Context, d decided) assigned {
	return d.present(func(p callback.Pool) (e164.Number, string, trace.Trace) {
		var t trace.Trace
		loan, ok := g.Leaser.Lend(ctx, p, d.holder(), d.header.ID, d.in.At)
		if !ok {
			return "", "", t
		}
		if loan.Choice.Shared() {
			t.Degrade(trace.Assign, "pool-exhausted", "all numbers of %s are lent: one was lent twice", p.Name)
		}
		if loan.Provisional {
			t.Degrade(trace.Assign, "lease-provisional", "the lease is not written down yet: a restart would forget it")
		}
		return loan.Number, loan.Choice.String(), t
	})
}

// wouldAssign names the first number of a pool without lending it.
func (g *Gateway) wouldAssign(d decided) assigned {
	return d.present(func(p callback.Pool) (e164.Number, string, trace.Trace) {
		return p.Numbers[0], "the first of the pool; nothing is lent by asking", trace.Trace{}
	})
}

func (d decided) present(lend func(callback.Pool) (e164.Number, string, trace.Trace)) assigned {
	a := assigned{decided: d}
	numbers := map[string]string{}
	lent := map[string]e164.Number{} // by pool: one call borrows one number, whichever trunk shows it
	for _, t := range d.plan.Trunks {
		p, why := policy.Number(d.facts, t)
		a.trace.Merge(why)
		n, how := p.Number, p.Why
		if p.Pool != nil {
			borrowed, again := lent[p.Pool.Name]
			choice := "the one this call has borrowed"
			if !again {
				borrowed, choice, why = lend(*p.Pool)
				a.trace.Merge(why)
				lent[p.Pool.Name] = borrowed
			}
			n, how = borrowed, p.Why+": "+choice
		}
		if n == "" {
			a.trace.Degrade(trace.Assign, "no-number", "the call goes out on %s without a number", t.Name)
			continue
		}
		a.trace.Because(trace.Assign, "C1", "", string(n), "%s is shown %s", t.Name, how)
		numbers[t.Name] = string(n)
		a.presented = append(a.presented, cdr.Presented{Trunk: t.Name, Number: string(n), Why: how})
	}
	a.plan.Call = a.numbered(d.plan.Call, numbers)
	return a
}

// insideNumber is who is calling as the team's phones show it.
func (i identified) insideNumber() string {
	switch {
	case i.extension != nil:
		return i.extension.Number
	case i.asserted != "":
		return string(i.asserted)
	}
	// R15: a claim gives nobody's number.
	return "anonymous"
}

// numbered writes who is calling into a copy of the plan: outside parties see the number
// presented on their trunk, people inside the extension and its label.
func (a assigned) numbered(p call.Plan, byTrunk map[string]string) call.Plan {
	one := func(t call.Target) call.Target {
		t.Invite.Display = a.shown
		switch n, shown := byTrunk[t.Invite.Trunk]; {
		case shown:
			t.Invite.Number = n
		case t.Role == call.RolePSAP:
			t.Invite.Number = ""
		case t.Invite.Trunk != "" && t.Invite.Extension == "" && len(a.presented) > 0:
			t.Invite.Number = a.presented[0].Number
		default:
			t.Invite.Number = a.insideNumber()
		}
		return t
	}
	each := func(in []call.Target) []call.Target {
		out := make([]call.Target, len(in))
		for i, t := range in {
			out[i] = one(t)
		}
		return out
	}
	steps := func(in []call.Step) []call.Step {
		out := make([]call.Step, len(in))
		for i, s := range in {
			out[i] = each(s)
		}
		return out
	}
	p.Team, p.Public, p.Resort = each(p.Team), steps(p.Public), steps(p.Resort)
	return p
}
