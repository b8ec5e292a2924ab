package shortcode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/trace"
)

// Where is who is asking: the site, and what its peers and dial plan are like.
type Where struct {
	Site          e164.Region
	Detected      e164.Region // where the caller is, "" if not known
	TrunkPrefixes []string    // "9": what people dial for an outside line
	Added         []Code      // numbers the site counts as emergency numbers too
	Removed       []Code      // numbers the site does not; main ones stay

	PlusCode    bool     // the peer writes +911 for 911 (Lync, Skype for Business)
	Peering     bool     // a gateway that signals + calling code + code for many countries
	DialStrings []string // such strings the trunk is configured for: "+44999"
}

// DefaultTrunkPrefixes is what people dial for an outside line where a site
// does not say (P5).
func DefaultTrunkPrefixes(region e164.Region) []string {
	if region == "US" || region == "CA" {
		return []string{"9"}
	}
	return nil
}

// Called is the country a call goes to, as far as is known before it is located.
func (w Where) Called() e164.Region {
	if w.Detected != "" {
		return w.Detected
	}
	return w.Site
}

// regions may be dialled in, the visited one first: its numbers are on the
// walls there.
func (w Where) regions() []e164.Region {
	if w.Detected == "" || w.Detected == w.Site {
		return []e164.Region{w.Site}
	}
	return []e164.Region{w.Detected, w.Site}
}

// home finds a code that may be dialled here.
func (w Where) home(code Code) (Emergency, bool) {
	for _, region := range w.regions() {
		e, ok := Lookup(region, code)
		if ok && (e.Main || region != w.Site || !slices.Contains(w.Removed, code)) {
			return e, true
		}
	}
	if code != "" && slices.Contains(w.Added, code) {
		cc, _ := w.Site.CallingCode()
		return Emergency{Region: w.Site, CallingCode: cc, Code: code, Service: SOS, Source: "added by the site"}, true
	}
	return Emergency{}, false
}

// Codes lists every code that may be dialled here bare.
func (w Where) Codes() []Code {
	var codes []Code
	for _, region := range w.regions() {
		for _, e := range emergencies()[region] {
			if _, ok := w.home(e.Code); ok && !slices.Contains(codes, e.Code) {
				codes = append(codes, e.Code)
			}
		}
	}
	for _, code := range w.Added {
		if code != "" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// Kind is what a recognised call is.
type Kind int

const (
	KindEmergency Kind = iota + 1
	KindTest
)

func (k Kind) String() string {
	switch k {
	case KindEmergency:
		return "emergency"
	case KindTest:
		return "test"
	default:
		return fmt.Sprintf("kind(%d)", int(k))
	}
}

// Form is how an emergency number was written.
type Form int

const (
	FormBare        Form = iota + 1 // 911
	FormPrefixed                    // 9911
	FormPlusCountry                 // +1911
	FormPlusCode                    // +911
	FormURN                         // urn:service:sos
)

func (f Form) String() string {
	switch f {
	case FormBare:
		return "bare"
	case FormPrefixed:
		return "prefixed"
	case FormPlusCountry:
		return "plus-country"
	case FormPlusCode:
		return "plus-code"
	case FormURN:
		return "urn"
	default:
		return fmt.Sprintf("form(%d)", int(f))
	}
}

// Match is an emergency or test call found in what was dialled.
type Match struct {
	Kind   Kind
	Form   Form
	Region e164.Region // whose number it is; of a URN, where the call goes
	Code   Code        // as dialled, bare; "" of a URN
	Asked  Service     // what the number or the URN means there
	Prefix string      // the trunk prefix that was dialled

	Called  e164.Region // the country of the call, as far as is known
	Leaves  Code        // what goes out there, P6
	Service Service     // and as which service

	Reason       string
	Degradations []trace.Degradation
}

// In is the match when the call turns out to be of another country, once the
// caller is located.
func (m Match) In(called e164.Region) Match {
	if called == "" || called == m.Called {
		return m
	}
	m.Called = called
	return m.leaving()
}

func (m Match) leaving() Match {
	if m.Kind == KindTest {
		m.Leaves, m.Service = "", m.Asked
		return m
	}
	m.Leaves, m.Service = Leaving(m.Called, m.Code, m.Asked)
	return m
}

// DegradedNotConfigured is the code of the degradation of P6: an emergency
// number of a country that the peering trunk is not set up for.
const DegradedNotConfigured = "not-configured-for-this-trunk"

// Recognise says whether what was dialled is an emergency call, or a test of
// one by its URN.
func Recognise(d Dialled, w Where) (Match, bool) {
	switch strings.ToLower(d.Scheme) {
	case "urn":
		return recogniseURN(d, w)
	case "sip", "sips", "tel":
	default:
		return Match{}, false
	}
	n, ok := d.number()
	if !ok {
		return Match{}, false
	}
	if n.plus {
		return recognisePlus(n.digits, w)
	}
	if e, ok := w.home(Code(n.digits)); ok {
		return matched(e, FormBare, w), true
	}
	if m, ok := recognisePrefixed(n.digits, w); ok {
		return m, true
	}
	if n.context != "" {
		// RFC 3966 s5.1.5: a local number in the context of a calling code.
		if cc, _, ok := e164.SplitCallingCode(n.context); ok {
			return recognisePlus(cc.String()[1:]+n.digits, w)
		}
	}
	return Match{}, false
}

func recogniseURN(d Dialled, w Where) (Match, bool) {
	service, ok := ParseService("urn:" + d.User)
	if !ok {
		return Match{}, false
	}
	m := Match{Kind: KindEmergency, Form: FormURN, Region: w.Called(), Asked: service, Called: w.Called(),
		Reason: fmt.Sprintf("%s is an emergency service", service)}
	if service.Test() {
		m.Kind, m.Reason = KindTest, fmt.Sprintf("%s is a test of the emergency service", service)
	}
	return m.leaving(), true
}

func recognisePrefixed(digits string, w Where) (Match, bool) {
	prefixes := slices.Clone(w.TrunkPrefixes)
	slices.SortStableFunc(prefixes, func(a, b string) int { return len(b) - len(a) })
	for _, prefix := range prefixes {
		rest, ok := strings.CutPrefix(digits, prefix)
		if !ok || prefix == "" {
			continue
		}
		if e, ok := w.home(Code(rest)); ok {
			m := matched(e, FormPrefixed, w)
			m.Prefix = prefix
			m.Reason += fmt.Sprintf(", dialled behind the trunk prefix %s", prefix)
			return m, true
		}
	}
	return Match{}, false
}

// recognisePlus reads digits that stood behind a plus. They are an emergency
// number only where they are no number of the public network.
func recognisePlus(digits string, w Where) (Match, bool) {
	if n, err := e164.Parse("+" + digits); err == nil && n.InPlan() {
		return Match{}, false
	}
	cc, rest, hasCC := e164.SplitCallingCode(digits)
	if hasCC {
		if e, ok := w.home(Code(rest)); ok && e.CallingCode == cc {
			m := matched(e, FormPlusCountry, w)
			if w.Peering {
				m.Called = e.Region // the peer says which country it is
				m = m.leaving()
			}
			m.Reason += fmt.Sprintf(", written behind the calling code %s", cc)
			return m, true
		}
	}
	if w.PlusCode {
		if e, ok := w.home(Code(digits)); ok {
			m := matched(e, FormPlusCode, w)
			m.Reason += ", written with a plus as this peer does"
			return m, true
		}
	}
	if hasCC && rest != "" {
		return recogniseForeign(cc, Code(rest), w)
	}
	return Match{}, false
}

// recogniseForeign is for numbers of other countries, which only some peers
// may signal.
func recogniseForeign(cc e164.CallingCode, code Code, w Where) (Match, bool) {
	listed := slices.Contains(w.DialStrings, cc.String()+string(code))
	if !listed && !w.Peering {
		return Match{}, false
	}
	users := cc.Regions()
	for _, region := range users {
		if e, ok := Lookup(region, code); ok {
			return foreign(e, listed, w), true
		}
	}
	if listed && len(users) > 0 {
		return foreign(Emergency{Region: users[0], CallingCode: cc, Code: code, Service: SOS}, listed, w), true
	}
	return Match{}, false
}

func foreign(e Emergency, listed bool, w Where) Match {
	m := matched(e, FormPlusCountry, w)
	m.Called = e.Region
	m = m.leaving()
	m.Reason += fmt.Sprintf(", written behind the calling code %s", e.CallingCode)
	if listed {
		m.Reason += " as the trunk is configured for"
		return m
	}
	m.Degradations = append(m.Degradations, trace.Degradation{Stage: trace.Classify, Code: DegradedNotConfigured,
		Text: fmt.Sprintf("%s%s is an emergency number of %s, not configured for this trunk; it is treated as an emergency", e.CallingCode, e.Code, e.Region)})
	return m
}

func matched(e Emergency, form Form, w Where) Match {
	m := Match{Kind: KindEmergency, Form: form, Region: e.Region, Code: e.Code, Asked: e.Service, Called: w.Called(),
		Reason: fmt.Sprintf("%s is an emergency number of %s", e.Code, e.Region)}
	if !e.Main && e.Source == "added by the site" {
		m.Reason = fmt.Sprintf("%s is an emergency number of this site", e.Code)
	}
	return m.leaving()
}

// Taken says why a number may not be an extension of a site (P7), if so.
func Taken(digits string, w Where) (why string, taken bool) {
	w.Detected = ""
	if m, ok := Recognise(FromDigits(digits), w); ok {
		return m.Reason, true
	}
	if p, ok := PublicServiceAt(w.Site, Code(digits)); ok {
		return fmt.Sprintf("%s is a public service number in %s: %s (%s)", p.Code, w.Site, p.What, p.Source), true
	}
	return "", false
}
