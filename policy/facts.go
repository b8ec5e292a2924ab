package policy

import (
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
)

// Facts are what Decide looks at; nothing else decides.
type Facts struct {
	At        time.Time
	Account   *org.View
	Site      *org.Site
	Extension *org.Extension // nil for a caller who is not in the directory
	Device    *org.Device
	Settings  org.Effective

	Country  e164.Region // of the location used for the call (C1)
	Number   string      // the emergency number as it leaves (P6); empty where the call has none
	Service  string      // its service URN
	Rule     *org.Rule   // the custom rule that matched, if one did
	Dialled  string      // a PSTN number a rule translates to, in E.164
	LocName  string      // the company location, for its ELINs
	Asserted e164.Number // the number a peer trusted for identity asserts
	Loose    bool        // the caller is not one of ours: an address in a site's networks (R15 c)

	Reach   func(extension string) []Contact // where an extension can be reached now
	Proxies func(*org.Trunk) []string        // a trunk's proxies, those that answer OPTIONS first
}

// Contact is one place where a device of an extension is registered.
type Contact struct {
	Device string
	URI    string // the request-URI that reaches it
	Flow   string // the flow it registered over, "" where there is none
}

// Route is what a plan does, in one word.
type Route int

const (
	PSAPOnly Route = iota + 1
	TeamOnly
	Parallel
	TeamFirst
	GroupOnly
	TeamThenGroup
	Refused
)

var routeNames = [...]string{PSAPOnly: "psap only", TeamOnly: "team only", Parallel: "parallel", TeamFirst: "team first",
	GroupOnly: "sip group only", TeamThenGroup: "team then sip group", Refused: "refused"}

func (r Route) String() string {
	if r < PSAPOnly || r > Refused {
		return fmt.Sprintf("route(%d)", int(r))
	}
	return routeNames[r]
}

// Plan is what is to be done about a call.
type Plan struct {
	Route  Route
	Call   call.Plan
	Trunks []*org.Trunk // those the plan dials, each once, in order of first use
	Team   string       // the queue that is rung
	Refuse string       // why, where Route is Refused
	Record bool
}
