package gateway_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/shortcode"
)

// campus is the installation of examples/campus.yaml with its phones registered: each from
// the port that is its extension's number, at 192.0.2.10.
type campus struct{ dir *org.Directory }

func newCampus(t *testing.T, change func(*org.Organisation)) *campus {
	t.Helper()
	text, err := os.ReadFile("../examples/campus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, faults := config.Parse("campus.yaml", text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	o := f.Organisation
	if change != nil {
		change(&o)
	}
	return &campus{org.NewDirectory(1, o)}
}

func (c *campus) Current() *org.Directory { return c.dir }

func (c *campus) Owner(p gateway.Peer) (gateway.Registration, bool) {
	for _, x := range c.dir.Account("acme").Extensions {
		if p.Source == phone(x.Number) && len(x.Devices) > 0 {
			return gateway.Registration{Account: "acme", Extension: x.Number, Device: x.Devices[0].Name}, true
		}
	}
	return gateway.Registration{}, false
}

func (c *campus) Contacts(_, extension string) []policy.Contact {
	if extension == "3001" { // a laptop that is closed
		return nil
	}
	return []policy.Contact{{URI: "sip:" + extension + "@192.0.2.10"}}
}

func (c *campus) At(d *org.Directory, a netip.AddrPort) *org.Trunk {
	if a == netip.MustParseAddrPort("127.0.0.1:5193") {
		return d.Account("acme").Trunk("carrier-us")
	}
	return nil
}

func (c *campus) Order(t *org.Trunk) []string { return t.Proxies }

func phone(ext string) netip.AddrPort { return netip.MustParseAddrPort("192.0.2.10:" + ext) }

func ask(c *campus, from, uri string, claims ...gateway.Claim) cdr.Decided {
	g := gateway.New(gateway.Ports{Directory: c, Registrations: c, Trunks: c}, gateway.Config{Domain: "gw.example.com", NewID: func(s string) string { return s }})
	source, err := netip.ParseAddrPort(from)
	if err != nil {
		source = phone(from)
	}
	d := shortcode.FromDigits(uri)
	if scheme, rest, ok := strings.Cut(uri, ":"); ok {
		user, _, _ := strings.Cut(rest, "@")
		d = shortcode.Dialled{Scheme: scheme, User: user}
	}
	return g.Explain(gateway.Inbound{At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Dialled: d, RequestURI: uri, From: gateway.Peer{Source: source}, Claims: claims})
}

// told is what a row of the table compares.
func told(d cdr.Decided) string {
	var ss []string
	ss = append(ss, d.Class, d.Extension, d.Number, d.Route)
	var team, public, resort []string
	for _, t := range d.Plan.Team {
		team = append(team, t.Name)
	}
	for _, s := range d.Plan.Public {
		for _, t := range s {
			public = append(public, t.Name+"="+strings.TrimPrefix(t.Invite.RequestURI, "sip:")+" as "+t.Invite.Number)
		}
	}
	for _, s := range d.Plan.Resort {
		for _, t := range s {
			resort = append(resort, t.Name)
		}
	}
	ss = append(ss, "team["+strings.Join(team, ", ")+"]", "public["+strings.Join(public, ", ")+"]", "resort["+strings.Join(resort, ", ")+"]", d.Location.OneLine())
	for _, x := range d.Trace.Degradations {
		ss = append(ss, "!"+x.Code)
	}
	return strings.Join(ss, "\n")
}

const (
	desk  = "guard@127.0.0.1:5195"
	usPub = "psap-us/1=911@127.0.0.1:5190 as %n, psap-us/2=911@127.0.0.1:5191 as %n, carrier-us/1=911@127.0.0.1:5193 as %n"
	hq    = "55 Almaden Boulevard, San Jose, CA 95113"
)

func us(n string) string { return "public[" + strings.ReplaceAll(usPub, "%n", n) + "]" }

func TestWhoAnswersWhom(t *testing.T) {
	team := "team[7001, " + desk + "]"
	set := func(f func(*org.Organisation)) func(*org.Organisation) { return f }
	for _, tc := range []struct {
		name   string
		from   string
		dial   string
		claims []gateway.Claim
		change func(*org.Organisation)
		want   []string
	}{
		{name: "C1.2 a caller with a number of its own", from: "2001", dial: "911",
			want: []string{"emergency", "2001", "911", "parallel", team, us("+14085550141"), "resort[]", hq, "!not-recorded"}},
		{name: "C1.3 extension-only borrows from the pool; W3 fixed location", from: "2041", dial: "911",
			want: []string{"emergency", "2041", "911", "parallel", team, us("+14085550190"), "resort[]", "55 Almaden Boulevard, Floor 2, San Jose, CA 95113", "!not-recorded"}},
		{name: "P5 behind the trunk prefix", from: "2001", dial: "9911",
			want: []string{"emergency", "2001", "911", "parallel", team, us("+14085550141"), "resort[]", hq, "!not-recorded"}},
		{name: "P6 112 in the US leaves as 911", from: "2001", dial: "112",
			want: []string{"emergency", "2001", "911", "parallel", team, us("+14085550141"), "resort[]", hq, "!not-recorded"}},
		{name: "P6 a service URN", from: "2001", dial: "urn:service:sos",
			want: []string{"emergency", "2001", "911", "parallel", team, us("+14085550141"), "resort[]", hq, "!not-recorded"}},
		{name: "R1 team first in Leeds; R9 the country's carrier as +44999", from: "3001", dial: "999",
			want: []string{"emergency", "3001", "999", "team first", "team[3090]", "public[carrier-uk/1=+44999@127.0.0.1:5192 as +441134960190]", "resort[7001, " + desk + "]", "12 Wellington Street, Leeds, LS1 4LT", "!location-assumed", "!not-recorded"}},
		{name: "R4 a caller who is the team is not rung", from: "3090", dial: "112",
			want: []string{"emergency", "3090", "112", "team first", "team[]", "public[carrier-uk/1=+44112@127.0.0.1:5192 as +441134960190]", "resort[7001, " + desk + "]", "12 Wellington Street, Leeds, LS1 4LT", "!team-unreachable", "!not-recorded"}},
		{name: "P8 an extension on a PBX, known by its identity header", from: "127.0.0.2:5060", dial: "911", claims: []gateway.Claim{{Header: "p-asserted-identity", User: "4711"}},
			want: []string{"emergency", "4711", "911", "parallel", team, us("+14085550190"), "resort[]", "55 Almaden Boulevard, Floor 2, San Jose, CA 95113", "!not-recorded"}},
		{name: "P8 an asserted extension that is not in the directory", from: "127.0.0.2:5060", dial: "911", claims: []gateway.Claim{{Header: "p-asserted-identity", User: "4999"}},
			want: []string{"emergency", "", "911", "parallel", team, us("+14085550190"), "resort[]", hq, "!not-recorded"}},
		{name: "P6 a peering gateway's +44999; C1.2 the number it asserts", from: "127.0.0.3:5060", dial: "sip:+44999@gw", claims: []gateway.Claim{{Header: "from", User: "+441134960555"}},
			want: []string{"emergency", "", "999", "team first", "team[3090]", "public[carrier-uk/1=+44999@127.0.0.1:5192 as +441134960555]", "resort[7001, " + desk + "]", "12 Wellington Street, Leeds, LS1 4LT", "!not-recorded"}},
		{name: "R15 c an unknown phone in the site's networks", from: "10.20.9.9:5060", dial: "911", claims: []gateway.Claim{{Header: "from", User: "2001"}},
			want: []string{"emergency", "", "911", "parallel", team, us("+14085550190"), "resort[]", hq, "!identity-unverified", "!not-recorded"}},
		{name: "R15 from anywhere else it does not reach a PSAP", from: "203.0.114.1:5060", dial: "911",
			want: []string{"ordinary", "", "", "", "team[]", "public[]", "resort[]", "unknown"}},
		{name: "R10 711: team then PSAP, translated to 911", from: "2001", dial: "711",
			want: []string{"custom", "2001", "911", "team first", team, us("+14085550141"), "resort[]", hq, "!not-recorded"}},
		{name: "R10 811: team then SIP group", from: "2001", dial: "811",
			want: []string{"custom", "2001", "", "team then sip group", team, "public[campus-dispatch/1=dispatch@127.0.0.1:5196;transport=udp as 2001]", "resort[]", hq, "!not-recorded"}},
		{name: "R10 7200: team only", from: "2001", dial: "7200",
			want: []string{"custom", "2001", "", "team only", team, "public[]", "resort[]", hq, "!not-recorded"}},
		{name: "R10 7201: a PSTN number by the carrier", from: "2001", dial: "7201",
			want: []string{"custom", "2001", "+14085550142", "psap only", "team[]", "public[carrier-us/1=+14085550142@127.0.0.1:5193 as +14085550141]", "resort[7001, " + desk + "]", hq, "!not-recorded"}},
		{name: "R10 7001: a watched extension", from: "2001", dial: "7001",
			want: []string{"custom", "2001", "", "team only", team, "public[]", "resort[]", hq, "!not-recorded"}},
		{name: "A4 933 is a test", from: "2001", dial: "933",
			want: []string{"test", "2001", "", "", "team[]", "public[]", "resort[]", "unknown"}},
		{name: "988 is ordinary", from: "2001", dial: "988",
			want: []string{"ordinary", "2001", "", "", "team[]", "public[]", "resort[]", "unknown"}},
		{name: "C4 a call to a pool number from the carrier", from: "127.0.0.1:5193", dial: "+14085550190",
			want: []string{"callback", "", "", "", "team[]", "public[]", "resort[]", "unknown"}},
		{name: "R2 no team: PSAP only", from: "2001", dial: "911", change: set(func(o *org.Organisation) { o.Account.Emergency.SafetyTeam = nil }),
			want: []string{"emergency", "2001", "911", "psap only", "team[]", us("+14085550141"), "resort[7001, " + desk + "]", hq, "!not-recorded"}},
		{name: "P4 calling off for a moving device: the team", from: "3001", dial: "999", change: set(func(o *org.Organisation) { o.Sites[1].Emergency.Calling = ptr(false) }),
			want: []string{"emergency", "3001", "999", "team only", "team[3090]", "public[]", "resort[7001, " + desk + "]", "12 Wellington Street, Leeds, LS1 4LT", "!location-assumed", "!calling-off", "!not-recorded"}},
		{name: "P4 calling off does not hold for a fixed device", from: "2041", dial: "911", change: set(func(o *org.Organisation) { o.Sites[0].Emergency.Calling = ptr(false) }),
			want: []string{"emergency", "2041", "911", "parallel", team, us("+14085550190"), "resort[]", "55 Almaden Boulevard, Floor 2, San Jose, CA 95113", "!not-recorded"}},
		{name: "R3 psap_off while it lasts", from: "2001", dial: "911", change: set(func(o *org.Organisation) {
			o.Sites[0].PSAPOff = &org.PSAPOff{Until: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), Reason: "drill"}
		}), want: []string{"emergency", "2001", "911", "team only", team, "public[]", "resort[]", hq, "!psap-off", "!not-recorded"}},
		{name: "R3 psap_off ends by itself", from: "2001", dial: "911", change: set(func(o *org.Organisation) {
			o.Sites[0].PSAPOff = &org.PSAPOff{Until: time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC), Reason: "drill"}
		}), want: []string{"emergency", "2001", "911", "parallel", team, us("+14085550141"), "resort[]", hq, "!not-recorded"}},
		{name: "P3 a team that is not there: the PSAP", from: "2001", dial: "911", change: set(func(o *org.Organisation) {
			o.Account.Emergency.SafetyTeam = ptr("ghosts")
			o.Account.Emergency.PSAP = ptr(false)
			o.Account.Emergency.LastResort = nil
		}), want: []string{"emergency", "2001", "911", "psap only", "team[]", us("+14085550141"), "resort[]", hq, "!team-unknown", "!nobody", "!not-recorded"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := told(ask(newCampus(t, tc.change), tc.from, tc.dial, tc.claims...))
			if diff := cmp.Diff(strings.Join(tc.want, "\n"), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }
