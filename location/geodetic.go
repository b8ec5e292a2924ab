package location

import (
	"fmt"
	"math"
	"slices"
)

// Point is a place on the WGS 84 ellipsoid, in degrees.
type Point struct {
	Lat float64 `json:"lat" yaml:"lat"`
	Lon float64 `json:"lon" yaml:"lon"`
}

func (p Point) String() string { return fmt.Sprintf("%.6f, %.6f", p.Lat, p.Lon) }

// Check refuses points that are no place. Latitude 0, longitude 0 is what
// broken receivers report; it lies in the Gulf of Guinea and never means it.
func (p Point) Check() error {
	switch {
	case math.IsNaN(p.Lat) || math.IsNaN(p.Lon) || math.IsInf(p.Lat, 0) || math.IsInf(p.Lon, 0):
		return fmt.Errorf("point: a coordinate is not a number")
	case p.Lat < -90 || p.Lat > 90:
		return fmt.Errorf("point: latitude %v is not between -90 and 90", p.Lat)
	case p.Lon < -180 || p.Lon > 180:
		return fmt.Errorf("point: longitude %v is not between -180 and 180", p.Lon)
	case p.Lat == 0 && p.Lon == 0:
		return fmt.Errorf("point: 0 0 is a missing position")
	}
	return nil
}

// Position is a point with an altitude in metres, which counts only in a
// shape that says it has one.
type Position struct {
	Point
	Alt float64 `json:"alt,omitempty" yaml:"alt,omitempty"`
}

// Shape is one of the shapes of RFC 5491 s5.2.
type Shape int

const (
	ShapePoint Shape = iota + 1
	ShapePolygon
	ShapeCircle
	ShapeEllipse
	ShapeArcBand
	ShapeSphere
	ShapeEllipsoid
	ShapePrism
)

var shapeNames = [...]string{ShapePoint: "Point", ShapePolygon: "Polygon", ShapeCircle: "Circle", ShapeEllipse: "Ellipse",
	ShapeArcBand: "ArcBand", ShapeSphere: "Sphere", ShapeEllipsoid: "Ellipsoid", ShapePrism: "Prism"}

// String is the name of the shape's element in RFC 5491.
func (s Shape) String() string { return name(shapeNames[:], int(s), "shape") }

// MarshalText makes a shape its name in JSON.
func (s Shape) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Shape) UnmarshalText(b []byte) error {
	return fromName(shapeNames[:], b, "shape", (*int)(s))
}

// Geodetic is a shape on the ground: where somebody is, and how widely. Make
// one with the constructor of its shape and [Geodetic.Check] what came from
// outside; lengths are in metres, angles in degrees clockwise from north.
type Geodetic struct {
	Shape Shape `json:"shape"`
	// Positions has one element, the centre, except for Polygon and Prism,
	// whose ring ends where it began (RFC 5491 s5.2.2).
	Positions []Position `json:"positions"`
	Altitude  bool       `json:"altitude,omitempty"` // positions have altitudes: EPSG 4979, not 4326

	Radius       float64 `json:"radius,omitempty"`        // Circle, Sphere
	SemiMajor    float64 `json:"semi_major,omitempty"`    // Ellipse, Ellipsoid
	SemiMinor    float64 `json:"semi_minor,omitempty"`    // Ellipse, Ellipsoid
	Vertical     float64 `json:"vertical,omitempty"`      // Ellipsoid
	Orientation  float64 `json:"orientation,omitempty"`   // Ellipse, Ellipsoid
	InnerRadius  float64 `json:"inner_radius,omitempty"`  // ArcBand
	OuterRadius  float64 `json:"outer_radius,omitempty"`  // ArcBand
	StartAngle   float64 `json:"start_angle,omitempty"`   // ArcBand
	OpeningAngle float64 `json:"opening_angle,omitempty"` // ArcBand
	Height       float64 `json:"height,omitempty"`        // Prism

	// Confidence is the probability in percent that the caller is inside (RFC
	// 7459 s5), 0 where none is given; RFC 5491 s5.1 then means 95.
	Confidence float64 `json:"confidence,omitempty"`
}

// At is a point shape.
func At(p Point) Geodetic {
	return Geodetic{Shape: ShapePoint, Positions: []Position{{Point: p}}}
}

// Circle is everywhere within a radius.
func Circle(centre Point, radius float64) Geodetic {
	return Geodetic{Shape: ShapeCircle, Positions: []Position{{Point: centre}}, Radius: radius}
}

// Polygon is the area within a ring, closed here if it is not yet.
func Polygon(ring ...Point) Geodetic {
	g := Geodetic{Shape: ShapePolygon}
	for _, p := range ring {
		g.Positions = append(g.Positions, Position{Point: p})
	}
	if n := len(ring); n > 0 && ring[0] != ring[n-1] {
		g.Positions = append(g.Positions, Position{Point: ring[0]})
	}
	return g
}

// Check refuses a shape that is none; nothing may be routed by it.
func (g Geodetic) Check() error {
	if g.Shape < ShapePoint || g.Shape > ShapePrism {
		return fmt.Errorf("geodetic location: no shape")
	}
	for _, p := range g.Positions {
		if err := p.Point.Check(); err != nil {
			return fmt.Errorf("%s: %w", g.Shape, err)
		}
		if math.IsNaN(p.Alt) || math.IsInf(p.Alt, 0) {
			return fmt.Errorf("%s: the altitude is not a number", g.Shape)
		}
	}
	if g.Confidence != 0 && !(g.Confidence > 0 && g.Confidence < 100) {
		return fmt.Errorf("%s: confidence %v is not between 0 and 100", g.Shape, g.Confidence)
	}
	switch g.Shape {
	case ShapePolygon, ShapePrism:
		// RFC 5491 s5.2.2: at least three distinct points and the first again.
		n := len(g.Positions)
		if n < 4 {
			return fmt.Errorf("%s: %d positions, 4 are the least", g.Shape, n)
		}
		if g.Positions[0] != g.Positions[n-1] {
			return fmt.Errorf("%s: the last position is not the first", g.Shape)
		}
		if !g.Altitude && g.Shape == ShapePrism {
			return fmt.Errorf("%s: its base has no altitude", g.Shape)
		}
	default:
		if len(g.Positions) != 1 {
			return fmt.Errorf("%s: %d positions, 1 is needed", g.Shape, len(g.Positions))
		}
	}
	for _, length := range g.lengths() {
		if !(length.value > 0) || math.IsInf(length.value, 0) {
			return fmt.Errorf("%s: %s is missing", g.Shape, length.of)
		}
	}
	for _, angle := range []float64{g.Orientation, g.StartAngle, g.OpeningAngle} {
		if math.IsNaN(angle) || math.IsInf(angle, 0) {
			return fmt.Errorf("%s: an angle is not a number", g.Shape)
		}
	}
	if g.Shape == ShapeArcBand && !(g.InnerRadius >= 0 && g.InnerRadius < g.OuterRadius) {
		return fmt.Errorf("ArcBand: inner radius %v is not below outer radius %v", g.InnerRadius, g.OuterRadius)
	}
	return nil
}

type length struct {
	of    string
	value float64
}

// lengths are those that the shape cannot be without.
func (g Geodetic) lengths() []length {
	switch g.Shape {
	case ShapeCircle, ShapeSphere:
		return []length{{"the radius", g.Radius}}
	case ShapeEllipse:
		return []length{{"the semi-major axis", g.SemiMajor}, {"the semi-minor axis", g.SemiMinor}}
	case ShapeEllipsoid:
		return []length{{"the semi-major axis", g.SemiMajor}, {"the semi-minor axis", g.SemiMinor}, {"the vertical axis", g.Vertical}}
	case ShapeArcBand:
		return []length{{"the outer radius", g.OuterRadius}, {"the opening angle", g.OpeningAngle}}
	case ShapePrism:
		return []length{{"the height", g.Height}}
	case ShapePoint, ShapePolygon:
	}
	return nil
}

// Centre is a point to show on a map and to look a boundary up with: the
// centre of round shapes, the mean of a ring's corners.
func (g Geodetic) Centre() Point {
	if len(g.Positions) == 0 {
		return Point{}
	}
	first := g.Positions[0].Point
	if g.Shape != ShapePolygon && g.Shape != ShapePrism {
		return first
	}
	ring := g.Positions
	if len(ring) > 1 {
		ring = ring[:len(ring)-1] // the first again
	}
	var lat, lon float64
	for _, p := range ring {
		lat += p.Lat
		lon += math.Remainder(p.Lon-first.Lon, 360) // across the antimeridian, if that is nearer
	}
	n := float64(len(ring))
	return Point{Lat: lat / n, Lon: math.Remainder(first.Lon+lon/n, 360)}
}

// Equal compares shapes exactly.
func (g Geodetic) Equal(o Geodetic) bool {
	a, b := g, o
	return slices.Equal(a.Positions, b.Positions) && a.Shape == b.Shape && a.Altitude == b.Altitude && a.Confidence == b.Confidence &&
		a.Radius == b.Radius && a.SemiMajor == b.SemiMajor && a.SemiMinor == b.SemiMinor && a.Vertical == b.Vertical &&
		a.Orientation == b.Orientation && a.InnerRadius == b.InnerRadius && a.OuterRadius == b.OuterRadius &&
		a.StartAngle == b.StartAngle && a.OpeningAngle == b.OpeningAngle && a.Height == b.Height
}

func (g Geodetic) String() string {
	switch g.Shape {
	case ShapePoint:
		return g.Centre().String()
	case ShapeCircle, ShapeSphere:
		return fmt.Sprintf("within %.0f m of %s", g.Radius, g.Centre())
	default:
		return fmt.Sprintf("%s around %s", g.Shape, g.Centre())
	}
}
