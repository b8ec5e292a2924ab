package pidflo

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/tocsin-sip/tocsin/location"
)

// Encode writes a document that is valid against the schemas. It is an error
// to have no location, or one that [Decode] would refuse.
func Encode(d Document) ([]byte, error) {
	if len(d.Locations) == 0 {
		return nil, errors.New("writing PIDF-LO: no location")
	}
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	presence := doc.CreateElement("presence")
	presence.CreateAttr("xmlns", nsPIDF)
	presence.CreateAttr("xmlns:dm", nsDataModel)
	presence.CreateAttr("xmlns:gp", nsGeopriv)
	presence.CreateAttr("entity", uri(d.Entity, "pres:anonymous@anonymous.invalid"))
	ids := map[string]bool{}
	for i, l := range d.Locations {
		if err := writeDevice(presence, d, l, uniqueID(l.ID, i, ids)); err != nil {
			return nil, fmt.Errorf("writing PIDF-LO: location %d: %w", i+1, err)
		}
	}
	out, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("writing PIDF-LO: %w", err)
	}
	return out, nil
}

// writeDevice writes every location as one of the device: RFC 5491 s3 has it
// looked at first, and it is the device that calls.
func writeDevice(presence *etree.Element, d Document, l Located, id string) error {
	device := presence.CreateElement("dm:device")
	device.CreateAttr("id", id)
	geopriv := device.CreateElement("gp:geopriv")
	// RFC 4119 s2.2, the schema's sequence.
	if err := writeInfo(geopriv.CreateElement("gp:location-info"), l); err != nil {
		return err
	}
	writeRules(geopriv.CreateElement("gp:usage-rules"), l.Rules)
	if method := text(string(l.Method)); method != "" {
		geopriv.CreateElement("gp:method").SetText(method)
	}
	if len(l.ProvidedBy) > 0 {
		provided := etree.NewDocument()
		if err := provided.ReadFromBytes(l.ProvidedBy); err != nil {
			return fmt.Errorf("reading what provided-by holds: %w", err)
		}
		if provided.Root() == nil {
			return errors.New("what provided-by holds is no element")
		}
		geopriv.CreateElement("gp:provided-by").AddChild(provided.Root().Copy())
	}
	// RFC 4479 s5: deviceID is mandatory, behind what others put in and before
	// the timestamp.
	device.CreateElement("dm:deviceID").SetText(uri(l.DeviceID, uri(d.Entity, "pres:anonymous@anonymous.invalid")))
	if !l.Timestamp.IsZero() {
		device.CreateElement("dm:timestamp").SetText(l.Timestamp.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// writeInfo writes a compound place from coarse to fine (RFC 5491 s3, rule 7):
// the shape, then the address inside it.
func writeInfo(info *etree.Element, l Located) error {
	if l.Civic.Empty() && l.Geodetic == nil {
		return errors.New("it is empty")
	}
	if l.Geodetic != nil {
		if err := l.Geodetic.Check(); err != nil {
			return err
		}
		writeShape(info, *l.Geodetic)
		if c := l.Geodetic.Confidence; c > 0 {
			confidence := info.CreateElement("con:confidence")
			confidence.CreateAttr("xmlns:con", nsConfidence)
			confidence.SetText(decimal(c))
		}
	}
	if l.Civic.Empty() {
		return nil
	}
	civic := clean(l.Civic)
	if err := civic.Check(); err != nil {
		return err
	}
	writeCivic(info, civic)
	return nil
}

// clean leaves only what XML can hold.
func clean(c location.CivicAddress) location.CivicAddress {
	for e, v := range c.Values() {
		e.Set(&c, text(v))
	}
	c.Language = text(c.Language)
	return c.Normal()
}

// language is the pattern of xs:language.
var language = regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)

func writeCivic(info *etree.Element, c location.CivicAddress) {
	civic := info.CreateElement("ca:civicAddress")
	civic.CreateAttr("xmlns:ca", nsCivic)
	if language.MatchString(c.Language) {
		civic.CreateAttr("xml:lang", c.Language)
	}
	for e, v := range c.Values() {
		switch {
		case e.Extension: // RFC 6848 s4: in their own namespace, behind the others
			if civic.SelectAttr("xmlns:cae") == nil {
				civic.CreateAttr("xmlns:cae", nsCivicExt)
			}
			civic.CreateElement("cae:" + e.Name).SetText(v)
		default:
			civic.CreateElement("ca:" + e.Name).SetText(v)
		}
	}
}

func writeRules(rules *etree.Element, r Rules) {
	add := func(name, value string) {
		if value == "" {
			return
		}
		if rules.SelectAttr("xmlns:gbp") == nil {
			rules.CreateAttr("xmlns:gbp", nsBasicPolicy)
		}
		rules.CreateElement("gbp:" + name).SetText(value)
	}
	if r.Retransmission != nil {
		add("retransmission-allowed", strconv.FormatBool(*r.Retransmission))
	}
	if !r.Expiry.IsZero() {
		add("retention-expiry", r.Expiry.UTC().Format(time.RFC3339Nano))
	}
	add("external-ruleset", uri(r.Ruleset, ""))
	add("note-well", text(r.NoteWell))
}

func writeShape(info *etree.Element, g location.Geodetic) {
	prefix := "gs:"
	if g.Shape == location.ShapePoint || g.Shape == location.ShapePolygon {
		prefix = "gml:"
	}
	shape := info.CreateElement(prefix + g.Shape.String())
	shape.CreateAttr("xmlns:gml", nsGML)
	if prefix == "gs:" {
		shape.CreateAttr("xmlns:gs", nsShapes)
	}
	crs := crs2D
	if g.Altitude {
		crs = crs3D
	}
	shape.CreateAttr("srsName", crs)
	measure := func(name string, v float64, uom string) {
		m := shape.CreateElement("gs:" + name)
		m.CreateAttr("uom", uom)
		m.SetText(decimal(v))
	}
	length := func(name string, v float64) { measure(name, v, uomMetre) }
	angle := func(name string, v float64) { measure(name, v, uomDegree) }

	// The children of each shape in the order of RFC 5491 s5.2.
	switch g.Shape {
	case location.ShapePolygon:
		writeRing(shape, g)
		return
	case location.ShapePrism:
		base := shape.CreateElement("gs:base").CreateElement("gml:Polygon")
		writeRing(base, g)
		length("height", g.Height)
		return
	}
	shape.CreateElement("gml:pos").SetText(position(g.Positions[0], g.Altitude))
	switch g.Shape {
	case location.ShapeCircle, location.ShapeSphere:
		length("radius", g.Radius)
	case location.ShapeEllipse:
		length("semiMajorAxis", g.SemiMajor)
		length("semiMinorAxis", g.SemiMinor)
		angle("orientation", g.Orientation)
	case location.ShapeEllipsoid:
		length("semiMajorAxis", g.SemiMajor)
		length("semiMinorAxis", g.SemiMinor)
		length("verticalAxis", g.Vertical)
		angle("orientation", g.Orientation)
	case location.ShapeArcBand:
		length("innerRadius", g.InnerRadius)
		length("outerRadius", g.OuterRadius)
		angle("startAngle", g.StartAngle)
		angle("openingAngle", g.OpeningAngle)
	}
}

func writeRing(polygon *etree.Element, g location.Geodetic) {
	ring := polygon.CreateElement("gml:exterior").CreateElement("gml:LinearRing")
	for _, p := range g.Positions {
		ring.CreateElement("gml:pos").SetText(position(p, g.Altitude))
	}
}

func position(p location.Position, altitude bool) string {
	s := decimal(p.Lat) + " " + decimal(p.Lon)
	if altitude {
		s += " " + decimal(p.Alt)
	}
	return s
}

// decimal has no exponent: not every reader takes one.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// text drops what XML 1.0 s2.2 has no place for, and collapses white space.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case r < 0x20, r == 0xFFFE, r == 0xFFFF, r == '\uFFFD':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

// uri is s if it can stand as an xs:anyURI, else another.
func uri(s, otherwise string) string {
	if s = text(s); s == "" || strings.ContainsAny(s, " <>\"{}|\\^`%") || !strings.Contains(s, ":") {
		return otherwise
	}
	return s
}

// uniqueID makes an xs:ID: it may not begin with a digit, nor be there twice.
func uniqueID(id string, i int, taken map[string]bool) string {
	id = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return -1
	}, id)
	if id == "" {
		id = "d" + strconv.Itoa(i+1)
	}
	if first := id[0]; first >= '0' && first <= '9' || first == '-' || first == '.' {
		id = "d" + id
	}
	for unique, n := id, 2; ; n++ {
		if !taken[unique] {
			taken[unique] = true
			return unique
		}
		unique = id + "-" + strconv.Itoa(n)
	}
}
