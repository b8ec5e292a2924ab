package cdr

import (
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/trace"
)

// Header is what is known of a call when it arrives.
type Header struct {
	ID         string    `json:"id"`
	CallID     string    `json:"call_id"`     // urn:emergency:uid:callid:... (standards wO1)
	IncidentID string    `json:"incident_id"` // urn:emergency:uid:incidentid:...
	SIPCallID  string    `json:"sip_call_id,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
	Dialled    string    `json:"dialled"` // the request-URI as it came
	Source     string    `json:"source,omitempty"`
	Transport  string    `json:"transport,omitempty"`
	Node       string    `json:"node,omitempty"`
	Config     int64     `json:"config,omitempty"` // the version of the configuration the call keeps
}

// Decided is what the stages made of it.
type Decided struct {
	Class     string            `json:"class"` // emergency, custom, callback, test, ordinary
	Rule      string            `json:"rule,omitempty"`
	Account   string            `json:"account,omitempty"`
	Site      string            `json:"site,omitempty"`
	Extension string            `json:"extension,omitempty"`
	Device    string            `json:"device,omitempty"`
	Label     string            `json:"label,omitempty"`
	Origin    string            `json:"origin"` // registration, trunk pbx, site network, unknown
	Claimed   string            `json:"claimed,omitempty"`
	Country   string            `json:"country,omitempty"`
	Number    string            `json:"number,omitempty"` // the emergency number as it leaves
	Service   string            `json:"service,omitempty"`
	Location  location.Location `json:"location,omitzero"`
	Presented []Presented       `json:"presented,omitempty"`
	Route     string            `json:"route"` // psap only, parallel, team first, ...
	Plan      call.Plan         `json:"plan,omitzero"`
	Refused   int               `json:"refused,omitempty"` // the SIP status, where nobody was dialled
	Recording string            `json:"recording,omitempty"`
	Trace     trace.Trace       `json:"trace"`
}

// Presented is the number a trunk is shown, and why.
type Presented struct {
	Trunk  string `json:"trunk"`
	Number string `json:"number"`
	Why    string `json:"why"`
}

// Record is a call as people read it.
type Record struct {
	Header
	Decided
	AnsweredAt time.Time           `json:"answered_at,omitzero"`
	AnsweredBy call.LegID          `json:"answered_by,omitempty"`
	EndedAt    time.Time           `json:"ended_at,omitzero"`
	Outcome    call.Outcome        `json:"outcome,omitempty"`
	Ending     string              `json:"ending,omitempty"`
	Notes      []trace.Entry       `json:"notes,omitempty"` // what was decided while the call ran
	Later      []trace.Degradation `json:"later_degradations,omitempty"`
	Flow       []Line              `json:"flow,omitempty"`
}

// Live says whether the call has not ended yet.
func (r Record) Live() bool { return r.EndedAt.IsZero() }

// Degradations are all of the call's, those of the stages first.
func (r Record) Degradations() []trace.Degradation {
	return append(append([]trace.Degradation{}, r.Trace.Degradations...), r.Later...)
}

// Fold puts the entries of one call together. Entries whose content was erased are
// passed over.
func Fold(entries []Entry) (Record, error) {
	var r Record
	for _, e := range entries {
		if err := r.Add(e); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Add takes the next entry of the call into the record.
func (r *Record) Add(e Entry) error {
	c, err := e.content()
	if err != nil {
		return err
	}
	switch {
	case c.Header != nil:
		r.Header = *c.Header
	case c.Decided != nil:
		r.Decided = *c.Decided
	case c.Event != nil:
		if l, ok := EventLine(*c.Event, r.Dialled); ok {
			r.Flow = append(r.Flow, l.at(e.At, r.ReceivedAt))
		}
	case c.Action != nil:
		r.act(*c.Action, e.At)
	case c.Degradation != nil:
		r.Later = append(r.Later, *c.Degradation)
	}
	return nil
}

func (r *Record) act(a call.Action, at time.Time) {
	switch a.Kind {
	case call.Answer:
		r.AnsweredAt, r.AnsweredBy = at, a.From
	case call.End:
		r.EndedAt, r.Outcome, r.Ending = at, a.Outcome, a.Text
	case call.Note:
		r.Notes = append(r.Notes, trace.Entry{Stage: trace.Execute, Rule: a.Rule, Text: a.Text})
	case call.Degrade:
		r.Later = append(r.Later, trace.Degradation{Stage: trace.Execute, Code: a.Rule, Text: a.Text})
	}
	if l, ok := ActionLine(a); ok {
		r.Flow = append(r.Flow, l.at(at, r.ReceivedAt))
	}
}
