package app

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
)

// tried counts what became of the legs each trunk was sent, from the records. Every leg
// that was placed ends in one of the outcomes:
//
//	answered   2xx
//	refused    another final response
//	silent     no response in time, or no way there
//	cancelled  by us: somebody else answered, or the caller gave up
//
// Its zero value counts.
type tried struct {
	mu    sync.Mutex
	calls map[string]*placed // that go on
	count map[trunkOutcome]uint64
}

// placed is what a call has sent to trunks and not heard the end of.
type placed struct {
	account string
	legs    map[call.LegID]string // to their trunks
}

type trunkOutcome struct{ account, trunk, outcome string }

func (o trunkOutcome) compare(p trunkOutcome) int {
	return cmp.Or(cmp.Compare(o.account, p.account), cmp.Compare(o.trunk, p.trunk), cmp.Compare(o.outcome, p.outcome))
}

// entry takes what a record is told.
func (t *tried) entry(e cdr.Entry) {
	switch e.Kind {
	case cdr.Opened, cdr.Degraded:
		return
	case cdr.Did:
		if !e.MayBe(call.Dial) && !e.MayBe(call.End) {
			return
		}
	}
	var said struct {
		Decided struct{ Account string }
		Action  struct {
			Kind   call.ActionKind
			Leg    call.LegID
			Target struct{ Invite struct{ Trunk string } }
		}
		Event struct {
			Kind call.EventKind
			Leg  call.LegID
			Code int
		}
	}
	if json.Unmarshal(e.Content, &said) != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Kind == cdr.Stages {
		if t.calls == nil {
			t.calls, t.count = map[string]*placed{}, map[trunkOutcome]uint64{}
		}
		t.calls[e.Call] = &placed{said.Decided.Account, map[call.LegID]string{}}
		return
	}
	p := t.calls[e.Call]
	if p == nil {
		return
	}
	switch trunk := said.Action.Target.Invite.Trunk; said.Action.Kind {
	case call.Dial:
		if trunk != "" {
			p.legs[said.Action.Leg] = trunk
		}
	case call.End:
		for leg := range p.legs { // cancelled, and the answer to that is still to come
			t.ended(p, leg, "cancelled")
		}
		delete(t.calls, e.Call)
	}
	switch said.Event.Kind {
	case call.Answered:
		t.ended(p, said.Event.Leg, "answered")
	case call.Failed:
		t.ended(p, said.Event.Leg, failure(said.Event.Code))
	}
}

func failure(status int) string {
	switch status {
	case 0, 408:
		return "silent"
	case 487: // RFC 3261 s9.2: the answer to an INVITE that was cancelled
		return "cancelled"
	}
	return "refused"
}

// ended counts a leg once.
func (t *tried) ended(p *placed, leg call.LegID, outcome string) {
	if trunk, ok := p.legs[leg]; ok {
		t.count[trunkOutcome{p.account, trunk, outcome}]++
		delete(p.legs, leg)
	}
}

func (t *tried) samples() []api.Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ss []api.Sample
	for _, o := range slices.SortedFunc(maps.Keys(t.count), trunkOutcome.compare) {
		ss = append(ss, api.Sample{Name: "trunk_legs_total", Help: "Legs placed over a trunk, by what became of them.", Counter: true, Value: float64(t.count[o]),
			Labels: []api.Label{{Name: "account", Value: o.account}, {Name: "trunk", Value: o.trunk}, {Name: "outcome", Value: o.outcome}}})
	}
	return ss
}
