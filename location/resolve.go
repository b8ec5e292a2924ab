package location

import (
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/trace"
)

// Place is somewhere a caller may be.
type Place struct {
	Name    string
	Path    []string // of a company location: names from the top down to its own
	Address Address
	Level   Level
}

func (p Place) empty() bool { return p.Address.Empty() }

func (p Place) String() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Address.OneLine()
}

// within says whether p is o or lies below it.
func (p Place) within(o Place) bool {
	return len(o.Path) > 0 && len(p.Path) >= len(o.Path) && slices.Equal(p.Path[:len(o.Path)], o.Path)
}

// Found is a place that network evidence led to, ahead of the call.
type Found struct {
	Place
	Evidence   string // "switch 00:0c:29:aa:00:01 port Gi1/0/7"
	ObservedAt time.Time
	Confidence Confidence
	Method     Method
	Unapproved bool // the user's own answer, not approved yet (N6)
}

// Fix is coordinates a device reported.
type Fix struct {
	Geodetic
	ObservedAt time.Time
	Method     Method
	Country    e164.Region // which country's outline they lie in, "" if not known
}

// Carried is a location that came with the call: what a body or a
// dereferenced URI said, or a URI nobody has dereferenced.
type Carried struct {
	Civic     CivicAddress
	Geodetic  *Geodetic
	Reference string
	Method    Method
	Timestamp time.Time
	Country   e164.Region // from the outline the shape lies in; a civic country goes first
	NoSharing bool        // its owner forbids passing it on beyond the emergency

	From    string // who vouches for it: "device dana-desk", "trunk pbx"
	Trusted bool   // an authenticated device's, or from a trunk trusted for location
	Bad     string // why it cannot be used, "" if it can
}

// Complete adds the half that is missing: a shape to an address alone, or an
// address to a shape alone. False where it does not fit.
func (c *Carried) Complete(civic CivicAddress, shape *Geodetic) bool {
	switch {
	case c.Geodetic == nil && shape != nil && civic.Empty():
		c.Geodetic = shape
	case c.Civic.Empty() && shape == nil && !civic.Empty():
		c.Civic = civic
	default:
		return false
	}
	return true
}

func (c Carried) what() string {
	switch {
	case !c.Civic.Empty():
		return c.Civic.OneLine()
	case c.Geodetic != nil:
		return c.Geodetic.String()
	case c.Reference != "":
		return "reference " + c.Reference
	default:
		return "a location"
	}
}

// Limits say how old evidence of each kind may be; zero is no limit.
type Limits struct {
	Carried     time.Duration
	Network     time.Duration
	Coordinates time.Duration
}

// Facts are all that is known about where a caller may be, gathered ahead of
// the call but for what the call carries.
type Facts struct {
	ID      string      // of the answer; unique for each call
	At      time.Time   // the instant of the call
	Country e164.Region // the site's, for places that name none
	Moving  bool        // the device moves: a default is then a guess
	Limits  Limits

	Carried     []Carried // in order of precedence
	Network     *Found    // the best company location the matcher found
	Fixed       *Place
	Personal    *Found
	Coordinates *Fix

	UserDefault      *Address
	ExtensionDefault *Address
	SiteDefault      *Address
	AccountDefault   *Address
}

// Resolve answers where the caller is (W3, depth-first).
func Resolve(f Facts) (Location, trace.Trace) {
	r := &resolving{facts: f}
	for _, step := range steps {
		if l, ok := step(r); ok {
			return r.answer(l), r.trace
		}
	}
	r.trace.Degrade(trace.Locate, "location-unknown", "nothing is known about where the caller is")
	return r.answer(Location{Source: SourceUnknown, Confidence: ConfidenceNone, Method: MethodDefault}), r.trace
}

// steps is the order of W3.
var steps = [...]func(*resolving) (Location, bool){
	(*resolving).carried,
	(*resolving).networkUnlessFixed, // 2, where 3 does not beat it
	(*resolving).fixed,
	(*resolving).personal,
	(*resolving).coordinates,
	func(r *resolving) (Location, bool) { return r.assumed(SourceUserDefault, r.facts.UserDefault) },
	func(r *resolving) (Location, bool) {
		return r.assumed(SourceExtensionDefault, r.facts.ExtensionDefault)
	},
	func(r *resolving) (Location, bool) { return r.assumed(SourceSiteDefault, r.facts.SiteDefault) },
	func(r *resolving) (Location, bool) { return r.assumed(SourceAccountDefault, r.facts.AccountDefault) },
}

type resolving struct {
	facts     Facts
	ignored   []Ignored
	reference string
	trace     trace.Trace
}

func (r *resolving) ignore(s Source, what, why string) {
	r.ignored = append(r.ignored, Ignored{Source: s, What: what, Why: why})
	r.trace.Because(trace.Locate, s.Rule(), "", what, "%s not used: %s", s, why)
}

// stale says why an observation is too old, "" if it is not.
func (r *resolving) stale(observed time.Time, limit time.Duration) string {
	if limit <= 0 || observed.IsZero() {
		return ""
	}
	if age := r.facts.At.Sub(observed); age > limit {
		return fmt.Sprintf("observed %s before the call, the limit is %s", age.Round(time.Second), limit)
	}
	return ""
}

func (r *resolving) degradeStale(s Source, what string) {
	r.trace.Degrade(trace.Locate, "location-stale", "%s %s is too old; the next coarser answer is used", s, what)
}

// 1: the call's own location, the first that is usable.
func (r *resolving) carried() (Location, bool) {
	for i, c := range r.facts.Carried {
		why := c.Bad
		if why == "" && c.Civic.Empty() && c.Geodetic == nil && c.Reference == "" {
			why = "it is empty"
		}
		if why == "" && c.Geodetic != nil {
			if err := c.Geodetic.Check(); err != nil {
				why = err.Error()
			}
		}
		if why == "" && c.Geodetic == nil && c.Reference == "" && c.Civic.AreaOnly() {
			why = "it names an area and no place in it"
		}
		if why == "" && !c.Trusted {
			why = fmt.Sprintf("location from %s is not trusted", orUnknown(c.From))
		}
		if why == "" {
			if why = r.stale(c.Timestamp, r.facts.Limits.Carried); why != "" {
				r.degradeStale(SourceCarried, c.what())
			}
		}
		if why == "" && c.Civic.Empty() && c.Geodetic == nil {
			// W6: passed on as it is. Asking for it could outlast the budget, so the
			// place told inside is looked for further down.
			if r.reference == "" {
				r.reference = c.Reference
			}
			why = "a reference is passed on, not waited for"
		}
		if why != "" {
			r.ignore(SourceCarried, c.what(), why)
			continue
		}
		for _, rest := range r.facts.Carried[i+1:] {
			r.ignore(SourceCarried, rest.what(), "RFC 5491: the first location has precedence")
		}
		confidence := ConfidenceMedium
		if c.Civic.Dispatchable() {
			confidence = ConfidenceHigh
		}
		return Location{Source: SourceCarried, Civic: c.Civic, Geodetic: c.Geodetic, Evidence: "sent by " + orUnknown(c.From),
			ObservedAt: c.Timestamp, Confidence: confidence, Method: c.Method, Country: c.Country, NoSharing: c.NoSharing}, true
	}
	return Location{}, false
}

func orUnknown(from string) string {
	if from == "" {
		return "an unknown sender"
	}
	return from
}

// 2 before 3, unless they agree.
func (r *resolving) networkUnlessFixed() (Location, bool) {
	found, fixed := r.facts.Network, r.facts.Fixed
	if !r.usable(SourceNetwork, found) {
		return Location{}, false
	}
	if fixed == nil || fixed.empty() {
		return r.found(SourceNetwork, found), true
	}
	switch {
	case fixed.within(found.Place):
		r.ignore(SourceNetwork, found.Evidence, fmt.Sprintf("it names %s, where the fixed location %s is", found.Place, fixed))
		return Location{}, false
	case found.Place.within(*fixed):
		r.ignore(SourceFixed, fixed.String(), fmt.Sprintf("network evidence names %s inside it", found.Place))
		return r.found(SourceNetwork, found), true
	default:
		r.ignore(SourceFixed, fixed.String(), fmt.Sprintf("network evidence names %s, elsewhere", found.Place))
		r.trace.Degrade(trace.Locate, "device-moved", "the device is set to be at %s but was seen at %s (%s)", fixed, found.Place, found.Evidence)
		return r.found(SourceNetwork, found), true
	}
}

// 3: set by hand for a device that stays put.
func (r *resolving) fixed() (Location, bool) {
	p := r.facts.Fixed
	if p == nil {
		return Location{}, false
	}
	if p.empty() {
		r.ignore(SourceFixed, p.Name, "its address is empty")
		return Location{}, false
	}
	return at(Location{Source: SourceFixed, Evidence: "set for the device", Confidence: ConfidenceHigh, Method: MethodManual}, *p), true
}

// 4: a place of the user's own.
func (r *resolving) personal() (Location, bool) {
	if !r.usable(SourcePersonal, r.facts.Personal) {
		return Location{}, false
	}
	return r.found(SourcePersonal, r.facts.Personal), true
}

// 5: coordinates of the device.
func (r *resolving) coordinates() (Location, bool) {
	fix := r.facts.Coordinates
	if fix == nil {
		return Location{}, false
	}
	if err := fix.Check(); err != nil {
		r.ignore(SourceCoordinates, "coordinates", err.Error())
		return Location{}, false
	}
	if why := r.stale(fix.ObservedAt, r.facts.Limits.Coordinates); why != "" {
		r.ignore(SourceCoordinates, fix.Geodetic.String(), why)
		r.degradeStale(SourceCoordinates, fix.Geodetic.String())
		return Location{}, false
	}
	shape := fix.Geodetic
	return Location{Source: SourceCoordinates, Geodetic: &shape, Evidence: "reported by the device", ObservedAt: fix.ObservedAt,
		Confidence: ConfidenceMedium, Method: fix.Method, Country: fix.Country}, true
}

// 6 to 9: where the caller is taken to be because nothing better is known.
func (r *resolving) assumed(s Source, a *Address) (Location, bool) {
	if a == nil {
		return Location{}, false
	}
	if a.Empty() {
		r.ignore(s, orUnnamed(a.Name), "it is empty")
		return Location{}, false
	}
	if r.facts.Moving {
		r.trace.Degrade(trace.Locate, "location-assumed", "the device moves and nothing shows where it is; %s is assumed", s)
	} else if s == SourceAccountDefault {
		r.trace.Degrade(trace.Locate, "location-assumed", "neither extension nor site has an address; %s is assumed", s)
	}
	return at(Location{Source: s, Evidence: "assumed", Confidence: ConfidenceLow, Method: MethodDefault}, Place{Name: a.Name, Address: *a, Level: a.Level}), true
}

func orUnnamed(name string) string {
	if name == "" {
		return "an address"
	}
	return name
}

func (r *resolving) usable(s Source, found *Found) bool {
	if found == nil {
		return false
	}
	if found.empty() {
		r.ignore(s, found.Evidence, "the address of "+orUnnamed(found.Name)+" is empty")
		return false
	}
	if why := r.stale(found.ObservedAt, r.facts.Limits.Network); why != "" {
		r.ignore(s, found.Evidence, why)
		r.degradeStale(s, found.Place.String())
		return false
	}
	return true
}

func (r *resolving) found(s Source, found *Found) Location {
	if found.Unapproved {
		r.trace.Degrade(trace.Locate, "location-unapproved", "%s was named by the user and is not approved yet", found.Place)
	}
	return at(Location{Source: s, Evidence: found.Evidence, ObservedAt: found.ObservedAt, Confidence: found.Confidence, Method: found.Method}, found.Place)
}

// at fills in the place.
func at(l Location, p Place) Location {
	l.Place, l.Level, l.Status, l.Civic = p.Name, p.Level, p.Address.Status, p.Address.CivicAddress
	if p.Address.Point != nil {
		g := At(*p.Address.Point)
		l.Geodetic = &g
	}
	return l
}

// answer completes a location with what is common to all.
func (r *resolving) answer(l Location) Location {
	l.Civic = l.Civic.Normal()
	l.ID, l.Rule, l.Ignored, l.Reference = r.facts.ID, l.Source.Rule(), r.ignored, r.reference
	switch {
	case l.Civic.Country != "":
		l.Country = l.Civic.Country
	case l.Country == "":
		l.Country = r.facts.Country
	}
	if l.Confidence == 0 {
		l.Confidence = ConfidenceMedium
	}
	if l.Method == "" && l.Source != SourceCarried { // what a call carries is not relabelled
		l.Method = MethodDerived
	}
	if l.Known() && l.Source != SourceCarried && (l.Status == StatusRejected || l.Status == StatusFailed) {
		r.trace.Degrade(trace.Locate, "address-not-valid", "the address of %s is used although its validation says %s", orUnnamed(l.Place), l.Status)
	}
	l.Hash = l.hash()
	if l.ID == "" {
		l.ID = l.Hash[:16]
	}
	r.trace.Because(trace.Locate, l.Rule, "", l.Evidence, "the caller is at %s: %s", l.OneLine(), l.Source)
	return l
}
