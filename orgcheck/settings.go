package orgcheck

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// emergencyBlock checks the settings that stand at one level, each on its own.
func (c *checker) emergencyBlock(path string, e *org.Emergency, at org.LevelKind) {
	c.calling(path, e, at)
	if e.SafetyTeam != nil {
		c.refer(path+".safety_team", "R4", "queue", *e.SafetyTeam)
	}
	for _, d := range []struct {
		field, rule string
		value       *org.Duration
		least, most time.Duration
	}{
		{"max_hold", "R1", e.MaxHold, time.Second, 10 * time.Minute},
		{"dial_budget", "L1", e.DialBudget, time.Millisecond, time.Second},
		{"announce_after", "R8", e.AnnounceAfter, time.Second, 10 * time.Minute},
		{"callback.window", "C3", e.Callback.Window, 30 * time.Minute, 24 * time.Hour},
		{"callback.ring_for", "C4", e.Callback.RingFor, time.Second, 10 * time.Minute},
	} {
		if v := d.value; v != nil && (time.Duration(*v) < d.least || time.Duration(*v) > d.most) {
			c.refuse(path+"."+d.field, d.rule, fmt.Sprintf("write %s to %s", written(d.least), written(d.most)), "%s is out of range", written(time.Duration(*v)))
		}
	}
	if e.LastResort != nil {
		c.resort(path+".last_resort", *e.LastResort)
	}
	c.extensionOnly(path+".extension_only", &e.ExtensionOnly)
}

func written(d time.Duration) string {
	text, _ := org.Duration(d).MarshalText()
	return string(text)
}

// calling: the switch that keeps public emergency calls from being placed (P4).
func (c *checker) calling(path string, e *org.Emergency, at org.LevelKind) {
	off := e.Calling != nil && !*e.Calling
	if off && at != org.LevelExtension {
		if e.Reason == nil || strings.TrimSpace(*e.Reason) == "" {
			c.refuse(path+".calling", "P4", "add reason: and say why, such as staff abroad", "emergency calling is off for everybody here, and no reason is given")
		}
		c.warn(path+".calling", "P4", "turn it on again where it need not be off", "no public emergency call is placed from here: the safety team answers instead")
	}
	if e.CallingFrom == nil || at == org.LevelExtension {
		return
	}
	var out []string
	// R12: a mobile phone hands its emergency calls to its carrier; it is left out as a rule.
	for _, class := range []org.DeviceClass{org.ClassApp, org.ClassDeskPhone, org.ClassWiFiMobile, org.ClassVDI, org.ClassAnalog} {
		if !slices.Contains(*e.CallingFrom, class) {
			out = append(out, string(class))
		}
	}
	if slices.Contains(out, string(org.ClassAnalog)) {
		c.refuse(path+".calling_from", "P4", "add analog", "emergency calling cannot be taken from analog phones")
	}
	if len(out) > 0 {
		c.warn(path+".calling_from", "P4", "add them where they need not be left out", "no public emergency call is placed from %s: the safety team answers instead", strings.Join(out, ", "))
	}
}

// callingFromDevices refuses an extension's own switch where one of its devices is a
// phone on a wall or a desk: whoever stands beside it expects it to call (P4).
func (c *checker) callingFromDevices(path string, x *org.Extension) {
	e := &x.Emergency
	for _, d := range x.Devices {
		if d.Class != org.ClassAnalog && d.Mobility != org.Fixed {
			continue
		}
		if e.Calling != nil && !*e.Calling {
			c.refuse(path+".emergency.calling", "P4", "set calling: true, or give the fixed device an extension of its own", "emergency calling cannot be off: %s is %s", d.Name, whyFixed(d))
			return
		}
		if e.CallingFrom != nil && !slices.Contains(*e.CallingFrom, d.Class) {
			c.refuse(path+".emergency.calling_from", "P4", "add "+string(d.Class), "emergency calling cannot be taken from %s: %s is %s", d.Class, d.Name, whyFixed(d))
			return
		}
	}
}

func whyFixed(d org.Device) string {
	if d.Class == org.ClassAnalog {
		return "an analog phone"
	}
	return "a fixed device"
}

// whoAnswers checks that somebody does, wherever a level says something about it (R2).
func (c *checker) whoAnswers(path string, own *org.Emergency, at org.LevelKind, s org.Effective) {
	if own.PSAP == nil && own.SafetyTeam == nil && own.LastResort == nil && own.ExtensionOnly.PSAP == nil && at != org.LevelAccount {
		return
	}
	team := s.SafetyTeam.V != ""
	for _, leaf := range []struct {
		path, who string
		on        bool
		set       bool
	}{
		{path + ".psap", "calls", s.PSAP.V, own.PSAP != nil},
		{path + ".extension_only.psap", "calls of extension-only callers", s.ExtensionOnly.PSAP.V || !s.PSAP.V, own.ExtensionOnly.PSAP != nil},
	} {
		switch {
		case leaf.on:
		case !team && len(s.Resorts) == 0:
			c.refuse(leaf.path, "R2", "set psap: true, a safety_team or a last_resort", "nobody answers emergency %s: there is no PSAP, no safety team and no last resort", leaf.who)
		case leaf.set:
			c.warn(leaf.path, "R2", "set psap: true unless the law where you are lets a team answer alone", "emergency %s reach the safety team only", leaf.who)
		}
	}
}

// overridesNothing warns of a setting that a level above has locked (P3).
func (c *checker) overridesNothing(path string, own *org.Emergency, above string, locked []string) {
	for _, l := range org.Leaves(own) {
		leaf := l.Path
		if i := strings.IndexByte(leaf, '['); i > 0 {
			leaf = leaf[:i]
		}
		if slices.ContainsFunc(locked, func(lock string) bool { return lock == leaf || strings.HasPrefix(leaf, lock+".") }) {
			c.warn(path+"."+leaf, "P3", "remove it, or unlock it above", "it has no effect: %s locks %s", above, leaf)
		}
	}
}

// resort: exactly one place, and none that leads back to us (R16).
func (c *checker) resort(path string, r org.Resort) {
	set := 0
	for _, on := range []bool{r.Queue != "", r.Number != "", r.SIP != ""} {
		if on {
			set++
		}
	}
	if set != 1 {
		c.refuse(path, "R2", "write {queue: name}, {number: \"+1...\"} or {sip: \"sip:...\"}", "%d places are set where one is expected", set)
		return
	}
	c.refer(path+".queue", "R2", "queue", r.Queue)
	if r.Number != "" {
		c.outside(path+".number", string(r.Number))
	}
	if r.SIP != "" && c.sipURI(path+".sip", "R2", r.SIP) {
		c.notOurs(path+".sip", r.SIP)
	}
}

// outside: a number that emergency calls go to may not be one that is lent (R16).
func (c *checker) outside(path, number string) {
	for _, n := range c.o.Numbers {
		if string(n.Number) != number {
			continue
		}
		if n.AssignedTo.EmergencyPool != "" || n.AssignedTo.ELIN != "" {
			c.refuse(path, "R16", "write a number that somebody answers", "%s leads back to us: it is of the %s", number, n.AssignedTo)
		}
	}
}

// extensionOnly: the number such callers are shown by (C1).
func (c *checker) extensionOnly(path string, e *org.ExtensionOnlyPolicy) {
	dedicated := e.CallerID != nil && *e.CallerID == org.CallerIDNumber
	if dedicated && e.Number == nil {
		c.refuse(path+".number", "C1", "add number: with one that is staffed day and night, or write caller_id: pool", "caller_id is number, and there is no number")
		return
	}
	if e.Number == nil || *e.Number == "" {
		return
	}
	i := slices.IndexFunc(c.o.Numbers, func(n org.Number) bool { return n.Number == *e.Number })
	switch {
	case i < 0:
		c.refuse(path+".number", "C1", "add it to numbers, assigned to an extension or a queue", "%s is not in the inventory", *e.Number)
	case c.o.Numbers[i].AssignedTo.EmergencyPool != "" || c.o.Numbers[i].AssignedTo.ELIN != "":
		c.refuse(path+".number", "C6", "use a number that is assigned to an extension or a queue", "%s is of the %s, and a number has one use", *e.Number, c.o.Numbers[i].AssignedTo)
	case dedicated && (e.CallBackTo == nil || *e.CallBackTo == org.ToStaff):
		c.warn(path+".number", "C1", "write call_back_to: caller where nobody is there at night", "call-backs go to %s, which must be staffed day and night", c.o.Numbers[i].AssignedTo)
	}
}

// psapOff: a test ends by itself within a day (R3).
func (c *checker) psapOff(path string, p *org.PSAPOff) {
	if p == nil {
		return
	}
	if strings.TrimSpace(p.Reason) == "" {
		c.refuse(path+".reason", "R3", "add reason: and say what is tested", "the PSAP is switched off, and no reason is given")
	}
	switch {
	case p.Until.IsZero():
		c.refuse(path+".until", "R3", "add until: with an instant within 24 hours, such as "+c.in.Now.Add(time.Hour).UTC().Format(time.RFC3339), "the PSAP is switched off without an end")
	case p.Until.After(c.in.Now.Add(24 * time.Hour)):
		c.refuse(path+".until", "R3", "write an instant before "+c.in.Now.Add(24*time.Hour).UTC().Format(time.RFC3339), "the PSAP is switched off for more than 24 hours")
	case p.Active(c.in.Now):
		c.warn(path, "R3", "remove it when the test is over", "no emergency call from here reaches the PSAP until %s: %s", p.Until.UTC().Format(time.RFC3339), p.Reason)
	default:
		c.warn(path, "R3", "remove it", "it has ended by itself at %s", p.Until.UTC().Format(time.RFC3339))
	}
}
