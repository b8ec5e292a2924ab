package location

import (
	"strings"

	"github.com/tocsin-sip/tocsin/e164"
)

// numberAfterStreet lists countries that write the house number behind the
// street, and the postal code before the city (UPU S42).
const numberAfterStreet = " AD AT BE BG CH CZ DE DK EE ES FI FO GL GR HR HU IS IT LI LT LV ME MK NL NO PL PT RO RS SE SI SJ SK SM TR UA VA XK "

// codeBeforeCity lists those that put only the postal code first.
const codeBeforeCity = " FR MC LU GF GP MQ RE YT PM BL MF NC PF WF IL MX "

func among(list string, r e164.Region) bool {
	return r != "" && strings.Contains(list, " "+string(r)+" ")
}

// OneLine is the address as a person of its country reads it, without the
// country: "55 Almaden Boulevard, Floor 2, San Jose, CA 95113".
func (c CivicAddress) OneLine() string {
	after := among(numberAfterStreet, c.Country)
	var parts []string
	add := func(words ...string) {
		if s := spaced(words...); s != "" {
			parts = append(parts, s)
		}
	}

	street := spaced(c.StreetPremodifier, c.StreetPrefix, c.StreetTypePrefix, c.Street, c.StreetSuffix, c.StreetDirection, c.StreetPostmodifier)
	number := c.HouseNumberPrefix + c.HouseNumber
	if suffix := c.HouseNumberSuffix; suffix != "" {
		if number != "" && strings.ContainsAny(suffix, "0123456789/") {
			number += " " // "55 1/2", and "55A"
		}
		number += suffix
	}
	if street == "" {
		add(c.PlaceName)
	}
	if after {
		add(street, number)
	} else {
		add(number, street)
	}
	add(labelled("Section", c.RoadSection))
	add(labelled("Branch", c.RoadBranch))
	add(labelled("Sub-branch", c.RoadSubbranch))
	add(labelled("Milepost", c.Milepost))
	add(labelled("Pole", c.PoleNumber))
	add(labelled("Building", c.Building))
	add(labelled("Floor", c.Floor))
	add(labelled("Unit", c.Unit))
	add(labelled("Room", c.Room))
	add(labelled("Seat", c.Seat))
	add(c.Additional)
	if street == "" || number == "" {
		add(c.Landmark)
	}
	add(c.StreetGroup)
	add(c.Neighborhood)
	add(c.District)

	city := c.City
	if city == "" {
		city = c.PostalCommunity
	}
	switch {
	case after, among(codeBeforeCity, c.Country):
		add(c.PostalCode, city)
	case c.Country.NorthAmerican() || c.Country == "AU":
		if city == "" {
			city = c.County
		}
		add(city)
		add(c.State, c.PostalCode)
	default:
		add(city)
		add(c.State)
		add(c.PostalCode)
	}
	return strings.Join(parts, ", ")
}

func spaced(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// labelled puts the label before a bare mark ("2" is "Floor 2") and leaves a
// value that speaks for itself ("Ground floor", "Mezzanine").
func labelled(label, value string) string {
	value = spaced(value)
	if value == "" || strings.Contains(strings.ToLower(value), strings.ToLower(label)) {
		return value
	}
	if len(value) <= 2 || strings.ContainsAny(value, "0123456789") {
		return label + " " + value
	}
	return value
}

// String is OneLine with the country, for where no country is understood.
func (c CivicAddress) String() string {
	line := c.OneLine()
	switch {
	case c.Country == "":
		return line
	case line == "":
		return string(c.Country)
	default:
		return line + ", " + string(c.Country)
	}
}
