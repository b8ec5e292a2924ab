package orgcheck

import (
	"fmt"

	"github.com/tocsin-sip/tocsin/org"
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
