package e164

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Region is a country or territory with emergency numbers of its own, by its
// ISO 3166-1 alpha-2 code in upper case; "XK", "AC" and "TA" are used as the
// numbering plans use them. The zero value means not known.
type Region string

// CallingCode is a country calling code, 1 for "+1".
type CallingCode int

// nonGeographic is what the numbering plans call services of no country.
const nonGeographic Region = "001"

// ParseRegion reads a country code in either case.
func ParseRegion(written string) (Region, error) {
	r := Region(strings.ToUpper(strings.TrimSpace(written)))
	if _, known := r.CallingCode(); !known {
		return "", fmt.Errorf("country %q: not an ISO 3166-1 alpha-2 code with a numbering plan", written)
	}
	return r, nil
}

func (r Region) String() string { return string(r) }

// CallingCode is the calling code used in the region.
func (r Region) CallingCode() (CallingCode, bool) {
	if len(r) != 2 {
		return 0, false
	}
	cc := phonenumbers.GetCountryCodeForRegion(string(r))
	return CallingCode(cc), cc != 0
}

// NorthAmerican says whether the region dials by the North American
// Numbering Plan, where N11 codes are services.
func (r Region) NorthAmerican() bool {
	return phonenumbers.IsNANPACountry(string(r))
}

func (c CallingCode) String() string { return "+" + strconv.Itoa(int(c)) }

// Regions lists who uses the calling code: the main country first (US for
// +1), the others in alphabetical order.
func (c CallingCode) Regions() []Region {
	codes := phonenumbers.GetRegionCodesForCountryCode(int(c))
	var regions []Region
	for _, code := range codes {
		if r := Region(code); r != nonGeographic {
			regions = append(regions, r)
		}
	}
	if len(regions) > 1 {
		slices.Sort(regions[1:])
	}
	return regions
}

// Regions lists every region with a numbering plan, in alphabetical order.
func Regions() []Region {
	var regions []Region
	for code := range phonenumbers.GetSupportedRegions() {
		regions = append(regions, Region(code))
	}
	slices.Sort(regions)
	return regions
}

// SplitCallingCode cuts the calling code off a string of digits. No calling
// code is the beginning of another (E.164 annex A), so there is one way to.
func SplitCallingCode(digits string) (CallingCode, string, bool) {
	for n := 1; n <= 3 && n <= len(digits); n++ {
		cc, err := strconv.Atoi(digits[:n])
		if err != nil || digits[0] == '0' {
			return 0, "", false
		}
		if phonenumbers.GetRegionCodeForCountryCode(cc) != phonenumbers.UNKNOWN_REGION {
			return CallingCode(cc), digits[n:], true
		}
	}
	return 0, "", false
}
