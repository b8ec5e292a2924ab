package pidflo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-sip/tocsin/location"
)

// validate hands documents to xmllint with the schemas of the RFCs.
func validate(t interface {
	Helper()
	Fatalf(string, ...any)
}, dir string, documents ...[]byte) {
	t.Helper()
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatalf("xmllint is needed to check documents against the schemas; install libxml2-utils: %v", err)
	}
	args := []string{"--nonet", "--noout", "--schema", "testdata/schemas/all.xsd"}
	for i, document := range documents {
		name := filepath.Join(dir, "document"+string(rune('a'+i%26))+".xml")
		if err := os.WriteFile(name, document, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
		args = append(args, name)
	}
	if out, err := exec.Command(lint, args...).CombinedOutput(); err != nil {
		t.Fatalf("not valid: %v\n%s\n%s", err, out, documents)
	}
}

func TestSchemasRefuseWhatIsWrong(t *testing.T) {
	good, err := Encode(Document{Entity: "pres:a@b", Locations: []Located{{Civic: austin}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"order of civic elements": strings.Replace(string(good), "<ca:country>US</ca:country><ca:A1>TX</ca:A1>", "<ca:A1>TX</ca:A1><ca:country>US</ca:country>", 1),
		"no usage-rules":          strings.Replace(string(good), "<gp:usage-rules/>", "", 1),
		"no deviceID":             strings.Replace(string(good), "<dm:deviceID>pres:a@b</dm:deviceID>", "", 1),
		"id of a digit":           strings.Replace(string(good), `id="d1"`, `id="1"`, 1),
	} {
		if bad == string(good) {
			t.Fatalf("%s: the document is not the one expected:\n%s", name, good)
		}
		path := filepath.Join(t.TempDir(), "bad.xml")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("xmllint", "--nonet", "--noout", "--schema", "testdata/schemas/all.xsd", path).CombinedOutput(); err == nil {
			t.Errorf("%s passes, so the check finds nothing: %s", name, out)
		}
	}
}

func TestEncodeGolden(t *testing.T) {
	point := location.At(location.Point{Lat: 37.3317, Lon: -121.8907})
	floor := location.CivicAddress{Country: "US", State: "CA", City: "San Jose", Street: "Almaden", StreetSuffix: "Boulevard", HouseNumber: "55", PostalCode: "95113", PlaceName: "Acme & Söhne <HQ>", Floor: "2"}
	got, err := Encode(FromLocation(location.Location{Civic: floor, Geodetic: &point, Method: location.MethodWiremap,
		ObservedAt: time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("", 3600))}, "pres:q7x2@gw.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>` +
		`<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" entity="pres:q7x2@gw.example.com">` +
		`<dm:device id="civic"><gp:geopriv><gp:location-info><ca:civicAddress xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr">` +
		`<ca:country>US</ca:country><ca:A1>CA</ca:A1><ca:A3>San Jose</ca:A3><ca:RD>Almaden</ca:RD><ca:STS>Boulevard</ca:STS><ca:HNO>55</ca:HNO><ca:FLR>2</ca:FLR><ca:NAM>Acme &amp; Söhne &lt;HQ&gt;</ca:NAM><ca:PC>95113</ca:PC>` +
		`</ca:civicAddress></gp:location-info><gp:usage-rules/><gp:method>Wiremap</gp:method></gp:geopriv><dm:deviceID>pres:q7x2@gw.example.com</dm:deviceID><dm:timestamp>2026-01-02T03:04:05Z</dm:timestamp></dm:device>` +
		`<dm:device id="geodetic"><gp:geopriv><gp:location-info><gml:Point xmlns:gml="http://www.opengis.net/gml" srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>37.3317 -121.8907</gml:pos></gml:Point>` +
		`</gp:location-info><gp:usage-rules/><gp:method>Wiremap</gp:method></gp:geopriv><dm:deviceID>pres:q7x2@gw.example.com</dm:deviceID><dm:timestamp>2026-01-02T03:04:05Z</dm:timestamp></dm:device></presence>`
	if diff := cmp.Diff(want, strings.TrimSpace(string(got))); diff != "" {
		t.Error(diff)
	}
	validate(t, t.TempDir(), got)
}

func TestEncodeRefuses(t *testing.T) {
	zero := location.At(location.Point{})
	for name, d := range map[string]Document{
		"no location":             {Entity: "pres:a@b"},
		"empty location":          {Locations: []Located{{}}},
		"0 0":                     {Locations: []Located{{Geodetic: &zero}}},
		"only control characters": {Locations: []Located{{Civic: location.CivicAddress{City: "\x01"}}}},
		"country":                 {Locations: []Located{{Civic: location.CivicAddress{Country: "USA", City: "x"}}}},
		"provided-by is no XML":   {Locations: []Located{{Civic: austin, ProvidedBy: []byte("<a")}}},
		"provided-by is nothing":  {Locations: []Located{{Civic: austin, ProvidedBy: []byte(" ")}}},
	} {
		if out, err := Encode(d); err == nil {
			t.Errorf("%s was written: %s", name, out)
		}
	}
}

func TestStrictOut(t *testing.T) {
	civic := austin
	civic.City, civic.Language, civic.Milepost = " Aus\x00tin\n\xff ", "not a language!", "7"
	got, err := Encode(Document{Entity: "<nonsense>", Locations: []Located{
		{ID: "0", DeviceID: "two words", Civic: civic, Method: "a\x02b", Rules: Rules{Retransmission: new(true), Expiry: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Ruleset: "https://x.example/r", NoteWell: "do not & tell"},
			ProvidedBy: []byte(`<ex:ProviderInfo xmlns:ex="urn:x">A</ex:ProviderInfo>`)},
		{ID: "0", Civic: austin}, {Civic: austin}, {ID: "-", Civic: austin},
	}})
	if err != nil {
		t.Fatal(err)
	}
	validate(t, t.TempDir(), got)
	d, err := Decode(got)
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Locations[0].Civic; c.City != "Austin" || c.Milepost != "7" || c.Language != "" {
		t.Errorf("%+v", c)
	}
	if r := d.Locations[0].Rules; r.Retransmission == nil || !*r.Retransmission || r.NoteWell != "do not & tell" || r.Ruleset != "https://x.example/r" {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(string(got), `<gp:provided-by><ex:ProviderInfo xmlns:ex="urn:x">A</ex:ProviderInfo></gp:provided-by>`) {
		t.Errorf("provided-by: %s", got)
	}
}

func TestWP7Sharing(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name  string
		rules Rules
		want  bool
	}{
		{"nothing said is no", Rules{}, false},
		{"no", Rules{Retransmission: new(false)}, false},
		{"yes", Rules{Retransmission: new(true)}, true},
		{"yes, until later", Rules{Retransmission: new(true), Expiry: now.Add(time.Hour)}, true},
		{"yes, until before", Rules{Retransmission: new(true), Expiry: now.Add(-time.Hour)}, false},
	} {
		if got := row.rules.Sharable(now); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

// drawLocated makes any location that may be written.
func drawLocated(t *rapid.T) Located {
	var l Located
	l.Element = Device
	if rapid.Bool().Draw(t, "civic") {
		for _, e := range location.Elements() {
			if rapid.IntRange(0, 2).Draw(t, e.Name) == 0 {
				e.Set(&l.Civic, rapid.StringMatching(`[A-Za-z0-9äß&<>"'/-]{1,12}( [a-z\]]{1,5})?`).Draw(t, e.Key))
			}
		}
		l.Civic.Country = "DE"
		l.Civic = l.Civic.Normal()
		l.Civic.Language = rapid.SampledFrom([]string{"", "en", "de-AT"}).Draw(t, "language")
	}
	if l.Civic.Empty() || rapid.Bool().Draw(t, "geodetic") {
		g := drawShape(t)
		l.Geodetic = &g
	}
	l.Method = rapid.SampledFrom([]location.Method{"", location.MethodGPS, location.MethodDefault}).Draw(t, "method")
	if rapid.Bool().Draw(t, "timed") {
		l.Timestamp = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999).Draw(t, "ms")*1e6).UTC()
	}
	if rapid.Bool().Draw(t, "ruled") {
		l.Rules.Retransmission = new(rapid.Bool().Draw(t, "retransmission"))
	}
	return l
}

func drawShape(t *rapid.T) location.Geodetic {
	three := rapid.Bool().Draw(t, "3D")
	pos := func(name string) location.Position {
		p := location.Position{Point: location.Point{Lat: rapid.Float64Range(-90, 90).Draw(t, name+" lat"), Lon: rapid.Float64Range(0.5, 180).Draw(t, name+" lon")}}
		if three {
			p.Alt = rapid.Float64Range(-400, 9000).Draw(t, name+" alt")
		}
		return p
	}
	length := func(name string) float64 { return rapid.Float64Range(0.01, 1e6).Draw(t, name) }
	g := location.Geodetic{Shape: location.Shape(rapid.IntRange(int(location.ShapePoint), int(location.ShapePrism)).Draw(t, "shape"))}
	switch g.Shape {
	case location.ShapePolygon, location.ShapePrism:
		if g.Shape == location.ShapePrism {
			three, g.Height = true, length("height")
		}
		for range rapid.IntRange(3, 6).Draw(t, "corners") {
			g.Positions = append(g.Positions, pos("corner"))
		}
		g.Positions = append(g.Positions, g.Positions[0])
	default:
		g.Positions = []location.Position{pos("centre")}
	}
	g.Altitude = three
	switch g.Shape {
	case location.ShapeCircle, location.ShapeSphere:
		g.Radius = length("radius")
	case location.ShapeEllipse, location.ShapeEllipsoid:
		g.SemiMajor, g.SemiMinor, g.Orientation = length("major"), length("minor"), rapid.Float64Range(0, 180).Draw(t, "orientation")
		if g.Shape == location.ShapeEllipsoid {
			g.Vertical = length("vertical")
		}
	case location.ShapeArcBand:
		g.OuterRadius, g.StartAngle, g.OpeningAngle = length("outer"), rapid.Float64Range(0, 360).Draw(t, "start"), length("opening")
		g.InnerRadius = g.OuterRadius / 2
	}
	if rapid.Bool().Draw(t, "confident") {
		g.Confidence = rapid.Float64Range(0.5, 99.5).Draw(t, "confidence")
	}
	return g
}

func TestRoundTrip(t *testing.T) {
	var some [][]byte
	rapid.Check(t, func(t *rapid.T) {
		want := Document{Entity: "pres:q7x2@gw.example.com"}
		for i := range rapid.IntRange(1, 3).Draw(t, "locations") {
			l := drawLocated(t)
			l.ID, l.DeviceID = "d"+string(rune('1'+i)), want.Entity
			want.Locations = append(want.Locations, l)
		}
		out, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, out)
		}
		if len(some) < 26 {
			some = append(some, out)
		}
	})
	validate(t, t.TempDir(), some...)
}
