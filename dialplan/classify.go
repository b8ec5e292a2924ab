package dialplan

import (
	"fmt"
	"strings"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/trace"
)

// Kind is what a call is.
type Kind int

const (
	Emergency Kind = iota + 1
	Custom         // a rule of the organisation's own (R10)
	Callback       // to a lent number, an ELIN, or the number of an extension, from a trunk
	Test           // to hear number and address read back (A4)
	Ordinary
)

func (k Kind) String() string {
	switch k {
	case Emergency:
		return "emergency"
	case Custom:
		return "custom"
	case Callback:
		return "callback"
	case Test:
		return "test"
	case Ordinary:
		return "ordinary"
	}
	return fmt.Sprintf("kind(%d)", int(k))
}

// Question is what was dialled, and by whom as far as it is known yet.
type Question struct {
	Dialled  shortcode.Dialled
	To       shortcode.Dialled // the To header
	Account  *org.View         // nil where the caller belongs to none
	Site     *org.Site
	Trunk    *org.Trunk // nil for phones
	Detected e164.Region
}

// Class is what the call is and what follows from it.
type Class struct {
	Kind      Kind
	Emergency shortcode.Match // of an emergency, and of a rule that translates to one
	Rule      *org.Rule       // of a custom rule
	Dialled   string          // the digits
	Out       e164.Number     // the PSTN number a rule translates to
	Number    *org.Number     // the number of ours that was called
	Test      *org.TestNumber
}

// IsEmergency says whether an emergency number leaves, by the number or by a rule.
func (c Class) IsEmergency() bool { return c.Emergency.Kind == shortcode.KindEmergency }

// Classify says what a call is. An emergency number is looked for before anything else:
// no dial plan, rule or assignment may shadow one (P5).
func Classify(q Question) (Class, trace.Trace) {
	c := &classifying{Question: q, where: where(q)}
	for _, step := range []func() (Class, bool){c.emergency, c.testNumber, c.rule, c.ours, c.byToHeader} {
		if class, ok := step(); ok {
			class.Dialled = c.digits()
			return class, c.trace
		}
	}
	c.because("", "", q.Dialled.String(), "an ordinary call")
	return Class{Kind: Ordinary, Dialled: c.digits()}, c.trace
}

type classifying struct {
	Question
	where shortcode.Where
	trace trace.Trace
}

func (c *classifying) because(rule, from, evidence, text string, args ...any) {
	c.trace.Because(trace.Classify, rule, from, evidence, text, args...)
}

func where(q Question) shortcode.Where {
	w := shortcode.Where{Detected: q.Detected}
	if q.Account != nil {
		w.Site = q.Account.Account.DefaultCountry
	}
	if s := q.Site; s != nil {
		w.Site, w.TrunkPrefixes = s.Country, s.Prefixes()
		for _, n := range s.EmergencyNumbers.Add {
			w.Added = append(w.Added, shortcode.Code(n))
		}
		for _, n := range s.EmergencyNumbers.Remove {
			w.Removed = append(w.Removed, shortcode.Code(n))
		}
	}
	if t := q.Trunk; t != nil {
		w.PlusCode, w.Peering, w.DialStrings = t.PlusCode, t.Role == org.RolePeering, t.EmergencyDialStrings
	}
	return w
}

func (c *classifying) digits() string {
	if d, ok := c.Dialled.Digits(); ok {
		return d
	}
	return c.Dialled.User
}

func (c *classifying) emergency() (Class, bool) {
	m, ok := shortcode.Recognise(c.Dialled, c.where)
	if !ok {
		return Class{}, false
	}
	return c.recognised(m, c.Dialled), true
}

func (c *classifying) recognised(m shortcode.Match, d shortcode.Dialled) Class {
	c.because("P6", c.siteLevel(), d.String(), "%s", m.Reason)
	for _, x := range m.Degradations {
		x.Stage = trace.Classify
		c.trace.Degradations = append(c.trace.Degradations, x)
	}
	if m.Kind == shortcode.KindTest {
		return Class{Kind: Test, Emergency: m}
	}
	return Class{Kind: Emergency, Emergency: m}
}

func (c *classifying) siteLevel() string {
	if c.Site == nil {
		return ""
	}
	return "site " + c.Site.Name
}

func (c *classifying) testNumber() (Class, bool) {
	if c.Site == nil || c.Site.TestNumber == nil || c.digits() != c.Site.TestNumber.Number {
		return Class{}, false
	}
	c.because("A4", c.siteLevel(), c.digits(), "the site's test number")
	return Class{Kind: Test, Test: c.Site.TestNumber}, true
}

// rule finds the custom rule: the longer literal wins, then site before account (R10).
func (c *classifying) rule() (Class, bool) {
	if c.Account == nil {
		return Class{}, false
	}
	digits := c.digits()
	var best *org.Rule
	var bestPattern Pattern
	for i := range c.Account.Rules {
		r := &c.Account.Rules[i]
		if r.Site != "" && (c.Site == nil || r.Site != c.Site.Name) {
			continue
		}
		p, err := ParsePattern(r.Pattern)
		if err != nil || !p.Match(digits) {
			continue // what is wrong with a pattern was said when the file was applied
		}
		if best == nil || p.Literals() > bestPattern.Literals() || p.Literals() == bestPattern.Literals() && best.Site == "" && r.Site != "" {
			best, bestPattern = r, p
		}
	}
	if best == nil {
		return Class{}, false
	}
	c.because("R10", "rule "+best.Name, digits, "the pattern %s of %q matches", best.Pattern, best.Label)
	class := Class{Kind: Custom, Rule: best}
	if best.Translate == "" {
		return class, true
	}
	to, ok := bestPattern.Translate(digits, best.Translate)
	if !ok {
		c.trace.Degrade(trace.Classify, "no-translation", "the translation %s of rule %s gives no number", best.Translate, best.Name)
		return class, true
	}
	// What a translation yields is looked at once more only as an emergency number: no
	// rule leads to a rule.
	if m, ok := shortcode.Recognise(shortcode.FromDigits(to), c.where); ok && m.Kind == shortcode.KindEmergency {
		class.Emergency = m
		c.because("R10", "rule "+best.Name, to, "it is translated to an emergency number")
		return class, true
	}
	if n, err := e164.Parse(to); err == nil {
		class.Out = n
		c.because("R10", "rule "+best.Name, to, "it is translated to a number")
	} else {
		c.trace.Degrade(trace.Classify, "no-translation", "the translation of rule %s gives %q, which is not a number: %v", best.Name, to, err)
	}
	return class, true
}

// ours: a call from a trunk to a number of the inventory.
func (c *classifying) ours() (Class, bool) {
	if c.Account == nil || c.Trunk == nil {
		return Class{}, false
	}
	n, err := e164.Parse(c.digits())
	if err != nil {
		country := c.where.Site
		if n, err = e164.ParseNational(strings.TrimPrefix(c.digits(), "+"), country); err != nil {
			return Class{}, false
		}
	}
	x := c.Account.Number(n)
	if x == nil {
		return Class{}, false
	}
	if x.AssignedTo.EmergencyPool != "" || x.AssignedTo.ELIN != "" {
		c.because("C4", "trunk "+c.Trunk.Name, string(n), "a call from outside to a lent number: a call-back")
		return Class{Kind: Callback, Number: x}, true
	}
	c.because("", "trunk "+c.Trunk.Name, string(n), "a call from outside to the number of %s", x.AssignedTo)
	return Class{Kind: Ordinary, Number: x}, true
}

// byToHeader is standards wR5: a call whose To header names an emergency is one, whatever
// its request-URI says. A call that a carrier brings in is not: what it called is ours.
func (c *classifying) byToHeader() (Class, bool) {
	if c.Trunk != nil && (c.Trunk.Role == org.RoleCarrier || c.Trunk.Role == org.RoleEmergency) {
		return Class{}, false
	}
	m, ok := shortcode.Recognise(c.To, c.where)
	if !ok || m.Kind != shortcode.KindEmergency {
		return Class{}, false
	}
	c.because("wR5", "", c.To.String(), "the To header names an emergency, the request-URI does not")
	return c.recognised(m, c.To), true
}
