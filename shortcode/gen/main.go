package main

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"log"
	"os"
	"regexp/syntax"
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
		if desc.GetNationalNumberPattern() == "" || slices.Contains(desc.GetPossibleLength(), -1) {
			continue
		}
		pattern, err := syntax.Parse(desc.GetNationalNumberPattern(), syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("pattern of %s: %w", region, err)
		}
		codes, err := spell(pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern of %s: %w", region, err)
		}
		possible := lengths(desc, territory.GetGeneralDesc())
		slices.Sort(codes)
		for _, code := range slices.Compact(codes) {
			if slices.Contains(possible, int32(len(code))) {
				rows[region] = append(rows[region], &row{region: region, code: code, cc: phonenumbers.GetCountryCodeForRegion(region), source: "libphonenumber"})
			}
		}
	}
	return rows, nil
}

// lengths of a number: the emergency pattern's own, else the territory's.
func lengths(desc, territory *phonenumbers.PhoneNumberDesc) []int32 {
	if own := desc.GetPossibleLength(); len(own) > 0 {
		return own
	}
	return territory.GetPossibleLength()
}

// spell lists every string a pattern matches. The patterns of short numbers
// are small and end; one that does not is refused.
func spell(p *syntax.Regexp) ([]string, error) {
	switch p.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, nil
	case syntax.OpLiteral:
		return []string{string(p.Rune)}, nil
	case syntax.OpCharClass:
		var out []string
		for i := 0; i < len(p.Rune); i += 2 {
			for r := p.Rune[i]; r <= p.Rune[i+1]; r++ {
				out = append(out, string(r))
			}
		}
		return out, nil
	case syntax.OpCapture:
		return spell(p.Sub[0])
	case syntax.OpQuest:
		some, err := spell(p.Sub[0])
		return append([]string{""}, some...), err
	case syntax.OpAlternate:
		var out []string
		for _, sub := range p.Sub {
			some, err := spell(sub)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
		return out, nil
	case syntax.OpConcat:
		return spellAll(p.Sub)
	case syntax.OpRepeat:
		if p.Max < 0 {
			return nil, fmt.Errorf("%s has no end", p)
		}
		var out []string
		for n := p.Min; n <= p.Max; n++ {
			some, err := spellAll(slices.Repeat(p.Sub[:1], n))
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("%s (%s) is not understood", p, p.Op)
	}
}

// spellAll is one string of each pattern after the other.
func spellAll(parts []*syntax.Regexp) ([]string, error) {
	out := []string{""}
	for _, part := range parts {
		some, err := spell(part)
		if err != nil {
			return nil, err
		}
		var longer []string
		for _, head := range out {
			for _, tail := range some {
				longer = append(longer, head+tail)
			}
		}
		out = longer
	}
	return out, nil
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
