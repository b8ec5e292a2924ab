package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
)

const (
	noResponseAfter = 2 * time.Second // R8
	noProgressAfter = 8 * time.Second // R8
)

// ringPSAP puts every way to the PSAP of the call's country into the plan, then the last
// resorts.
func (d *decision) ringPSAP() {
	for _, t := range d.emergencyTrunks() {
		d.addTrunk(t, d.dialString(t), d.Service, true)
	}
	if len(d.plan.Call.Public) == 0 {
		d.degrade("no-route", "no trunk leads to a PSAP of %s", orUnknown(d.Country))
	}
	d.ringResort()
}

// ringPSTN is the public end of a custom rule: an emergency number like any other, or an
// ordinary number over the same trunks.
func (d *decision) ringPSTN() {
	if d.Number != "" {
		d.ringPSAP()
		return
	}
	if d.Dialled == "" {
		d.degrade("no-translation", "the rule %s has no number to call", d.Rule.Name)
		return
	}
	for _, t := range d.emergencyTrunks() {
		if t.Role == org.RoleEmergency {
			continue // a dedicated emergency trunk takes emergency numbers only
		}
		d.addTrunk(t, d.Dialled, "", true)
	}
	d.ringResort()
}

// emergencyTrunks is R9 and the order of R8: each trunk once, those that serve the
// country before those that do not.
func (d *decision) emergencyTrunks() []*org.Trunk {
	var ts []*org.Trunk
	add := func(t *org.Trunk, from, why string) {
		if t == nil || slices.Contains(ts, t) || len(t.Proxies) == 0 {
			return
		}
		ts = append(ts, t)
		d.because("R9", from, orUnknown(d.Country), "%s: %s", t.Name, why)
	}
	serves := func(t *org.Trunk) bool { return t != nil && t.Serves(d.Country) }
	var site []*org.Trunk
	if d.Site != nil {
		for _, name := range d.Site.Trunks {
			if t := d.Account.Trunk(name); t != nil {
				site = append(site, t)
			} else {
				d.degrade("trunk-unknown", "site %s names the trunk %q, which there is not", d.Site.Name, name)
			}
		}
	}
	for _, t := range site {
		if serves(t) {
			add(t, "site "+d.siteName(), "a trunk of the site that serves the country of the call")
		}
	}
	for _, role := range []org.TrunkRole{org.RoleEmergency, org.RoleCarrier, org.RolePeering, org.RolePBX} {
		for _, t := range d.Account.AllTrunks() {
			if t.Role == role && serves(t) {
				add(t, "account "+d.Account.Name(), fmt.Sprintf("the account's %s trunk that serves the country of the call", role))
			}
		}
	}
	if len(ts) > 0 {
		return ts
	}
	if d.Site != nil && d.Site.ScreeningTrunk != "" {
		add(d.Account.Trunk(d.Site.ScreeningTrunk), "site "+d.Site.Name, "no trunk serves the country: the screening trunk")
	}
	for _, t := range site {
		add(t, "site "+d.siteName(), "no trunk serves the country of the call: the site's own")
	}
	if len(ts) > 0 {
		d.degrade("trunk-of-another-country", "no trunk serves %s: the call goes out on %s", orUnknown(d.Country), ts[0].Name)
	}
	return ts
}

func orUnknown(c e164.Region) string {
	if c == "" {
		return "an unknown country"
	}
	return string(c)
}

func (d *decision) addTrunk(t *org.Trunk, user, service string, emergency bool) {
	proxies := t.Proxies
	if d.Proxies != nil {
		proxies = d.Proxies(t)
	}
	for _, p := range proxies {
		// The name of an attempt follows the order of the file, not that of today's health.
		name := fmt.Sprintf("%s/%d", t.Name, slices.Index(t.Proxies, p)+1)
		uri := user
		if !strings.HasPrefix(user, "urn:") {
			uri = "sip:" + user + "@" + hostOf(p)
		}
		headers := t.CallerIDHeaders
		if len(headers) == 0 {
			headers = []string{"p-asserted-identity", "from"}
		}
		loc := t.Location
		if loc == "" {
			loc = org.LocationNone
		}
		d.addStep(t, call.Step{{Name: name, Role: call.RolePSAP,
			NoResponseAfter: t.NoResponseAfter.Or(noResponseAfter), NoProgressAfter: t.NoProgressAfter.Or(noProgressAfter),
			Invite: call.Invite{Trunk: t.Name, RequestURI: uri, NextHop: p, TLSVerify: string(t.Verify()), Headers: strings.Join(headers, ","),
				Location: string(loc), ServiceURN: service, Asserted: !d.Loose, Emergency: emergency}}})
	}
}

// dialString is the number in the form the trunk wants.
func (d *decision) dialString(t *org.Trunk) string {
	cc := ""
	if c, ok := d.Country.CallingCode(); ok {
		cc = strings.TrimPrefix(c.String(), "+")
	}
	switch f := t.DialFormat; f {
	case "", "national":
		return d.Number
	case "plus-country":
		if cc == "" {
			return d.Number
		}
		return "+" + cc + d.Number
	case "urn":
		if d.Service == "" {
			return "urn:service:sos"
		}
		return d.Service
	default:
		return strings.NewReplacer("{cc}", cc, "{code}", d.Number).Replace(f)
	}
}

func hostOf(uri string) string {
	s := uri
	if _, after, ok := strings.Cut(s, ":"); ok {
		s = after
	}
	if _, after, ok := strings.Cut(s, "@"); ok {
		s = after
	}
	s, _, _ = strings.Cut(s, ";")
	return s
}

// ringTeam rings every member of a queue wherever it can be reached.
func (d *decision) ringTeam(queue string) {
	q := d.Account.Queue(queue)
	if q == nil {
		d.degrade("team-unknown", "there is no queue %q: the safety team is left out", queue)
		return
	}
	d.plan.Team = queue
	d.plan.Call.Team = d.members(q, call.RoleTeam)
	if len(d.plan.Call.Team) == 0 {
		d.degrade("team-unreachable", "no member of %s can be reached", queue)
	}
}

func (d *decision) members(q *org.Queue, role call.Role) []call.Target {
	var ts []call.Target
	for _, m := range q.Members {
		switch {
		case m.Extension != "" && m.Extension == d.number():
			d.because("R4", "queue "+q.Name, m.Extension, "the caller is a member of the team and is not rung")
		case m.Extension != "":
			ts = append(ts, d.extension(m.Extension, role, m.MustConfirm())...)
		case m.SIP != "":
			ts = append(ts, call.Target{Name: shortURI(m.SIP), Role: role, Confirm: m.MustConfirm(),
				Invite: call.Invite{RequestURI: m.SIP, NextHop: m.SIP, Asserted: true}})
		case m.Number != "":
			ts = append(ts, d.outside(m.Number, role, m.MustConfirm())...)
		}
	}
	return ts
}

func (d *decision) extension(number string, role call.Role, confirm bool) []call.Target {
	var ts []call.Target
	if x := d.Account.Extension(number); x != nil && x.Via != "" {
		if t := d.Account.Trunk(x.Via); t != nil && len(t.Proxies) > 0 {
			return []call.Target{{Name: number, Role: role, Confirm: confirm, Invite: call.Invite{Trunk: t.Name, Extension: number,
				RequestURI: "sip:" + number + "@" + hostOf(t.Proxies[0]), NextHop: t.Proxies[0], Asserted: true}}}
		}
	}
	var contacts []Contact
	if d.Reach != nil {
		contacts = d.Reach(number)
	}
	for i, c := range contacts {
		name := number
		if c.Device != "" {
			name += "/" + c.Device
		}
		if slices.ContainsFunc(ts, func(t call.Target) bool { return t.Name == name }) {
			name = fmt.Sprintf("%s/%d", name, i+1)
		}
		ts = append(ts, call.Target{Name: name, Role: role, Confirm: confirm,
			Invite: call.Invite{Extension: number, RequestURI: c.URI, NextHop: c.URI, Flow: c.Flow, Asserted: true}})
	}
	if len(ts) == 0 {
		d.because("R1", "", number, "extension %s has no registered device", number)
	}
	return ts
}

// outside reaches a member's number over the first trunk that carries it.
func (d *decision) outside(n e164.Number, role call.Role, confirm bool) []call.Target {
	region, _ := n.Region()
	for _, t := range d.Account.AllTrunks() {
		if t.Role == org.RoleCarrier && t.Serves(region) && len(t.Proxies) > 0 {
			return []call.Target{{Name: string(n), Role: role, Confirm: confirm, Invite: call.Invite{Trunk: t.Name,
				RequestURI: "sip:" + string(n) + "@" + hostOf(t.Proxies[0]), NextHop: t.Proxies[0], Asserted: true}}}
		}
	}
	d.degrade("member-unreachable", "no carrier serves %s: it cannot be called", region)
	return nil
}

// ringGroup puts a SIP group's targets at the public end of the plan (R11).
func (d *decision) ringGroup(name string) {
	g := d.Account.Group(name)
	if g == nil {
		d.degrade("group-unknown", "there is no SIP group %q", name)
		return
	}
	var all call.Step
	for i, uri := range g.Targets {
		t := call.Target{Name: fmt.Sprintf("%s/%d", g.Name, i+1), Role: call.RoleGroup, NoResponseAfter: noResponseAfter,
			Invite: call.Invite{RequestURI: uri, NextHop: uri, Asserted: true, Location: string(org.LocationByValue), Emergency: true}}
		if g.Ring == org.RingSimultaneous {
			all = append(all, t)
		} else {
			d.addStep(nil, call.Step{t})
		}
	}
	if len(all) > 0 {
		d.addStep(nil, all)
	}
	d.ringResort()
}

// ringResort adds the last resorts of site and account, once.
func (d *decision) ringResort() {
	if len(d.plan.Call.Resort) > 0 {
		return
	}
	for _, r := range d.Settings.Resorts {
		var step call.Step
		switch {
		case r.V.Queue != "" && r.V.Queue == d.plan.Team:
			continue // it is rung as the team
		case r.V.Queue != "":
			if q := d.Account.Queue(r.V.Queue); q != nil {
				step = d.members(q, call.RoleResort)
			} else {
				d.degrade("queue-unknown", "the last resort names the queue %q, which there is not", r.V.Queue)
			}
		case r.V.Number != "":
			step = d.outside(r.V.Number, call.RoleResort, true)
		case r.V.SIP != "":
			step = call.Step{{Name: shortURI(r.V.SIP), Role: call.RoleResort, Confirm: true,
				Invite: call.Invite{RequestURI: r.V.SIP, NextHop: r.V.SIP, Asserted: true}}}
		}
		if len(step) > 0 {
			d.plan.Call.Resort = append(d.plan.Call.Resort, step)
			d.because("R8", r.From.String(), "", "last resort: %s", r.V)
		}
	}
	d.distinct()
}

// distinct keeps the names of a plan's targets apart: a member who is in the team and in
// a last resort has two legs.
func (d *decision) distinct() {
	seen := map[string]bool{}
	for _, t := range d.plan.Call.Team {
		seen[t.Name] = true
	}
	for _, s := range d.plan.Call.Resort {
		for i := range s {
			if seen[s[i].Name] {
				s[i].Name += " (last resort)"
			}
			seen[s[i].Name] = true
		}
	}
}

func shortURI(uri string) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(uri, "sips:"), "sip:"), ";")
	return s
}
