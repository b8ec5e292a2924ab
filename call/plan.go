package call

import "time"

// LegID names one leg of one call: "caller", "psap-us/1", "7001/guard-desk".
type LegID string

// Caller is the leg of the person who dialled.
const Caller LegID = "caller"

// Role is which side of the call a leg is on.
type Role int

const (
	RolePSAP   Role = iota + 1 // the public safety answering point, by whatever trunk
	RoleGroup                  // a SIP group, the far end of a custom rule (R11)
	RoleTeam                   // a member of the safety team
	RoleResort                 // somebody who is asked when nothing else is left (R8)
)

func (r Role) String() string {
	switch r {
	case RolePSAP:
		return "psap"
	case RoleGroup:
		return "group"
	case RoleTeam:
		return "team"
	case RoleResort:
		return "last resort"
	}
	return "no role"
}

// public says that the leg is what the call is for: the other roles wait beside it.
func (r Role) public() bool { return r == RolePSAP || r == RoleGroup }

// Target is one place that can be dialled.
type Target struct {
	Name            string        `json:"name"` // unique in its plan
	Role            Role          `json:"role"`
	Confirm         bool          `json:"confirm,omitempty"` // answered only when a person presses 1 (R1)
	NoResponseAfter time.Duration `json:"no_response_after,omitempty"`
	NoProgressAfter time.Duration `json:"no_progress_after,omitempty"`
	Invite          Invite        `json:"invite"`
}

// Invite is what the signalling needs to place the leg. The session moves it and never
// reads it.
type Invite struct {
	Trunk      string `json:"trunk,omitempty"`
	Extension  string `json:"extension,omitempty"` // the directory entry a team leg belongs to
	RequestURI string `json:"request_uri"`
	NextHop    string `json:"next_hop,omitempty"`   // a SIP URI; empty: the request-URI
	TLSVerify  string `json:"tls_verify,omitempty"` // strict or prefer, where the next hop is reached by TLS
	Flow       string `json:"flow,omitempty"`       // the registration's flow, where there is one
	Number     string `json:"number,omitempty"`     // who is calling, as presented on this leg
	Display    string `json:"display,omitempty"`
	Asserted   bool   `json:"asserted,omitempty"`    // P-Asserted-Identity; else P-Preferred-Identity
	Headers    string `json:"headers,omitempty"`     // which headers carry the number: "p-asserted-identity,from"
	Location   string `json:"location,omitempty"`    // none, by-value, by-reference, both
	ServiceURN string `json:"service_urn,omitempty"` // what the To header names
	Callback   bool   `json:"callback,omitempty"`    // Priority: psap-callback
	Emergency  bool   `json:"emergency,omitempty"`   // Resource-Priority and the call and incident ids
}

// Step is a set of targets rung together; a serial hunt has one target in each.
type Step []Target

// Plan is what a session carries out. It is decided before the call and is not changed by it.
type Plan struct {
	Team          []Target      `json:"team,omitempty"`
	Public        []Step        `json:"public,omitempty"`
	Resort        []Step        `json:"resort,omitempty"`
	TeamFirst     bool          `json:"team_first,omitempty"` // the public side waits for MaxHold
	MaxHold       time.Duration `json:"max_hold,omitempty"`
	AnnounceAfter time.Duration `json:"announce_after,omitempty"`
}

const (
	// RetryPause is waited between two rounds of a hunt, so that refusals that come at
	// once do not become a flood towards proxies that are just starting.
	RetryPause = 3 * time.Second
	// RingEvery renews the caller's 180 (R8: at least once a minute; RFC 3261 s13.3.1.1).
	RingEvery = 55 * time.Second
)
