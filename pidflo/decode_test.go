package pidflo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/location"
)

// in wraps what a location-info holds into the shortest document.
func in(info string) string {
	return `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gml="http://www.opengis.net/gml" xmlns:gs="http://www.opengis.net/pidflo/1.0"
 xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" entity="pres:x@y">
 <tuple id="t"><status><gp:geopriv><gp:location-info>` + info + `</gp:location-info><gp:usage-rules/></gp:geopriv></status></tuple></presence>`
}

const civicInfo = `<ca:civicAddress><ca:country>us</ca:country><ca:A1>TX</ca:A1><ca:A3> Austin
 </ca:A3><ca:RD>Main</ca:RD><ca:STS>St</ca:STS><ca:HNO>100</ca:HNO><ca:FLR>3</ca:FLR><ca:PC>78701</ca:PC></ca:civicAddress>`

var austin = location.CivicAddress{Country: "US", State: "TX", City: "Austin", Street: "Main", StreetSuffix: "St", HouseNumber: "100", Floor: "3", PostalCode: "78701"}

func TestDecodeWhole(t *testing.T) {
	d, err := Decode([]byte(`<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:q7x2@gw.example.com"><dm:device xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" id="d1">
 <gp:geopriv xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"><gp:location-info>
  <ca:civicAddress xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" xml:lang="en"><ca:country>US</ca:country><ca:A1>TX</ca:A1><ca:A3>Austin</ca:A3>
   <ca:RD>Main</ca:RD><ca:STS>St</ca:STS><ca:HNO>100</ca:HNO><ca:FLR>3</ca:FLR><ca:PC>78701</ca:PC>
   <cae:HNP xmlns:cae="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr:ext">Z</cae:HNP></ca:civicAddress>
 </gp:location-info><gp:usage-rules><gbp:retransmission-allowed xmlns:gbp="urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy">false</gbp:retransmission-allowed>
 </gp:usage-rules><gp:method>Wiremap</gp:method></gp:geopriv><dm:deviceID>mac:00</dm:deviceID><dm:timestamp>2026-01-02T03:04:05+01:00</dm:timestamp></dm:device></presence>`))
	if err != nil {
		t.Fatal(err)
	}
	want := austin
	want.HouseNumberPrefix, want.Language = "Z", "en"
	if diff := cmp.Diff(Document{Entity: "pres:q7x2@gw.example.com", Locations: []Located{{
		Element: Device, ID: "d1", DeviceID: "mac:00", Civic: want, Method: location.MethodWiremap,
		Timestamp: time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), Rules: Rules{Retransmission: new(false)},
	}}}, d); diff != "" {
		t.Error(diff)
	}
	carried := d.Carried()
	if len(carried) != 1 || !carried[0].NoSharing || carried[0].Civic != want || carried[0].Method != location.MethodWiremap {
		t.Errorf("carried: %+v", carried)
	}
}

func TestWP3Shapes(t *testing.T) {
	p := location.Point{Lat: 42.5463, Lon: -73.2512}
	at := func(shape location.Shape, alt ...float64) location.Geodetic {
		g := location.Geodetic{Shape: shape, Positions: []location.Position{{Point: p}}}
		if len(alt) > 0 {
			g.Positions[0].Alt, g.Altitude = alt[0], true
		}
		return g
	}
	set := func(g location.Geodetic, change func(*location.Geodetic)) location.Geodetic { change(&g); return g }
	ring := location.Polygon(location.Point{Lat: 43.311, Lon: -73.422}, location.Point{Lat: 43.111, Lon: -73.322}, location.Point{Lat: 43.311, Lon: -73.222})
	high := set(location.Geodetic{Shape: location.ShapePrism, Altitude: true, Height: 2.4}, func(g *location.Geodetic) {
		for _, p := range ring.Positions {
			p.Alt = 36
			g.Positions = append(g.Positions, p)
		}
	})
	const m, deg = `uom="urn:ogc:def:uom:EPSG::9001"`, `uom="urn:ogc:def:uom:EPSG::9102"`
	const crs = `srsName="urn:ogc:def:crs:EPSG::4326"`
	for _, row := range []struct {
		name, xml string
		want      location.Geodetic
	}{
		{"Point", `<gml:Point ` + crs + `><gml:pos>42.5463 -73.2512</gml:pos></gml:Point>`, at(location.ShapePoint)},
		{"Point 3D", `<gml:Point srsName="urn:ogc:def:crs:EPSG::4979"><gml:pos>42.5463 -73.2512 26.3</gml:pos></gml:Point>`, at(location.ShapePoint, 26.3)},
		{"wL7 comma", `<gml:Point><gml:pos>42.5463,-73.2512</gml:pos></gml:Point>`, at(location.ShapePoint)},
		{"CRS84 is longitude first", `<gml:Point srsName="http://www.opengis.net/def/crs/OGC/1.3/CRS84"><gml:pos>-73.2512 42.5463</gml:pos></gml:Point>`, at(location.ShapePoint)},
		{"RFC 4119 wrapped", `<gml:location><gml:Point srsName="epsg:4326"><gml:coordinates>42.5463,-73.2512</gml:coordinates></gml:Point></gml:location>`, at(location.ShapePoint)},
		{"Circle", `<gs:Circle ` + crs + `><gml:pos>42.5463 -73.2512</gml:pos><gs:radius ` + m + `>850.24</gs:radius></gs:Circle>`, set(at(location.ShapeCircle), func(g *location.Geodetic) { g.Radius = 850.24 })},
		{"Circle in feet", `<gs:Circle ` + crs + `><gml:pos>42.5463 -73.2512</gml:pos><gs:radius uom="urn:ogc:def:uom:EPSG::9002">100</gs:radius></gs:Circle>`, set(at(location.ShapeCircle), func(g *location.Geodetic) { g.Radius = 100 * 0.3048 })},
		{"Ellipse", `<gs:Ellipse ` + crs + `><gml:pos>42.5463 -73.2512</gml:pos><gs:semiMajorAxis ` + m + `>1275</gs:semiMajorAxis><gs:semiMinorAxis ` + m + `>670</gs:semiMinorAxis><gs:orientation ` + deg + `>43.2</gs:orientation></gs:Ellipse>`,
			set(at(location.ShapeEllipse), func(g *location.Geodetic) { g.SemiMajor, g.SemiMinor, g.Orientation = 1275, 670, 43.2 })},
		{"ArcBand", `<gs:ArcBand ` + crs + `><gml:pos>42.5463 -73.2512</gml:pos><gs:innerRadius ` + m + `>1661.55</gs:innerRadius><gs:outerRadius ` + m + `>2215.4</gs:outerRadius><gs:startAngle ` + deg + `>266</gs:startAngle><gs:openingAngle ` + deg + `>120</gs:openingAngle></gs:ArcBand>`,
			set(at(location.ShapeArcBand), func(g *location.Geodetic) {
				g.InnerRadius, g.OuterRadius, g.StartAngle, g.OpeningAngle = 1661.55, 2215.4, 266, 120
			})},
		{"Sphere", `<gs:Sphere srsName="urn:ogc:def:crs:EPSG::4979"><gml:pos>42.5463 -73.2512 26.3</gml:pos><gs:radius>850.24</gs:radius></gs:Sphere>`, set(at(location.ShapeSphere, 26.3), func(g *location.Geodetic) { g.Radius = 850.24 })},
		{"Ellipsoid", `<gs:Ellipsoid srsName="urn:ogc:def:crs:EPSG::4979"><gml:pos>42.5463 -73.2512 26.3</gml:pos><gs:semiMajorAxis>7.7156</gs:semiMajorAxis><gs:semiMinorAxis>3.31</gs:semiMinorAxis><gs:verticalAxis>28.7</gs:verticalAxis><gs:orientation>90</gs:orientation></gs:Ellipsoid>`,
			set(at(location.ShapeEllipsoid, 26.3), func(g *location.Geodetic) {
				g.SemiMajor, g.SemiMinor, g.Vertical, g.Orientation = 7.7156, 3.31, 28.7, 90
			})},
		{"Polygon", `<gml:Polygon ` + crs + `><gml:exterior><gml:LinearRing><gml:pos>43.311 -73.422</gml:pos><gml:pos>43.111 -73.322</gml:pos><gml:pos>43.311 -73.222</gml:pos><gml:pos>43.311 -73.422</gml:pos></gml:LinearRing></gml:exterior></gml:Polygon>`, ring},
		{"Polygon as a list", `<gml:Polygon ` + crs + `><gml:exterior><gml:LinearRing><gml:posList>43.311 -73.422 43.111 -73.322 43.311 -73.222 43.311 -73.422</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>`, ring},
		{"Prism", `<gs:Prism srsName="urn:ogc:def:crs:EPSG::4979"><gs:base><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList srsDimension="3">43.311 -73.422 36 43.111 -73.322 36 43.311 -73.222 36 43.311 -73.422 36</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gs:base><gs:height>2.4</gs:height></gs:Prism>`, high},
		{"confidence", `<gml:Point><gml:pos>42.5463 -73.2512</gml:pos></gml:Point><con:confidence xmlns:con="urn:ietf:params:xml:ns:geopriv:conf" pdf="normal">67</con:confidence>`, set(at(location.ShapePoint), func(g *location.Geodetic) { g.Confidence = 67 })},
		{"confidence unknown", `<gml:Point><gml:pos>42.5463 -73.2512</gml:pos></gml:Point><confidence>unknown</confidence>`, at(location.ShapePoint)},
	} {
		d, err := Decode([]byte(in(row.xml)))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if g := d.Locations[0].Geodetic; g == nil || !g.Equal(row.want) {
			t.Errorf("%s: %+v, want %+v", row.name, g, row.want)
		}
	}
}

func TestLiberalIn(t *testing.T) {
	for _, row := range []struct{ name, document string }{
		{"no entity, no usage-rules, id=0", `<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="0"><status><geopriv xmlns="urn:ietf:params:xml:ns:pidf:geopriv10"><location-info>` +
			strings.ReplaceAll(civicInfo, "ca:", "") + `</location-info></geopriv></status></tuple></presence>`},
		{"geopriv outside of status", `<presence><tuple><geopriv><location-info>` + strings.ReplaceAll(civicInfo, "ca:", "") + `</location-info></geopriv></tuple></presence>`},
		{"geopriv right below presence", `<presence><geopriv><location-info>` + strings.ReplaceAll(civicInfo, "ca:", "") + `</location-info></geopriv></presence>`},
		{"prefixes nobody declared", `<p:presence><dm:person><gp:geopriv><gp:location-info>` + civicInfo + `</gp:location-info></gp:geopriv></dm:person></p:presence>`},
		{"elements in another order", in(`<ca:civicAddress><ca:PC>78701</ca:PC><ca:FLR>3</ca:FLR><ca:HNO>100</ca:HNO><ca:STS>St</ca:STS><ca:RD>Main</ca:RD><ca:A3>Austin</ca:A3><ca:A1>TX</ca:A1><ca:country>US</ca:country></ca:civicAddress>`)},
		{"elements nobody knows", in(strings.Replace(civicInfo, "<ca:A3>", "<x>y</x><ca:A3>", 1))},
		{"RFC 4119 has the street in A6", in(`<cl:civicAddress xmlns:cl="urn:ietf:params:xml:ns:pidf:geopriv10:civicLoc"><cl:country>US</cl:country><cl:A1>TX</cl:A1><cl:A3>Austin</cl:A3><cl:A6>Main</cl:A6><cl:STS>St</cl:STS><cl:HNO>100</cl:HNO><cl:FLR>3</cl:FLR><cl:PC>78701</cl:PC></cl:civicAddress>`)},
		{"compound, coarse first", in(strings.Replace(civicInfo, "<ca:FLR>3</ca:FLR>", "<ca:FLR>9</ca:FLR>", 1) + `<ca:civicAddress><ca:FLR>3</ca:FLR></ca:civicAddress>`)},
		{"a comment and an instruction", `<?xml version="1.0" encoding="us-ascii"?><!-- x --><?y z?>` + in(civicInfo)},
		{"latin1", `<?xml version="1.0" encoding="ISO-8859-1"?>` + in(civicInfo)},
	} {
		d, err := Decode([]byte(row.document))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got := d.Locations[0].Civic; got != austin {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
	d, err := Decode([]byte("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" + in("<ca:civicAddress><ca:RD>M\xfcnsterplatz</ca:RD></ca:civicAddress>")))
	if err != nil || d.Locations[0].Civic.Street != "Münsterplatz" {
		t.Errorf("latin1: %v, %v", d, err)
	}
}

func TestWP4Precedence(t *testing.T) {
	geopriv := func(floor string) string {
		return `<geopriv><location-info><civicAddress><FLR>` + floor + `</FLR></civicAddress></location-info><location-info><civicAddress><FLR>no</FLR></civicAddress></location-info></geopriv>`
	}
	d, err := Decode([]byte(`<presence><person id="p">` + geopriv("5") + `</person><tuple id="t1"><status>` + geopriv("3") + geopriv("4") + `</status></tuple>` +
		`<tuple id="t2"><status><geopriv><location-info/></geopriv></status></tuple><device id="d1">` + geopriv("1") + `</device><device id="d2">` + geopriv("2") + `</device></presence>`))
	if err != nil {
		t.Fatal(err)
	}
	var floors []string
	for _, l := range d.Locations {
		floors = append(floors, l.Civic.Floor)
	}
	if got := strings.Join(floors, ""); got != "12345" {
		t.Errorf("device before tuple before person, each in its order: %s", got)
	}
	if len(d.Ignored) != 1 || !strings.Contains(d.Ignored[0], "tuple t2: it is empty") {
		t.Errorf("ignored %v", d.Ignored)
	}
}

func TestCarriedJoinsTheHalvesOfOnePlace(t *testing.T) {
	shape := location.At(location.Point{Lat: 30, Lon: -97})
	d := Document{Locations: []Located{{Element: Device, Civic: austin}, {Element: Device, Geodetic: &shape}, {Element: Tuple, Geodetic: &shape}, {Element: Tuple, Geodetic: &shape}}}
	got := d.Carried()
	if len(got) != 3 || got[0].Geodetic == nil || got[0].Civic != austin {
		t.Errorf("%+v", got)
	}
}

func TestWP5Refused(t *testing.T) {
	point := func(pos string) string { return in(`<gml:Point><gml:pos>` + pos + `</gml:pos></gml:Point>`) }
	for _, row := range []struct{ name, document, says string }{
		{"0 0 and rubbish", point("0 0 xxxxxxx"), `"xxxxxxx" is not a number`},
		{"0 0", point("0 0"), "missing position"},
		{"0.000 -0", point("0.000 -0"), "missing position"},
		{"latitude", point("91 1"), "latitude"},
		{"longitude", point("1 181"), "longitude"},
		{"NaN", point("NaN 1"), "not a number"},
		{"Inf", point("1 Inf"), "not a number"},
		{"one coordinate", point("1"), "2 or 3"},
		{"four coordinates", point("1 2 3 4"), "2 or 3"},
		{"no position", point(""), "2 or 3"},
		{"no pos", in(`<gml:Point/>`), "no position"},
		{"no radius", in(`<gs:Circle><gml:pos>1 2</gml:pos></gs:Circle>`), "radius is missing"},
		{"radius in parsecs", in(`<gs:Circle><gml:pos>1 2</gml:pos><gs:radius uom="pc">1</gs:radius></gs:Circle>`), "not understood"},
		{"radius of words", in(`<gs:Circle><gml:pos>1 2</gml:pos><gs:radius>far</gs:radius></gs:Circle>`), "not a number"},
		{"radius of NaN", in(`<gs:Circle><gml:pos>1 2</gml:pos><gs:radius>NaN</gs:radius></gs:Circle>`), "radius is missing"},
		{"another datum", in(`<gml:Point srsName="urn:ogc:def:crs:EPSG::3857"><gml:pos>1 2</gml:pos></gml:Point>`), "reference system"},
		{"open ring", in(`<gml:Polygon><gml:posList>1 1 1 2 2 2 2 1</gml:posList></gml:Polygon>`), "not the first"},
		{"a hole", in(`<gml:Polygon><gml:exterior><gml:posList>1 1 1 2 2 2 1 1</gml:posList></gml:exterior><gml:interior/></gml:Polygon>`), "hole"},
		{"mixed dimensions", in(`<gml:Polygon><gml:pos>1 1</gml:pos><gml:pos>1 2 3</gml:pos></gml:Polygon>`), "altitude"},
		{"empty civic", in(`<ca:civicAddress/>`), "it is empty"},
		{"blank civic", in(`<ca:civicAddress><ca:A3> </ca:A3></ca:civicAddress>`), "it is empty"},
		{"nothing in it", `<presence/>`, "no location in it"},
		{"another root", `<locationRequest/>`, "the root is locationRequest"},
		{"no XML", "v=0\r\n", "ends before its end"},
		{"nothing", "", "ends before its end"},
		{"truncated", in(civicInfo)[:400], "unexpected EOF"},
		{"two roots", in(civicInfo) + in(civicInfo), "two root"},
		{"a document type", `<!DOCTYPE presence [<!ENTITY a "b">]>` + in(civicInfo), "document type"},
		{"an entity", in(`<ca:civicAddress><ca:A3>&lol;</ca:A3></ca:civicAddress>`), "entity"},
		{"too large", in(civicInfo) + strings.Repeat(" ", MaxBytes), "are the most"},
		{"too deep", strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40), "nested"},
		{"too many", "<presence>" + strings.Repeat("<a/>", 3000) + "</presence>", "more than 2000 elements"},
		{"an encoding", `<?xml version="1.0" encoding="utf-16"?>` + in(civicInfo), "not understood"},
	} {
		d, err := Decode([]byte(row.document))
		if err == nil || !strings.Contains(err.Error(), row.says) || len(d.Locations) != 0 {
			t.Errorf("%s: %v, %v; want an error saying %q", row.name, d.Locations, err, row.says)
		}
	}
}

func TestOneGoodLocationIsEnough(t *testing.T) {
	bad := `<tuple id="bad"><status><geopriv><location-info><Point><pos>0 0</pos></Point></location-info></geopriv></status></tuple>`
	d, err := Decode([]byte(`<presence>` + bad + `<tuple id="good"><status><geopriv><location-info><Point><pos>1 2</pos></Point></location-info></geopriv></status></tuple></presence>`))
	if err != nil || len(d.Locations) != 1 || d.Locations[0].ID != "good" || len(d.Ignored) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestBadCountryIsLeftOut(t *testing.T) {
	d, err := Decode([]byte(in(`<ca:civicAddress><ca:country>USA</ca:country><ca:A3>Austin</ca:A3></ca:civicAddress>`)))
	if err != nil || d.Locations[0].Civic != (location.CivicAddress{City: "Austin"}) {
		t.Errorf("%+v, %v", d, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(in(civicInfo)))
	f.Add([]byte(in(`<gs:Circle><gml:pos>1 2</gml:pos><gs:radius>3</gs:radius></gs:Circle>`)))
	f.Add([]byte(in(`<gml:Polygon><gml:posList>1 1 1 2 2 2 1 1</gml:posList></gml:Polygon><confidence>5</confidence>`)))
	f.Add([]byte(`<!DOCTYPE a><presence/>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := Decode(document)
		if err != nil {
			return
		}
		if len(d.Locations) == 0 {
			t.Fatal("neither a location nor an error")
		}
		for _, l := range d.Locations {
			if l.Civic.Empty() && l.Geodetic == nil {
				t.Fatal("an empty location")
			}
			if l.Geodetic != nil && l.Geodetic.Check() != nil {
				t.Fatalf("a shape that is none: %+v", l.Geodetic)
			}
		}
		out, err := Encode(d)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := Decode(out)
		if err != nil || len(again.Locations) != len(d.Locations) {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
	})
}
