package pidflo

import (
	"time"

	"github.com/tocsin-sip/tocsin/location"
)

// ContentType is the media type of a document.
const ContentType = "application/pidf+xml"

// Namespaces of what a document is made of.
const (
	nsPIDF        = "urn:ietf:params:xml:ns:pidf"
	nsDataModel   = "urn:ietf:params:xml:ns:pidf:data-model"
	nsGeopriv     = "urn:ietf:params:xml:ns:pidf:geopriv10"
	nsBasicPolicy = "urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy"
	nsCivic       = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
	nsCivicExt    = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr:ext"
	nsCivicOld    = "urn:ietf:params:xml:ns:pidf:geopriv10:civicLoc"
	nsGML         = "http://www.opengis.net/gml"
	nsShapes      = "http://www.opengis.net/pidflo/1.0"
	nsConfidence  = "urn:ietf:params:xml:ns:geopriv:conf"
)

// Coordinate reference systems and units of RFC 5491 s5.1 and s5.2.
const (
	crs2D     = "urn:ogc:def:crs:EPSG::4326"
	crs3D     = "urn:ogc:def:crs:EPSG::4979"
	uomMetre  = "urn:ogc:def:uom:EPSG::9001"
	uomDegree = "urn:ogc:def:uom:EPSG::9102"
)

// Document is a presence document with locations in it.
type Document struct {
	// Entity is whose presence it is. In our own documents it is a pseudonym
	// that leads back to nobody (RFC 6753 s5, RFC 5985 s6.6).
	Entity    string
	Locations []Located // in order of precedence; the first is the one to route by
	Ignored   []string  // locations that were none, and why
}

// Located is one location of a document.
type Located struct {
	Element   Element // what it is a location of
	ID        string
	DeviceID  string
	Civic     location.CivicAddress
	Geodetic  *location.Geodetic
	Method    location.Method
	Timestamp time.Time
	Rules     Rules

	// ProvidedBy is XML to stand in provided-by when written: who supplied the
	// location (NENA-STA-010.3f s2.5). It is not read back.
	ProvidedBy []byte
}

// Element is the presence element that holds a location.
type Element int

const (
	Device Element = iota + 1
	Tuple
	Person
)

// Rules are what the owner of a location allows (RFC 4119 s2.2.2). They do not
// stop an emergency call; they do stop sharing beyond it.
type Rules struct {
	// Retransmission is whether it may be passed on: nil where nothing is said,
	// which RFC 4119 s2.2.2 reads as no.
	Retransmission *bool
	Expiry         time.Time
	Ruleset        string
	NoteWell       string
}

// Sharable says whether the location may go beyond the emergency.
func (r Rules) Sharable(at time.Time) bool {
	return r.Retransmission != nil && *r.Retransmission && (r.Expiry.IsZero() || at.Before(r.Expiry))
}

// FromLocation makes the document of a call's location: its civic address
// first, its shape beside it.
func FromLocation(l location.Location, entity string) Document {
	d := Document{Entity: entity}
	with := func(id string, add func(*Located)) {
		one := Located{Element: Device, ID: id, DeviceID: entity, Method: l.Method, Timestamp: l.ObservedAt}
		add(&one)
		d.Locations = append(d.Locations, one)
	}
	if !l.Civic.Empty() {
		with("civic", func(one *Located) { one.Civic = l.Civic })
	}
	if l.Geodetic != nil {
		with("geodetic", func(one *Located) { one.Geodetic = l.Geodetic })
	}
	return d
}

// Carried is what the document says, as facts to resolve a location from.
// Who vouches for it, and whether that is believed, is for the receiver to add.
func (d Document) Carried() []location.Carried {
	var out []location.Carried
	for i, l := range d.Locations {
		// A civic address and a shape of one element that stand apart describe one
		// place (RFC 5491 s3, rules 2 and 3): the answer tells both.
		if i > 0 && d.Locations[i-1].Element == l.Element && out[len(out)-1].Complete(l.Civic, l.Geodetic) {
			continue
		}
		out = append(out, location.Carried{Civic: l.Civic, Geodetic: l.Geodetic, Method: l.Method, Timestamp: l.Timestamp,
			NoSharing: l.Rules.Retransmission != nil && !*l.Rules.Retransmission})
	}
	return out
}
