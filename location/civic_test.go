package location

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

var almaden = CivicAddress{Country: "US", State: "CA", City: "San Jose", Street: "Almaden", StreetSuffix: "Boulevard",
	HouseNumber: "55", PostalCode: "95113", PlaceName: "Acme HQ"}

func TestOneLine(t *testing.T) {
	for _, row := range []struct {
		name, want string
		civic      CivicAddress
	}{
		{"US with floor", "55 Almaden Boulevard, Floor 2, San Jose, CA 95113", CivicAddress{Floor: "2"}.Over(almaden)},
		{"US to the seat", "55A Almaden Boulevard NW, Building B, Floor 3, Room 312, Seat 4, San Jose, CA 95113",
			CivicAddress{HouseNumberSuffix: "A", StreetDirection: "NW", Building: "B", Floor: "3", Room: "312", Seat: "4"}.Over(almaden)},
		{"half number", "55 1/2 Almaden Boulevard, San Jose, CA 95113", CivicAddress{HouseNumberSuffix: "1/2"}.Over(almaden)},
		{"GB", "12 Wellington Street, Leeds, LS1 4LT", CivicAddress{Country: "GB", City: "Leeds", Street: "Wellington Street", HouseNumber: "12", PostalCode: "LS1 4LT"}},
		{"DE", "Invalidenstraße 116, Floor EG, 10115 Berlin", CivicAddress{Country: "DE", City: "Berlin", Street: "Invalidenstraße", HouseNumber: "116", PostalCode: "10115", Floor: "EG"}},
		{"FR", "8 Rue de Rivoli, 75004 Paris", CivicAddress{Country: "FR", City: "Paris", StreetTypePrefix: "Rue", Street: "de Rivoli", HouseNumber: "8", PostalCode: "75004"}},
		{"value that speaks for itself", "55 Almaden Boulevard, Mezzanine, San Jose, CA 95113", CivicAddress{Floor: "Mezzanine"}.Over(almaden)},
		{"value with its label", "55 Almaden Boulevard, 2nd floor, San Jose, CA 95113", CivicAddress{Floor: "2nd floor"}.Over(almaden)},
		{"no street", "Pier 39, Milepost 7, CA", CivicAddress{Country: "US", State: "CA", PlaceName: "Pier 39", Milepost: "7"}},
		{"county when no city", "Route 1, Marin, CA", CivicAddress{Country: "US", State: "CA", County: "Marin", Street: "Route 1"}},
		{"nothing", "", CivicAddress{}},
	} {
		if got := row.civic.OneLine(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	if got := almaden.String(); !strings.HasSuffix(got, "CA 95113, US") {
		t.Errorf("with country: %q", got)
	}
}

func TestEveryFieldIsAnElement(t *testing.T) {
	fields := reflect.TypeFor[CivicAddress]()
	if got, want := len(elements), fields.NumField()-1; got != want { // the language is an attribute
		t.Errorf("%d elements for %d fields", got, want)
	}
	seen := map[string]bool{}
	for i, e := range Elements() {
		var c CivicAddress
		e.Set(&c, "XX")
		if e.Get(c) != "XX" || c.Empty() {
			t.Errorf("%s does not keep its value", e.Name)
		}
		out, err := json.Marshal(c)
		if err != nil || string(out) != `{"`+e.Key+`":"XX"}` {
			t.Errorf("%s is %s in JSON, %v; want key %s", e.Name, out, err, e.Key)
		}
		if seen[e.Name] {
			t.Errorf("%s is there twice", e.Name)
		}
		seen[e.Name] = true
		if byName, ok := ElementNamed(e.Name); !ok || byName.Key != e.Key {
			t.Errorf("ElementNamed(%s) = %s", e.Name, byName.Key)
		}
		if byType, ok := ElementOfCAType(e.CAType); e.CAType != 0 && (!ok || byType.Name != e.Name) {
			t.Errorf("CAtype %d is %s and %s", e.CAType, e.Name, byType.Name)
		}
		if e.Extension && i < len(elements)-4 {
			t.Errorf("%s of RFC 6848 stands before elements of RFC 5139", e.Name)
		}
	}
	if _, ok := ElementNamed("XYZ"); ok {
		t.Error("XYZ is an element?")
	}
}

func TestDispatchable(t *testing.T) {
	if !almaden.Dispatchable() {
		t.Error("a street address is dispatchable")
	}
	for name, c := range map[string]CivicAddress{
		"a city":           {Country: "US", State: "CA", City: "San Jose"},
		"a floor":          {Floor: "2"},
		"no house number":  {Country: "US", City: "San Jose", Street: "Almaden"},
		"no country":       {City: "San Jose", Street: "Almaden", HouseNumber: "5"},
		"language is none": {Language: "en"},
	} {
		if c.Dispatchable() {
			t.Errorf("%s is dispatchable?", name)
		}
	}
}

func TestMaskTellsNoStreet(t *testing.T) {
	if got := almaden.Mask(); got != "US-CA ••••" {
		t.Error(got)
	}
	if got := (CivicAddress{Country: "GB", City: "Leeds"}).Mask(); got != "GB ••••" {
		t.Error(got)
	}
	if got := (CivicAddress{}).Mask(); got != "" {
		t.Error(got)
	}
}

func TestCivicCheck(t *testing.T) {
	if err := almaden.Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []CivicAddress{{}, {Language: "en"}, {Country: "us", City: "x"}, {Country: "USA", City: "x"}, {Country: "U1"}} {
		if bad.Check() == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}

// As campus.yaml writes them.
func TestFileForm(t *testing.T) {
	var file struct {
		Addresses []Address
		Locations []Company
	}
	err := yaml.Unmarshal([]byte(`
addresses:
  - {name: hq-main, country: US, state: CA, city: San Jose, street: Almaden, street_suffix: Boulevard, house_number: "55", postal_code: "95113", place_name: Acme HQ, point: {lat: 37.3317, lon: -121.8907}, status: verified}
locations:
  - {name: hq-building, site: hq, address: {like: hq-main}, public_ip: [203.0.113.0/24]}
  - name: hq-floor-2
    within: hq-building
    address: {like: hq-main, floor: "2"}
    public_ip: [203.0.113.0/24]
    private_ip: [10.20.2.0/24, 10.20.3.9]
    bssid: ["00:11:22:33:44:5*"]
    switch_ports: [{mac: "00-0C-29-AA-00-01", prefix: "Gi1/0/", from: 1, to: 24}, {mac: "00:0c:29:aa:00:02", port: "ge-0/0/7"}, {mac: "000c.29aa.0003"}]
    minimum_match: true
`), &file)
	if err != nil {
		t.Fatal(err)
	}
	if a := file.Addresses[0]; a.CivicAddress != almaden || a.Status != StatusVerified || a.Point.Lon != -121.8907 {
		t.Errorf("address: %+v", a)
	}
	tree, err := NewTree(file.Locations, file.Addresses)
	if err != nil {
		t.Fatal(err)
	}
	n, ok := tree.Node("hq-floor-2")
	if !ok || n.Site != "hq" || len(n.Path) != 2 || n.Path[0] != "hq-building" {
		t.Errorf("node: %+v", n)
	}
	if got := n.Resolved.OneLine(); got != "55 Almaden Boulevard, Floor 2, San Jose, CA 95113" {
		t.Errorf("like + floor: %s", got)
	}
	if n.Resolved.Status != StatusVerified || n.Resolved.Point == nil {
		t.Errorf("a floor keeps the building's status and point: %+v", n.Resolved)
	}
	ports := []string{n.SwitchPorts[0].String(), n.SwitchPorts[1].String(), n.SwitchPorts[2].String()}
	if diff := cmp.Diff([]string{"switch 00:0c:29:aa:00:01 ports Gi1/0/1 to 24", "switch 00:0c:29:aa:00:02 port ge-0/0/7", "switch 00:0c:29:aa:00:03"}, ports); diff != "" {
		t.Error(diff)
	}
	if got := n.PrivateIP[1].String(); got != "10.20.3.9/32" {
		t.Errorf("single address: %s", got)
	}
	if !n.NeedsMore() || !n.HasNetwork() {
		t.Error("a floor with a public address needs more than that")
	}
	if top, _ := tree.Node("hq-building"); top.NeedsMore() {
		t.Error("at the top a public address is enough")
	}
	out, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	back := file
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(back)
	if diff := cmp.Diff(string(out), string(again)); diff != "" || !strings.Contains(string(out), `"status":"verified"`) {
		t.Errorf("JSON round trip: %s\n%s", diff, out)
	}
}

func TestPlacementOnAnotherStreetIsUnverified(t *testing.T) {
	base := Address{Name: "hq", CivicAddress: almaden, Point: &Point{Lat: 37, Lon: -121}, Status: StatusVerified}
	other := Placement{CivicAddress: CivicAddress{HouseNumber: "57"}}.Over(base)
	if other.Status != StatusUnverified || other.Point != nil {
		t.Errorf("next door is not where validation looked: %+v", other)
	}
	own := Placement{CivicAddress: CivicAddress{HouseNumber: "57"}, Point: &Point{Lat: 38, Lon: -121}}.Over(base)
	if own.Point == nil || own.Point.Lat != 38 || base.Point.Lat != 37 {
		t.Errorf("its own point: %+v", own.Point)
	}
}

func TestTreeRefuses(t *testing.T) {
	ok := Placement{CivicAddress: almaden}
	for says, list := range map[string][]Company{
		"named twice":       {{Name: "a", Site: "s", Address: ok}, {Name: "a", Site: "s", Address: ok}},
		"which there is no": {{Name: "a", Within: "b", Address: ok}},
		"within itself":     {{Name: "a", Within: "b", Address: ok}, {Name: "b", Within: "a", Address: ok}},
		"of no site":        {{Name: "a", Address: ok}},
		"is like \"hq\"":    {{Name: "a", Site: "s", Address: Placement{Like: "hq"}}},
		"names no place":    {{Name: "a", Site: "s"}},
		"but within b":      {{Name: "a", Site: "s", Within: "b", Address: ok}, {Name: "b", Site: "t", Address: ok}},
		"are no range":      {{Name: "a", Site: "s", Address: ok, SwitchPorts: []SwitchPort{{MAC: "x", From: 9, To: 2}}}},
		"either port":       {{Name: "a", Site: "s", Address: ok, SwitchPorts: []SwitchPort{{MAC: "x", Port: "1", To: 2}}}},
		"mac is missing":    {{Name: "a", Site: "s", Address: ok, SwitchPorts: []SwitchPort{{Port: "1"}}}},
	} {
		if _, err := NewTree(list, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want an error saying %q", err, says)
		}
	}
	tree, err := NewTree([]Company{{Name: "bad", Within: "none", Address: ok}, {Name: "good", Site: "s", Address: ok}}, nil)
	if err == nil || len(tree.All()) != 1 || tree.All()[0].Place().Name != "good" {
		t.Errorf("what can be resolved is kept: %v, %v", tree.All(), err)
	}
}

func TestNetworkForms(t *testing.T) {
	for _, bad := range []string{"", "10.20.2.7/24", "10.0.0", "10.0.0.0/33", "host"} {
		if s, err := ParseSubnet(bad); err == nil {
			t.Errorf("subnet %q: %v", bad, s)
		}
	}
	for _, bad := range []string{"", "*", "00:11:2*", "00:11:22:33:44:55*", "00:11:22:33:44", "zz:11:22:33:44:55"} {
		if b, err := ParseBSSID(bad); err == nil {
			t.Errorf("BSSID %q: %v", bad, b)
		}
	}
	wide, _ := ParseBSSID("00-11-22-33-44-5*")
	one, _ := ParseBSSID("0011.2233.4455")
	vendor, _ := ParseBSSID("00:11:22:*")
	other, _ := ParseBSSID("00:11:23:33:44:55")
	if !wide.Covers("00:11:22:33:44:5f") || wide.Covers("00:11:22:33:44:6f") || !one.Covers("00:11:22:33:44:55") || !vendor.Covers("00:11:22:00:00:00") {
		t.Error("coverage of BSSIDs")
	}
	if !wide.Overlaps(one) || !one.Overlaps(wide) || !wide.Overlaps(vendor) || !one.Overlaps(one) || other.Overlaps(vendor) || one.Overlaps(other) {
		t.Error("overlap of BSSIDs")
	}
}

func TestGeodeticCheck(t *testing.T) {
	p := Point{Lat: 37.3, Lon: -121.9}
	ring := []Point{{37, -122}, {38, -122}, {38, -121}}
	good := []Geodetic{
		At(p), Circle(p, 30), Polygon(ring...),
		{Shape: ShapeEllipse, Positions: []Position{{Point: p}}, SemiMajor: 7, SemiMinor: 3, Orientation: 43},
		{Shape: ShapeArcBand, Positions: []Position{{Point: p}}, OuterRadius: 7, OpeningAngle: 90},
		{Shape: ShapeSphere, Positions: []Position{{Point: p, Alt: 3}}, Altitude: true, Radius: 7},
		{Shape: ShapeEllipsoid, Positions: []Position{{Point: p}}, Altitude: true, SemiMajor: 7, SemiMinor: 3, Vertical: 2},
		{Shape: ShapePrism, Positions: Polygon(ring...).Positions, Altitude: true, Height: 2.4},
	}
	for _, g := range good {
		if err := g.Check(); err != nil {
			t.Errorf("%s: %v", g, err)
		}
		out, err := json.Marshal(g)
		var back Geodetic
		if err != nil || json.Unmarshal(out, &back) != nil || !back.Equal(g) {
			t.Errorf("%s: JSON %s", g, out)
		}
	}
	nan := Circle(p, 1)
	nan.Radius -= nan.Radius
	open := Polygon(ring...)
	open.Positions[3].Lat++
	for name, g := range map[string]Geodetic{
		"no shape": {}, "0 0": At(Point{}), "latitude": At(Point{Lat: 91, Lon: 1}), "longitude": At(Point{Lat: 1, Lon: 181}),
		"no radius": nan, "open ring": open, "three positions": Polygon(ring[:2]...), "no position": {Shape: ShapePoint},
		"prism without altitude": {Shape: ShapePrism, Positions: Polygon(ring...).Positions, Height: 2},
		"arc band inside out":    {Shape: ShapeArcBand, Positions: []Position{{Point: p}}, OuterRadius: 7, InnerRadius: 9, OpeningAngle: 90},
		"confidence of 100":      {Shape: ShapePoint, Positions: []Position{{Point: p}}, Confidence: 100},
	} {
		if g.Check() == nil {
			t.Errorf("%s passed", name)
		}
	}
	fiji := Polygon(Point{-17, 179}, Point{-17, -179}, Point{-19, -179}, Point{-19, 179})
	if c := fiji.Centre(); c.Lat != -18 || (c.Lon != 180 && c.Lon != -180) {
		t.Errorf("across the antimeridian: %v", c)
	}
}

func TestOverlayKeepsWhatItDoesNotName(t *testing.T) {
	draw := func(t *rapid.T, name string) CivicAddress {
		var c CivicAddress
		for _, e := range elements {
			if rapid.Bool().Draw(t, name+e.Name) {
				e.Set(&c, rapid.StringMatching(`[A-Z]{1,3}`).Draw(t, name+e.Key))
			}
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		over, base := draw(t, "over"), draw(t, "base")
		got := over.Over(base)
		for _, e := range elements {
			want := e.Get(over)
			if want == "" {
				want = e.Get(base)
			}
			if e.Get(got) != want {
				t.Fatalf("%s = %q, want %q", e.Name, e.Get(got), want)
			}
		}
		if got.Over(base) != got {
			t.Fatal("laid over twice is not the same as once")
		}
	})
}
