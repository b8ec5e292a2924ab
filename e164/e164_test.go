package e164

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		name, written string
		want          Number
		says          string
	}{
		{name: "canonical", written: "+14085550141", want: "+14085550141"},
		{name: "grouped", written: " +1 (408) 555-0141 ", want: "+14085550141"},
		{name: "dots", written: "+44.113.496.0190", want: "+441134960190"},
		{name: "an Italian zero belongs to the number", written: "+39 06 1234 5678", want: "+390612345678"},
		{name: "international freephone", written: "+800 1234 5678", want: "+80012345678"},
		{name: "short plan", written: "+683 4000", want: "+6834000"},
		{name: "no plus", written: "14085550141", says: "must begin with +"},
		{name: "empty", written: "  ", says: "empty"},
		{name: "only separators", written: "+-", says: "no digits"},
		{name: "letters", written: "+1408FLOWERS", says: "'F' is neither a digit"},
		{name: "extension", written: "+14085550141;ext=2", says: "';' is neither"},
		{name: "two plus signs", written: "+1+4085550141", says: "'+' is neither"},
		{name: "foreign digits", written: "+١٤٠٨", says: "neither a digit"},
		{name: "emergency code behind a calling code", written: "+1911", says: "too short"},
		{name: "bare emergency code", written: "+911", says: "too short"},
		{name: "GB 999 as gateways write it", written: "+44999", says: "too short"},
		{name: "too long for the plan", written: "+140855501411", says: "too long for +1"},
		{name: "more than E.164 allows", written: "+1234567890123456", says: "16 digits"},
		{name: "unassigned calling code", written: "+999123456789", says: "not assigned"},
		{name: "no area code", written: "+15550141", says: "area code"},
		{name: "trunk zero in brackets", written: "+44 (0)113 496 0190", says: "did you mean +441134960190"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parse(row.written)
			if row.says == "" {
				if err != nil || got != row.want {
					t.Fatalf("Parse(%q) = %q, %v; want %q", row.written, got, err, row.want)
				}
				return
			}
			if !errors.Is(err, ErrNotE164) || !strings.Contains(err.Error(), row.says) {
				t.Fatalf("Parse(%q) = %q, %v; want an error saying %q", row.written, got, err, row.says)
			}
			if got != "" {
				t.Fatalf("a refused number came back as %q", got)
			}
		})
	}
}

func TestParseNational(t *testing.T) {
	for _, row := range []struct {
		digits string
		in     Region
		want   Number
	}{
		{"0113 496 0190", "GB", "+441134960190"},
		{"113 496 0190", "GB", "+441134960190"},
		{"408-555-0141", "US", "+14085550141"},
		{"14085550141", "US", "+14085550141"},
		{"011 44 113 496 0190", "US", "+441134960190"},
		{"00 1 408 555 0141", "DE", "+14085550141"},
		{"+1 408 555 0141", "DE", "+14085550141"},
		{"911", "US", ""},
		{"999", "GB", ""},
		{"2041", "US", ""},
		{"4085550141", "ZZ", ""},
		{"4085550141", "", ""},
		{"408555O141", "US", ""},
	} {
		got, err := ParseNational(row.digits, row.in)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("ParseNational(%q, %s) = %q, %v; want %q", row.digits, row.in, got, err, row.want)
		}
	}
}

func TestRegionOfNumber(t *testing.T) {
	for _, row := range []struct {
		number Number
		region Region
		cc     CallingCode
	}{
		{"+14085550141", "US", 1},
		{"+16045550141", "CA", 1},
		{"+18765550141", "JM", 1},
		{"+12465550141", "BB", 1},
		{"+17875550141", "PR", 1},
		{"+441134960190", "GB", 44},
		{"+441624555014", "IM", 44},
		{"+390612345678", "IT", 39},
		{"+77172555014", "KZ", 7},
		{"+80012345678", "", 800}, // of no country
		{"", "", 0},
	} {
		region, ok := row.number.Region()
		if region != row.region || ok != (row.region != "") {
			t.Errorf("%s is of %q, %v; want %q", row.number, region, ok, row.region)
		}
		if cc := row.number.CallingCode(); cc != row.cc {
			t.Errorf("%s has calling code %d; want %d", row.number, cc, row.cc)
		}
	}
}

func TestInPlan(t *testing.T) {
	for n, want := range map[Number]bool{"+14085550141": true, "+441134960190": true, "+11115550141": false, "+2710111": false, "+911": false, "": false} {
		if got := n.InPlan(); got != want {
			t.Errorf("%q in its plan: %v", n, got)
		}
	}
}

func TestFormatAndMask(t *testing.T) {
	n := MustParse("+1 408 555 0141")
	for name, pair := range map[string][2]string{
		"Format":   {n.Format(), "+1 408-555-0141"},
		"Mask":     {n.Mask(), "+1408555••••"},
		"Digits":   {n.Digits(), "14085550141"},
		"National": {n.National(), "4085550141"},
		"GB":       {Number("+441134960190").Format(), "+44 113 496 0190"},
		"no mask":  {Number("").Mask(), ""},
		"short":    {Number("+12").Mask(), "•••"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", name, pair[0], pair[1])
		}
	}
}

func TestRegionsOfCallingCodes(t *testing.T) {
	if diff := cmp.Diff([]Region{"GB", "GG", "IM", "JE"}, CallingCode(44).Regions()); diff != "" {
		t.Error(diff)
	}
	nanp := CallingCode(1).Regions()
	if nanp[0] != "US" || len(nanp) < 24 {
		t.Errorf("+1 is shared by %v; want US first and two dozen others", nanp)
	}
	if got := CallingCode(800).Regions(); len(got) != 0 {
		t.Errorf("+800 belongs to no country, got %v", got)
	}
	for _, r := range Regions() {
		cc, ok := r.CallingCode()
		if !ok {
			t.Errorf("%s has no calling code", r)
		}
		if got, rest, ok := SplitCallingCode(cc.String()[1:] + "911"); !ok || got != cc || rest != "911" {
			t.Errorf("%s911 splits into %s and %q", cc, got, rest)
		}
	}
	for _, digits := range []string{"", "0", "044", "999", "x"} {
		if cc, _, ok := SplitCallingCode(digits); ok {
			t.Errorf("%q begins with calling code %s?", digits, cc)
		}
	}
	if !Region("JM").NorthAmerican() || Region("GB").NorthAmerican() {
		t.Error("JM dials by the North American plan, GB does not")
	}
}

func TestParseRegion(t *testing.T) {
	if r, err := ParseRegion(" gb "); r != "GB" || err != nil {
		t.Errorf("gb: %q, %v", r, err)
	}
	for _, bad := range []string{"", "UK", "USA", "001", "1"} {
		if r, err := ParseRegion(bad); err == nil {
			t.Errorf("%q was taken for country %q", bad, r)
		}
	}
}

// Whatever Parse gives back, it reads again as itself, grouped or not.
func TestCanonicalNumbersReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, err := Parse("+" + rapid.StringMatching(`[1-9][0-9]{6,14}`).Draw(t, "digits"))
		if err != nil {
			return
		}
		for _, written := range []string{n.String(), n.Format()} {
			again, err := Parse(written)
			if err != nil || again != n {
				t.Fatalf("%q reads back as %q, %v; want %q", written, again, err, n)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"+14085550141", "+44 (0)113", "+", "911", "+\x00", "+1911"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			return
		}
		if len(n) < 5 || len(n) > MaxDigits+1 || n[0] != '+' || strings.Trim(string(n[1:]), "0123456789") != "" {
			t.Fatalf("Parse(%q) gave %q", s, n)
		}
		if again, err := Parse(string(n)); err != nil || again != n {
			t.Fatalf("%q is not canonical: %q, %v", n, again, err)
		}
	})
}
