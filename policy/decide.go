package policy

import (
	"slices"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/trace"
)

// groupHold is how long the team has before a SIP group is called (R10).
const groupHold = 8 * time.Second

// decision is Decide at work.
type decision struct {
	Facts
	trace trace.Trace
	plan  Plan
}

// Decide makes the plan of an emergency call or of a custom rule.
func Decide(f Facts) (Plan, trace.Trace) {
	d := &decision{Facts: f}
	s := f.Settings
	d.plan.Record = s.Record.V
	d.plan.Call.AnnounceAfter = s.AnnounceAfter.V
	if f.Rule != nil {
		d.rule()
	} else {
		d.emergency()
	}
	d.because("", "", "", "the call goes %s", d.plan.Route)
	return d.plan, d.trace
}

func (d *decision) because(rule string, from string, evidence, text string, args ...any) {
	d.trace.Because(trace.Decide, rule, from, evidence, text, args...)
}

func (d *decision) degrade(code, text string, args ...any) {
	d.trace.Degrade(trace.Decide, code, text, args...)
}

func (d *decision) emergency() {
	psap, team := d.psapAllowed(), d.settingsTeam()
	switch {
	case psap && team:
		d.ringTeam(d.Settings.SafetyTeam.V)
		d.ringPSAP()
		d.plan.Route = Parallel
		d.because("R1", d.Settings.WhenBoth.From.String(), "", "team and PSAP are both set: %s", d.Settings.WhenBoth.V)
		if d.Settings.WhenBoth.V == org.TeamFirst {
			d.plan.Route = TeamFirst
			d.plan.Call.TeamFirst = true
			d.plan.Call.MaxHold = d.Settings.MaxHold.V
			d.because("R1", d.Settings.MaxHold.From.String(), "", "the team has %s, then the PSAP is called", d.Settings.MaxHold.V)
		}
	case psap:
		d.ringPSAP()
		d.plan.Route = PSAPOnly
		d.because("R2", d.Settings.SafetyTeam.From.String(), "", "no safety team is set: the PSAP only")
	case team:
		d.ringTeam(d.Settings.SafetyTeam.V)
		d.ringResort()
		d.plan.Route = TeamOnly
		d.plan.Call.MaxHold = d.Settings.MaxHold.V
		d.because("R3", d.Settings.MaxHold.From.String(), "", "the team only; after %s it is told again and the last resort is called as well", d.Settings.MaxHold.V)
	default:
		d.neither()
	}
	d.neverNobody()
}

// psapAllowed: everything that can keep a call from the PSAP stands here, and each of it
// says so.
func (d *decision) psapAllowed() bool {
	s := d.Settings
	if !d.callingAllowed() {
		if s.SafetyTeam.V == "" && len(s.Resorts) == 0 {
			d.because("P4", s.Calling.From.String(), "", "calling is off, but there is neither a team nor a last resort: the switch is ignored")
			return true
		}
		d.degrade("calling-off", "no public emergency call is placed for this extension: the safety team answers instead")
		return false
	}
	if !s.PSAP.V {
		d.because("R2", s.PSAP.From.String(), "", "PSAP routing is off")
		return false
	}
	for _, off := range []struct {
		p    *org.PSAPOff
		from string
	}{{d.extensionOff(), "extension " + d.number()}, {d.siteOff(), "site " + d.siteName()}} {
		if off.p.Active(d.At) {
			d.because("R3", off.from, off.p.Until.UTC().Format(time.RFC3339), "the PSAP leg is switched off for a test: %s", off.p.Reason)
			d.degrade("psap-off", "an emergency that did not reach the PSAP: it is switched off for a test (%s)", off.p.Reason)
			return false
		}
	}
	if d.ExtensionOnly() && !s.ExtensionOnly.PSAP.V {
		d.because("C1", s.ExtensionOnly.PSAP.From.String(), "", "callers without a number of their own go to the safety team")
		return false
	}
	d.because("R2", s.PSAP.From.String(), "", "the PSAP may be called")
	return true
}

func (d *decision) callingAllowed() bool {
	s := d.Settings
	// P4: the switch is refused for analog and fixed devices; where it slipped in it is
	// not obeyed for them.
	if d.Device != nil && (d.Device.Class == org.ClassAnalog || d.Device.Mobility == org.Fixed) {
		if !s.Calling.V {
			d.because("P4", s.Calling.From.String(), d.Device.Name, "calling is off, which does not hold for an analog or fixed device")
		}
		return true
	}
	if !s.Calling.V {
		d.because("P4", s.Calling.From.String(), "", "calling is off")
		return false
	}
	if d.Device != nil && !slices.Contains(s.CallingFrom.V, d.Device.Class) {
		d.because("P4", s.CallingFrom.From.String(), string(d.Device.Class), "calling_from leaves this class of device out")
		return false
	}
	return true
}

func (d *decision) settingsTeam() bool {
	t := d.Settings.SafetyTeam
	if t.V == "" {
		return false
	}
	if d.Account.Queue(t.V) == nil {
		d.degrade("team-unknown", "there is no queue %q: the safety team is left out", t.V)
		return false
	}
	d.because("R4", t.From.String(), "", "the safety team is the queue %s", t.V)
	return true
}

// neither: R2 refuses such a call unless there is a last resort.
func (d *decision) neither() {
	d.ringResort()
	if len(d.plan.Call.Resort) > 0 {
		d.plan.Route = TeamOnly
		d.because("R2", d.Settings.Resorts[0].From.String(), "", "neither PSAP nor team is set: the last resort is called")
		return
	}
	d.plan.Route = Refused
	d.plan.Refuse = "neither the PSAP nor a safety team is set for this caller, and there is no last resort"
	d.because("R2", d.Settings.PSAP.From.String(), "", "%s", d.plan.Refuse)
}

// neverNobody is P3: a plan that resolves to nobody calls the PSAP, unless the settings
// themselves refuse.
func (d *decision) neverNobody() {
	c := &d.plan.Call
	if d.plan.Route == Refused && !d.Settings.PSAP.V && d.Settings.SafetyTeam.V == "" {
		return
	}
	if len(c.Team)+len(c.Public)+len(c.Resort) > 0 {
		return
	}
	d.degrade("nobody", "the settings resolve to nobody who can be called: the PSAP is called")
	d.because("P3", "", "", "nobody is left to call: the PSAP is called")
	d.ringPSAP()
	d.plan.Route = PSAPOnly
}

// rule carries out one of the five paths of a custom rule (R10).
func (d *decision) rule() {
	r := d.Rule
	from := "rule " + r.Name
	d.because("R10", from, r.Pattern, "the rule %q: %s", r.Label, r.Path)
	team := r.SafetyTeam
	if team == "" {
		team = d.Settings.SafetyTeam.V
	}
	switch r.Path {
	case org.PathTeamThenPSAP:
		d.ringTeam(team)
		d.ringPSTN()
		d.plan.Route, d.plan.Call.TeamFirst = TeamFirst, true
		d.plan.Call.MaxHold = r.MaxHold.Or(d.Settings.MaxHold.V)
	case org.PathPSAPOnly:
		d.ringPSTN()
		d.plan.Route = PSAPOnly
	case org.PathTeamOnly:
		d.ringTeam(team)
		d.ringResort()
		d.plan.Route = TeamOnly
		d.plan.Call.MaxHold = r.MaxHold.Or(d.Settings.MaxHold.V)
	case org.PathGroupOnly:
		d.ringGroup(r.SIPGroup)
		d.plan.Route = GroupOnly
	case org.PathTeamThenGroup:
		d.ringTeam(team)
		d.ringGroup(r.SIPGroup)
		d.plan.Route, d.plan.Call.TeamFirst = TeamThenGroup, true
		d.plan.Call.MaxHold = r.MaxHold.Or(groupHold)
	}
	c := &d.plan.Call
	if len(c.Team)+len(c.Public)+len(c.Resort) == 0 {
		d.degrade("nobody", "the rule %s resolves to nobody who can be called: the last resort is called", r.Name)
		d.ringResort()
	}
	if len(c.Team)+len(c.Public)+len(c.Resort) == 0 {
		d.plan.Route = Refused
		d.plan.Refuse = "the rule " + r.Name + " has nobody to call and there is no last resort"
	}
}

// ExtensionOnly says that the caller has no number of its own of the country of the call.
func (f Facts) ExtensionOnly() bool { return f.ownNumber() == "" }

func (d *decision) extensionOff() *org.PSAPOff {
	if d.Extension == nil {
		return nil
	}
	return d.Extension.PSAPOff
}

func (d *decision) siteOff() *org.PSAPOff {
	if d.Site == nil {
		return nil
	}
	return d.Site.PSAPOff
}

func (f Facts) number() string {
	if f.Extension == nil {
		return ""
	}
	return f.Extension.Number
}

func (f Facts) siteName() string {
	if f.Site == nil {
		return ""
	}
	return f.Site.Name
}

// addStep adds a step to the public side and remembers the trunk.
func (d *decision) addStep(t *org.Trunk, s call.Step) {
	d.plan.Call.Public = append(d.plan.Call.Public, s)
	if t != nil && !slices.Contains(d.plan.Trunks, t) {
		d.plan.Trunks = append(d.plan.Trunks, t)
	}
}
