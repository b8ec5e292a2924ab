package pidflo

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tocsin-sip/tocsin/location"
)

// readShape reads a shape of RFC 5491 s5.2; false when the element is none.
func readShape(n *node) (location.Geodetic, bool, error) {
	if n.name.Local == "location" { // gml:location of RFC 4119 s2.2.1
		for _, c := range n.children {
			if g, is, err := readShape(c); is || err != nil {
				return g, is, err
			}
		}
		return location.Geodetic{}, false, nil
	}
	shape, ok := shapeNamed(n.name.Local)
	if !ok {
		return location.Geodetic{}, false, nil
	}
	g := location.Geodetic{Shape: shape}
	if err := fillShape(&g, n); err != nil {
		return location.Geodetic{}, true, fmt.Errorf("%s: %w", shape, err)
	}
	if err := g.Check(); err != nil {
		return location.Geodetic{}, true, err
	}
	return g, true, nil
}

func shapeNamed(local string) (location.Shape, bool) {
	for s := location.ShapePoint; s <= location.ShapePrism; s++ {
		if s.String() == local {
			return s, true
		}
	}
	return 0, false
}

func fillShape(g *location.Geodetic, n *node) error {
	crs, err := readCRS(n)
	if err != nil {
		return err
	}
	var dimensions int
	if g.Positions, dimensions, err = readPositions(n, crs); err != nil {
		return err
	}
	g.Altitude = dimensions == 3
	for _, m := range []struct {
		name   string
		into   *float64
		length bool
	}{
		{"radius", &g.Radius, true},
		{"semiMajorAxis", &g.SemiMajor, true},
		{"semiMinorAxis", &g.SemiMinor, true},
		{"verticalAxis", &g.Vertical, true},
		{"orientation", &g.Orientation, false},
		{"innerRadius", &g.InnerRadius, true},
		{"outerRadius", &g.OuterRadius, true},
		{"startAngle", &g.StartAngle, false},
		{"openingAngle", &g.OpeningAngle, false},
		{"height", &g.Height, true},
	} {
		c := n.child(m.name)
		if c == nil {
			continue // what a shape cannot be without is missed by its Check
		}
		v, err := strconv.ParseFloat(c.token(), 64)
		if err != nil {
			return fmt.Errorf("%s %q is not a number", m.name, c.token())
		}
		factor, err := unit(c.attr("uom"), m.length)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		*m.into = v * factor
	}
	return nil
}

// unit is what a measure is multiplied by to be in metres or degrees.
func unit(uom string, length bool) (float64, error) {
	code := uom[strings.LastIndexAny(uom, ":#/")+1:]
	switch {
	case uom == "":
		return 1, nil
	case length && (code == "9001" || strings.EqualFold(code, "m") || strings.EqualFold(code, "metre") || strings.EqualFold(code, "meter") || strings.EqualFold(code, "meters")):
		return 1, nil
	case length && code == "9002": // international foot
		return 0.3048, nil
	case !length && (code == "9102" || strings.EqualFold(code, "deg") || strings.EqualFold(code, "degree") || strings.EqualFold(code, "degrees")):
		return 1, nil
	case !length && code == "9101":
		return 180 / math.Pi, nil
	default:
		return 0, fmt.Errorf("unit %q is not understood", uom)
	}
}

// axes is the order of coordinates.
type axes int

const (
	latLon axes = iota + 1
	lonLat
)

// readCRS reads the reference system. Both of RFC 5491 s5.1 have latitude
// first; a position in any other datum would be beside the truth.
func readCRS(n *node) (axes, error) {
	name := n.attr("srsName")
	if name == "" {
		if inner := findAttr(n, "srsName"); inner != "" {
			name = inner
		}
	}
	code := strings.ToUpper(name[strings.LastIndexAny(name, ":#/")+1:])
	switch code {
	case "", "4326", "4979", "WGS84":
		return latLon, nil
	case "CRS84": // OGC 06-042: longitude first
		return lonLat, nil
	default:
		return 0, fmt.Errorf("reference system %q is not understood", name)
	}
}

func findAttr(n *node, local string) string {
	for _, c := range n.children {
		if v := c.attr(local); v != "" {
			return v
		}
		if v := findAttr(c, local); v != "" {
			return v
		}
	}
	return ""
}

// readPositions reads pos, posList or the older coordinates, wherever in the
// shape they stand, and how many dimensions they have.
func readPositions(n *node, order axes) ([]location.Position, int, error) {
	var texts []string
	listed := 0 // dimensions of a list, 0 where each text is one position
	var walk func(*node) error
	walk = func(n *node) error {
		for _, c := range n.children {
			switch c.name.Local {
			case "pos", "coordinates":
				texts = append(texts, c.token())
			case "posList":
				listed = 2
				if c.attr("srsDimension") == "3" || strings.HasSuffix(findSRS(n, c), "4979") {
					listed = 3
				}
				texts = append(texts, c.token())
			case "interior":
				return errors.New("it has a hole, which RFC 5491 s5.2.2 does not")
			default:
				if err := walk(c); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk(n); err != nil {
		return nil, 0, err
	}
	var out []location.Position
	dimensions := 0
	for _, text := range texts {
		numbers, err := readNumbers(text)
		if err != nil {
			return nil, 0, err
		}
		size := len(numbers)
		if listed != 0 {
			size = listed
		}
		if size != 2 && size != 3 || len(numbers)%size != 0 || len(numbers) == 0 {
			return nil, 0, fmt.Errorf("position %q does not have 2 or 3 coordinates", text)
		}
		if dimensions != 0 && dimensions != size {
			return nil, 0, errors.New("some of its positions have an altitude, some have not")
		}
		dimensions = size
		for ; len(numbers) > 0; numbers = numbers[size:] {
			p := location.Position{Point: location.Point{Lat: numbers[0], Lon: numbers[1]}}
			if order == lonLat {
				p.Lat, p.Lon = p.Lon, p.Lat
			}
			if size == 3 {
				p.Alt = numbers[2]
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, 0, errors.New("it has no position")
	}
	return out, dimensions, nil
}

// findSRS is the reference system a list says it has, itself or around it.
func findSRS(around, list *node) string {
	if v := list.attr("srsName"); v != "" {
		return v
	}
	return around.attr("srsName")
}

// readNumbers takes commas as well as spaces: some senders write "lat,lon".
func readNumbers(text string) ([]float64, error) {
	var numbers []float64
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("coordinate %q is not a number", word)
		}
		numbers = append(numbers, v)
	}
	return numbers, nil
}
