package location

import (
	"fmt"
	"iter"
	"strings"

	"github.com/tocsin-sip/tocsin/e164"
)

// CivicAddress is a civic location: RFC 4776 s3.4 for the meaning of the
// elements, RFC 5139 s3 and RFC 6848 s3 for those added since. The names in
// files and in the API are the tags here; [Elements] relates them to the names
// on the wire.
type CivicAddress struct {
	Country e164.Region `json:"country,omitempty" yaml:"country,omitempty"`

	State        string `json:"state,omitempty" yaml:"state,omitempty"`
	County       string `json:"county,omitempty" yaml:"county,omitempty"`
	City         string `json:"city,omitempty" yaml:"city,omitempty"`
	District     string `json:"district,omitempty" yaml:"district,omitempty"`
	Neighborhood string `json:"neighborhood,omitempty" yaml:"neighborhood,omitempty"`
	StreetGroup  string `json:"street_group,omitempty" yaml:"street_group,omitempty"`

	StreetPremodifier  string `json:"street_premodifier,omitempty" yaml:"street_premodifier,omitempty"`
	StreetPrefix       string `json:"street_prefix,omitempty" yaml:"street_prefix,omitempty"`
	StreetTypePrefix   string `json:"street_type_prefix,omitempty" yaml:"street_type_prefix,omitempty"`
	Street             string `json:"street,omitempty" yaml:"street,omitempty"`
	StreetSuffix       string `json:"street_suffix,omitempty" yaml:"street_suffix,omitempty"`
	StreetDirection    string `json:"street_direction,omitempty" yaml:"street_direction,omitempty"`
	StreetPostmodifier string `json:"street_postmodifier,omitempty" yaml:"street_postmodifier,omitempty"`
	RoadSection        string `json:"road_section,omitempty" yaml:"road_section,omitempty"`
	RoadBranch         string `json:"road_branch,omitempty" yaml:"road_branch,omitempty"`
	RoadSubbranch      string `json:"road_subbranch,omitempty" yaml:"road_subbranch,omitempty"`

	HouseNumberPrefix string `json:"house_number_prefix,omitempty" yaml:"house_number_prefix,omitempty"`
	HouseNumber       string `json:"house_number,omitempty" yaml:"house_number,omitempty"`
	HouseNumberSuffix string `json:"house_number_suffix,omitempty" yaml:"house_number_suffix,omitempty"`
	Milepost          string `json:"milepost,omitempty" yaml:"milepost,omitempty"`
	PoleNumber        string `json:"pole_number,omitempty" yaml:"pole_number,omitempty"`

	Landmark   string `json:"landmark,omitempty" yaml:"landmark,omitempty"`
	Additional string `json:"additional_location,omitempty" yaml:"additional_location,omitempty"` // LOC: anything else that helps to find the spot
	PlaceName  string `json:"place_name,omitempty" yaml:"place_name,omitempty"`
	Building   string `json:"building,omitempty" yaml:"building,omitempty"`
	Floor      string `json:"floor,omitempty" yaml:"floor,omitempty"`
	Unit       string `json:"unit,omitempty" yaml:"unit,omitempty"`
	Room       string `json:"room,omitempty" yaml:"room,omitempty"`
	Seat       string `json:"seat,omitempty" yaml:"seat,omitempty"`
	PlaceType  string `json:"place_type,omitempty" yaml:"place_type,omitempty"`

	PostalCode      string `json:"postal_code,omitempty" yaml:"postal_code,omitempty"`
	PostalCommunity string `json:"postal_community,omitempty" yaml:"postal_community,omitempty"`
	POBox           string `json:"po_box,omitempty" yaml:"po_box,omitempty"`
	AdditionalCode  string `json:"additional_code,omitempty" yaml:"additional_code,omitempty"`

	Language string `json:"language,omitempty" yaml:"language,omitempty"` // BCP 47, the xml:lang of all elements
}

// Element is one element of a civic address, by all its names.
type Element struct {
	Name      string // on the wire: "A1", "RD"
	Key       string // in files and the API: "state", "street"
	CAType    int    // RFC 4776 s3.4, as LLDP-MED and DHCP carry it; 0 where it has none
	Extension bool   // of RFC 6848: another namespace, written after the others
	Inside    bool   // tells places within one street address apart
	of        func(*CivicAddress) *string
}

// Elements lists every element in the order of the schema of RFC 5139 s5,
// which is a sequence: a document with another order is not valid.
func Elements() []Element { return elements[:] }

var elements = [...]Element{
	{Name: "country", Key: "country", of: func(c *CivicAddress) *string { return (*string)(&c.Country) }},
	{Name: "A1", Key: "state", CAType: 1, of: func(c *CivicAddress) *string { return &c.State }},
	{Name: "A2", Key: "county", CAType: 2, of: func(c *CivicAddress) *string { return &c.County }},
	{Name: "A3", Key: "city", CAType: 3, of: func(c *CivicAddress) *string { return &c.City }},
	{Name: "A4", Key: "district", CAType: 4, of: func(c *CivicAddress) *string { return &c.District }},
	{Name: "A5", Key: "neighborhood", CAType: 5, of: func(c *CivicAddress) *string { return &c.Neighborhood }},
	{Name: "A6", Key: "street_group", CAType: 6, of: func(c *CivicAddress) *string { return &c.StreetGroup }},
	{Name: "PRM", Key: "street_premodifier", CAType: 38, of: func(c *CivicAddress) *string { return &c.StreetPremodifier }},
	{Name: "PRD", Key: "street_prefix", CAType: 16, of: func(c *CivicAddress) *string { return &c.StreetPrefix }},
	{Name: "RD", Key: "street", CAType: 34, of: func(c *CivicAddress) *string { return &c.Street }},
	{Name: "STS", Key: "street_suffix", CAType: 18, of: func(c *CivicAddress) *string { return &c.StreetSuffix }},
	{Name: "POD", Key: "street_direction", CAType: 17, of: func(c *CivicAddress) *string { return &c.StreetDirection }},
	{Name: "POM", Key: "street_postmodifier", CAType: 39, of: func(c *CivicAddress) *string { return &c.StreetPostmodifier }},
	{Name: "RDSEC", Key: "road_section", CAType: 35, of: func(c *CivicAddress) *string { return &c.RoadSection }},
	{Name: "RDBR", Key: "road_branch", CAType: 36, of: func(c *CivicAddress) *string { return &c.RoadBranch }},
	{Name: "RDSUBBR", Key: "road_subbranch", CAType: 37, of: func(c *CivicAddress) *string { return &c.RoadSubbranch }},
	{Name: "HNO", Key: "house_number", CAType: 19, of: func(c *CivicAddress) *string { return &c.HouseNumber }},
	{Name: "HNS", Key: "house_number_suffix", CAType: 20, of: func(c *CivicAddress) *string { return &c.HouseNumberSuffix }},
	{Name: "LMK", Key: "landmark", CAType: 21, Inside: true, of: func(c *CivicAddress) *string { return &c.Landmark }},
	{Name: "LOC", Key: "additional_location", CAType: 22, Inside: true, of: func(c *CivicAddress) *string { return &c.Additional }},
	{Name: "FLR", Key: "floor", CAType: 27, Inside: true, of: func(c *CivicAddress) *string { return &c.Floor }},
	{Name: "NAM", Key: "place_name", CAType: 23, Inside: true, of: func(c *CivicAddress) *string { return &c.PlaceName }},
	{Name: "PC", Key: "postal_code", CAType: 24, of: func(c *CivicAddress) *string { return &c.PostalCode }},
	{Name: "BLD", Key: "building", CAType: 25, Inside: true, of: func(c *CivicAddress) *string { return &c.Building }},
	{Name: "UNIT", Key: "unit", CAType: 26, Inside: true, of: func(c *CivicAddress) *string { return &c.Unit }},
	{Name: "ROOM", Key: "room", CAType: 28, Inside: true, of: func(c *CivicAddress) *string { return &c.Room }},
	{Name: "SEAT", Key: "seat", CAType: 33, Inside: true, of: func(c *CivicAddress) *string { return &c.Seat }},
	{Name: "PLC", Key: "place_type", CAType: 29, Inside: true, of: func(c *CivicAddress) *string { return &c.PlaceType }},
	{Name: "PCN", Key: "postal_community", CAType: 30, of: func(c *CivicAddress) *string { return &c.PostalCommunity }},
	{Name: "POBOX", Key: "po_box", CAType: 31, of: func(c *CivicAddress) *string { return &c.POBox }},
	{Name: "ADDCODE", Key: "additional_code", CAType: 32, Inside: true, of: func(c *CivicAddress) *string { return &c.AdditionalCode }},
	// RFC 6848 s3: pole number, milepost, street type prefix, house number prefix.
	{Name: "PN", Key: "pole_number", Extension: true, of: func(c *CivicAddress) *string { return &c.PoleNumber }},
	{Name: "MP", Key: "milepost", Extension: true, of: func(c *CivicAddress) *string { return &c.Milepost }},
	{Name: "STP", Key: "street_type_prefix", Extension: true, of: func(c *CivicAddress) *string { return &c.StreetTypePrefix }},
	{Name: "HNP", Key: "house_number_prefix", Extension: true, of: func(c *CivicAddress) *string { return &c.HouseNumberPrefix }},
}

// Get is the value of the element in c.
func (e Element) Get(c CivicAddress) string { return *e.of(&c) }

// Values gives the elements that c has, in the order of Elements. Asking for one after the
// other with Get copies the address each time.
func (c CivicAddress) Values() iter.Seq2[Element, string] {
	return func(yield func(Element, string) bool) {
		for _, e := range elements {
			if v := *e.of(&c); v != "" && !yield(e, v) {
				return
			}
		}
	}
}

// Set changes the value of the element in c.
func (e Element) Set(c *CivicAddress, value string) { *e.of(c) = value }

// ElementNamed finds an element by its name on the wire.
func ElementNamed(name string) (Element, bool) {
	for _, e := range elements {
		if e.Name == name {
			return e, true
		}
	}
	return Element{}, false
}

// ElementOfCAType finds an element by its civic address type.
func ElementOfCAType(t int) (Element, bool) {
	for _, e := range elements {
		if e.CAType == t && t != 0 {
			return e, true
		}
	}
	return Element{}, false
}

// Empty says whether the address names no place: a language is none.
func (c CivicAddress) Empty() bool {
	c.Language = ""
	return c == CivicAddress{}
}

// Dispatchable says whether somebody can be sent there: a validated street
// address is the least the law asks for (47 CFR 9.3), so a city or a floor
// alone is not enough.
func (c CivicAddress) Dispatchable() bool {
	spot := c.HouseNumber != "" || c.Milepost != "" || c.PoleNumber != "" || c.Landmark != "" || c.PlaceName != "" || c.Building != ""
	return c.Country != "" && (c.City != "" || c.PostalCode != "" || c.County != "") && (c.Street != "" || c.PlaceName != "") && spot
}

// AreaOnly says whether the address stops at a city, a district or a postal
// code: true, and no help to anybody who is to go there.
func (c CivicAddress) AreaOnly() bool {
	c.Language = ""
	for _, e := range elements {
		switch e.Name {
		case "country", "A1", "A2", "A3", "A4", "A5", "PC", "PCN":
			e.Set(&c, "")
		}
	}
	return c.Empty()
}

// Normal is the address as it is compared and hashed: outer and repeated white
// space gone, country in upper case.
func (c CivicAddress) Normal() CivicAddress {
	for _, e := range elements {
		if at := e.of(&c); *at != "" {
			*at = strings.Join(strings.Fields(*at), " ")
		}
	}
	c.Country = e164.Region(strings.ToUpper(string(c.Country)))
	c.Language = strings.TrimSpace(c.Language)
	return c
}

// Over lays c over base: what c names replaces what base names.
func (c CivicAddress) Over(base CivicAddress) CivicAddress {
	for e, v := range c.Values() {
		e.Set(&base, v)
	}
	if c.Language != "" {
		base.Language = c.Language
	}
	return base
}

// SameStreetAddress says whether two addresses differ at most in what lies
// within one street address: building, floor, room.
func (c CivicAddress) SameStreetAddress(o CivicAddress) bool {
	c, o = c.Normal(), o.Normal()
	for _, e := range elements {
		if !e.Inside && !strings.EqualFold(e.Get(c), e.Get(o)) {
			return false
		}
	}
	return true
}

// Check refuses what no service can read.
func (c CivicAddress) Check() error {
	if c.Empty() {
		return fmt.Errorf("civic address: it names no place")
	}
	if c.Country != "" {
		// RFC 5139 s5: iso3166a2 is two letters in upper case.
		if len(c.Country) != 2 || strings.Trim(string(c.Country), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return fmt.Errorf("civic address: country %q is not two upper case letters", c.Country)
		}
	}
	return nil
}

// Mask is the address for logs: which country and state, and no nearer.
func (c CivicAddress) Mask() string {
	switch {
	case c.Empty():
		return ""
	case c.State != "":
		return string(c.Country) + "-" + c.State + " ••••"
	default:
		return strings.TrimSpace(string(c.Country) + " ••••")
	}
}
