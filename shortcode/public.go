package shortcode

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"

	"github.com/tocsin-sip/tocsin/e164"
)

// PublicService is a short number that the public knows and that reaches no
// PSAP. Calls to it are ordinary; an extension may not be one (P7).
type PublicService struct {
	Scope  string // a country, "NANP" or "EU"
	Code   Code
	What   string
	Source string
}

//go:embed data/public_services.csv
var publicCSV []byte

//go:embed data/related.csv
var relatedCSV []byte

var publicServices = sync.OnceValue(func() []PublicService {
	var list []PublicService
	for _, row := range records(publicCSV) {
		list = append(list, PublicService{Scope: row["region"], Code: Code(row["code"]), What: row["what"], Source: row["source"]})
	}
	return list
})

// harmonised lists who opened the 116 numbers: the member states (2007/116/EC)
// and those that took them over.
const harmonised = " AT BE BG CY CZ DE DK EE ES FI AX FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK IS LI NO CH GB AL ME MK RS UA "

func covers(scope string, region e164.Region) bool {
	switch scope {
	case "NANP":
		return region.NorthAmerican()
	case "EU":
		return region != "" && strings.Contains(harmonised, " "+string(region)+" ")
	default:
		return scope == string(region)
	}
}

// PublicServiceAt finds a public service number of a country. A number that is
// an emergency number there is not one: 211 in Barbados is the police.
func PublicServiceAt(region e164.Region, code Code) (PublicService, bool) {
	if _, emergency := Lookup(region, code); emergency {
		return PublicService{}, false
	}
	for _, p := range publicServices() {
		if p.Code == code && covers(p.Scope, region) {
			return p, true
		}
	}
	return PublicService{}, false
}

// PublicServices lists the public service numbers of a country.
func PublicServices(region e164.Region) []PublicService {
	var list []PublicService
	for _, p := range publicServices() {
		if found, ok := PublicServiceAt(region, p.Code); ok && found == p {
			list = append(list, p)
		}
	}
	return list
}

var related = sync.OnceValue(func() map[e164.Region]*regexp.Regexp {
	patterns := map[e164.Region]*regexp.Regexp{}
	for _, row := range records(relatedCSV) {
		patterns[e164.Region(row["region"])] = regexp.MustCompile(`^(?:` + row["pattern"] + `)$`)
	}
	return patterns
})

// RelatedAt says whether a number is of a service related to emergencies in a
// country, and not itself an emergency number: 933 in the US reads an address
// back, in Tonga it is an emergency number.
func RelatedAt(region e164.Region, code Code) bool {
	if _, emergency := Lookup(region, code); emergency {
		return false
	}
	pattern, ok := related()[region]
	return ok && pattern.MatchString(string(code))
}
