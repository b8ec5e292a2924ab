package e164

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Number is a telephone number in canonical E.164 form, "+14085550141". The
// zero value means no number.
//
// It has no UnmarshalText on purpose. Doors (file, API, SIP headers) call
// [Parse] and can say which field was wrong; stored records are read back
// as they were written, whatever today's numbering plan thinks of them.
type Number string

// MaxDigits is the longest number, calling code included (E.164 s6.1).
const MaxDigits = 15

// ErrNotE164 is wrapped by every error of Parse and ParseNational.
var ErrNotE164 = errors.New("not an E.164 number")

func refuse(written, why string) error {
	return fmt.Errorf("number %q: %s: %w", written, why, ErrNotE164)
}

// Parse reads a number written in international form. Separators are
// dropped; anything else that is not a digit is refused by name.
func Parse(written string) (Number, error) {
	s := strings.TrimSpace(written)
	if s == "" {
		return "", refuse(written, "it is empty")
	}
	if s[0] != '+' {
		return "", refuse(written, "it must begin with + and the calling code")
	}
	digits, err := significant(written, s[1:])
	if err != nil {
		return "", err
	}
	if len(digits) > MaxDigits {
		return "", refuse(written, fmt.Sprintf("it has %d digits, %d are allowed", len(digits), MaxDigits))
	}
	parsed, err := phonenumbers.Parse("+"+digits, "")
	if err != nil {
		return "", refuse(written, reading(err))
	}
	if why := length(parsed); why != "" {
		return "", refuse(written, why)
	}
	// The plan drops a trunk prefix it finds after the calling code. What
	// was written is then not what would be dialled: say so.
	if canonical := phonenumbers.Format(parsed, phonenumbers.E164); canonical != "+"+digits {
		return "", refuse(written, "it holds a digit that is only dialled inside the country; did you mean "+canonical)
	}
	return Number("+" + digits), nil
}

// ParseNational reads digits as they are dialled in a country: with or
// without the trunk prefix ("0113 496 0190" in GB), or behind that country's
// international prefix. A leading plus is read as by [Parse].
func ParseNational(digits string, dialledIn Region) (Number, error) {
	s := strings.TrimSpace(digits)
	if strings.HasPrefix(s, "+") {
		return Parse(s)
	}
	if _, known := dialledIn.CallingCode(); !known {
		return "", refuse(digits, fmt.Sprintf("no numbering plan is known for country %q", dialledIn))
	}
	plain, err := significant(digits, s)
	if err != nil {
		return "", err
	}
	parsed, err := phonenumbers.Parse(plain, string(dialledIn))
	if err != nil {
		return "", refuse(digits, reading(err))
	}
	if why := length(parsed); why != "" {
		return "", refuse(digits, why+" in "+string(dialledIn))
	}
	return Number(phonenumbers.Format(parsed, phonenumbers.E164)), nil
}

// significant drops separators and refuses everything else.
func significant(written, s string) (string, error) {
	var digits strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case strings.ContainsRune(" -.()/\u00a0\u2010\u2011", r):
			// RFC 3966 s5.1.1 visual separators, and those of word processors.
		default:
			return "", refuse(written, fmt.Sprintf("%q is neither a digit nor a separator", r))
		}
	}
	if digits.Len() == 0 {
		return "", refuse(written, "it has no digits")
	}
	return digits.String(), nil
}

func reading(err error) string {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return "its calling code is not assigned"
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return "it is too long"
	default:
		return "it is too short"
	}
}

func length(n *phonenumbers.PhoneNumber) string {
	switch phonenumbers.IsPossibleNumberWithReason(n) {
	case phonenumbers.IS_POSSIBLE:
		return ""
	case phonenumbers.TOO_LONG:
		return fmt.Sprintf("it is too long for +%d", n.GetCountryCode())
	case phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return fmt.Sprintf("it lacks the area code of +%d", n.GetCountryCode())
	case phonenumbers.TOO_SHORT:
		return fmt.Sprintf("it is too short for +%d", n.GetCountryCode())
	default:
		return fmt.Sprintf("no number of +%d has that length", n.GetCountryCode())
	}
}

// MustParse is Parse for numbers written in source code; it panics.
func MustParse(written string) Number {
	n, err := Parse(written)
	if err != nil {
		panic(err)
	}
	return n
}

func (n Number) String() string { return string(n) }

// Digits is the number without its plus sign.
func (n Number) Digits() string { return strings.TrimPrefix(string(n), "+") }

// plan reads the number back; nil when it was not made by Parse.
func (n Number) plan() *phonenumbers.PhoneNumber {
	parsed, err := phonenumbers.Parse(string(n), "")
	if err != nil {
		return nil
	}
	return parsed
}

// CallingCode is the calling code of the number, 0 if it has none.
func (n Number) CallingCode() CallingCode {
	if p := n.plan(); p != nil {
		return CallingCode(p.GetCountryCode())
	}
	return 0
}

// National is the national significant number, without any trunk prefix.
func (n Number) National() string {
	if p := n.plan(); p != nil {
		return phonenumbers.GetNationalSignificantNumber(p)
	}
	return ""
}

// Region is the country the number belongs to. It is false where none can be
// told: international services such as +800, and numbers of a shared calling
// code whose area code the plan does not know.
func (n Number) Region() (Region, bool) {
	p := n.plan()
	if p == nil {
		return "", false
	}
	r := Region(phonenumbers.GetRegionCodeForNumber(p))
	if r == nonGeographic {
		return "", false
	}
	return r, r != ""
}

// InPlan says whether the numbering plan has the number, area code and all.
// It is for telling numbers from what only looks like one; a number may be in
// use and not in the plan yet.
func (n Number) InPlan() bool {
	p := n.plan()
	return p != nil && phonenumbers.IsValidNumber(p)
}

// Format is the number as people read it, "+1 408-555-0141".
func (n Number) Format() string {
	if p := n.plan(); p != nil {
		return phonenumbers.Format(p, phonenumbers.INTERNATIONAL)
	}
	return string(n)
}

// hidden is how many of the last digits Mask covers.
const hidden = 4

// Mask is the number for logs: the last four digits are covered, which
// leaves country and exchange to debug with but not the subscriber.
func (n Number) Mask() string {
	s := []rune(string(n))
	for i := max(0, len(s)-hidden); i < len(s); i++ {
		s[i] = '•'
	}
	return string(s)
}
