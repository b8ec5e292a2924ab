package shortcode

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tocsin-sip/tocsin/e164"
)

// Every number of every country, in every form a request-URI may have.
func TestWR3EveryNumberInEveryForm(t *testing.T) {
	for _, region := range Regions() {
		for _, e := range Emergencies(region) {
			code, cc := string(e.Code), strings.TrimPrefix(e.CallingCode.String(), "+")
			w := Where{Site: region, TrunkPrefixes: []string{"7"}}
			lync := w
			lync.PlusCode = true
			peering := Where{Site: region, Peering: true}
			abroad := Where{Site: "AQ", Detected: region}
			for _, row := range []struct {
				name  string
				d     Dialled
				w     Where
				form  Form
				wants bool // false: another number of the country may be found
			}{
				{"sip:CODE@gw", Dialled{Scheme: "sip", User: code}, w, FormBare, true},
				{"sips:CODE@gw", Dialled{Scheme: "SIPS", User: code}, w, FormBare, true},
				{"sip:CODE;phone-context=+CC@gw;user=phone", Dialled{Scheme: "sip", User: code + ";phone-context=+" + cc, Params: map[string]string{"user": "phone"}}, w, FormBare, true},
				{"sip:CODE@gw;user=dialstring", Dialled{Scheme: "sip", User: code, Params: map[string]string{"User": "dialstring"}}, w, FormBare, true},
				{"tel:CODE;phone-context=+CC", Dialled{Scheme: "tel", User: code, Params: map[string]string{"phone-context": "+" + cc}}, w, FormBare, true},
				{"tel:CODE", Dialled{Scheme: "tel", User: code}, w, FormBare, true},
				{"sip:%escaped@gw", Dialled{Scheme: "sip", User: escaped(code)}, w, FormBare, true},
				{"sip:C-O-D-E@gw", Dialled{Scheme: "sip", User: strings.Join(strings.Split(code, ""), "-")}, w, FormBare, true},
				{"sip:+CCCODE@gw", Dialled{Scheme: "sip", User: "+" + cc + code}, w, FormPlusCountry, true},
				{"tel:+CC-CODE", Dialled{Scheme: "tel", User: "+" + cc + "-" + code}, peering, FormPlusCountry, true},
				{"sip:7CODE@gw", Dialled{Scheme: "sip", User: "7" + code}, w, FormPrefixed, true},
				{"sip:7-CODE@gw", Dialled{Scheme: "sip", User: "7-" + code}, w, FormPrefixed, true},
				{"sip:+CODE@gw of Lync", Dialled{Scheme: "sip", User: "+" + code}, lync, FormPlusCode, true},
				{"visited", FromDigits(code), abroad, FormBare, true},
			} {
				m, ok := Recognise(row.d, row.w)
				if !ok {
					t.Fatalf("%s %s as %s is not recognised", region, code, row.name)
				}
				if m.Kind != KindEmergency || m.Region != region || string(m.Code) != code || m.Form != row.form {
					t.Errorf("%s %s as %s: %+v", region, code, row.name, m)
				}
				if _, has := Lookup(region, m.Leaves); !has || m.Reason == "" || len(m.Degradations) != 0 {
					t.Errorf("%s %s as %s leaves as %q: %s %v", region, code, row.name, m.Leaves, m.Reason, m.Degradations)
				}
				if (m.Prefix != "") != (m.Form == FormPrefixed) {
					t.Errorf("%s %s as %s: prefix %q", region, code, row.name, m.Prefix)
				}
			}
		}
	}
}

func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func TestRecognise(t *testing.T) {
	us := Where{Site: "US", TrunkPrefixes: []string{"9"}}
	gb := Where{Site: "GB"}
	for _, row := range []struct {
		name    string
		d       Dialled
		w       Where
		form    Form
		region  e164.Region
		leaves  Code
		service Service
		reason  string
	}{
		{"P5 9911", FromDigits("9911"), us, FormPrefixed, "US", "911", SOS, "911 is an emergency number of US, dialled behind the trunk prefix 9"},
		{"P5 9-911", FromDigits("9-911"), us, FormPrefixed, "US", "911", SOS, ""},
		{"RFC 4967 9p911", Dialled{Scheme: "sip", User: "9p911;phone-context=gw.example.com", Params: map[string]string{"user": "dialstring"}}, us, FormPrefixed, "US", "911", SOS, ""},
		{"longest prefix", FromDigits("99911"), Where{Site: "US", TrunkPrefixes: []string{"9", "99"}}, FormPrefixed, "US", "911", SOS, ""},
		{"context is a domain", Dialled{Scheme: "tel", User: "911;phone-context=example.com"}, us, FormBare, "US", "911", SOS, ""},
		{"context with an area code", Dialled{Scheme: "tel", User: "911;phone-context=+1-408"}, us, FormBare, "US", "911", SOS, ""},
		{"tel with + and parameters", Dialled{Scheme: "tel", User: "+1911;isub=2"}, us, FormPlusCountry, "US", "911", SOS, "911 is an emergency number of US, written behind the calling code +1"},
		{"brackets and dots", FromDigits("(9.1.1)"), us, FormBare, "US", "911", SOS, ""},
		{"P6 visited: 112 in Germany", FromDigits("112"), Where{Site: "GB", Detected: "DE"}, FormBare, "DE", "112", SOS, ""},
		{"P6 home: an American's 911 in Germany", FromDigits("911"), Where{Site: "US", Detected: "DE"}, FormBare, "US", "112", SOS, ""},
		{"P6 home: a Frenchman's 18 in Japan", FromDigits("18"), Where{Site: "FR", Detected: "JP"}, FormBare, "FR", "110", "urn:service:sos.fire", ""},
		{"P6 visited from another plan: 211 in Barbados", FromDigits("211"), Where{Site: "US", Detected: "BB"}, FormBare, "BB", "211", "urn:service:sos.police", ""},
		{"P6 112 in the US", FromDigits("112"), us, FormBare, "US", "911", SOS, ""},
		{"P6 added by the site", FromDigits("5555"), Where{Site: "US", Added: []Code{"5555"}}, FormBare, "US", "911", SOS, "5555 is an emergency number of this site"},
		{"P6 main numbers cannot be removed", FromDigits("911"), Where{Site: "US", Removed: []Code{"911"}}, FormBare, "US", "911", SOS, ""},
		{"P6 removed at home, main abroad", FromDigits("112"), Where{Site: "US", Detected: "DE", Removed: []Code{"112"}}, FormBare, "DE", "112", SOS, ""},
		{"933 in Tonga", FromDigits("933"), Where{Site: "TO"}, FormBare, "TO", "933", SOS, ""},
		{"wR3 +911 of Lync", Dialled{Scheme: "sip", User: "+911"}, Where{Site: "US", PlusCode: true}, FormPlusCode, "US", "911", SOS, ""},
		{"+44999", Dialled{Scheme: "sip", User: "+44999"}, gb, FormPlusCountry, "GB", "999", SOS, ""},
		{"listed for the trunk", Dialled{Scheme: "sip", User: "+33112"}, Where{Site: "GB", Peering: true, DialStrings: []string{"+33112"}}, FormPlusCountry, "FR", "112", SOS, ""},
		{"listed though no plan has it", Dialled{Scheme: "sip", User: "+44998"}, Where{Site: "GB", DialStrings: []string{"+44998"}}, FormPlusCountry, "GB", "999", SOS, ""},
		{"peering: the gateway names the country", Dialled{Scheme: "sip", User: "+1911"}, Where{Site: "CA", Detected: "US", Peering: true}, FormPlusCountry, "US", "911", SOS, ""},
		{"urn:service:sos", Dialled{Scheme: "urn", User: "service:sos"}, us, FormURN, "US", "911", SOS, "urn:service:sos is an emergency service"},
		{"URN:SERVICE:SOS.Fire", Dialled{Scheme: "URN", User: "SERVICE:SOS.Fire"}, Where{Site: "FR"}, FormURN, "FR", "18", "urn:service:sos.fire", ""},
		{"wR1 unknown below sos", Dialled{Scheme: "urn", User: "service:sos.xyz"}, us, FormURN, "US", "911", "urn:service:sos.xyz", ""},
		{"wR1 sos.ecall.manual", Dialled{Scheme: "urn", User: "service:sos.ecall.manual"}, us, FormURN, "US", "911", "urn:service:sos.ecall.manual", ""},
		{"broken label", Dialled{Scheme: "urn", User: "service:sos..fire"}, us, FormURN, "US", "911", SOS, ""},
		{"URN with parameters", Dialled{Scheme: "urn", User: "service:sos;x=y"}, us, FormURN, "US", "911", SOS, ""},
	} {
		m, ok := Recognise(row.d, row.w)
		if !ok {
			t.Errorf("%s: not recognised", row.name)
			continue
		}
		if m.Kind != KindEmergency || m.Form != row.form || m.Region != row.region || m.Leaves != row.leaves || m.Service != row.service || len(m.Degradations) != 0 {
			t.Errorf("%s: %+v", row.name, m)
		}
		if row.reason != "" && m.Reason != row.reason {
			t.Errorf("%s: %q", row.name, m.Reason)
		}
	}
}

func TestLookAlikes(t *testing.T) {
	us := Where{Site: "US", TrunkPrefixes: []string{"9"}}
	generous := Where{Site: "US", TrunkPrefixes: []string{"9"}, PlusCode: true, Peering: true}
	sip := func(user string) Dialled { return Dialled{Scheme: "sip", User: user} }
	for _, row := range []struct {
		name string
		d    Dialled
		w    Where
	}{
		{"wR3 an Indian number", sip("+911123456789"), generous},
		{"an Indian number, shorter", sip("+9112345678"), generous},
		{"wR3 9110", sip("9110"), generous},
		{"wR3 911x", sip("911x"), generous},
		{"wR3 bob911", sip("bob911"), generous},
		{"wR3 1911", sip("1911"), generous},
		{"911 twice", sip("911911"), generous},
		{"behind the prefix twice", sip("99911"), generous},
		{"wR3 999 is not of the US", sip("999"), us},
		{"112 is not of Anguilla", sip("112"), Where{Site: "AI"}},
		{"another country's from a phone", sip("+44999"), us},
		{"another country's, in its context, from a phone", sip("999;phone-context=+44"), us},
		{"+911 of a peer that does not write so", sip("+911"), us},
		{"removed by the site", sip("112"), Where{Site: "US", Removed: []Code{"112"}}},
		{"933 in the US", sip("933"), generous},
		{"988 in the US", sip("988"), generous},
		{"211 in the US", sip("211"), generous},
		{"E.164", sip("+14085550141"), generous},
		{"national", sip("4085550141"), generous},
		{"empty", sip(""), generous},
		{"plus alone", sip("+"), generous},
		{"prefix alone", sip("9"), generous},
		{"calling code alone", sip("+1"), generous},
		{"broken escape", sip("91%3"), generous},
		{"escaped letter", sip("911%41"), generous},
		{"foreign digits", sip("٩١١"), generous},
		{"pauses outside of a dial string", sip("9p911"), generous},
		{"post-dial digits", Dialled{Scheme: "sip", User: "911p0", Params: map[string]string{"user": "dialstring"}}, generous},
		{"star", sip("*911"), generous},
		{"http", Dialled{Scheme: "http", User: "911"}, generous},
		{"no country, no prefix", sip("911"), Where{}},
		{"empty added code", sip("-"), Where{Site: "US", Added: []Code{""}}},
		{"wR1 counseling", Dialled{Scheme: "urn", User: "service:counseling.suicide"}, generous},
		{"sosx", Dialled{Scheme: "urn", User: "service:sosx"}, generous},
		{"another namespace", Dialled{Scheme: "urn", User: "nena:service:sos"}, generous},
		{"test of counseling", Dialled{Scheme: "urn", User: "service:test.counseling"}, generous},
		{"a user called urn", sip("urn:service:sos"), generous},
	} {
		if m, ok := Recognise(row.d, row.w); ok {
			t.Errorf("%s: taken for an emergency: %s", row.name, m.Reason)
		}
	}
}

func TestWR2TestsAreTests(t *testing.T) {
	for user, want := range map[string]Service{
		"service:test.sos":       TestSOS,
		"service:test:sos":       TestSOS,
		"SERVICE:TEST.SOS":       TestSOS,
		"service:test.sos.fire":  "urn:service:test.sos.fire",
		"service:test:sos.fire":  "urn:service:test.sos.fire",
		"service:test.sos.f%72e": TestSOS,
	} {
		m, ok := Recognise(Dialled{Scheme: "urn", User: user}, Where{Site: "US"})
		if !ok || m.Kind != KindTest || m.Service != want || m.Leaves != "" || !m.Service.Test() {
			t.Errorf("%s: %+v", user, m)
		}
		if again := m.In("DE"); again.Kind != KindTest || again.Service != want || again.Leaves != "" {
			t.Errorf("%s located in DE: %+v", user, again)
		}
	}
	if SOS.Test() || Service("urn:service:test.sosx").Test() {
		t.Error("an emergency is no test")
	}
}

func TestP6ForeignNumberFromPeering(t *testing.T) {
	w := Where{Site: "GB", Peering: true, DialStrings: []string{"+44999", "+44112"}}
	m, ok := Recognise(Dialled{Scheme: "sip", User: "+33112"}, w)
	if !ok || m.Region != "FR" || m.Called != "FR" || m.Leaves != "112" {
		t.Fatalf("%+v", m)
	}
	if len(m.Degradations) != 1 || m.Degradations[0].Code != DegradedNotConfigured {
		t.Errorf("degradations %v", m.Degradations)
	}
	// +1 is shared by two dozen: the first that has the number.
	if m, ok := Recognise(Dialled{Scheme: "sip", User: "+1919"}, w); !ok || m.Region != "BS" {
		t.Errorf("+1919: %+v", m)
	}
	if m, ok := Recognise(Dialled{Scheme: "tel", User: "112;phone-context=+33"}, Where{Site: "US", Removed: []Code{"112"}, Peering: true}); !ok || m.Region != "FR" {
		t.Errorf("in a calling code's context: %+v", m)
	}
}

func TestLocatedElsewhere(t *testing.T) {
	m, _ := Recognise(FromDigits("911"), Where{Site: "US"})
	if moved := m.In("GB"); moved.Leaves != "999" || moved.Called != "GB" || moved.Region != "US" {
		t.Errorf("%+v", moved)
	}
	if same := m.In(""); same.Leaves != "911" || same.Called != "US" {
		t.Errorf("%+v", same)
	}
}

func TestP7Taken(t *testing.T) {
	w := Where{Site: "US", TrunkPrefixes: DefaultTrunkPrefixes("US")}
	for digits, says := range map[string]string{
		"911":  "911 is an emergency number of US",
		"9911": "911 is an emergency number of US, dialled behind the trunk prefix 9",
		"9112": "112 is an emergency number of US, dialled behind the trunk prefix 9",
		"711":  "711 is a public service number in US: telecommunications relay service (FCC N11 assignments)",
		"988":  "988 is a public service number in US: suicide and crisis lifeline (FCC 20-100; CRTC 2022-234)",
	} {
		if why, taken := Taken(digits, w); !taken || why != says {
			t.Errorf("%s: %q", digits, why)
		}
	}
	for _, free := range []string{"2001", "2041", "7001", "1911", "9110", "933", "999"} {
		if why, taken := Taken(free, w); taken {
			t.Errorf("%s may be an extension: %s", free, why)
		}
	}
	if DefaultTrunkPrefixes("GB") != nil || len(DefaultTrunkPrefixes("CA")) != 1 {
		t.Error("9 is the default in the US and Canada only")
	}
}

func TestCodesAreWhatIsRecognised(t *testing.T) {
	w := Where{Site: "US", Detected: "FR", Added: []Code{"5555"}, Removed: []Code{"112"}}
	codes := w.Codes()
	if len(codes) != 6 { // 112 15 17 18, 911, 5555
		t.Errorf("%v", codes)
	}
	for _, c := range codes {
		if _, ok := Recognise(FromDigits(string(c)), w); !ok {
			t.Errorf("%s is listed and not recognised", c)
		}
	}
}

// No number that somebody may have is ever an emergency number, whatever the
// site and its peers are like.
func TestNoOrdinaryNumberIsAnEmergency(t *testing.T) {
	regions := Regions()
	rapid.Check(t, func(t *rapid.T) {
		w := Where{
			Site:     rapid.SampledFrom(regions).Draw(t, "site"),
			Detected: rapid.SampledFrom(regions).Draw(t, "detected"),
			PlusCode: rapid.Bool().Draw(t, "plus code"), Peering: rapid.Bool().Draw(t, "peering"),
		}
		if rapid.Bool().Draw(t, "prefix") {
			w.TrunkPrefixes = []string{rapid.StringMatching(`[0-9]`).Draw(t, "trunk prefix")}
		}
		cc, _ := rapid.SampledFrom(regions).Draw(t, "of").CallingCode()
		n, err := e164.Parse(cc.String() + rapid.StringMatching(`[0-9]{3,11}`).Draw(t, "digits"))
		if err == nil && n.InPlan() {
			if m, ok := Recognise(Dialled{Scheme: "sip", User: string(n)}, w); ok {
				t.Fatalf("%s at %+v: %s", n, w, m.Reason)
			}
		}
		w.TrunkPrefixes, w.Detected = nil, ""
		if list := PublicServices(w.Site); len(list) > 0 {
			p := rapid.SampledFrom(list).Draw(t, "public service")
			if m, ok := Recognise(FromDigits(string(p.Code)), w); ok {
				t.Fatalf("%s (%s) in %s: %s", p.Code, p.What, w.Site, m.Reason)
			}
		}
	})
}

func FuzzRecognise(f *testing.F) {
	for _, s := range []string{"911", "+1911", "%39%31%31", "9-1-1;phone-context=+1", "service:sos", "9p911", "+", ";", "%"} {
		for _, scheme := range []string{"sip", "tel", "urn"} {
			f.Add(scheme, s, "phone", "US", "9", true)
		}
	}
	f.Fuzz(func(t *testing.T, scheme, user, userParam, site, prefix string, wide bool) {
		w := Where{Site: e164.Region(site), TrunkPrefixes: []string{prefix}, PlusCode: wide, Peering: wide}
		m, ok := Recognise(Dialled{Scheme: scheme, User: user, Params: map[string]string{"user": userParam}}, w)
		if !ok {
			return
		}
		if m.Kind == 0 || m.Form == 0 || m.Reason == "" || m.Service == "" {
			t.Fatalf("%q is half a match: %+v", user, m)
		}
		if m.Form == FormURN {
			return
		}
		// Whole strings only: one digit more is another number, unless it is one itself.
		known := func(code Code) bool { _, ok := Lookup(m.Region, code); return ok }
		if !known(m.Code) {
			t.Fatalf("%q was found to be %q, which %s does not have", user, m.Code, m.Region)
		}
		if !strings.HasSuffix(keepDigits(unescaped(strings.SplitN(user, ";", 2)[0])), string(m.Code)) {
			t.Fatalf("%q does not end in %q", user, m.Code)
		}
	})
}

func TestDigits(t *testing.T) {
	for _, row := range []struct {
		d    Dialled
		want string
	}{
		{FromDigits("9-911"), "9911"},
		{Dialled{Scheme: "sip", User: "+1%20(408)555-0141;ext=1"}, "+14085550141"},
		{Dialled{Scheme: "sip", User: "bob"}, ""},
		{Dialled{Scheme: "urn", User: "911"}, ""},
		{FromDigits("+"), ""},
	} {
		if got, ok := row.d.Digits(); got != row.want || ok != (row.want != "") {
			t.Errorf("%s: %q, want %q", row.d, got, row.want)
		}
	}
}
