package orgcheck

import (
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/dialplan"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/shortcode"
)

// rules: custom call handling (R10).
func (c *checker) rules() {
	c.unique("rules", "name", "rule", len(c.o.Rules), func(i int) string { return c.o.Rules[i].Name })
	patterns := make([]dialplan.Pattern, len(c.o.Rules))
	for i := range c.o.Rules {
		r := &c.o.Rules[i]
		path := fmt.Sprintf("rules[%d]", i)
		c.refer(path+".site", "R10", "site", r.Site)
		p, err := dialplan.ParsePattern(r.Pattern)
		if err != nil {
			c.refuse(path+".pattern", "R10", "write digits, X for any digit, [2-5] for one of, a trailing ! for one or more digits", "%v", err)
			continue
		}
		patterns[i] = p
		c.ruleShadows(path, r, p)
		c.translation(path, r, p)
		c.rulePath(path, r)
		for j := range i {
			c.ruleOverlap(path, r, p, j, patterns[j])
		}
	}
}

// inScope are the sites whose callers a rule is for.
func (c *checker) inScope(r *org.Rule) []*org.Site {
	var sites []*org.Site
	for i := range c.o.Sites {
		if r.Site == "" || r.Site == c.o.Sites[i].Name {
			sites = append(sites, &c.o.Sites[i])
		}
	}
	return sites
}

// ruleShadows: a pattern never takes an emergency number, and anything else that has a
// meaning of its own only when it says so.
func (c *checker) ruleShadows(path string, r *org.Rule, p dialplan.Pattern) {
	for _, s := range c.inScope(r) {
		if n, taken := c.emergencyMatched(s, p); taken {
			c.refuse(path+".pattern", "R10", "choose a pattern that does not match it", "rule %s would take %s, which is an emergency number at %s", r.Name, n, s.Name)
			return
		}
	}
	ext := ""
	for _, x := range c.o.Extensions {
		if p.Match(x.Number) {
			ext = "extension " + x.Number
			if x.Label != "" {
				ext += " (" + x.Label + ")"
			}
			break
		}
	}
	if ext == "" {
		for _, n := range c.o.Numbers {
			if p.Match(string(n.Number)) || p.Match(n.Number.Digits()) {
				ext = "number " + string(n.Number)
				break
			}
		}
	}
	public := ""
	for _, s := range c.inScope(r) {
		for _, q := range shortcode.PublicServices(s.Country) {
			if public == "" && p.Match(string(q.Code)) {
				public = fmt.Sprintf("%s, which in %s is %s", q.Code, s.Country, q.What)
			}
		}
	}
	c.replaced(path, r, ext, org.ReplacesExtension)
	c.replaced(path, r, public, org.ReplacesPublicService)
	if r.Replaces == org.ReplacesExtension && ext == "" || r.Replaces == org.ReplacesPublicService && public == "" {
		c.warn(path+".replaces", "R10", "remove it", "rule %s says it replaces something, and %s matches no %s", r.Name, r.Pattern, r.Replaces)
	}
}

// replaced refuses a silent replacement, and keeps showing one that was meant.
func (c *checker) replaced(path string, r *org.Rule, what string, kind org.Replaces) {
	switch {
	case what == "":
	case r.Replaces != kind:
		c.refuse(path+".pattern", "R10", fmt.Sprintf("add replaces: %s if that is meant, or choose another pattern", kind), "rule %s would take %s", r.Name, what)
	case kind == org.ReplacesPublicService:
		c.warn(path+".replaces", "R10", "choose another number if callers need that service", "rule %s takes %s: callers lose it", r.Name, what)
	default:
		c.warn(path+".replaces", "R10", "remove the rule when it need not be watched any more", "calls to %s are handled by rule %s", what, r.Name)
	}
}

// emergencyMatched finds an emergency number of the site that the pattern matches, bare
// or behind a trunk prefix.
func (c *checker) emergencyMatched(s *org.Site, p dialplan.Pattern) (string, bool) {
	var list []string
	for _, e := range shortcode.Emergencies(s.Country) {
		list = append(list, string(e.Code))
	}
	list = append(list, s.EmergencyNumbers.Add...)
	for _, bare := range list {
		if p.Match(bare) {
			return bare, true
		}
		for _, prefix := range s.Prefixes() {
			if p.Match(prefix + bare) {
				return prefix + bare, true
			}
		}
	}
	return "", false
}

// translation: a path over the telephone network needs a number to call (R10).
func (c *checker) translation(path string, r *org.Rule, p dialplan.Pattern) {
	if r.Translate == "" {
		if r.Path == org.PathPSAPOnly || r.Path == org.PathTeamThenPSAP {
			c.refuse(path+".translate", "R10", `add translate: with an emergency number or a number such as "+14085550142"`, "rule %s has the path %s and no number to call", r.Name, r.Path)
		}
		return
	}
	if err := p.CheckTranslation(r.Translate); err != nil {
		c.refuse(path+".translate", "R10", "write digits, a leading + and $1 for the first group", "%v", err)
		return
	}
	sample, ok := p.Overlaps(p) // any string of the pattern
	if !ok {
		return
	}
	to, ok := p.Translate(sample, r.Translate)
	if !ok {
		return
	}
	for _, s := range c.inScope(r) {
		if m, ok := shortcode.Recognise(shortcode.FromDigits(to), c.where(s)); ok && m.Kind == shortcode.KindEmergency {
			continue
		}
		if _, err := e164.Parse(to); err != nil {
			c.refuse(path+".translate", "R10", `write an emergency number of the site, or a number such as "+14085550142"`, "rule %s turns %s into %s, which at %s is neither an emergency number nor an E.164 number", r.Name, sample, to, s.Name)
			return
		}
	}
	c.outside(path+".translate", to)
}

// rulePath: who the path names is there.
func (c *checker) rulePath(path string, r *org.Rule) {
	c.refer(path+".safety_team", "R10", "queue", r.SafetyTeam)
	c.refer(path+".sip_group", "R10", "sip group", r.SIPGroup)
	var team, group bool
	switch r.Path {
	case org.PathTeamThenPSAP, org.PathTeamOnly:
		team = true
	case org.PathTeamThenGroup:
		team, group = true, true
	case org.PathGroupOnly:
		group = true
	case org.PathPSAPOnly:
	default:
		c.refuse(path+".path", "R10", "write team-then-psap, psap-only, team-only, sip-group-only or team-then-sip-group", "rule %s has no path", r.Name)
	}
	if team && r.SafetyTeam == "" {
		for _, s := range c.inScope(r) {
			if org.Settings(c.o.Account, s, nil).SafetyTeam.V == "" {
				c.refuse(path+".safety_team", "R10", "add safety_team: with a queue", "rule %s rings a team, and there is none at %s", r.Name, s.Name)
				break
			}
		}
	}
	if group && r.SIPGroup == "" {
		c.refuse(path+".sip_group", "R10", "add sip_group: with a group", "rule %s has the path %s and no SIP group", r.Name, r.Path)
	}
	if hold := time.Duration(r.MaxHold); hold != 0 && (hold < time.Second || hold > 10*time.Minute) {
		c.refuse(path+".max_hold", "R10", "write 1s to 10m", "%s is out of range", written(hold))
	}
}

// ruleOverlap: two rules of one scope may not want the same number. A rule of a site
// beside one of the account is decided by the longer literal, then for the site.
func (c *checker) ruleOverlap(path string, r *org.Rule, p dialplan.Pattern, j int, q dialplan.Pattern) {
	other := &c.o.Rules[j]
	if r.Site != "" && other.Site != "" && r.Site != other.Site {
		return
	}
	both, overlap := p.Overlaps(q)
	if !overlap {
		return
	}
	if r.Site == other.Site {
		c.refuse(path+".pattern", "R10", fmt.Sprintf("narrow one of them; the other is rules[%d]", j), "rules %s and %s both match %s", other.Name, r.Name, both)
		return
	}
	wins, loses := r, other
	if q.Literals() > p.Literals() || q.Literals() == p.Literals() && other.Site != "" {
		wins, loses = other, r
	}
	c.warn(path+".pattern", "R10", "narrow one of them if that is not meant", "%s is matched by rule %s and by rule %s, and handled by %s", both, wins.Name, loses.Name, wins.Name)
}
