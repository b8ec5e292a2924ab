package cdr

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/call"
)

// Outline is the little of a record that a list of calls shows. It is made from any of the
// entries of a call, in any order; what the others would say stays empty. It reads only
// what it needs, because every entry of every call goes through it.
type Outline struct {
	Opened     bool // the entry with the header was among them
	ReceivedAt time.Time
	AnsweredAt time.Time
	EndedAt    time.Time
	Account    string
	Site       string
	Extension  string
	Class      string
	Dialled    string
	Route      string
	Outcome    string
	Node       string
}

// Add takes an entry of the call into the outline. An entry whose content was erased adds
// nothing.
func (o *Outline) Add(e Entry) error {
	// Most entries are events, and no event is in the list.
	if e.Content == nil || e.Kind == Happened || e.Kind == Degraded {
		return nil
	}
	if e.Kind == Did && !e.MayBe(call.Answer) && !e.MayBe(call.End) {
		return nil
	}
	var c struct {
		Header *struct {
			ReceivedAt time.Time `json:"received_at"`
			Dialled    string    `json:"dialled"`
			Node       string    `json:"node"`
		} `json:"header"`
		Decided *struct {
			Class     string `json:"class"`
			Account   string `json:"account"`
			Site      string `json:"site"`
			Extension string `json:"extension"`
			Route     string `json:"route"`
		} `json:"decided"`
		Action *struct {
			Kind    string `json:"kind"`
			Outcome string `json:"outcome"`
		} `json:"action"`
	}
	if err := json.Unmarshal(e.Content, &c); err != nil {
		return fmt.Errorf("reading entry %d of call %s: %w", e.Seq, e.Call, err)
	}
	switch {
	case c.Header != nil:
		o.Opened, o.ReceivedAt, o.Dialled, o.Node = true, c.Header.ReceivedAt, c.Header.Dialled, c.Header.Node
	case c.Decided != nil:
		d := c.Decided
		o.Class, o.Account, o.Site, o.Extension, o.Route = d.Class, d.Account, d.Site, d.Extension, d.Route
	case c.Action != nil && c.Action.Kind == call.Answer.String():
		o.AnsweredAt = e.At
	case c.Action != nil && c.Action.Kind == call.End.String():
		o.EndedAt, o.Outcome = e.At, c.Action.Outcome
	}
	return nil
}
