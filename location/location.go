package location

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
)

// Location is where one call comes from, as everybody is told it (W4, W5).
type Location struct {
	ID   string `json:"id"`
	Hash string `json:"hash"` // of the place alone: two calls from one desk share it

	Level  Level  `json:"level,omitempty"`
	Place  string `json:"place,omitempty"` // the company location or the address by name
	Status Status `json:"status,omitempty"`

	Civic     CivicAddress `json:"civic"`
	Geodetic  *Geodetic    `json:"geodetic,omitempty"`
	Reference string       `json:"reference,omitempty"` // a URI the call carried, passed on as it is

	Source     Source      `json:"source"`
	Rule       string      `json:"rule"`               // "W3 step 3"
	Evidence   string      `json:"evidence,omitempty"` // what gave it away: "BSSID 00:11:22:33:44:51"
	ObservedAt time.Time   `json:"observed_at,omitzero"`
	Confidence Confidence  `json:"confidence"`
	Method     Method      `json:"method"` // how it was obtained, as the PIDF-LO says it
	Country    e164.Region `json:"country,omitempty"`
	// NoSharing is set when whoever the location is of forbids passing it on
	// (RFC 4119 s2.2.2). The PSAP and the team get it all the same.
	NoSharing bool      `json:"no_sharing,omitempty"`
	Ignored   []Ignored `json:"ignored,omitempty"`
}

// Known says whether there is a place at all.
func (l Location) Known() bool { return !l.Civic.Empty() || l.Geodetic != nil }

// OneLine is the location as people are told it.
func (l Location) OneLine() string {
	switch {
	case !l.Civic.Empty():
		return l.Civic.OneLine()
	case l.Geodetic != nil:
		return l.Geodetic.String()
	case l.Reference != "":
		return "carried by the call as a reference"
	default:
		return "unknown"
	}
}

// Mask is the location for logs: how it was found, and no place nearer than
// a state.
func (l Location) Mask() string {
	if !l.Known() {
		return "unknown"
	}
	where := l.Civic.Mask()
	if where == "" {
		where = "coordinates ••••"
	}
	return where + " by " + l.Source.String()
}

// Ignored is something that was known and not used, and why.
type Ignored struct {
	Source Source `json:"source"`
	What   string `json:"what"`
	Why    string `json:"why"`
}

func (i Ignored) String() string { return fmt.Sprintf("%s: %s: %s", i.Source, i.What, i.Why) }

// Source is the step of W3 a location came from; its number is the step's.
type Source int

const (
	SourceCarried Source = iota + 1
	SourceNetwork
	SourceFixed
	SourcePersonal
	SourceCoordinates
	SourceUserDefault
	SourceExtensionDefault
	SourceSiteDefault
	SourceAccountDefault
	SourceUnknown
)

var sourceNames = [...]string{
	SourceCarried:          "carried by the call",
	SourceNetwork:          "company location by network",
	SourceFixed:            "fixed location",
	SourcePersonal:         "personal location by network",
	SourceCoordinates:      "device coordinates",
	SourceUserDefault:      "user's default address",
	SourceExtensionDefault: "extension's default address",
	SourceSiteDefault:      "site's default address",
	SourceAccountDefault:   "account's default address",
	SourceUnknown:          "unknown",
}

func (s Source) String() string { return name(sourceNames[:], int(s), "source") }

// Rule is the source as traces cite it.
func (s Source) Rule() string { return "W3 step " + strconv.Itoa(int(s)) }

// Assumed says whether nobody observed the caller there.
func (s Source) Assumed() bool { return s >= SourceUserDefault }

// MarshalText makes a source its name in JSON.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Source) UnmarshalText(b []byte) error {
	return fromName(sourceNames[:], b, "source", (*int)(s))
}

// Confidence is how sure a location is.
type Confidence int

const (
	ConfidenceNone   Confidence = iota + 1 // not known
	ConfidenceLow                          // assumed: a default, or evidence gone stale
	ConfidenceMedium                       // observed, but widely: a subnet, a shape on the ground
	ConfidenceHigh                         // observed at a port or radio, or set by hand for a fixed device
)

var confidenceNames = [...]string{ConfidenceNone: "none", ConfidenceLow: "low", ConfidenceMedium: "medium", ConfidenceHigh: "high"}

func (c Confidence) String() string { return name(confidenceNames[:], int(c), "confidence") }

// MarshalText makes a confidence its name in JSON.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (c *Confidence) UnmarshalText(b []byte) error {
	return fromName(confidenceNames[:], b, "confidence", (*int)(c))
}

// Method is a token of the IANA registry of RFC 4119 s6.1, or Default.
type Method string

const (
	MethodManual        Method = "Manual"        // entered by somebody
	MethodWiremap       Method = "Wiremap"       // switch port
	MethodWiFi          Method = "802.11"        // access point
	MethodLLDPMED       Method = "LLDP-MED"      // told by the switch
	MethodDHCP          Method = "DHCP"          // told by the address server
	MethodGPS           Method = "GPS"           // satellites
	MethodDerived       Method = "Derived"       // from other knowledge: subnets
	MethodDefault       Method = "Default"       // NENA-STA-010.3f s4.2.1.7: not observed, a default
	MethodTriangulation Method = "Triangulation" // masts or access points
)

// hash is of the place: address, shape, reference.
func (l Location) hash() string {
	h := sha256.New()
	writeCivic(h, l.Civic)
	if g := l.Geodetic; g != nil {
		fmt.Fprintf(h, "%s %t %v", g.Shape, g.Altitude, g.Confidence)
		for _, p := range g.Positions {
			fmt.Fprintf(h, " %v %v %v", p.Lat, p.Lon, p.Alt)
		}
		fmt.Fprintf(h, " %v %v %v %v %v %v %v %v %v %v\n", g.Radius, g.SemiMajor, g.SemiMinor, g.Vertical, g.Orientation,
			g.InnerRadius, g.OuterRadius, g.StartAngle, g.OpeningAngle, g.Height)
	}
	fmt.Fprintf(h, "%q", l.Reference)
	return hex.EncodeToString(h.Sum(nil))
}

func writeCivic(w io.Writer, c CivicAddress) {
	for e, v := range c.Normal().Values() {
		fmt.Fprintf(w, "%s=%q\n", e.Name, v)
	}
}
