package orgcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/location"
)

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
