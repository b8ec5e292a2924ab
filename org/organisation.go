package org

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/location"
)

// Organisation is one account with everything in it, or, without an account, the trunks
// that several accounts share (D8).
type Organisation struct {
	Account    *Account           `json:"account,omitempty"`
	Addresses  []location.Address `json:"addresses,omitempty"`
	Trunks     []Trunk            `json:"trunks,omitempty"`
	Numbers    []Number           `json:"numbers,omitempty"`
	Sites      []Site             `json:"sites,omitempty"`
	Locations  []location.Company `json:"locations,omitempty"`
	Queues     []Queue            `json:"queues,omitempty"`
	SIPGroups  []SIPGroup         `json:"sip_groups,omitempty"`
	Rules      []Rule             `json:"rules,omitempty"`
	Extensions []Extension        `json:"extensions,omitempty"`
	Alerts     []AlertRule        `json:"alerts,omitempty"`
}

// Name is the account's name, or "shared" for a file of shared trunks.
func (o *Organisation) Name() string {
	if o.Account == nil {
		return SharedName
	}
	return o.Account.Name
}

// SharedName stands for the organisation of a file without `account:`.
const SharedName = "shared"

// Account is a customer of the installation; accounts never see each other (P1).
type Account struct {
	Name           string      `json:"name"`
	Label          string      `json:"label,omitempty"`
	Domains        []string    `json:"domains,omitempty"` // SIP domains whose callers belong to the account
	DefaultCountry e164.Region `json:"default_country,omitempty"`
	DefaultAddress string      `json:"default_address,omitempty"` // W3 (9)
	Emergency      Emergency   `json:"emergency,omitzero"`
	Locked         []string    `json:"locked,omitempty"`
}

// Site is a place of an account, in one country (P10).
type Site struct {
	Name             string           `json:"name"`
	Label            string           `json:"label,omitempty"`
	Country          e164.Region      `json:"country"`
	DefaultAddress   string           `json:"default_address,omitempty"`
	TimeZone         string           `json:"time_zone,omitempty"`
	Trunks           []string         `json:"trunks,omitempty"`
	ScreeningTrunk   string           `json:"screening_trunk,omitempty"`
	PBX              string           `json:"pbx,omitempty"` // sip: URI ordinary calls are sent to with 302
	TrunkPrefixes    *[]string        `json:"trunk_prefixes,omitempty"`
	EmergencyNumbers EmergencyNumbers `json:"emergency_numbers,omitzero"`
	TestNumber       *TestNumber      `json:"test_number,omitempty"`
	Networks         []netip.Prefix   `json:"networks,omitempty"`
	Nomadic          *Nomadic         `json:"nomadic,omitempty"`
	PSAPOff          *PSAPOff         `json:"psap_off,omitempty"`
	Emergency        Emergency        `json:"emergency,omitzero"`
	Locked           []string         `json:"locked,omitempty"`
}

// Prefixes are the digits a caller of the site may dial before an emergency number (P5).
// Where the site says nothing it is "9" in the US and Canada, and none elsewhere.
func (s *Site) Prefixes() []string {
	if s.TrunkPrefixes != nil {
		return *s.TrunkPrefixes
	}
	if s.Country == "US" || s.Country == "CA" {
		return []string{"9"}
	}
	return nil
}

// EmergencyNumbers adds to or removes from the numbers of the site's country (P6).
type EmergencyNumbers struct {
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// TestNumber is dialled to hear one's number and address read back (A4).
type TestNumber struct {
	Number     string     `json:"number"`
	AnsweredBy AnsweredBy `json:"answered_by,omitempty"`
}

// Nomadic is how users who move are located and asked (N4..N6).
type Nomadic struct {
	Enabled           bool       `json:"enabled"`
	Bootstrap         bool       `json:"bootstrap,omitempty"`
	PersonalLocations bool       `json:"personal_locations,omitempty"`
	Match             MatchOrder `json:"match,omitempty"`
	Approvers         []string   `json:"approvers,omitempty"`
}

// PSAPOff switches the PSAP leg off for a test, for 24 hours at most; it ends by itself (R3).
type PSAPOff struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// Active says whether the switch still holds at that instant.
func (p *PSAPOff) Active(at time.Time) bool { return p != nil && at.Before(p.Until) }

// Trunk is a way to or from other networks.
type Trunk struct {
	Name                 string         `json:"name"`
	Role                 TrunkRole      `json:"role"`
	Source               Source         `json:"source,omitempty"`
	Site                 string         `json:"site,omitempty"`
	Countries            []e164.Region  `json:"countries,omitempty"`
	Proxies              []string       `json:"proxies,omitempty"` // SIP URIs, in order
	Peers                []netip.Prefix `json:"peers,omitempty"`   // default: the addresses proxies resolve to (P9)
	DialFormat           string         `json:"dial_format,omitempty"`
	Location             Conveyance     `json:"location,omitempty"`
	CallerIDHeaders      []string       `json:"caller_id_headers,omitempty"`
	NoResponseAfter      Duration       `json:"no_response_after,omitempty"`
	NoProgressAfter      Duration       `json:"no_progress_after,omitempty"`
	TLSVerify            TLSVerify      `json:"tls_verify,omitempty"`
	MaxCalls             int            `json:"max_calls,omitempty"`
	Ordinary             bool           `json:"ordinary,omitempty"`
	Identity             string         `json:"identity,omitempty"` // the header that says who is calling
	EmergencyDialStrings []string       `json:"emergency_dial_strings,omitempty"`
	PlusCode             bool           `json:"plus_code,omitempty"` // the peer writes +911 for 911 (P6)
	Trust                []Trust        `json:"trust,omitempty"`
	Username             string         `json:"username,omitempty"`
	Password             string         `json:"password,omitempty"`
}

// Trusts says whether something that comes from the trunk is believed (P9).
func (t *Trunk) Trusts(what Trust) bool {
	for _, x := range t.Trust {
		if x == what {
			return true
		}
	}
	return false
}

// Verify is what happens when the certificate of a proxy is not what it should be: where
// nothing is set an emergency trunk connects all the same (L1), any other does not.
func (t *Trunk) Verify() TLSVerify {
	switch {
	case t.TLSVerify != "":
		return t.TLSVerify
	case t.Role == RoleEmergency:
		return VerifyPrefer
	}
	return VerifyStrict
}

// Serves says whether the trunk takes emergency calls of that country (R9).
func (t *Trunk) Serves(country e164.Region) bool {
	for _, c := range t.Countries {
		if c == country {
			return true
		}
	}
	return false
}

// Number is one entry of the inventory; it has exactly one use (C6).
type Number struct {
	Number     e164.Number `json:"number"`
	Source     Source      `json:"source,omitempty"`
	Trunk      string      `json:"trunk,omitempty"`
	Address    string      `json:"address,omitempty"`
	AssignedTo Assignment  `json:"assigned_to,omitzero"`
}

// Assignment is what a number is for; exactly one field is set.
type Assignment struct {
	Extension     string `json:"extension,omitempty"`
	EmergencyPool string `json:"emergency_pool,omitempty"` // a site's name
	ELIN          string `json:"elin,omitempty"`           // a location's name
	Queue         string `json:"queue,omitempty"`
}

func (a Assignment) String() string {
	switch {
	case a.Extension != "":
		return "extension " + a.Extension
	case a.EmergencyPool != "":
		return "emergency pool " + a.EmergencyPool
	case a.ELIN != "":
		return "ELIN of " + a.ELIN
	case a.Queue != "":
		return "queue " + a.Queue
	}
	return "unassigned"
}

// Queue is a set of people who answer; as a safety team it rings all of them at once (R4).
type Queue struct {
	Name    string   `json:"name"`
	Label   string   `json:"label,omitempty"`
	Site    string   `json:"site,omitempty"`
	Members []Member `json:"members,omitempty"`
	Ring    Ring     `json:"ring,omitempty"`
}

// Member is one who answers; exactly one of Extension, SIP and Number is set.
type Member struct {
	Extension string      `json:"extension,omitempty"`
	SIP       string      `json:"sip,omitempty"`
	Number    e164.Number `json:"number,omitempty"`
	Confirm   *bool       `json:"confirm,omitempty"`
}

// MustConfirm says whether the member counts as answered only when a person presses 1.
// R1: true by default for a member outside our registrations, so that a voicemail never
// swallows an emergency.
func (m Member) MustConfirm() bool {
	if m.Confirm != nil {
		return *m.Confirm
	}
	return m.Extension == ""
}

func (m Member) String() string {
	switch {
	case m.Extension != "":
		return m.Extension
	case m.SIP != "":
		return m.SIP
	}
	return string(m.Number)
}

// SIPGroup is a list of external SIP targets (R11).
type SIPGroup struct {
	Name    string   `json:"name"`
	Label   string   `json:"label,omitempty"`
	Targets []string `json:"targets"`
	Ring    Ring     `json:"ring,omitempty"`
}

// Rule is custom call handling for a number of the organisation's own (R10).
type Rule struct {
	Name       string   `json:"name"`
	Label      string   `json:"label,omitempty"`
	Site       string   `json:"site,omitempty"` // empty: the whole account
	Pattern    string   `json:"pattern"`
	Replaces   Replaces `json:"replaces,omitempty"`
	Translate  string   `json:"translate,omitempty"`
	Path       Path     `json:"path"`
	SafetyTeam string   `json:"safety_team,omitempty"`
	SIPGroup   string   `json:"sip_group,omitempty"`
	MaxHold    Duration `json:"max_hold,omitempty"`
}

// Extension is a user, a room or a common area (P1).
type Extension struct {
	Number         string    `json:"number"`
	Label          string    `json:"label,omitempty"`
	Site           string    `json:"site"`
	Kind           Kind      `json:"kind,omitempty"`
	Email          string    `json:"email,omitempty"`
	Devices        []Device  `json:"devices,omitempty"`
	Via            string    `json:"via,omitempty"` // a trunk: the extension lives on a PBX (P8)
	FixedLocation  string    `json:"fixed_location,omitempty"`
	DefaultAddress string    `json:"default_address,omitempty"`
	PSAPOff        *PSAPOff  `json:"psap_off,omitempty"`
	Emergency      Emergency `json:"emergency,omitzero"`
}

// Device is one of the things an extension calls from.
type Device struct {
	Name          string      `json:"name"`
	Class         DeviceClass `json:"class"`
	Mobility      Mobility    `json:"mobility,omitempty"`
	Username      string      `json:"username,omitempty"`
	Password      string      `json:"password,omitempty"`
	MAC           string      `json:"mac,omitempty"`
	FixedLocation string      `json:"fixed_location,omitempty"`
}

// AlertRule says who is told of what (A1).
type AlertRule struct {
	Name              string       `json:"name"`
	Site              string       `json:"site,omitempty"`
	Events            []AlertEvent `json:"events"`
	Email             []string     `json:"email,omitempty"`
	Webhooks          []Webhook    `json:"webhooks,omitempty"`
	AcknowledgeWithin Duration     `json:"acknowledge_within,omitempty"`
	ThenAlert         string       `json:"then_alert,omitempty"`
}

// Webhook is an HTTP address that alerts are posted to, signed with the secret.
type Webhook struct {
	URL    string `json:"url"`
	Secret string `json:"secret,omitempty"`
}

// Duration is a time.Duration written as people write it: "30s", "2h".
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// Or is the duration, or another where it is not set.
func (d Duration) Or(other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return time.Duration(d)
}

// MarshalText writes "30s" or "2h" rather than "2h0m0s".
func (d Duration) MarshalText() ([]byte, error) {
	s := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(s) > len(zero) && s[len(s)-len(zero):] == zero {
			s = s[:len(s)-2]
		}
	}
	return []byte(s), nil
}

// UnmarshalText reads "30s", "1m30s", "2h".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number and a unit, such as 30s, 5m or 2h", b)
	}
	if v < 0 {
		return fmt.Errorf("%q is negative: write how long, such as 30s", b)
	}
	*d = Duration(v)
	return nil
}
