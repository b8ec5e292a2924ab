package orgcheck

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/internal/spelling"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
)

// Fault is one thing that is wrong, or, as a warning, worth a second look.
type Fault struct {
	Path string `json:"path,omitempty"` // "extensions[3].number"
	Rule string `json:"rule,omitempty"` // the statement of the product: "P7"
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
}

func (f Fault) String() string {
	s := f.Path + ": " + f.Text
	if f.Rule != "" {
		s += " (" + f.Rule + ")"
	}
	if f.Fix != "" {
		s += ". Fix: " + f.Fix
	}
	return s
}

// Installation is what an organisation lives among.
type Installation struct {
	Others []org.Organisation // the other accounts, and the shared trunks
	Hosts  []string           // what our own listeners answer on: "gw.example.com", "192.0.2.10" (R16)
	Now    time.Time
}

// Report is the result of a check.
type Report struct {
	Faults   []Fault `json:"faults,omitempty"`
	Warnings []Fault `json:"warnings,omitempty"`
}

// Check looks at an organisation. Without faults it may go live.
func Check(o org.Organisation, in Installation) Report {
	c := newChecker(o, in)
	if o.Account == nil {
		c.sharedFile()
		c.trunks()
		return c.report
	}
	c.account()
	c.addresses()
	c.trunks()
	c.numbers()
	c.pools()
	c.sites()
	c.locations()
	c.queues()
	c.groups()
	c.rules()
	c.extensions()
	c.alerts()
	return c.report
}

type checker struct {
	o      *org.Organisation
	in     Installation
	report Report
	view   *org.View // nil for a file of shared trunks
	names  map[string]names
}

// names are those of one kind of object, in the order of the file.
type names struct {
	kind  string
	order []string
	set   map[string]bool
}

func (n names) has(name string) bool { return n.set[name] }

func namesOf[T any](kind string, list []T, name func(*T) string) names {
	n := names{kind: kind, set: map[string]bool{}}
	for i := range list {
		if s := name(&list[i]); s != "" && !n.set[s] {
			n.order, n.set[s] = append(n.order, s), true
		}
	}
	return n
}

func newChecker(o org.Organisation, in Installation) *checker {
	c := &checker{o: &o, in: in, names: map[string]names{}}
	trunks := slices.Clone(o.Trunks)
	shared := []org.Organisation{}
	for _, other := range in.Others {
		if other.Account == nil && o.Account != nil {
			trunks = append(trunks, other.Trunks...)
			shared = append(shared, other)
		}
	}
	for _, n := range []names{
		namesOf("address", o.Addresses, func(a *location.Address) string { return a.Name }),
		namesOf("trunk", trunks, func(t *org.Trunk) string { return t.Name }),
		namesOf("site", o.Sites, func(s *org.Site) string { return s.Name }),
		namesOf("location", o.Locations, func(l *location.Company) string { return l.Name }),
		namesOf("queue", o.Queues, func(q *org.Queue) string { return q.Name }),
		namesOf("sip group", o.SIPGroups, func(g *org.SIPGroup) string { return g.Name }),
		namesOf("extension", o.Extensions, func(x *org.Extension) string { return x.Number }),
		namesOf("alert", o.Alerts, func(a *org.AlertRule) string { return a.Name }),
	} {
		c.names[n.kind] = n
	}
	if o.Account != nil {
		c.view = org.NewDirectory(0, append(shared, o)...).Account(o.Account.Name)
	}
	return c
}

func (c *checker) refuse(path, rule, fix, format string, args ...any) {
	c.report.Faults = append(c.report.Faults, Fault{Path: path, Rule: rule, Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (c *checker) warn(path, rule, fix, format string, args ...any) {
	c.report.Warnings = append(c.report.Warnings, Fault{Path: path, Rule: rule, Text: fmt.Sprintf(format, args...), Fix: fix})
}

// refer checks that a reference leads somewhere; an empty one leads nowhere by intent.
func (c *checker) refer(path, rule, kind, name string) bool {
	if name == "" {
		return true
	}
	n := c.names[kind]
	if n.has(name) {
		return true
	}
	c.refuse(path, rule, candidates(n, name), "there is no %s %q", kind, name)
	return false
}

// shown is how many names of a list a person reads.
const shown = 8

func (n names) String() string {
	if len(n.order) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(n.order[:shown], ", "), len(n.order)-shown)
	}
	return strings.Join(n.order, ", ")
}

func candidates(n names, written string) string {
	if near := spelling.Nearest(written, n.order); near != "" {
		return "write " + near
	}
	if len(n.order) == 0 {
		return fmt.Sprintf("there is none yet: add the %s, or remove the line", n.kind)
	}
	return "write one of " + n.String()
}

// unique checks the names of one kind: written as names are, and each once.
func (c *checker) unique(list, field, kind string, count int, name func(int) string) {
	first := map[string]int{}
	for i := range count {
		path := fmt.Sprintf("%s[%d].%s", list, i, field)
		n := name(i)
		if !isName(n) {
			c.refuse(path, "", "use lower case letters, digits and hyphens, such as san-jose", "%q is not a name", n)
			continue
		}
		if j, twice := first[n]; twice {
			c.refuse(path, "", fmt.Sprintf("rename one of them; the other is %s[%d]", list, j), "there are two things of the name %q among %s", n, list)
			continue
		}
		first[n] = i
	}
}

// isName says whether a name is one others can refer to: lower case, digits, hyphens.
func isName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isEmail is no more than what catches a name or a number in the wrong field.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(s, " ,;<>")
}

func (c *checker) emails(path, rule string, list []string) {
	for i, e := range list {
		if !isEmail(e) {
			c.refuse(fmt.Sprintf("%s[%d]", path, i), rule, "write one address, such as safety@example.com", "%q is not an e-mail address", e)
		}
	}
}

// ofCountry says whether a number belongs to the country; where the plan cannot tell,
// whether its calling code does.
func ofCountry(n e164.Number, country e164.Region) bool {
	if r, known := n.Region(); known {
		return r == country
	}
	cc, ok := country.CallingCode()
	return ok && n.CallingCode() == cc
}

func (c *checker) country(path string, r e164.Region) bool {
	if _, known := r.CallingCode(); known {
		return true
	}
	c.refuse(path, "P10", "write the two letters of ISO 3166-1, such as US", "%q is not a country", r)
	return false
}
