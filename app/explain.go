package app

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/registrar"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Question is a call that is not made: who would dial what, from where.
type Question struct {
	Account    string     // needed where there is more than one
	From       string     // an extension, or who a trunk says is calling
	Device     string     // of the extension; empty: the one that registered last, else its first
	Trunk      string     // the call comes in on this trunk
	IP         netip.Addr // the call comes from this address
	Dial       string     // digits or a URI
	At         time.Time
	Registered []registrar.Binding // who is registered; nil: every device
}

// Explained is what would be decided, and what was assumed about what nobody can know
// before there is a call.
type Explained struct {
	cdr.Decided
	Assumed []string `json:"assumed,omitempty"`
}

// Explain takes a question through the stages a call goes through, and calls nobody.
func Explain(d *org.Directory, q Question) (Explained, error) {
	v, err := accountOf(d, q.Account)
	if err != nil {
		return Explained{}, err
	}
	p := &questioned{dir: d, question: q, view: v}
	in := gateway.Inbound{At: q.At, RequestURI: q.Dial, Dialled: dialledFrom(q.Dial), SIPCallID: "explain"}
	if q.IP.IsValid() {
		in.From.Source = netip.AddrPortFrom(q.IP, transport.UDP.DefaultPort())
	}
	switch {
	case q.Trunk != "":
		if p.trunk = v.Trunk(q.Trunk); p.trunk == nil {
			return Explained{}, fmt.Errorf("account %s has no trunk %q", v.Name(), q.Trunk)
		}
		in.Claims = claims(q.From)
	case q.IP.IsValid():
		in.Claims = []gateway.Claim{{Header: "from", User: q.From}}
	default:
		if err := p.extension(&in); err != nil {
			return Explained{}, err
		}
	}
	p.register()
	g := gateway.New(gateway.Ports{Directory: p, Registrations: p, Trunks: p}, gateway.Config{NewID: func(what string) string { return what }})
	decided := g.Explain(in)
	return Explained{decided, p.assumptions(decided)}, nil
}

// claims is who is calling in each header a trunk may be known by.
func claims(user string) []gateway.Claim {
	var cs []gateway.Claim
	for _, h := range []string{"from", "p-asserted-identity", "remote-party-id"} {
		cs = append(cs, gateway.Claim{Header: h, User: user})
	}
	return cs
}

func accountOf(d *org.Directory, name string) (*org.View, error) {
	if name != "" {
		if v := d.Account(name); v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("there is no account %q", name)
	}
	switch vs := d.Accounts(); len(vs) {
	case 0:
		return nil, fmt.Errorf("there is no account yet: apply a file first, or name one with --file")
	case 1:
		return vs[0], nil
	default:
		var names []string
		for _, v := range vs {
			names = append(names, v.Name())
		}
		return nil, fmt.Errorf("there are several accounts: choose one of %s with --account", strings.Join(names, ", "))
	}
}

// dialledFrom reads digits as a phone sends them, or a sip:, tel: or urn: URI.
func dialledFrom(s string) shortcode.Dialled {
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case !ok:
		return shortcode.Dialled{Scheme: "sip", User: s}
	case strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips"):
		user, after, _ := strings.Cut(rest, "@")
		d := shortcode.Dialled{Scheme: strings.ToLower(scheme), User: user, Params: map[string]string{}}
		for _, p := range strings.Split(after, ";")[1:] {
			k, v, _ := strings.Cut(p, "=")
			d.Params[k] = v
		}
		return d
	}
	return shortcode.Dialled{Scheme: strings.ToLower(scheme), User: rest}
}

// questioned is the installation as the question sees it.
type questioned struct {
	dir        *org.Directory
	view       *org.View
	question   Question
	trunk      *org.Trunk
	caller     *registrar.Binding // whose flow the call comes over
	registered *registrar.Registrar
}

// extension finds where an extension's calls come from: the trunk it lives behind, or a
// phone of its own.
func (p *questioned) extension(in *gateway.Inbound) error {
	q := p.question
	x := p.view.Extension(q.From)
	if x == nil {
		return fmt.Errorf("account %s has no extension %q", p.view.Name(), q.From)
	}
	if q.Device != "" && !slices.ContainsFunc(x.Devices, func(d org.Device) bool { return d.Name == q.Device }) {
		return fmt.Errorf("extension %s has no device %q", x.Number, q.Device)
	}
	if len(x.Devices) == 0 && x.Via != "" {
		p.trunk = p.view.Trunk(x.Via)
		in.Claims = claims(q.From)
		return nil
	}
	for i := range q.Registered {
		b := &q.Registered[i]
		if b.AOR.Account != p.view.Name() || b.AOR.Extension != x.Number || (q.Device != "" && b.AOR.Device != q.Device) {
			continue
		}
		if p.caller == nil || b.Updated.After(p.caller.Updated) {
			p.caller = b
		}
	}
	if b := p.caller; b != nil {
		in.From = gateway.Peer{Source: b.Source, Flow: b.Flow.String(), Contact: b.Contact}
	}
	return nil
}

// register has a registrar of its own learn the registrations: what it says of them is
// what the node's says.
func (p *questioned) register() {
	if p.question.Registered == nil {
		return
	}
	p.registered = registrar.New(registrar.Config{Directory: p.Current})
	p.registered.Learn(slices.Clone(p.question.Registered)...)
}

func (p *questioned) assumptions(d cdr.Decided) []string {
	var as []string
	switch x := p.view.Extension(p.question.From); {
	case p.question.Registered == nil:
		as = append(as, "every device is registered")
	case p.trunk == nil && !p.question.IP.IsValid() && p.caller == nil && x != nil:
		as = append(as, p.question.From+" is registered, which it is not")
	}
	if len(d.Plan.Public) > 0 {
		as = append(as, "every proxy of a trunk answers")
	}
	return as
}

func (p *questioned) Current() *org.Directory { return p.dir }

func (p *questioned) Owner(from gateway.Peer) (gateway.Registration, bool) {
	switch {
	case p.trunk != nil || p.question.IP.IsValid():
		return gateway.Registration{}, false
	case p.caller != nil:
		return registrations{p.registered}.Owner(from)
	}
	x := p.view.Extension(p.question.From)
	r := gateway.Registration{Account: p.view.Name(), Extension: x.Number, Device: p.question.Device}
	if r.Device == "" && len(x.Devices) > 0 {
		r.Device = x.Devices[0].Name
	}
	return r, true
}

func (p *questioned) Contacts(account, extension string) []policy.Contact {
	if p.registered != nil {
		return registrations{p.registered}.Contacts(account, extension)
	}
	x := p.view.Extension(extension)
	if x == nil {
		return nil
	}
	var cs []policy.Contact
	for _, d := range x.Devices {
		cs = append(cs, policy.Contact{Device: d.Name, URI: "sip:" + d.Username + "@registered.invalid"})
	}
	return cs
}

func (p *questioned) At(*org.Directory, netip.AddrPort) *org.Trunk { return p.trunk }
func (p *questioned) Order(t *org.Trunk) []string                  { return t.Proxies }
