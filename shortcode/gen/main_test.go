package main

import (
	"os"
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
