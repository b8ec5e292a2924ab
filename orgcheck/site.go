package orgcheck

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // what is a time zone may not depend on the machine that checks

	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/shortcode"
)

func (c *checker) sites() {
	c.unique("sites", "name", "site", len(c.o.Sites), func(i int) string { return c.o.Sites[i].Name })
	if len(c.o.Sites) == 0 {
		c.warn("sites", "P1", "add one: phones, numbers and trunks belong to a site", "there is no site, so no extension can call")
	}
	for i := range c.o.Sites {
		c.site(fmt.Sprintf("sites[%d]", i), &c.o.Sites[i])
	}
	c.networksOfTwo()
}

func (c *checker) site(path string, s *org.Site) {
	if !c.country(path+".country", s.Country) {
		return
	}
	if c.refer(path+".default_address", "P10", "address", s.DefaultAddress) {
		switch a := c.view.Address(s.DefaultAddress); {
		case a == nil:
			c.warn(path+".default_address", "W3", "add default_address:", "a caller at %s who cannot be placed has no address at all", s.Name)
		case a.Country != "" && a.Country != s.Country:
			c.refuse(path+".default_address", "P10", "give the site an address in "+string(s.Country)+", or make it two sites", "the site is in %s, its default address %s in %s", s.Country, a.Name, a.Country)
		}
	}
	if s.TimeZone != "" {
		if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
			c.refuse(path+".time_zone", "", "write a name of the IANA list, such as Europe/London", "%q is not a time zone", s.TimeZone)
		}
	}
	c.siteTrunks(path, s)
	if s.PBX != "" {
		c.sipURI(path+".pbx", "", s.PBX)
	}
	for i, p := range s.Prefixes() {
		if !isDigits(p) || len(p) > 4 {
			c.refuse(fmt.Sprintf("%s.trunk_prefixes[%d]", path, i), "P5", `write one to four digits, such as "9"`, "%q is not dialled before a number", p)
		}
	}
	c.emergencyNumbers(path, s)
	c.testNumber(path+".test_number", s)
	if n := s.Nomadic; n != nil {
		c.emails(path+".nomadic.approvers", "N6", n.Approvers)
		if n.Enabled && n.Bootstrap && len(n.Approvers) == 0 {
			c.warn(path+".nomadic.approvers", "N6", "add approvers:", "users of %s propose locations, and nobody approves them", s.Name)
		}
	}
	c.psapOff(path+".psap_off", s.PSAPOff)
	c.lockedPaths(path+".locked", s.Locked)
	c.emergencyBlock(path+".emergency", &s.Emergency, org.LevelSite)
	c.whoAnswers(path+".emergency", &s.Emergency, org.LevelSite, org.Settings(c.o.Account, s, nil))
	c.overridesNothing(path+".emergency", &s.Emergency, "account "+c.o.Account.Name, c.o.Account.Locked)
}

// siteTrunks: an emergency call of the site's country has a way out (R9).
func (c *checker) siteTrunks(path string, s *org.Site) {
	for i, name := range s.Trunks {
		at := fmt.Sprintf("%s.trunks[%d]", path, i)
		if slices.Contains(s.Trunks[:i], name) {
			c.refuse(at, "R9", "remove one of the two", "trunk %s stands there twice", name)
		}
		if !c.refer(at, "R9", "trunk", name) {
			continue
		}
		switch t := c.view.Trunk(name); {
		case len(t.Proxies) == 0:
			c.refuse(at, "R8", "add proxies: to the trunk, or leave it out here", "no emergency call can leave on trunk %s: it has no proxies", name)
		case !t.Serves(s.Country) && (t.Role == org.RoleEmergency || t.Role == org.RoleCarrier):
			c.warn(at, "R9", "add "+string(s.Country)+" to its countries, or leave it out here", "trunk %s does not serve %s", name, s.Country)
		}
	}
	c.refer(path+".screening_trunk", "R9", "trunk", s.ScreeningTrunk)
	serves := slices.ContainsFunc(c.view.AllTrunks(), func(t *org.Trunk) bool {
		return t.Serves(s.Country) && len(t.Proxies) > 0 && (t.Role == org.RoleEmergency || t.Role == org.RoleCarrier || slices.Contains(s.Trunks, t.Name))
	})
	if !serves && s.ScreeningTrunk == "" {
		c.warn(path+".trunks", "R9", "add a trunk with "+string(s.Country)+" among its countries", "no trunk takes emergency calls of %s: they leave by whatever trunk there is", s.Country)
	}
}

// emergencyNumbers: a site may add numbers, and remove any but its country's main ones (P6).
func (c *checker) emergencyNumbers(path string, s *org.Site) {
	for i, n := range s.EmergencyNumbers.Add {
		at := fmt.Sprintf("%s.emergency_numbers.add[%d]", path, i)
		if !isDigits(n) {
			c.refuse(at, "P6", "write digits", "%q is not a number to dial", n)
		} else if p, public := shortcode.PublicServiceAt(s.Country, shortcode.Code(n)); public {
			c.warn(at, "P6", "leave it out unless it really is an emergency number", "%s is not an emergency number in %s but %s", n, s.Country, p.What)
		}
	}
	for i, n := range s.EmergencyNumbers.Remove {
		at := fmt.Sprintf("%s.emergency_numbers.remove[%d]", path, i)
		e, known := shortcode.Lookup(s.Country, shortcode.Code(n))
		switch {
		case !known:
			c.refuse(at, "P6", "write one of "+codes(s), "%q is not an emergency number of %s", n, s.Country)
		case e.Main:
			c.refuse(at, "P6", "leave it out", "%s is a main emergency number of %s and cannot be removed", n, s.Country)
		default:
			c.warn(at, "P6", "leave it out unless it is in the way of something", "%s no longer reaches anybody at %s", n, s.Name)
		}
	}
}

func codes(s *org.Site) string {
	var list []string
	for _, e := range shortcode.Emergencies(s.Country) {
		if !e.Main {
			list = append(list, string(e.Code))
		}
	}
	if len(list) == 0 {
		return "none: all of them are main numbers"
	}
	return strings.Join(list, ", ")
}

// testNumber: a test never looks like an emergency, nor an emergency like a test (L5, A4).
func (c *checker) testNumber(path string, s *org.Site) {
	if s.TestNumber == nil {
		return
	}
	n := s.TestNumber.Number
	if !isDigits(n) {
		c.refuse(path+".number", "A4", "write digits", "%q is not a number to dial", n)
		return
	}
	m, ok := shortcode.Recognise(shortcode.FromDigits(n), c.where(s))
	if ok && m.Kind == shortcode.KindEmergency {
		c.refuse(path+".number", "A4", "choose a number that is not one", "%s cannot be the test number of %s: %s", n, s.Name, m.Reason)
	}
	if c.names["extension"].has(n) {
		c.refuse(path+".number", "A4", "choose another number", "%s is an extension", n)
	}
}

// where is how the site's callers dial.
func (c *checker) where(s *org.Site) shortcode.Where {
	w := shortcode.Where{Site: s.Country, TrunkPrefixes: s.Prefixes()}
	for _, n := range s.EmergencyNumbers.Add {
		w.Added = append(w.Added, shortcode.Code(n))
	}
	for _, n := range s.EmergencyNumbers.Remove {
		w.Removed = append(w.Removed, shortcode.Code(n))
	}
	return w
}

// networksOfTwo: an unregistered phone is placed by its address alone, so an address
// belongs to one site (R15).
func (c *checker) networksOfTwo() {
	claimed := map[netip.Prefix]string{}
	for _, o := range c.in.Others {
		for _, s := range o.Sites {
			for _, n := range s.Networks {
				claimed[n.Masked()] = fmt.Sprintf("site %s of %s", s.Name, o.Name())
			}
		}
	}
	for i, s := range c.o.Sites {
		for j, n := range s.Networks {
			path := fmt.Sprintf("sites[%d].networks[%d]", i, j)
			if n.Bits() == 0 {
				c.refuse(path, "R15", "write the networks of the site", "%s is every address there is: anybody could call the PSAP through this site", n)
			}
			if other, taken := claimed[n.Masked()]; taken {
				c.refuse(path, "R15", "let each network belong to one site", "%s is claimed by %s and by site %s", n, other, s.Name)
				continue
			}
			claimed[n.Masked()] = "site " + s.Name
		}
	}
}
