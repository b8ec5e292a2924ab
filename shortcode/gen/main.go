// Command gen writes data/emergency.csv from the numbering plans and from
// countries.csv, which is kept by hand. Run it with go generate after either
// has changed, and read the difference: it is what callers may dial.
package main

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

//go:embed countries.csv
var countries []byte

const output = "data/emergency.csv"

func main() {
	log.SetFlags(0)
	table, err := build(countries)
	if err != nil {
		log.Fatalf("building %s: %v", output, err)
	}
	if err := os.WriteFile(output, table, 0o644); err != nil {
		log.Fatal(err)
	}
}

// Ranks of a number within its country.
const (
	primary = "primary"
	main_   = "main"
	alias   = "alias"
	other   = "other"
)

type row struct {
	region, code, serves, rank, source string
	cc                                 int
}

// general are the numbers people know from abroad and from handsets. They are
// dialled for anything, whoever answers them.
var general = []string{"911", "112", "999", "000"}

func build(byHand []byte) ([]byte, error) {
	rows, err := plans()
	if err != nil {
		return nil, err
	}
	if err := apply(rows, byHand); err != nil {
		return nil, err
	}
	for _, country := range rows {
		rank(country)
	}
	return write(rows)
}

// plans lists the emergency numbers of every territory: all short strings
// that its pattern matches whole.
func plans() (map[string][]*row, error) {
	collection, err := phonenumbers.ShortNumberMetadataCollection()
	if err != nil {
		return nil, err
	}
	rows := map[string][]*row{}
	for _, territory := range collection.GetMetadata() {
		region, desc := territory.GetId(), territory.GetEmergency()
		whole, err := regexp.Compile("^(?:" + desc.GetNationalNumberPattern() + ")$")
		if err != nil {
			return nil, fmt.Errorf("pattern of %s: %w", region, err)
		}
		for _, length := range lengths(desc, territory.GetGeneralDesc()) {
			for n, end := 0, pow10(length); n < end; n++ {
				code := fmt.Sprintf("%0*d", length, n)
				if whole.MatchString(code) {
					rows[region] = append(rows[region], &row{region: region, code: code, cc: phonenumbers.GetCountryCodeForRegion(region), source: "libphonenumber"})
				}
			}
		}
	}
	return rows, nil
}

// lengths of a number: the emergency pattern's own, else the territory's.
func lengths(desc, territory *phonenumbers.PhoneNumberDesc) []int {
	if desc.GetNationalNumberPattern() == "" || slices.Contains(desc.GetPossibleLength(), -1) {
		return nil
	}
	possible := desc.GetPossibleLength()
	if len(possible) == 0 {
		possible = territory.GetPossibleLength()
	}
	var out []int
	for _, l := range possible {
		out = append(out, int(l))
	}
	return out
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// apply lays the entries kept by hand over the plans. An entry for a number
// that the plans do not have is a mistake, in one of the two.
func apply(rows map[string][]*row, byHand []byte) error {
	in := csv.NewReader(bytes.NewReader(byHand))
	in.Comment = '#'
	entries, err := in.ReadAll()
	if err != nil {
		return fmt.Errorf("reading the entries kept by hand: %w", err)
	}
	for _, e := range entries[1:] {
		region, code, serves, rank, source := e[0], e[1], e[2], e[3], e[4]
		i := slices.IndexFunc(rows[region], func(r *row) bool { return r.code == code })
		if i < 0 {
			return fmt.Errorf("%s has no emergency number %s", region, code)
		}
		r := rows[region][i]
		if r.rank != "" {
			return fmt.Errorf("%s %s: there twice", region, code)
		}
		if !slices.Contains([]string{primary, main_, alias, other}, rank) {
			return fmt.Errorf("%s %s: no such rank %q", region, code, rank)
		}
		r.serves, r.rank, r.source = serves, rank, r.source+"; "+source
	}
	return nil
}

// rank decides what was not decided by hand: the general numbers are main; a
// country without a main number keeps all it has. The first main one is
// primary, in the order of the list above.
func rank(country []*row) {
	var mains []*row
	for _, r := range country {
		if r.rank == "" && slices.Contains(general, r.code) {
			r.rank = main_
		}
		if r.rank == main_ || r.rank == primary {
			mains = append(mains, r)
		}
	}
	for _, r := range country {
		if r.rank == "" {
			r.rank = other
			if len(mains) == 0 {
				r.rank = main_
			}
		}
	}
	if slices.ContainsFunc(country, func(r *row) bool { return r.rank == primary }) {
		return
	}
	for _, code := range general {
		for _, r := range country {
			if r.code == code && r.rank == main_ {
				r.rank = primary
				return
			}
		}
	}
	for _, r := range country {
		if r.rank == main_ {
			r.rank = primary
			return
		}
	}
}

// service is the URN a number leaves as: a sub-service only where it reaches
// that one alone, and is not one of the numbers people dial for anything.
func (r row) service() string {
	if r.serves == "" || strings.Contains(r.serves, " ") || slices.Contains(general, r.code) {
		return "urn:service:sos"
	}
	return "urn:service:sos." + r.serves
}

func write(rows map[string][]*row) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("# Code generated by gen/main.go from github.com/nyaruka/phonenumbers (libphonenumber, Apache-2.0) and gen/countries.csv; DO NOT EDIT.\n")
	w := csv.NewWriter(&out)
	w.Write([]string{"region", "cc", "code", "main", "primary", "alias", "service", "serves", "source"})
	var regions []string
	for region := range rows {
		regions = append(regions, region)
	}
	slices.Sort(regions)
	for _, region := range regions {
		country := rows[region]
		slices.SortFunc(country, func(a, b *row) int { return strings.Compare(a.code, b.code) })
		for _, r := range country {
			w.Write([]string{r.region, fmt.Sprint(r.cc), r.code, fmt.Sprint(r.rank == primary || r.rank == main_), fmt.Sprint(r.rank == primary), fmt.Sprint(r.rank == alias), r.service(), r.serves, r.source})
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}
