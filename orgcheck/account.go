package orgcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/internal/spelling"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
)

// sharedFile: a file without an account holds the trunks that several accounts share (D8).
func (c *checker) sharedFile() {
	for _, x := range c.o.Objects() {
		if x.Kind != org.ObjectTrunk {
			c.refuse("", "D8", "add account: with a name, or leave only trunks in the file", "a file without an account holds shared trunks only, and this one has %s", x.ObjectKey)
			return
		}
	}
	if len(c.o.Trunks) == 0 {
		c.refuse("", "D8", "add account: with a name, or trunks to share", "there is neither an account nor a trunk in it")
	}
}

func (c *checker) account() {
	a := c.o.Account
	switch {
	case !isName(a.Name):
		c.refuse("account.name", "", "use lower case letters, digits and hyphens, such as acme", "%q is not a name", a.Name)
	case a.Name == org.SharedName:
		c.refuse("account.name", "D8", "choose another name", "%q stands for the trunks that accounts share", a.Name)
	}
	for i, d := range a.Domains {
		path := fmt.Sprintf("account.domains[%d]", i)
		if d == "" || strings.ContainsAny(d, "@:/ ") {
			c.refuse(path, "P1", "write the domain alone, such as acme.example", "%q is not a domain", d)
		}
		if slices.ContainsFunc(a.Domains[:i], func(e string) bool { return strings.EqualFold(e, d) }) {
			c.refuse(path, "P1", "remove one of the two", "the domain %s stands there twice", d)
		}
		for _, o := range c.in.Others {
			if o.Account != nil && slices.ContainsFunc(o.Account.Domains, func(e string) bool { return strings.EqualFold(e, d) }) {
				c.refuse(path, "P1", "give each account domains of its own", "the domain %s belongs to account %s", d, o.Account.Name)
			}
		}
	}
	if a.DefaultCountry != "" {
		c.country("account.default_country", a.DefaultCountry)
	}
	c.refer("account.default_address", "W3", "address", a.DefaultAddress)
	c.lockedPaths("account.locked", a.Locked)
	c.emergencyBlock("account.emergency", &a.Emergency, org.LevelAccount)
	c.whoAnswers("account.emergency", &a.Emergency, org.LevelAccount, org.Settings(a, nil, nil))
}

// lockedPaths: what may be locked is a setting of the emergency block (P2).
func (c *checker) lockedPaths(path string, locked []string) {
	for i, l := range locked {
		if org.IsSettingPath(l) {
			continue
		}
		fix := "write one of " + strings.Join(org.SettingPaths(), ", ")
		if near := spelling.Nearest(l, org.SettingPaths()); near != "" {
			fix = "write " + near
		}
		c.refuse(fmt.Sprintf("%s[%d]", path, i), "P2", fix, "%q is not a setting that can be locked", l)
	}
}

func (c *checker) addresses() {
	c.unique("addresses", "name", "address", len(c.o.Addresses), func(i int) string { return c.o.Addresses[i].Name })
	for i, a := range c.o.Addresses {
		path := fmt.Sprintf("addresses[%d]", i)
		if err := a.Check(); err != nil {
			c.refuse(path, "W1", "write country, city, street and house_number, or a point", "%v", err)
			continue
		}
		if a.Country != "" && !c.country(path+".country", a.Country) {
			continue
		}
		if a.Point == nil && !a.Dispatchable() {
			c.warn(path, "W1", "add what is missing of country, city or postal_code, street and house_number", "nobody can be sent to %q: it is no whole street address", a.Name)
		}
		if a.Status == location.StatusRejected {
			c.warn(path, "W1", "correct the address", "the validator knows no such address as %q", a.Name)
		}
	}
}

// locations are the tree of W2.
func (c *checker) locations() {
	c.unique("locations", "name", "location", len(c.o.Locations), func(i int) string { return c.o.Locations[i].Name })
	tree, err := location.NewTree(c.o.Locations, c.o.Addresses)
	for _, e := range each(err) {
		// The tree names the location; the path is found by it.
		text, path := e.Error(), "locations"
		name, why, named := strings.Cut(strings.TrimPrefix(text, "location "), ": ")
		if strings.HasPrefix(why, "named twice") {
			continue // unique has said so
		}
		if i := slices.IndexFunc(c.o.Locations, func(l location.Company) bool { return l.Name == name }); named && i >= 0 {
			path = fmt.Sprintf("locations[%d]", i)
		}
		c.refuse(path, "W2", c.treeFix(why), "%s", text)
	}
	for i, l := range c.o.Locations {
		path := fmt.Sprintf("locations[%d]", i)
		c.refer(path+".site", "W2", "site", l.Site)
		node, ok := tree.Node(l.Name)
		if !ok {
			continue
		}
		// P10: a site serves one country.
		if s := c.view.Site(node.Site); s != nil && node.Resolved.Country != "" && node.Resolved.Country != s.Country {
			c.refuse(path+".address", "P10", "give it an address in "+string(s.Country)+", or another site", "location %s is in %s, its site %s in %s", l.Name, node.Resolved.Country, s.Name, s.Country)
		}
	}
}

func (c *checker) treeFix(why string) string {
	switch {
	case strings.HasPrefix(why, "within itself"):
		return "let the topmost of them be within nothing, and give it a site"
	case strings.HasPrefix(why, "within "):
		return candidates(c.names["location"], quoted(why))
	case strings.HasPrefix(why, "its address is like "):
		return candidates(c.names["address"], quoted(why))
	case strings.HasPrefix(why, "of no site"):
		return candidates(c.names["site"], "")
	}
	return ""
}

func quoted(s string) string {
	_, s, _ = strings.Cut(s, `"`)
	s, _, _ = strings.Cut(s, `"`)
	return s
}

func each(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}
