package stir

import (
	"fmt"
	"strings"
	"time"
)

// Kind is the PASSporT's type, its "ppt".
type Kind int

const (
	Plain  Kind = iota + 1 // no ppt: RFC 8225 alone
	Shaken                 // RFC 8588
	RPH                    // RFC 8443, RFC 9027
)

// String is the value of ppt.
func (k Kind) String() string {
	switch k {
	case Plain:
		return "passport"
	case Shaken:
		return "shaken"
	case RPH:
		return "rph"
	}
	return fmt.Sprintf("kind(%d)", int(k))
}

func (k Kind) ppt() string {
	if k == Plain {
		return ""
	}
	return k.String()
}

func kindOf(ppt string) (Kind, bool) {
	for _, k := range []Kind{Plain, Shaken, RPH} {
		if strings.EqualFold(k.ppt(), ppt) {
			return k, true
		}
	}
	return 0, false
}

// Attest is how well the signer knows the caller (RFC 8588 s4).
type Attest int

const (
	Full    Attest = iota + 1 // A: knows the caller, and that the number is the caller's
	Partial                   // B: knows the caller, not about the number
	Gateway                   // C: knows where the call came in, no more
)

// String is the letter of the claim.
func (a Attest) String() string {
	if a < Full || a > Gateway {
		return fmt.Sprintf("attest(%d)", int(a))
	}
	return string("ABC"[a-1])
}

// Meaning says it to a person.
func (a Attest) Meaning() string {
	switch a {
	case Full:
		return "the signer knows the caller and that the number is theirs"
	case Partial:
		return "the signer knows the caller, but not that the number is theirs"
	case Gateway:
		return "the signer knows only where the call came in"
	}
	return a.String()
}

func attestOf(letter string) (Attest, bool) {
	i := strings.Index("ABC", letter)
	return Attest(i + 1), i >= 0 && len(letter) == 1
}

// Attestation is what may be attested of a call that leaves us (RFC 8588 s4): a number of
// ours on a call of somebody who proved to be who they say; that person with another number;
// anything else.
func Attestation(numberIsOurs, callerAuthenticated bool) Attest {
	switch {
	case numberIsOurs && callerAuthenticated:
		return Full
	case callerAuthenticated:
		return Partial
	}
	return Gateway
}

// Values of RFC 9027 s3 and s4.
const (
	Emergency     = "esnet.1"       // rph: an emergency call
	EmergencyBack = "esnet.0"       // rph: a call-back of a PSAP
	PSAPCallback  = "psap-callback" // sph: the only value there is
)

// Claims is what a PASSporT says.
type Claims struct {
	Kind     Kind
	Orig     Party
	Dest     []Party
	IssuedAt time.Time

	Attest Attest // Shaken
	OrigID string // Shaken: a UUID that is opaque to others and leads us to the customer, trunk or gateway

	Auth []string // RPH: r-values of Resource-Priority, such as Emergency
	SPH  string   // RPH: PSAPCallback or nothing
}

// EmergencyCall are the claims of an emergency call towards a PSAP, as RFC 9027 s3 has them.
func EmergencyCall(caller Party, at time.Time) Claims {
	return Claims{Kind: RPH, Orig: caller, Dest: []Party{{uri: "urn:service:sos"}}, IssuedAt: at, Auth: []string{Emergency}}
}

// CallbackOf are the claims of a PSAP's call back to who called it (RFC 9027 s4).
func CallbackOf(psap, caller Party, at time.Time) Claims {
	return Claims{Kind: RPH, Orig: psap, Dest: []Party{caller}, IssuedAt: at, Auth: []string{EmergencyBack}, SPH: PSAPCallback}
}
