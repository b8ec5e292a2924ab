package gateway

import (
	"github.com/tocsin-sip/tocsin/cdr"
)

// record is what the stages decided, as far as they got.

func (c classified) record() cdr.Decided {
	d := cdr.Decided{Class: c.class.Kind.String(), Origin: c.origin.String(), Trace: c.trace}
	if c.class.Rule != nil {
		d.Rule = c.class.Rule.Name
	}
	if v := c.origin.account; v != nil {
		d.Account = v.Name()
	}
	if s := c.origin.site; s != nil {
		d.Site = s.Name
	}
	if x := c.origin.extension; x != nil {
		d.Extension, d.Label = x.Number, x.Label
	}
	return d
}

func (i identified) record() cdr.Decided {
	d := i.classified.record()
	d.Label, d.Claimed = i.shown, i.claimed
	if i.extension != nil {
		d.Extension, d.Label = i.extension.Number, i.extension.Label
	}
	if i.device != nil {
		d.Device = i.device.Name
	}
	return d
}

func (d decided) record() cdr.Decided {
	r := d.identified.record()
	r.Location = d.place
	r.Country = string(d.facts.Country)
	r.Number, r.Service = d.facts.Number, d.facts.Service
	if r.Number == "" {
		r.Number = d.facts.Dialled
	}
	r.Route, r.Plan = d.plan.Route.String(), d.plan.Call
	if d.plan.Record {
		r.Recording = "not recorded yet"
	}
	return r
}

func (a assigned) record() cdr.Decided {
	r := a.decided.record()
	r.Presented = a.presented
	return r
}
