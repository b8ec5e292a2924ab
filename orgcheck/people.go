package orgcheck

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/shortcode"
)

func (c *checker) queues() {
	c.unique("queues", "name", "queue", len(c.o.Queues), func(i int) string { return c.o.Queues[i].Name })
	for i, q := range c.o.Queues {
		path := fmt.Sprintf("queues[%d]", i)
		c.refer(path+".site", "R4", "site", q.Site)
		if len(q.Members) == 0 {
			c.warn(path+".members", "R4", "add members:", "nobody answers queue %s unless somebody sits at the console", q.Name)
		}
		for j, m := range q.Members {
			c.member(fmt.Sprintf("%s.members[%d]", path, j), &q, m)
		}
	}
}

func (c *checker) member(path string, q *org.Queue, m org.Member) {
	set := 0
	for _, on := range []bool{m.Extension != "", m.SIP != "", m.Number != ""} {
		if on {
			set++
		}
	}
	if set != 1 {
		c.refuse(path, "R4", `write {extension: "7001"}, {sip: "sip:..."} or {number: "+1..."}`, "%d things are set where one is expected", set)
		return
	}
	c.refer(path+".extension", "R4", "extension", m.Extension)
	if x := c.view.Extension(m.Extension); x != nil && len(x.Devices) == 0 && x.Via == "" {
		c.warn(path+".extension", "R4", "add a device to the extension", "extension %s has no device that could ring", m.Extension)
	}
	if m.SIP != "" && c.sipURI(path+".sip", "R4", m.SIP) {
		c.notOurs(path+".sip", m.SIP)
	}
	if m.Number == "" {
		return
	}
	c.outside(path+".number", string(m.Number))
	if n := c.view.Number(m.Number); n != nil && n.AssignedTo.Queue == q.Name {
		c.refuse(path+".number", "R16", "remove the member", "%s is the number of queue %s itself", m.Number, q.Name)
	}
	if m.Confirm != nil && !*m.Confirm {
		c.warn(path+".confirm", "R1", "write confirm: true", "a voicemail behind %s would count as an answered emergency", m.Number)
	}
}

func (c *checker) groups() {
	c.unique("sip_groups", "name", "sip group", len(c.o.SIPGroups), func(i int) string { return c.o.SIPGroups[i].Name })
	for i, g := range c.o.SIPGroups {
		path := fmt.Sprintf("sip_groups[%d].targets", i)
		if len(g.Targets) == 0 {
			c.refuse(path, "R11", "add targets: with at least one SIP URI", "sip group %s leads nowhere", g.Name)
		}
		for j, t := range g.Targets {
			if at := fmt.Sprintf("%s[%d]", path, j); c.sipURI(at, "R11", t) {
				c.notOurs(at, t)
			}
		}
	}
}

func (c *checker) extensions() {
	first := map[string]int{}
	users := map[string]string{}
	examples := 0
	for i := range c.o.Extensions {
		x := &c.o.Extensions[i]
		path := fmt.Sprintf("extensions[%d]", i)
		switch j, twice := first[x.Number]; {
		case !isDigits(x.Number) || len(x.Number) > 15:
			c.refuse(path+".number", "P7", `write its digits, such as "2001"`, "%q is not an extension", x.Number)
		case twice:
			c.refuse(path+".number", "P7", fmt.Sprintf("give one of them another number; the other is extensions[%d]", j), "extension %s is there twice", x.Number)
		default:
			first[x.Number] = i
		}
		c.extension(path, x)
		for j, d := range x.Devices {
			at := fmt.Sprintf("%s.devices[%d]", path, j)
			if d.Username != "" {
				if other, taken := users[d.Username]; taken {
					c.refuse(at+".username", "P8", "give each device a username of its own", "the username %s is also that of %s", d.Username, other)
				}
				users[d.Username] = fmt.Sprintf("device %s of extension %s", d.Name, x.Number)
			}
			if d.Password == "change-me" {
				examples++
			}
			c.device(at, x, d)
		}
	}
	if examples > 0 {
		c.warn("extensions", "", "give each device a long password of its own", "%d devices have the password of the example", examples)
	}
	c.awayWithoutNumber()
}

func (c *checker) extension(path string, x *org.Extension) {
	s := c.view.Site(x.Site)
	if x.Site == "" {
		c.refuse(path+".site", "P1", candidates(c.names["site"], ""), "extension %s belongs to no site", x.Number)
	} else {
		c.refer(path+".site", "P1", "site", x.Site)
	}
	if s != nil {
		// P7: refused with the reason. That 2001 can be dialled is not decided by what a
		// numbering plan calls a short number.
		if why, taken := shortcode.Taken(x.Number, c.where(s)); taken {
			c.refuse(path+".number", "P7", "give it another number", "extension %s cannot be used at %s: %s", x.Number, s.Name, why)
		}
		c.overridesNothing(path+".emergency", &x.Emergency, "site "+s.Name, s.Locked)
	}
	c.overridesNothing(path+".emergency", &x.Emergency, "account "+c.o.Account.Name, c.o.Account.Locked)
	if x.Email != "" && !isEmail(x.Email) {
		c.refuse(path+".email", "", "write one address, such as dana@example.com", "%q is not an e-mail address", x.Email)
	}
	if c.refer(path+".via", "P8", "trunk", x.Via) && x.Via != "" {
		if t := c.view.Trunk(x.Via); t != nil && t.Role != org.RolePBX {
			c.refuse(path+".via", "P8", "name a trunk with role: pbx", "extension %s cannot live on %s, which is a trunk of role %s", x.Number, x.Via, t.Role)
		}
		if len(x.Devices) > 0 {
			c.refuse(path+".via", "P8", "remove via, or the devices", "extension %s is reached by its devices or via a trunk, not both", x.Number)
		}
	}
	if x.Via == "" && len(x.Devices) == 0 {
		c.warn(path, "P8", "add a device, or via: with the trunk of its PBX", "extension %s can neither call nor be called back", x.Number)
	}
	c.fixedAt(path+".fixed_location", x, x.FixedLocation)
	c.refer(path+".default_address", "W3", "address", x.DefaultAddress)
	c.psapOff(path+".psap_off", x.PSAPOff)
	c.emergencyBlock(path+".emergency", &x.Emergency, org.LevelExtension)
	c.callingFromDevices(path, x)
	c.whoAnswers(path+".emergency", &x.Emergency, org.LevelExtension, org.Settings(c.o.Account, s, x))
}

func (c *checker) device(path string, x *org.Extension, d org.Device) {
	if !isName(d.Name) {
		c.refuse(path+".name", "", "use lower case letters, digits and hyphens, such as dana-desk", "%q is not a name", d.Name)
	}
	if i := slices.IndexFunc(x.Devices, func(e org.Device) bool { return e.Name == d.Name }); i >= 0 && x.Devices[i] != d {
		c.refuse(path+".name", "", "rename one of them", "extension %s has two devices called %s", x.Number, d.Name)
	}
	if d.Class == "" {
		c.refuse(path+".class", "P1", "write app, desk-phone, wifi-mobile, mobile, vdi or analog", "device %s has no class", d.Name)
	}
	if d.Class == org.ClassAnalog && d.Mobility == org.Moving {
		c.refuse(path+".mobility", "P1", "write mobility: fixed", "an analog phone does not move")
	}
	if (d.Username == "") != (d.Password == "") {
		c.refuse(path, "P8", "set both username and password, or neither", "a username and its password belong together")
	}
	if d.MAC != "" {
		if _, err := location.ParseMAC(d.MAC); err != nil {
			c.refuse(path+".mac", "", "write it as 00:0c:29:10:20:01", "%v", err)
		}
	}
	c.fixedAt(path+".fixed_location", x, d.FixedLocation)
}

func (c *checker) fixedAt(path string, x *org.Extension, name string) {
	if !c.refer(path, "W3", "location", name) {
		return
	}
	if node, ok := c.view.Location(name); ok && node.Site != "" && x.Site != "" && node.Site != x.Site {
		c.warn(path, "W3", "name a location of "+x.Site+", or move the extension", "extension %s belongs to %s, and %s is at %s", x.Number, x.Site, name, node.Site)
	}
}

// awayWithoutNumber lists the users who move, have no number of their own, and call over
// a trunk that carries no location: away from the site the PSAP is shown a wrong place
// (C10).
func (c *checker) awayWithoutNumber() {
	for i := range c.o.Sites {
		s := &c.o.Sites[i]
		if s.ScreeningTrunk != "" || !c.numberOnly(s) {
			continue
		}
		var who []string
		for j := range c.o.Extensions {
			x := &c.o.Extensions[j]
			moves := slices.ContainsFunc(x.Devices, func(d org.Device) bool { return d.Mobility == org.Moving })
			if x.Site == s.Name && moves && len(c.view.OwnNumbers(x.Number)) == 0 {
				who = append(who, x.Number)
			}
		}
		if len(who) > 0 {
			c.warn(fmt.Sprintf("sites[%d]", i), "C10", "give them numbers of their own, or set screening_trunk:", "away from %s these callers are shown to the PSAP as if they were there: %s", s.Name, names{order: who})
		}
	}
}

// numberOnly says whether every trunk the site's emergency calls take lacks a location.
func (c *checker) numberOnly(s *org.Site) bool {
	for _, t := range c.view.AllTrunks() {
		used := slices.Contains(s.Trunks, t.Name) || len(s.Trunks) == 0
		if used && t.Serves(s.Country) && t.Location != "" && t.Location != org.LocationNone {
			return false
		}
	}
	return true
}

func (c *checker) alerts() {
	c.unique("alerts", "name", "alert", len(c.o.Alerts), func(i int) string { return c.o.Alerts[i].Name })
	for i, a := range c.o.Alerts {
		path := fmt.Sprintf("alerts[%d]", i)
		c.refer(path+".site", "A1", "site", a.Site)
		if len(a.Events) == 0 {
			c.refuse(path+".events", "A1", "add events: such as [emergency, callback]", "alert %s is about nothing", a.Name)
		}
		if len(a.Email)+len(a.Webhooks) == 0 {
			c.refuse(path, "A1", "add email: or webhooks:", "alert %s tells nobody", a.Name)
		}
		c.emails(path+".email", "A1", a.Email)
		for j, w := range a.Webhooks {
			at := fmt.Sprintf("%s.webhooks[%d]", path, j)
			if u, err := url.Parse(w.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
				c.refuse(at+".url", "A1", "write http:// or https:// and a host", "%q is not a web address", w.URL)
			}
			if w.Secret == "" {
				c.warn(at+".secret", "A1", "add secret:", "the receiver cannot tell that alerts are ours: they are not signed")
			}
		}
		c.refer(path+".then_alert", "A3", "alert", a.ThenAlert)
		if a.ThenAlert != "" && a.AcknowledgeWithin == 0 {
			c.refuse(path+".acknowledge_within", "A3", "add acknowledge_within: such as 60s", "alert %s hands on to %s, and does not say when", a.Name, a.ThenAlert)
		}
		c.alertCircle(path+".then_alert", a)
	}
	c.untold()
}

// alertCircle: an escalation ends somewhere (A3).
func (c *checker) alertCircle(path string, from org.AlertRule) {
	seen := []string{from.Name}
	for at := from; at.ThenAlert != ""; {
		if slices.Contains(seen, at.ThenAlert) {
			if at.ThenAlert == from.Name {
				c.refuse(path, "A3", "let the last of them hand on to nobody", "alerts hand on in a circle: %s", strings.Join(append(seen, at.ThenAlert), " > "))
			}
			return
		}
		seen = append(seen, at.ThenAlert)
		i := slices.IndexFunc(c.o.Alerts, func(a org.AlertRule) bool { return a.Name == at.ThenAlert })
		if i < 0 {
			return
		}
		at = c.o.Alerts[i]
	}
}

// untold: the law asks that somebody is told of an emergency call (47 CFR 9.16(b)(2)).
func (c *checker) untold() {
	told := func(site string, event org.AlertEvent) bool {
		return slices.ContainsFunc(c.o.Alerts, func(a org.AlertRule) bool {
			return (a.Site == "" || a.Site == site) && slices.Contains(a.Events, event)
		})
	}
	for i, s := range c.o.Sites {
		if !told(s.Name, org.AlertEmergency) {
			c.warn(fmt.Sprintf("sites[%d]", i), "A1", "add an alert with events: [emergency]", "nobody is told of an emergency call at %s", s.Name)
		}
	}
	if len(c.o.Sites) > 0 && !told("", org.AlertSystem) {
		c.warn("alerts", "A9", "add an alert with events: [system]", "nobody is told when a trunk is down or a pool is nearly lent out")
	}
}
