package orgcheck

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/org"
)

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
