package stir

import (
	"strings"

	"github.com/tocsin-sip/tocsin/e164"
)

// Party is an end of a call as a PASSporT names it: by number or by URI (RFC 8225 s5.2.1).
// It is comparable; the zero value is nobody.
type Party struct {
	number, uri string
}

// Number is the party with a number of the public network.
func Number(n e164.Number) Party { return Party{number: n.Digits()} }

// Dialled is the party somebody reached by these digits: "911", or a number that is already
// written with its calling code. What holds anything but digits, "#", "*" and separators is
// nobody.
func Dialled(digits string) Party {
	n, ok := canonical(digits)
	if !ok {
		return Party{}
	}
	return Party{number: n}
}

// ParseParty reads the URI of a From, To or P-Asserted-Identity header, or a request-URI,
// and brings it into the canonical form of RFC 8224 s8. A service URN stays one.
func ParseParty(uri string) Party {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(uri), ":")
	if !ok || rest == "" {
		return Party{}
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "tel":
		number, _, _ := strings.Cut(rest, ";")
		return Dialled(number)
	case "sip", "sips":
		return sipParty(scheme, rest)
	case "urn":
		return Party{uri: strings.ToLower(scheme + ":" + rest)} // RFC 5031 s4.1: services are compared without case
	}
	return Party{uri: scheme + ":" + rest}
}

func sipParty(scheme, rest string) Party {
	rest, _, _ = strings.Cut(rest, "?")
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		user, host = "", rest
	}
	host, params, _ := strings.Cut(host, ";")
	user, _, _ = strings.Cut(user, ":") // no password (RFC 8224 s8.5)
	number, _, _ := strings.Cut(user, ";")
	// RFC 8224 s8.2: "user=phone" says that it is a number; a user part that looks like one
	// is one as well, since few say so.
	phone := strings.Contains(";"+strings.ToLower(params)+";", ";user=phone;")
	if n, isNumber := canonical(number); isNumber && (phone || strings.HasPrefix(number, "+") || digitsOnly(n)) {
		return Party{number: n}
	}
	uri := scheme + ":"
	if user != "" {
		uri += user + "@"
	}
	return Party{uri: uri + strings.ToLower(withoutPort(host))}
}

// withoutPort: RFC 8224 s8.5, neither port nor parameters are part of who it is.
func withoutPort(host string) string {
	if end := strings.LastIndexByte(host, ']'); end >= 0 {
		return host[:end+1]
	}
	host, _, _ = strings.Cut(host, ":")
	return host
}

// canonical is RFC 8224 s8.3: no plus sign, no visual separators, nothing but digits, "#"
// and "*". The calling code is not added to a number that lacks it: whoever knows the country
// has an [e164.Number] and uses [Number].
func canonical(written string) (string, bool) {
	var b strings.Builder
	for i, c := range []byte(strings.TrimSpace(written)) {
		switch {
		case c >= '0' && c <= '9' || c == '#' || c == '*':
			b.WriteByte(c)
		case c == '+' && i == 0:
		case c == '-' || c == '.' || c == '(' || c == ')': // RFC 3966 s5.1.1
		default:
			return "", false
		}
	}
	return b.String(), b.Len() > 0
}

func digitsOnly(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// Known says whether the party is anybody.
func (p Party) Known() bool { return p != Party{} }

// TN is the number, without a plus sign, if the party has one.
func (p Party) TN() string { return p.number }

// String is the number or the URI.
func (p Party) String() string {
	if p.number != "" {
		return p.number
	}
	return p.uri
}
