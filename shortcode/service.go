package shortcode

import "strings"

// Service is an emergency service as a URN in its canonical, lower case form.
type Service string

const (
	SOS     Service = "urn:service:sos"      // RFC 5031 s4.2
	TestSOS Service = "urn:service:test.sos" // RFC 6881 s17
)

// Test says whether calls to it are tests.
func (s Service) Test() bool {
	return s == TestSOS || strings.HasPrefix(string(s), string(TestSOS)+".")
}

// sub is the label below sos, if there is one: "fire".
func (s Service) sub() (string, bool) {
	return strings.CutPrefix(string(s), string(SOS)+".")
}

// ParseService reads a URN that means an emergency or a test of one. The
// tree is matched from the left (RFC 5031 s4.2), so a label nobody knows below
// sos is an emergency all the same.
func ParseService(urn string) (Service, bool) {
	s := strings.ToLower(strings.TrimSpace(urn)) // RFC 5031 s4.1: labels are compared without regard to case
	if at := strings.IndexAny(s, ";?#"); at >= 0 {
		s = s[:at] // parameters, and the components of RFC 8141 s2.3, name no other service
	}
	rest, ok := strings.CutPrefix(s, "urn:service:")
	if !ok {
		return "", false
	}
	base := SOS
	for _, test := range []string{"test.", "test:"} { // the colon is in the field; only the dot is emitted
		if after, is := strings.CutPrefix(rest, test); is {
			base, rest = TestSOS, after
			break
		}
	}
	below, ok := strings.CutPrefix(rest, "sos")
	if !ok || (below != "" && below[0] != '.') {
		return "", false
	}
	// Labels that are none are left off: what is left of them counts.
	service := string(base)
	if below != "" {
		for _, label := range strings.Split(below[1:], ".") {
			if !isLabel(label) {
				break
			}
			service += "." + label
		}
	}
	return Service(service), true
}

// isLabel is let-dig [*25let-dig-hyp let-dig] of RFC 5031 s4.1.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
