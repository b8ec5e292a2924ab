package shortcode

import (
	"net/url"
	"strings"
)

// Dialled is a request-URI in its parts, as they stand on the wire.
type Dialled struct {
	Scheme string            // sip, sips, tel, urn
	User   string            // user part of sip and sips, escapes and all; what follows the colon of tel and urn
	Params map[string]string // URI parameters: user, phone-context
}

// FromDigits is what a person dialled, without a URI around it.
func FromDigits(digits string) Dialled { return Dialled{Scheme: "tel", User: digits} }

func (d Dialled) String() string { return strings.ToLower(d.Scheme) + ":" + d.User }

// Digits is what was dialled without separators, with its plus if it has one;
// false where it is not made of digits.
func (d Dialled) Digits() (string, bool) {
	switch strings.ToLower(d.Scheme) {
	case "sip", "sips", "tel":
	default:
		return "", false
	}
	n, ok := d.number()
	if !ok {
		return "", false
	}
	if n.plus {
		return "+" + n.digits, true
	}
	return n.digits, true
}

// number is a dialled string without what only separates its digits.
type number struct {
	plus    bool
	digits  string
	context string // digits of phone-context=+..., "" for a domain
}

// number reads the dialled string; false when it is not made of digits.
func (d Dialled) number() (number, bool) {
	// RFC 3261 s19.1.1: a tel URI's parameters travel inside the user part.
	user, inside, _ := strings.Cut(d.User, ";")
	text, err := url.PathUnescape(user)
	if err != nil {
		return number{}, false
	}
	var n number
	text, n.plus = strings.CutPrefix(strings.TrimSpace(text), "+")
	pauses := strings.EqualFold(d.param("user", inside), "dialstring")
	var digits strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case strings.ContainsRune("-.() ", r): // RFC 3966 s5.1.1 visual separators
		case pauses && strings.ContainsRune("pPwW", r): // RFC 4967 s4: 9p911 waits for dial tone
		default:
			return number{}, false
		}
	}
	n.digits = digits.String()
	if context, global := strings.CutPrefix(strings.TrimSpace(d.param("phone-context", inside)), "+"); global {
		n.context = keepDigits(context)
	}
	return n, n.digits != ""
}

// param is a URI parameter, wherever it stands.
func (d Dialled) param(name, inside string) string {
	for k, v := range d.Params {
		if strings.EqualFold(k, name) {
			return unescaped(v)
		}
	}
	for _, p := range strings.Split(inside, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), name) {
			return unescaped(v)
		}
	}
	return ""
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

func keepDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
