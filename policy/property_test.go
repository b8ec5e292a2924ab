package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// anyInstallation draws an account with a site, trunks, a team and settings that may
// contradict each other.
func anyInstallation(t *rapid.T) Facts {
	countries := []e164.Region{"US", "GB", "FR"}
	country := rapid.SampledFrom(countries)
	o := org.Organisation{Account: &org.Account{Name: "acme"}, Sites: []org.Site{{Name: "hq", Country: "US"}}}
	for i := range rapid.IntRange(0, 4).Draw(t, "trunks") {
		o.Trunks = append(o.Trunks, org.Trunk{Name: fmt.Sprintf("t%d", i), Countries: []e164.Region{country.Draw(t, "serves")},
			Role: rapid.SampledFrom([]org.TrunkRole{org.RoleEmergency, org.RoleCarrier, org.RolePBX}).Draw(t, "role")})
		for j := range rapid.IntRange(0, 2).Draw(t, "proxies") {
			o.Trunks[i].Proxies = append(o.Trunks[i].Proxies, fmt.Sprintf("sip:192.0.2.%d:%d", i+1, 5060+j))
		}
		if rapid.Bool().Draw(t, "of the site") {
			o.Sites[0].Trunks = append(o.Sites[0].Trunks, o.Trunks[i].Name)
		}
	}
	o.Queues = []org.Queue{{Name: "team", Members: []org.Member{{Extension: "7001"}, {SIP: "sip:guard@192.0.2.99"}}}, {Name: "empty"}}
	o.Extensions = []org.Extension{{Number: "2001", Site: "hq", Devices: []org.Device{{Name: "desk", Class: org.ClassDeskPhone,
		Mobility: rapid.SampledFrom([]org.Mobility{org.Fixed, org.Moving}).Draw(t, "mobility")}}}, {Number: "7001", Site: "hq"}}
	e := &o.Account.Emergency
	maybe := func(name string, set func()) {
		if rapid.Bool().Draw(t, name) {
			set()
		}
	}
	no := false
	maybe("calling off", func() { e.Calling = &no })
	maybe("psap off", func() { e.PSAP = &no })
	maybe("extension-only psap off", func() { e.ExtensionOnly.PSAP = &no })
	maybe("team", func() {
		team := rapid.SampledFrom([]string{"team", "empty", "ghosts"}).Draw(t, "team")
		e.SafetyTeam = &team
	})
	maybe("team first", func() { w := org.TeamFirst; e.WhenBoth = &w })
	maybe("last resort", func() {
		e.LastResort = &org.Resort{Queue: rapid.SampledFrom([]string{"team", "empty", "ghosts"}).Draw(t, "resort")}
	})
	d := org.NewDirectory(1, o)
	v := d.Account("acme")
	x := v.Extension("2001")
	reach := rapid.Bool().Draw(t, "guards are registered")
	return Facts{At: t0, Account: v, Site: v.Site("hq"), Extension: x, Device: &x.Devices[0], Settings: org.Settings(v.Account, v.Site("hq"), x),
		Country: country.Draw(t, "country"), Number: "911", Service: "urn:service:sos",
		Reach: func(n string) []Contact {
			if !reach || n != "7001" {
				return nil
			}
			return []Contact{{Device: "desk", URI: "sip:7001@192.0.2.50"}}
		}}
}

func TestAnyInstallation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyInstallation(t)
		p, why := Decide(f)
		s := f.Settings
		reachable := false
		for _, tr := range f.Account.AllTrunks() {
			reachable = reachable || len(tr.Proxies) > 0 && (tr.Serves(f.Country) || slices.Contains(f.Site.Trunks, tr.Name))
		}
		off := !s.Calling.V && f.Device.Mobility != org.Fixed && (s.SafetyTeam.V != "" || len(s.Resorts) > 0)
		if s.PSAP.V && !off && s.ExtensionOnly.PSAP.V && reachable && len(p.Call.Public) == 0 {
			t.Fatalf("P3: the PSAP may be called and a trunk leads to it, but the plan does not call it: %s\n%v", p.Route, why.Entries)
		}
		called := len(p.Call.Team) + len(p.Call.Public) + len(p.Call.Resort)
		if p.Route == Refused && (s.PSAP.V || called > 0) {
			t.Fatalf("R2: refused although the PSAP is on, or somebody would be called: %+v", p)
		}
		if p.Route != Refused && called == 0 && reachable {
			t.Fatalf("P3: nobody is called and nothing is refused: %s", p.Route)
		}
		names := map[string]bool{}
		for _, target := range targets(p.Call) {
			if names[target.Name] {
				t.Fatalf("two targets are called %s", target.Name)
			}
			names[target.Name] = true
		}
		if p.Call.TeamFirst && (p.Call.MaxHold <= 0 || len(p.Call.Public) == 0 && reachable) {
			t.Fatalf("R1: team first with a hold of %s and %d public steps", p.Call.MaxHold, len(p.Call.Public))
		}
		if len(why.Entries) == 0 {
			t.Fatal("L4: decided in the dark")
		}
	})
}

func targets(p call.Plan) []call.Target {
	ts := slices.Clone(p.Team)
	for _, s := range slices.Concat(p.Public, p.Resort) {
		ts = append(ts, s...)
	}
	return ts
}

func TestDialString(t *testing.T) {
	for _, tc := range []struct {
		format, service, want string
		country               e164.Region
	}{
		{"national", "", "911", "US"},
		{"", "", "911", "US"},
		{"plus-country", "", "+1911", "US"},
		{"plus-country", "", "+44911", "GB"},
		{"urn", "urn:service:sos.fire", "urn:service:sos.fire", "FR"},
		{"urn", "", "urn:service:sos", "US"},
		{"{cc}{code}", "", "1911", "US"},
		{"00{cc}-{code}", "", "0044-911", "GB"},
		{"plus-country", "", "911", ""},
	} {
		d := &decision{Facts: Facts{Number: "911", Service: tc.service, Country: tc.country}}
		if got := d.dialString(&org.Trunk{DialFormat: tc.format}); got != tc.want {
			t.Errorf("%s in %s: got %s, want %s", tc.format, tc.country, got, tc.want)
		}
	}
}
