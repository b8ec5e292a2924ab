package orgcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/internal/spelling"
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
