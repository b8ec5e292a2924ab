package ladder

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/org"
)

// Given is who is there. Its lines are
//
//	campus                                        the organisation of examples/campus.yaml
//	account {max_hold: 8s}                        emergency settings set at a level
//	site leeds {when_both: parallel}
//	extension 2041 {psap: false}
//	account without safety_team, record           and taken away from it
//	registered 2041/lobby 7001/guard-desk         the phones that are there
type Given struct {
	Organisation org.Organisation
	Registered   []Phone
}

// Phone is a registered device.
type Phone struct {
	Extension, Device  string
	Username, Password string
	Address            netip.AddrPort // where it is, in both runners
}

func (p Phone) name() string { return p.Extension + "/" + p.Device }

func parseGiven(text string) (Given, error) {
	var g Given
	known := false
	for _, l := range lines(text) {
		word, rest, _ := strings.Cut(l, " ")
		if word != "campus" && !known {
			return g, errors.New("given: the first line names the organisation: campus")
		}
		var err error
		switch word {
		case "campus":
			known = true
			f, faults := config.Parse("campus.yaml", examples.Campus)
			if err = faults.Err(); err == nil {
				g.Organisation = f.Organisation
			}
		case "account", "site", "extension":
			err = g.set(word, rest)
		case "registered":
			err = g.register(strings.Fields(rest))
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return g, fmt.Errorf("given: %q: %w", l, err)
		}
	}
	return g, nil
}

// set changes the emergency settings of one level.
func (g *Given) set(kind, text string) error {
	name := ""
	if kind != "account" {
		name, text, _ = strings.Cut(text, " ")
	}
	block := g.level(kind, name)
	if block == nil {
		return fmt.Errorf("there is no %s %q", kind, name)
	}
	if paths, ok := strings.CutPrefix(text, "without "); ok {
		for _, p := range strings.Split(paths, ",") {
			if err := without(block, strings.TrimSpace(p)); err != nil {
				return err
			}
		}
		return nil
	}
	return config.Decode("given", []byte(text), block).Err()
}

func (g *Given) level(kind, name string) *org.Emergency {
	o := &g.Organisation
	switch kind {
	case "account":
		return &o.Account.Emergency
	case "site":
		for i := range o.Sites {
			if o.Sites[i].Name == name {
				return &o.Sites[i].Emergency
			}
		}
	case "extension":
		for i := range o.Extensions {
			if o.Extensions[i].Number == name {
				return &o.Extensions[i].Emergency
			}
		}
	}
	return nil
}

// without takes one setting away, by its name in the file.
func without(block *org.Emergency, name string) error {
	v := reflect.ValueOf(block).Elem()
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if tag == name {
			v.Field(i).SetZero()
			return nil
		}
	}
	return fmt.Errorf("there is no setting %q", name)
}

// phonePort is where phones listen; each has an address of its own.
const phonePort = 5060

func (g *Given) register(names []string) error {
	for _, n := range names {
		x, d, ok := strings.Cut(n, "/")
		if !ok {
			return fmt.Errorf("%q is not extension/device", n)
		}
		p, err := g.phone(x, d)
		if err != nil {
			return err
		}
		// Outside of every site's networks: what is known of a phone is its registration.
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + len(g.Registered))})
		p.Address = netip.AddrPortFrom(addr, phonePort)
		g.Registered = append(g.Registered, p)
	}
	return nil
}

func (g *Given) phone(extension, device string) (Phone, error) {
	for _, x := range g.Organisation.Extensions {
		if x.Number != extension {
			continue
		}
		for _, d := range x.Devices {
			if d.Name == device {
				return Phone{Extension: extension, Device: device, Username: d.Username, Password: string(d.Password)}, nil
			}
		}
	}
	return Phone{}, fmt.Errorf("there is no device %s/%s", extension, device)
}

// Party is somebody who can be called.
type Party struct {
	Name      string
	Address   netip.AddrPort
	Transport string // udp or tcp
	Phone     *Phone // nil for a trunk's proxy, a SIP member or a target of a group
}

// parties are all that the organisation can call: registered phones, the proxies of its
// trunks, the SIP members of its queues, the targets of its groups, and last resorts.
func (g Given) parties() (map[string]Party, error) {
	all := map[string]Party{}
	for i := range g.Registered {
		p := &g.Registered[i]
		all[p.name()] = Party{Name: p.name(), Address: p.Address, Transport: "udp", Phone: p}
	}
	var errs []error
	add := func(name, uri string) {
		p, err := partyAt(name, uri)
		if err != nil {
			errs = append(errs, err)
			return
		}
		all[name] = p
	}
	for _, t := range g.Organisation.Trunks {
		for i, uri := range t.Proxies {
			add(fmt.Sprintf("%s/%d", t.Name, i+1), uri)
		}
	}
	alone := func(uri string) {
		if uri != "" {
			name, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), ";")
			add(name, uri)
		}
	}
	for _, q := range g.Organisation.Queues {
		for _, m := range q.Members {
			alone(m.SIP)
		}
	}
	resort := func(e org.Emergency) {
		if e.LastResort != nil {
			alone(e.LastResort.SIP)
		}
	}
	resort(g.Organisation.Account.Emergency)
	for _, s := range g.Organisation.Sites {
		resort(s.Emergency)
	}
	for _, s := range g.Organisation.SIPGroups {
		for i, uri := range s.Targets {
			add(fmt.Sprintf("%s/%d", s.Name, i+1), uri)
		}
	}
	return all, errors.Join(errs...)
}

func partyAt(name, uri string) (Party, error) {
	var u sip.Uri
	if err := sip.ParseUri(uri, &u); err != nil {
		return Party{}, fmt.Errorf("where %s is: %q: %w", name, uri, err)
	}
	addr, err := netip.ParseAddr(u.Host)
	if err != nil {
		return Party{}, fmt.Errorf("where %s is: %w", name, err)
	}
	p := Party{Name: name, Transport: "udp"}
	if t, ok := u.UriParams.Get("transport"); ok {
		p.Transport = t
	}
	port := uint16(u.Port)
	if port == 0 {
		port = 5060
	}
	p.Address = netip.AddrPortFrom(addr, port)
	return p, nil
}
