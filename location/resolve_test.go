package location

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/trace"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func placed(name string, path ...string) Place {
	return Place{Name: name, Path: append(path, name), Level: LevelCompany,
		Address: Address{Name: name, CivicAddress: CivicAddress{Floor: name}.Over(almaden), Status: StatusVerified}}
}

func seen(p Place) *Found {
	return &Found{Place: p, Evidence: "BSSID 00:11:22:33:44:55", ObservedAt: noon.Add(-time.Minute), Confidence: ConfidenceHigh, Method: MethodWiFi}
}

func address(name string) *Address {
	return &Address{Name: name, CivicAddress: CivicAddress{PlaceName: name}.Over(almaden), Status: StatusVerified}
}

// everything knows a place at every step; rows take away from the top.
func everything() Facts {
	floor2 := placed("floor-2", "building")
	cell := At(Point{Lat: 37.33, Lon: -121.89})
	return Facts{
		ID: "01J", At: noon, Country: "US",
		Carried:          []Carried{{Civic: almaden, Trusted: true, From: "device dana-desk", Method: MethodLLDPMED, Timestamp: noon}},
		Network:          seen(placed("floor-3", "building")),
		Fixed:            &floor2,
		Personal:         &Found{Place: Place{Name: "home", Level: LevelPersonal, Address: *address("home")}, Evidence: "BSSID", ObservedAt: noon},
		Coordinates:      &Fix{Geodetic: cell, ObservedAt: noon, Method: MethodGPS, Country: "US"},
		UserDefault:      address("user"),
		ExtensionDefault: address("extension"),
		SiteDefault:      address("site"),
		AccountDefault:   address("account"),
	}
}

func codes(tr trace.Trace) []string {
	var c []string
	for _, d := range tr.Degradations {
		c = append(c, d.Code)
	}
	return c
}

func TestResolveOrder(t *testing.T) {
	f := everything()
	for _, row := range []struct {
		name   string
		take   func()
		source Source
		place  string
	}{
		{"W3 1 carried by the call", func() {}, SourceCarried, ""},
		{"W3 2 network in another branch", func() { f.Carried = nil }, SourceNetwork, "floor-3"},
		{"W3 3 fixed", func() { f.Network = nil }, SourceFixed, "floor-2"},
		{"W3 4 personal", func() { f.Fixed = nil }, SourcePersonal, "home"},
		{"W3 5 coordinates", func() { f.Personal = nil }, SourceCoordinates, ""},
		{"W3 6 user", func() { f.Coordinates = nil }, SourceUserDefault, "user"},
		{"W3 7 extension", func() { f.UserDefault = nil }, SourceExtensionDefault, "extension"},
		{"W3 8 site", func() { f.ExtensionDefault = nil }, SourceSiteDefault, "site"},
		{"W3 9 account", func() { f.SiteDefault = nil }, SourceAccountDefault, "account"},
		{"W3 10 unknown", func() { f.AccountDefault = nil }, SourceUnknown, ""},
	} {
		row.take()
		got, tr := Resolve(f)
		if got.Source != row.source || got.Place != row.place {
			t.Errorf("%s: %s %q", row.name, got.Source, got.Place)
		}
		if got.ID != "01J" || len(got.Hash) != 64 || got.Country != "US" || got.Rule != row.source.Rule() || got.Method == "" || got.Confidence == 0 {
			t.Errorf("%s: not complete: %+v", row.name, got)
		}
		if len(tr.Entries) == 0 || tr.Entries[len(tr.Entries)-1].Rule != row.source.Rule() {
			t.Errorf("%s: the trace does not name it: %v", row.name, tr.Entries)
		}
		if unknown := row.source == SourceUnknown; got.Known() == unknown || slices.Contains(codes(tr), "location-unknown") != unknown {
			t.Errorf("%s: known %v, degradations %v", row.name, got.Known(), codes(tr))
		}
	}
}

func TestFixedAgainstNetwork(t *testing.T) {
	building, floor2, room, floor3 := placed("building"), placed("floor-2", "building"), placed("room-4", "building", "floor-2"), placed("floor-3", "building")
	for _, row := range []struct {
		name   string
		seen   Place
		source Source
		moved  bool
	}{
		{"the same place: fixed", floor2, SourceFixed, false},
		{"one above it: fixed", building, SourceFixed, false},
		{"inside it: evidence is nearer", room, SourceNetwork, false},
		{"another branch: the device has moved", floor3, SourceNetwork, true},
	} {
		got, tr := Resolve(Facts{At: noon, Network: seen(row.seen), Fixed: &floor2})
		if got.Source != row.source || slices.Contains(codes(tr), "device-moved") != row.moved {
			t.Errorf("%s: %s, %v", row.name, got.Source, codes(tr))
		}
		if len(got.Ignored) != 1 || got.Ignored[0].Why == "" {
			t.Errorf("%s: what was passed over is listed: %v", row.name, got.Ignored)
		}
	}
}

func TestWhatIsPassedOver(t *testing.T) {
	trusted := func(c Carried) Carried { c.Trusted, c.From = true, "trunk pbx"; return c }
	zero := At(Point{})
	site := address("site")
	for _, row := range []struct {
		name string
		f    Facts
		want Source
		why  string
		code string
	}{
		{"W3 1 not from an untrusted sender", Facts{Carried: []Carried{{Civic: almaden, From: "trunk pbx"}}}, SourceSiteDefault, "location from trunk pbx is not trusted", ""},
		{"wP5 0 0 is no place", Facts{Carried: []Carried{trusted(Carried{Geodetic: &zero})}}, SourceSiteDefault, "Point: point: 0 0 is a missing position", ""},
		{"bad body", Facts{Carried: []Carried{trusted(Carried{Bad: "truncated document"})}}, SourceSiteDefault, "truncated document", ""},
		{"only a city", Facts{Carried: []Carried{trusted(Carried{Civic: CivicAddress{Country: "US", State: "CA", City: "San Jose"}})}}, SourceSiteDefault, "it names an area and no place in it", ""},
		{"empty body", Facts{Carried: []Carried{trusted(Carried{})}}, SourceSiteDefault, "it is empty", ""},
		{"W6 reference", Facts{Carried: []Carried{trusted(Carried{Reference: "https://lis.example/x"})}}, SourceSiteDefault, "a reference is passed on, not waited for", ""},
		{"W4 stale network", Facts{Network: seen(placed("floor-2")), Limits: Limits{Network: time.Second}}, SourceSiteDefault, "observed 1m0s before the call, the limit is 1s", "location-stale"},
		{"W4 stale coordinates", Facts{Coordinates: &Fix{Geodetic: At(Point{1, 1}), ObservedAt: noon.Add(-time.Hour)}, Limits: Limits{Coordinates: time.Minute}}, SourceSiteDefault, "observed 1h0m0s before the call, the limit is 1m0s", "location-stale"},
		{"W4 stale body", Facts{Carried: []Carried{trusted(Carried{Civic: almaden, Timestamp: noon.Add(-time.Hour)})}, Limits: Limits{Carried: time.Minute}}, SourceSiteDefault, "observed 1h0m0s before the call, the limit is 1m0s", "location-stale"},
		{"place without address", Facts{Network: seen(Place{Name: "shed"})}, SourceSiteDefault, "the address of shed is empty", ""},
		{"fixed without address", Facts{Fixed: &Place{Name: "shed"}}, SourceSiteDefault, "its address is empty", ""},
		{"empty default", Facts{ExtensionDefault: &Address{}}, SourceSiteDefault, "it is empty", ""},
		{"RFC 5491 the first has precedence", Facts{Carried: []Carried{trusted(Carried{Civic: almaden}), trusted(Carried{Civic: almaden})}}, SourceCarried, "RFC 5491: the first location has precedence", ""},
	} {
		row.f.At, row.f.SiteDefault = noon, site
		got, tr := Resolve(row.f)
		if got.Source != row.want || len(got.Ignored) != 1 || got.Ignored[0].Why != row.why {
			t.Errorf("%s: %s, ignored %v", row.name, got.Source, got.Ignored)
		}
		if row.code != "" && !slices.Contains(codes(tr), row.code) {
			t.Errorf("%s: degradations %v, want %s", row.name, codes(tr), row.code)
		}
		if row.name == "W6 reference" && got.Reference != "https://lis.example/x" {
			t.Error("the reference was lost")
		}
	}
}

func TestDegradations(t *testing.T) {
	unapproved := seen(placed("floor-2"))
	unapproved.Unapproved = true
	rejected := address("site")
	rejected.Status = StatusRejected
	for code, f := range map[string]Facts{
		"location-unapproved": {Network: unapproved},
		"location-assumed":    {Moving: true, SiteDefault: address("site")},
		"address-not-valid":   {SiteDefault: rejected},
		"location-unknown":    {},
	} {
		if _, tr := Resolve(f); len(tr.Degradations) != 1 || tr.Degradations[0].Code != code {
			t.Errorf("%v, want %s", tr.Degradations, code)
		}
	}
	if _, tr := Resolve(Facts{SiteDefault: address("site")}); len(tr.Degradations) != 0 {
		t.Errorf("a fixed device at its site's address is as it should be: %v", tr.Degradations)
	}
}

func TestWP7NoSharingIsKept(t *testing.T) {
	got, _ := Resolve(Facts{Carried: []Carried{{Civic: almaden, Trusted: true, NoSharing: true}}})
	if got.Source != SourceCarried || !got.NoSharing {
		t.Errorf("%+v", got)
	}
}

func TestW5OneHash(t *testing.T) {
	a, _ := Resolve(Facts{ID: "1", At: noon, Network: seen(placed("floor-2"))})
	b, _ := Resolve(Facts{ID: "2", At: noon.Add(time.Hour), Network: seen(placed("floor-2"))})
	c, _ := Resolve(Facts{ID: "1", At: noon, Network: seen(placed("floor-3"))})
	if a.Hash != b.Hash || a.Hash == c.Hash || a.ID == b.ID {
		t.Errorf("hash is of the place: %s %s %s", a.Hash, b.Hash, c.Hash)
	}
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back Location
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, back); diff != "" || back.hash() != a.Hash {
		t.Errorf("the record keeps it whole: %s", diff)
	}
	if got := a.Mask(); got != "US-CA •••• by company location by network" {
		t.Error(got)
	}
}
