package orgcheck

import (
	"fmt"
	"slices"

	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/shortcode"
)

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
