package gateway

import (
	"fmt"
	"net/netip"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/dialplan"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/trace"
)

// originKind is who may call (R15).
type originKind int

const (
	fromRegistration originKind = iota + 1 // (a) the flow or contact of a registration
	fromTrunk                              // (b) a peer of a trunk
	fromSite                               // (c) an address in a site's networks
	fromNowhere
)

// origin is where a call came from, as far as addresses and registrations tell.
type origin struct {
	kind      originKind
	account   *org.View
	site      *org.Site
	extension *org.Extension
	device    *org.Device
	trunk     *org.Trunk
	expired   bool
}

func (o origin) String() string {
	switch o.kind {
	case fromRegistration:
		if o.expired {
			return "expired registration of " + o.extension.Number
		}
		return "registration of " + o.extension.Number
	case fromTrunk:
		return "trunk " + o.trunk.Name
	case fromSite:
		return "networks of site " + o.site.Name
	}
	return "an address nobody vouches for"
}

// named is the origin within a sentence.
func (o origin) named() string {
	if o.kind == fromNowhere {
		return o.String()
	}
	return "the " + o.String()
}

// arrived is a call at the door.
type arrived struct {
	in      Inbound
	dir     *org.Directory
	header  cdr.Header
	origin  origin
	reach   func(extension string) []policy.Contact
	proxies func(*org.Trunk) []string
	trace   trace.Trace
}

// ingress takes the configuration the call keeps, names the call and says where it came
// from. The flow of a registration goes before the peers of a trunk, those before what its
// proxies resolve to, and that before a site's networks: the nearest evidence counts.
func (g *Gateway) ingress(in Inbound) arrived {
	a := arrived{in: in, dir: g.Directory.Current()}
	a.header = cdr.Header{ID: g.NewID("call"), SIPCallID: in.SIPCallID, ReceivedAt: in.At, Dialled: in.RequestURI,
		Source: in.From.Source.String(), Transport: in.Transport, Node: g.Node, Config: a.dir.Version}
	// Identifiers the call has already are kept (NENA-STA-010.3f s2.1.6, s2.1.7).
	if a.header.CallID = in.CallID; in.CallID == "" {
		a.header.CallID = fmt.Sprintf("urn:emergency:uid:callid:%s:%s", a.header.ID, g.Domain)
	}
	if a.header.IncidentID = in.IncidentID; in.IncidentID == "" {
		a.header.IncidentID = fmt.Sprintf("urn:emergency:uid:incidentid:%s:%s", g.NewID("incident"), g.Domain)
	}
	a.origin = g.originOf(a.dir, in)
	a.trace.Because(trace.Ingress, "R15", "", in.seenFrom(), "from %s", a.origin.named())
	a.proxies = g.Trunks.Order
	if v := a.origin.account; v != nil {
		a.reach = func(x string) []policy.Contact { return g.Registrations.Contacts(v.Name(), x) }
	}
	return a
}

func (g *Gateway) originOf(d *org.Directory, in Inbound) origin {
	if r, ok := g.Registrations.Owner(in.From); ok {
		if o, ok := registered(d, r); ok {
			return o
		}
	}
	if t, v := d.TrunkAt(in.source()); t != nil {
		return g.ofTrunk(d, t, v, in)
	}
	if t := g.Trunks.At(d, in.From.Source); t != nil {
		return g.ofTrunk(d, t, d.TrunkOwner(t), in)
	}
	if v, s := d.SiteAt(in.source()); s != nil {
		return origin{kind: fromSite, account: v, site: s}
	}
	return origin{kind: fromNowhere}
}

func registered(d *org.Directory, r Registration) (origin, bool) {
	v := d.Account(r.Account)
	if v == nil {
		return origin{}, false
	}
	x := v.Extension(r.Extension)
	if x == nil {
		return origin{}, false
	}
	o := origin{kind: fromRegistration, account: v, site: v.Site(x.Site), extension: x, expired: r.Expired}
	for i := range x.Devices {
		if x.Devices[i].Name == r.Device {
			o.device = &x.Devices[i]
		}
	}
	return o, true
}

// ofTrunk finds the account and the site a trunk's calls belong to. A shared trunk's
// calls belong to the account that owns the domain, or the number, they name.
func (g *Gateway) ofTrunk(d *org.Directory, t *org.Trunk, v *org.View, in Inbound) origin {
	if v == nil {
		v = d.ByDomain(in.Domain)
	}
	o := origin{kind: fromTrunk, trunk: t, account: v}
	if v == nil {
		return o
	}
	if t.Site != "" {
		o.site = v.Site(t.Site)
		return o
	}
	for i := range v.Sites {
		for _, name := range v.Sites[i].Trunks {
			if name == t.Name {
				o.site = &v.Sites[i]
				return o
			}
		}
	}
	if len(v.Sites) > 0 {
		o.site = &v.Sites[0]
	}
	return o
}

// classified is a call of which it is known what it is.
type classified struct {
	arrived
	class dialplan.Class
}

func classify(a arrived) classified {
	class, why := dialplan.Classify(dialplan.Question{Dialled: a.in.Dialled, To: a.in.To, Account: a.origin.account, Site: a.origin.site, Trunk: a.origin.trunk})
	a.trace.Merge(why)
	return classified{a, class}
}

// toBeHelped says whether the call goes through the emergency stages. R15: an emergency
// from an address that nobody vouches for does not reach a PSAP.
func (c classified) toBeHelped() bool {
	if c.origin.kind == fromNowhere || c.origin.account == nil {
		return false
	}
	return c.class.Kind == dialplan.Emergency || c.class.Kind == dialplan.Custom
}

// source is the address as evidence.
func (c classified) source() netip.Addr { return c.in.source() }
