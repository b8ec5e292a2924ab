package shortcode

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tocsin-sip/tocsin/e164"
)

// Code is a short number as it is dialled in its country, digits only: "911".
type Code string

// Emergency is a national emergency number.
type Emergency struct {
	Region      e164.Region
	CallingCode e164.CallingCode
	Code        Code
	Main        bool     // may not be removed by a site
	Primary     bool     // the country's one number for whatever it has no number for
	Alias       bool     // reaches what the primary one reaches, and leaves as that: 112 in the US
	Service     Service  // what it leaves as
	Serves      []string // labels of RFC 5031 s4.2: {"fire", "ambulance"}; empty is all, or not known
	Source      string
}

//go:embed data/emergency.csv
var emergencyCSV []byte

// emergencies is the table by region, read once. It is embedded and tested:
// failing to read it is a broken build.
var emergencies = sync.OnceValue(func() map[e164.Region][]Emergency {
	table := map[e164.Region][]Emergency{}
	for _, row := range records(emergencyCSV) {
		cc, err := strconv.Atoi(row["cc"])
		if err != nil {
			panic(fmt.Sprintf("emergency numbers: %s %s: calling code: %v", row["region"], row["code"], err))
		}
		e := Emergency{
			Region: e164.Region(row["region"]), CallingCode: e164.CallingCode(cc), Code: Code(row["code"]),
			Main: row["main"] == "true", Primary: row["primary"] == "true", Alias: row["alias"] == "true",
			Service: Service(row["service"]), Serves: strings.Fields(row["serves"]), Source: row["source"],
		}
		table[e.Region] = append(table[e.Region], e)
	}
	return table
})

// records reads an embedded table, each row by the names of its head.
func records(table []byte) []map[string]string {
	in := csv.NewReader(bytes.NewReader(table))
	in.Comment = '#'
	rows, err := in.ReadAll()
	if err != nil || len(rows) == 0 {
		panic(fmt.Sprintf("reading an embedded table of numbers: %v", err))
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		named := make(map[string]string, len(row))
		for i, head := range rows[0] {
			named[head] = row[i]
		}
		out = append(out, named)
	}
	return out
}

// Lookup finds an emergency number of a country.
func Lookup(region e164.Region, code Code) (Emergency, bool) {
	for _, e := range emergencies()[region] {
		if e.Code == code {
			return e, true
		}
	}
	return Emergency{}, false
}

// Emergencies lists the emergency numbers of a country in ascending order.
func Emergencies(region e164.Region) []Emergency {
	return slices.Clone(emergencies()[region])
}

// Regions lists the countries whose emergency numbers are known.
func Regions() []e164.Region {
	var regions []e164.Region
	for r := range emergencies() {
		regions = append(regions, r)
	}
	slices.Sort(regions)
	return regions
}

// Main is the primary emergency number of a country.
func Main(region e164.Region) (Emergency, bool) {
	for _, e := range emergencies()[region] {
		if e.Primary {
			return e, true
		}
	}
	return Emergency{}, false
}

// Leaving is the number and the service a call goes out as in the country of
// the call (P6): the dialled code where that country has it, else its primary
// number, which is also what an alias leaves as. What the caller asked for is kept: somebody who dials 18 abroad
// wants the fire service, whatever the number is there. With no code dialled,
// only a service asked for, a number that reaches it is preferred.
func Leaving(called e164.Region, dialled Code, asked Service) (Code, Service) {
	if asked == "" {
		asked = SOS
	}
	if e, ok := Lookup(called, dialled); ok && !e.Alias {
		return e.Code, e.Service
	}
	if label, sub := asked.sub(); sub && dialled == "" {
		for _, mainOnly := range []bool{true, false} {
			for _, e := range emergencies()[called] {
				if e.Main == mainOnly && slices.Contains(e.Serves, label) {
					return e.Code, asked
				}
			}
		}
	}
	if e, ok := Main(called); ok {
		return e.Code, asked
	}
	return dialled, asked
}
