package pidflo

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/location"
)

// Decode reads a document. It gives at least one location or an error.
func Decode(document []byte) (Document, error) {
	root, err := parse(document)
	if err != nil {
		return Document{}, fmt.Errorf("reading PIDF-LO: %w", err)
	}
	if root.name.Local != "presence" {
		return Document{}, fmt.Errorf("reading PIDF-LO: the root is %s, not presence", root.name.Local)
	}
	d := Document{Entity: root.attr("entity")}
	for _, holder := range root.children {
		element, ok := elementNamed(holder.name.Local)
		if !ok {
			continue
		}
		for _, geopriv := range geoprivs(holder) {
			one := Located{Element: element, ID: holder.attr("id"), DeviceID: holder.child("deviceID").token(),
				Timestamp: timestamp(holder.child("timestamp"))}
			if err := one.read(geopriv); err != nil {
				d.Ignored = append(d.Ignored, fmt.Sprintf("%s %s: %v", holder.name.Local, one.ID, err))
				continue
			}
			d.Locations = append(d.Locations, one)
		}
	}
	if len(d.Locations) == 0 {
		if len(d.Ignored) > 0 {
			return Document{}, fmt.Errorf("reading PIDF-LO: no usable location: %s", strings.Join(d.Ignored, "; "))
		}
		return Document{}, errors.New("reading PIDF-LO: no location in it")
	}
	// RFC 5491 s3: device before tuple before person, then as they stand.
	slices.SortStableFunc(d.Locations, func(a, b Located) int { return int(a.Element - b.Element) })
	return d, nil
}

func elementNamed(local string) (Element, bool) {
	switch local {
	case "device":
		return Device, true
	case "tuple":
		return Tuple, true
	case "person":
		return Person, true
	case "geopriv": // right below presence: of no element, so last
		return Person, true
	default:
		return 0, false
	}
}

// geoprivs finds the location objects of a presence element: in its status if
// it is a tuple (RFC 4119 s2.1), as its child otherwise, and wherever else
// senders put them.
func geoprivs(holder *node) []*node {
	if holder.name.Local == "geopriv" {
		return []*node{holder}
	}
	var found []*node
	for _, c := range holder.children {
		switch c.name.Local {
		case "geopriv", "status":
			found = append(found, geoprivs(c)...)
		}
	}
	return found
}

// read fills in what a location object says.
func (l *Located) read(geopriv *node) error {
	infos := 0
	for _, c := range geopriv.children {
		switch c.name.Local {
		case "location-info":
			infos++
			if infos > 1 {
				continue // wP4: one to an object; the first has precedence
			}
			if err := l.readInfo(c); err != nil {
				return err
			}
		case "method":
			l.Method = location.Method(c.token())
		case "usage-rules":
			l.Rules = readRules(c)
		case "timestamp":
			if l.Timestamp.IsZero() {
				l.Timestamp = timestamp(c)
			}
		}
	}
	if l.Civic.Empty() && l.Geodetic == nil {
		return errors.New("it is empty")
	}
	return nil
}

// readInfo reads the parts of one location. A shape and an address in one
// location-info are one compound place (RFC 5491 s3, rules 4 to 7), told from
// coarse to fine: later parts say more than earlier ones.
func (l *Located) readInfo(info *node) error {
	var confidence float64
	for _, c := range info.children {
		switch c.name.Local {
		case "civicAddress":
			l.Civic = readCivic(c).Over(l.Civic)
		case "confidence":
			confidence = readConfidence(c)
		default:
			g, is, err := readShape(c)
			if err != nil {
				return err
			}
			if is && l.Geodetic == nil {
				l.Geodetic = &g
			}
		}
	}
	if l.Geodetic != nil {
		l.Geodetic.Confidence = confidence
	}
	return nil
}

func readCivic(n *node) location.CivicAddress {
	var c location.CivicAddress
	for _, child := range n.children {
		if e, ok := location.ElementNamed(child.name.Local); ok && e.Get(c) == "" {
			e.Set(&c, child.token())
		}
		if c.Language == "" {
			c.Language = child.attr("lang")
		}
	}
	if lang := n.attr("lang"); lang != "" {
		c.Language = lang
	}
	// RFC 4119 s2.2.1 has the street in A6; RFC 5139 s3.2 moved it to RD.
	if c.Street == "" && n.name.Space == nsCivicOld {
		c.Street, c.StreetGroup = c.StreetGroup, ""
	}
	c.Country = e164.Region(strings.ToUpper(string(c.Country)))
	if c.Country != "" && (location.CivicAddress{Country: c.Country}).Check() != nil {
		c.Country = "" // not two letters; the rest still leads somewhere
	}
	return c
}

// readConfidence is 0 for "unknown" and what is no percentage (RFC 7459 s5).
func readConfidence(n *node) float64 {
	v, err := strconv.ParseFloat(n.token(), 64)
	if err != nil || !(v > 0 && v < 100) {
		return 0
	}
	return v
}

func readRules(n *node) Rules {
	var r Rules
	switch n.child("retransmission-allowed").token() {
	case "true", "1", "yes":
		r.Retransmission = new(true)
	case "false", "0", "no":
		r.Retransmission = new(false)
	}
	r.Expiry = timestamp(n.child("retention-expiry"))
	r.Ruleset = n.child("external-ruleset").token()
	r.NoteWell = n.child("note-well").token()
	return r
}

// timestamp is zero for what is none. xs:dateTime may lack a zone; it is then
// taken for UTC.
func timestamp(n *node) time.Time {
	text := n.token()
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
