package main

import (
	"os"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

func TestTableIsGenerated(t *testing.T) {
	want, err := build(countries)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../" + output)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("data/emergency.csv is not what the plans and countries.csv make; run go generate ./shortcode and read the difference")
	}
}

func TestMistakesByHandAreFound(t *testing.T) {
	head := "regions,code,serves,rank,source\n"
	for entry, says := range map[string]string{
		"US,999,,main,x\n":                   "US has no emergency number 999",
		"US,911,,best,x\n":                   "no such rank",
		"US,911,,main,x\nUS,911,,main,x\n":   "there twice",
		"US,911,,main\n":                     "kept by hand",
		"ZZ,911,police,primary,not a land\n": "ZZ has no",
	} {
		if _, err := build([]byte(head + entry)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func TestSpell(t *testing.T) {
	for pattern, want := range map[string]string{
		"911":            "911",
		"1(?:12|[5-7])":  "112 15 16 17",
		"1(?:1[0-2]?|9)": "11 110 111 112 19",
		"0{2}[12]":       "001 002",
		"1{1,2}":         "1 11",
	} {
		p, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		got, err := spell(p)
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s spells %v, %v; want %s", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"1+", "1.", "1{2,}", "^1"} {
		p, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := spell(p); err == nil {
			t.Errorf("%s spells %v?", pattern, got)
		}
	}
}
