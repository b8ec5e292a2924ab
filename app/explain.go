package app

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/shortcode"
)

// Question is a call that is not made: who would dial what, from where.
type Question struct {
	Account string     // needed where there is more than one
	From    string     // an extension, or who a trunk says is calling
	Device  string     // of the extension; empty: its first
	Trunk   string     // the call comes in on this trunk
	IP      netip.Addr // the call comes from this address, unregistered
	Dial    string     // digits or a URI
	At      time.Time
	Reach   func(account, extension string) []policy.Contact // nil: every device is reachable
}

// Explain takes a question through the stages a call goes through, and calls nobody.
func Explain(d *org.Directory, q Question) (cdr.Decided, error) {
	v, err := accountOf(d, q.Account)
	if err != nil {
		return cdr.Decided{}, err
	}
	in := gateway.Inbound{At: q.At, RequestURI: q.Dial, Dialled: dialledFrom(q.Dial), SIPCallID: "explain"}
	p := &questioned{dir: d, question: q, view: v}
	switch {
	case q.Trunk != "":
		p.trunk = v.Trunk(q.Trunk)
		if p.trunk == nil {
			return cdr.Decided{}, fmt.Errorf("account %s has no trunk %q", v.Name(), q.Trunk)
		}
		for _, h := range []string{"from", "p-asserted-identity", "remote-party-id"} {
			in.Claims = append(in.Claims, gateway.Claim{Header: h, User: q.From})
		}
	case q.IP.IsValid():
		in.From.Source = netip.AddrPortFrom(q.IP, 5060)
		in.Claims = []gateway.Claim{{Header: "from", User: q.From}}
	default:
		x := v.Extension(q.From)
		if x == nil {
			return cdr.Decided{}, fmt.Errorf("account %s has no extension %q", v.Name(), q.From)
		}
		if len(x.Devices) == 0 && x.Via != "" { // it lives on a PBX: its calls come in there
			p.trunk = v.Trunk(x.Via)
			for _, h := range []string{"from", "p-asserted-identity", "remote-party-id"} {
				in.Claims = append(in.Claims, gateway.Claim{Header: h, User: q.From})
			}
		}
	}
	g := gateway.New(gateway.Ports{Directory: p, Registrations: p, Trunks: p}, gateway.Config{NewID: func(what string) string { return what }})
	return g.Explain(in), nil
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

// dialledFrom reads digits, or a sip:, tel: or urn: URI.
func dialledFrom(s string) shortcode.Dialled {
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case !ok:
		return shortcode.FromDigits(s)
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
	dir      *org.Directory
	view     *org.View
	question Question
	trunk    *org.Trunk
}

func (p *questioned) Current() *org.Directory { return p.dir }

func (p *questioned) Owner(gateway.Peer) (gateway.Registration, bool) {
	if p.trunk != nil || p.question.IP.IsValid() {
		return gateway.Registration{}, false
	}
	x := p.view.Extension(p.question.From)
	r := gateway.Registration{Account: p.view.Name(), Extension: x.Number, Device: p.question.Device}
	if r.Device == "" && len(x.Devices) > 0 {
		r.Device = x.Devices[0].Name
	}
	return r, true
}

func (p *questioned) Contacts(account, extension string) []policy.Contact {
	if p.question.Reach != nil {
		return p.question.Reach(account, extension)
	}
	x := p.view.Extension(extension)
	if x == nil {
		return nil
	}
	var cs []policy.Contact
	for _, d := range x.Devices {
		cs = append(cs, policy.Contact{Device: d.Name, URI: "sip:" + d.Username + "@device.invalid"})
	}
	return cs
}

func (p *questioned) At(*org.Directory, netip.AddrPort) *org.Trunk { return p.trunk }
func (p *questioned) Order(t *org.Trunk) []string                  { return t.Proxies }
