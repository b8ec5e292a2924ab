package shortcode

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/e164"
)

func reference(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comment = '#'
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func TestP6EveryNumberOfTheReference(t *testing.T) {
	var want, got []string
	for _, row := range reference(t, "emergency_numbers.csv") {
		want = append(want, row[0]+" +"+row[1]+" "+row[3])
	}
	for _, region := range Regions() {
		for _, e := range Emergencies(region) {
			got = append(got, string(e.Region)+" "+e.CallingCode.String()+" "+string(e.Code))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(got) != 825 || len(Regions()) != 240 {
		t.Errorf("%d numbers of %d territories; 825 of 240 are known", len(got), len(Regions()))
	}
}

func TestWR4NumbersBelongToCountries(t *testing.T) {
	for _, row := range reference(t, "shared_cc_conflicts.csv") {
		code := Code(row[1])
		for _, r := range strings.Fields(row[2]) {
			if _, ok := Lookup(e164.Region(r), code); !ok {
				t.Errorf("%s is an emergency number of %s", code, r)
			}
		}
		for _, r := range strings.Fields(row[3]) {
			if _, ok := Lookup(e164.Region(r), code); ok {
				t.Errorf("%s is no emergency number of %s", code, r)
			}
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	for _, region := range Regions() {
		primaries := 0
		for _, e := range Emergencies(region) {
			if e.Primary {
				primaries++
			}
			if e.Alias && (e.Main || len(e.Serves) > 0) {
				t.Errorf("%s %s is an alias and more", region, e.Code)
			}
			if e.Primary && !e.Main {
				t.Errorf("%s %s is primary and may be removed", region, e.Code)
			}
			if cc, ok := region.CallingCode(); !ok || cc != e.CallingCode {
				t.Errorf("%s %s: calling code %s, the plan says %s", region, e.Code, e.CallingCode, cc)
			}
			if parsed, ok := ParseService(string(e.Service)); !ok || parsed != e.Service || e.Service.Test() {
				t.Errorf("%s %s: service %s", region, e.Code, e.Service)
			}
			if e.Source == "" {
				t.Errorf("%s %s: no source", region, e.Code)
			}
		}
		if primaries != 1 {
			t.Errorf("%s has %d primary numbers", region, primaries)
		}
	}
}

func TestMainNumbers(t *testing.T) {
	for region, want := range map[e164.Region]string{
		"US": "911", "CA": "911", "GB": "112 999", "IE": "112 999", "DE": "110 112", "AU": "000 112", "NZ": "111",
		"FR": "112 15 17 18", "JP": "110 119", "CN": "110 119 120", "BR": "190 192 193", "IN": "100 101 102 108 112",
		"NL": "112", "SE": "112", "ES": "112", "IT": "112 113 115 118", "CH": "112 117 118 144", "AT": "112 122 133 144",
		"PL": "112 997 998 999", "HK": "999", "SG": "995 999", "ZA": "10111 10177 112", "TO": "911 999", "MX": "911",
	} {
		var got []string
		for _, e := range Emergencies(region) {
			if e.Main {
				got = append(got, string(e.Code))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: main numbers %v, want %s", region, got, want)
		}
	}
	for region, want := range map[e164.Region]Code{"US": "911", "GB": "999", "DE": "112", "FR": "112", "AU": "000", "NZ": "111", "JP": "110", "CN": "110",
		"BR": "190", "IN": "112", "IE": "112", "ZA": "10111", "SX": "919", "TT": "999", "JM": "119", "RU": "112", "KR": "112", "TH": "191"} {
		if e, ok := Main(region); !ok || e.Code != want {
			t.Errorf("Main(%s) = %s, want %s", region, e.Code, want)
		}
	}
	if e, ok := Main("AQ"); ok {
		t.Errorf("Antarctica has %s?", e.Code)
	}
}

func TestP6WhatLeaves(t *testing.T) {
	for _, row := range []struct {
		name    string
		called  e164.Region
		dialled Code
		asked   Service
		code    Code
		service Service
	}{
		{"112 in the US leaves as 911", "US", "112", SOS, "911", SOS},
		{"911 in the Netherlands leaves as 112", "NL", "911", SOS, "112", SOS},
		{"153 in Czechia is nobody's alias", "CZ", "153", SOS, "153", SOS},
		{"999 in the US leaves as 911", "US", "999", SOS, "911", SOS},
		{"15 in France", "FR", "15", SOS, "15", "urn:service:sos.ambulance"},
		{"17 in France", "FR", "17", "urn:service:sos.police", "17", "urn:service:sos.police"},
		{"18 in France", "FR", "18", "", "18", "urn:service:sos.fire"},
		{"911 in France", "FR", "911", SOS, "112", SOS},
		{"a Frenchman's 18 in Germany", "DE", "18", "urn:service:sos.fire", "112", "urn:service:sos.fire"},
		{"119 in Japan is two services", "JP", "119", "", "119", SOS},
		{"999 in Poland is dialled for anything", "PL", "999", "", "999", SOS},
		{"sos as a service in Japan", "JP", "", SOS, "110", SOS},
		{"sos.fire in Japan", "JP", "", "urn:service:sos.fire", "119", "urn:service:sos.fire"},
		{"sos.fire in Germany", "DE", "", "urn:service:sos.fire", "112", "urn:service:sos.fire"},
		{"sos.physician in the US", "US", "", "urn:service:sos.physician", "911", "urn:service:sos.physician"},
		{"no country", "", "112", SOS, "112", SOS},
	} {
		if code, service := Leaving(row.called, row.dialled, row.asked); code != row.code || service != row.service {
			t.Errorf("%s: %s %s, want %s %s", row.name, code, service, row.code, row.service)
		}
	}
}

func TestPublicServices(t *testing.T) {
	for _, row := range []struct {
		region e164.Region
		code   Code
		want   bool
	}{
		{"US", "211", true}, {"US", "711", true}, {"US", "988", true}, {"CA", "811", true}, {"JM", "411", true},
		{"BB", "211", false}, // the police there
		{"US", "911", false}, {"US", "933", false}, {"US", "2001", false}, {"US", "101", false},
		{"GB", "101", true}, {"GB", "111", true}, {"GB", "116123", true}, {"GB", "211", false},
		{"DE", "116117", true}, {"DE", "115", true}, {"US", "116117", false}, {"", "211", false},
	} {
		if p, ok := PublicServiceAt(row.region, row.code); ok != row.want {
			t.Errorf("%s in %s: %v %v", row.code, row.region, ok, p)
		}
	}
	for _, p := range publicServices() {
		if p.What == "" || p.Source == "" || strings.Trim(string(p.Code), "0123456789") != "" {
			t.Errorf("row %+v is not whole", p)
		}
		if cc, ok := e164.Region(p.Scope).CallingCode(); !ok && p.Scope != "NANP" && p.Scope != "EU" {
			t.Errorf("%s %s: of no country (%v)", p.Scope, p.Code, cc)
		}
		if _, emergency := Lookup(e164.Region(p.Scope), p.Code); emergency {
			t.Errorf("%s %s is an emergency number as well", p.Scope, p.Code)
		}
	}
	if got := len(PublicServices("US")); got != 8 {
		t.Errorf("the US has %d public service numbers, 8 are known", got)
	}
}

func TestRelatedServicesAreNoPSAPs(t *testing.T) {
	for _, row := range []struct {
		region e164.Region
		code   Code
		want   bool
	}{{"US", "933", true}, {"US", "988", true}, {"TO", "933", false}, {"DE", "116117", true}, {"DE", "1161170", false}, {"US", "911", false}, {"XX", "1", false}} {
		if got := RelatedAt(row.region, row.code); got != row.want {
			t.Errorf("%s in %s: %v", row.code, row.region, got)
		}
		if _, ok := Recognise(FromDigits(string(row.code)), Where{Site: row.region}); row.want && ok {
			t.Errorf("%s in %s is taken for an emergency", row.code, row.region)
		}
	}
}
