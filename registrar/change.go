package registrar

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Change is what a REGISTER does to a binding.
type Change int

const (
	Added     Change = iota + 1
	Refreshed        // from where it was
	Moved            // from another address or port, or to another contact
	Ended            // at the phone's wish
)

func (c Change) String() string {
	switch c {
	case Added:
		return "added"
	case Refreshed:
		return "refreshed"
	case Moved:
		return "moved"
	case Ended:
		return "ended"
	}
	return "unknown"
}

// Observation is what a REGISTER shows of a device and its network (N1).
type Observation struct {
	Binding
	Change Change
	Was    netip.AddrPort // the source before, of one that moved
}

// change is RFC 3261 s10.3 steps 6 and 7: every contact, or none. It returns the live
// bindings afterwards.
func (r *Registrar) change(aor AOR, q *question, from transport.Flow, at time.Time) ([]*Binding, []Observation, *refusal) {
	if len(q.contacts) > r.cfg.MaxContacts {
		return nil, nil, refuse(sip.StatusForbidden, "Too Many Contacts")
	}
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	have := r.table.of(aor)
	var next []*Binding
	var no *refusal
	if q.all {
		next, no = ending(have, q, at)
	} else {
		next, no = r.updated(aor, have, q, from, at)
	}
	if no != nil {
		return nil, nil, no
	}
	var seen []Observation
	for _, b := range next {
		seen = append(seen, observed(r.table.byID[b.ID], b, at))
		r.put(b)
	}
	return r.crowded(aor, at), seen, nil
}

// ending is Contact: * (s10.3 step 6).
func ending(have []*Binding, q *question, at time.Time) ([]*Binding, *refusal) {
	var next []*Binding
	for _, old := range have {
		if !old.Live(at) {
			continue
		}
		if old.CallID == q.callID && q.cseq <= old.CSeq {
			return nil, outOfOrder()
		}
		b := *old
		b.CallID, b.CSeq, b.Updated, b.Expires = q.callID, q.cseq, at, at
		next = append(next, &b)
	}
	return next, nil
}

// updated are the bindings that the contacts of a REGISTER make (s10.3 step 7).
func (r *Registrar) updated(aor AOR, have []*Binding, q *question, from transport.Flow, at time.Time) ([]*Binding, *refusal) {
	var next []*Binding
	for i := range q.contacts {
		c := &q.contacts[i]
		if 0 < c.expires && c.expires < r.cfg.MinExpires {
			return nil, refuse(sip.StatusIntervalToBrief, "Interval Too Brief", "Min-Expires", strconv.Itoa(int(r.cfg.MinExpires.Seconds())))
		}
		old := match(have, c, at)
		if old != nil && old.orders(q.callID, at) && q.cseq <= old.CSeq {
			return nil, outOfOrder()
		}
		b := &Binding{ID: rand.Text(), AOR: aor, Contact: c.uri.String(), Params: c.params, Instance: c.instance, RegID: c.regID,
			Path: q.path, CallID: q.callID, CSeq: q.cseq, Source: from.Remote, Flow: from, Protocol: from.Protocol,
			Symmetric: q.symmetric, UserAgent: q.userAgent, Node: r.cfg.Node,
			Since: at, Updated: at, Expires: at.Add(min(c.expires, r.cfg.MaxExpires))}
		if old != nil {
			b.ID = old.ID
			if old.Live(at) {
				b.Since = old.Since
			}
		}
		// A contact that stands twice counts as its last.
		next = slices.DeleteFunc(next, func(x *Binding) bool {
			if x.ID == b.ID || x.is(c) {
				b.ID = x.ID
				return true
			}
			return false
		})
		next = append(next, b)
	}
	return next, nil
}

func match(have []*Binding, c *contact, at time.Time) *Binding {
	var ended *Binding
	for _, b := range have {
		if !b.is(c) {
			continue
		}
		if b.Live(at) {
			return b
		}
		if ended == nil {
			ended = b
		}
	}
	return ended
}

// outOfOrder is what RFC 3261 s12.2.2 answers to a CSeq from the past; s10.3 only says
// that the request fails.
func outOfOrder() *refusal { return refuse(sip.StatusInternalServerError, "Request Out Of Order") }

func observed(old, b *Binding, at time.Time) Observation {
	o := Observation{Binding: *b, Change: Refreshed}
	switch {
	case !b.Live(at):
		o.Change = Ended
	case old == nil || !old.Live(at):
		o.Change = Added
	case plain(old.Source) != plain(b.Source) || old.Contact != b.Contact:
		o.Change, o.Was = Moved, old.Source
	}
	return o
}

// crowded ends the bindings of a device that are too many, those first that were heard of
// longest ago: a phone that restarts with another contact each time must get in. It
// returns those that live.
func (r *Registrar) crowded(aor AOR, at time.Time) []*Binding {
	var live []*Binding
	ended := 0
	for _, b := range r.table.of(aor) {
		switch {
		case b.Live(at) && len(live) < r.cfg.MaxContacts:
			live = append(live, b)
			continue
		case b.Live(at):
			over := *b
			over.Expires = at
			b = &over
			r.put(b)
		}
		if ended++; ended > r.cfg.MaxContacts {
			r.drop(b.ID)
		}
	}
	return live
}

func (r *Registrar) put(b *Binding) {
	r.table.put(b)
	if r.cfg.Keeper != nil {
		r.owed.owe(b.ID, b)
	}
}

func (r *Registrar) drop(id string) {
	r.table.drop(id)
	if r.cfg.Keeper != nil {
		r.owed.owe(id, nil)
	}
}

// Learn takes bindings from before a restart, or of other nodes. What is known better is
// not changed.
func (r *Registrar) Learn(bs ...Binding) {
	at := time.Now()
	d := r.cfg.Directory()
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	for i := range bs {
		b := &bs[i]
		if known := r.table.byID[b.ID]; known != nil && !b.Updated.After(known.Updated) {
			continue
		}
		if at.Sub(b.Expires) > r.cfg.Grace || r.superseded(b) {
			r.drop(b.ID)
			continue
		}
		if !belongs(d, b.AOR) { // not deleted: the directory may be the one that is not complete yet
			continue
		}
		if b.Node == r.cfg.Node && b.Protocol.Reliable() {
			b.Flow = transport.Flow{} // no connection outlives the process
		}
		r.table.put(b)
	}
}

// superseded says whether the phone has registered the same contact again before an older
// binding of it was learned. An older one that is here makes way.
func (r *Registrar) superseded(b *Binding) bool {
	uri, _ := parseURI(b.Contact)
	c := &contact{uri: uri, instance: b.Instance, regID: b.RegID}
	for _, x := range r.table.of(b.AOR) {
		if x.ID == b.ID || !x.is(c) {
			continue
		}
		if !b.Updated.After(x.Updated) {
			return true
		}
		r.drop(x.ID)
	}
	return false
}

// Apply forgets the devices that a new directory does not have.
func (r *Registrar) Apply(d *org.Directory) {
	r.forget(func(b *Binding) bool { return belongs(d, b.AOR) })
}

// sweep forgets what ended too long ago.
func (r *Registrar) sweep() {
	at := time.Now()
	r.forget(func(b *Binding) bool { return at.Sub(b.Expires) <= r.cfg.Grace })
}

func (r *Registrar) forget(keep func(*Binding) bool) {
	for _, id := range r.table.forget(keep, r.cfg.MaxEnded, time.Now()) {
		if r.cfg.Keeper != nil {
			r.owed.owe(id, nil)
		}
	}
}

func belongs(d *org.Directory, aor AOR) bool {
	v := d.Account(aor.Account)
	if v == nil {
		return false
	}
	x := v.Extension(aor.Extension)
	return x != nil && slices.ContainsFunc(x.Devices, func(dev org.Device) bool { return dev.Name == aor.Device })
}
