package location

import "fmt"

// Address is a place under a name: civic, a point, or both.
type Address struct {
	Name         string `json:"name,omitempty" yaml:"name,omitempty"`
	CivicAddress `yaml:",inline"`
	Point        *Point `json:"point,omitempty" yaml:"point,omitempty"`
	Level        Level  `json:"level,omitempty" yaml:"level,omitempty"`
	Status       Status `json:"status,omitempty" yaml:"status,omitempty"`
}

// Empty says whether the address names no place.
func (a Address) Empty() bool { return a.CivicAddress.Empty() && a.Point == nil }

// Check refuses an address nobody can be sent to.
func (a Address) Check() error {
	if a.Point != nil {
		if err := a.Point.Check(); err != nil {
			return err
		}
		if a.CivicAddress.Empty() {
			return nil
		}
	}
	return a.CivicAddress.Check()
}

// Level is whose address it is (W1). The zero value is the organisation's.
type Level int

const (
	LevelCompany  Level = iota + 1 // kept by the organisation
	LevelPersonal                  // kept by one user, shown to few
	LevelPending                   // proposed by a user, not approved yet
)

var levelNames = [...]string{LevelCompany: "company", LevelPersonal: "personal", LevelPending: "pending"}

func (l Level) String() string { return name(levelNames[:], int(l), "level") }

// MarshalText makes a level its name in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (l *Level) UnmarshalText(b []byte) error { return fromName(levelNames[:], b, "level", (*int)(l)) }

// Status is what became of validating an address (W1). The zero value has not
// been looked at and counts as unverified.
type Status int

const (
	StatusNotRequired Status = iota + 1 // nobody validates addresses of that country
	StatusUnverified
	StatusRequested // asked, no answer yet
	StatusVerified
	StatusRejected // the validator knows no such address
	StatusFailed   // the validator could not be asked
)

var statusNames = [...]string{StatusNotRequired: "not-required", StatusUnverified: "unverified", StatusRequested: "requested",
	StatusVerified: "verified", StatusRejected: "rejected", StatusFailed: "failed"}

func (s Status) String() string { return name(statusNames[:], int(s), "status") }

// MarshalText makes a status its name in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Status) UnmarshalText(b []byte) error {
	return fromName(statusNames[:], b, "address status", (*int)(s))
}

// Trustworthy says whether the address may be sent out without a warning.
func (s Status) Trustworthy() bool { return s == StatusVerified || s == StatusNotRequired }

// Placement is the address of a company location as it is written: on its
// own, or as another with some of it changed, {like: hq-main, floor: "2"}.
type Placement struct {
	Like         string `json:"like,omitempty" yaml:"like,omitempty"`
	CivicAddress `yaml:",inline"`
	Point        *Point `json:"point,omitempty" yaml:"point,omitempty"`
}

// Over is the address that the placement means, given the one it is like.
//
// What validation looked at is the street address, and a point is of a
// building. So a floor or a room laid over an address keeps both; another
// street, house number or city keeps neither.
func (p Placement) Over(like Address) Address {
	a := like
	a.CivicAddress = p.CivicAddress.Over(like.CivicAddress)
	if !a.SameStreetAddress(like.CivicAddress) {
		a.Point, a.Status = nil, StatusUnverified
	}
	if p.Point != nil {
		point := *p.Point
		a.Point = &point
	}
	return a
}

func name(names []string, i int, what string) string {
	if i <= 0 || i >= len(names) {
		if i == 0 {
			return ""
		}
		return fmt.Sprintf("%s(%d)", what, i)
	}
	return names[i]
}

func fromName(names []string, b []byte, what string, into *int) error {
	if len(b) == 0 {
		*into = 0
		return nil
	}
	for i, n := range names {
		if i > 0 && n == string(b) {
			*into = i
			return nil
		}
	}
	return fmt.Errorf("no such %s %q", what, b)
}
