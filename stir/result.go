package stir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/trace"
)

// Outcome is what became of one Identity.
type Outcome int

const (
	Verified   Outcome = iota + 1
	PassedOver         // of a type we do not know (RFC 8224 s4: as if it were not there)
	Failed
)

func (o Outcome) String() string {
	switch o {
	case Verified:
		return "verified"
	case PassedOver:
		return "passed over"
	case Failed:
		return "failed"
	}
	return fmt.Sprintf("outcome(%d)", int(o))
}

// Code is the response RFC 8224 s6.2.2 has for a fault. It is never sent to an emergency
// caller: it is the fault's name.
type Code int

const (
	StaleDate             Code = 403
	UseIdentityHeader     Code = 428
	BadIdentityInfo       Code = 436
	UnsupportedCredential Code = 437
	InvalidIdentityHeader Code = 438
)

// String is the reason phrase.
func (c Code) String() string {
	switch c {
	case StaleDate:
		return "Stale Date"
	case UseIdentityHeader:
		return "Use Identity Header"
	case BadIdentityInfo:
		return "Bad Identity Info"
	case UnsupportedCredential:
		return "Unsupported Credential"
	case InvalidIdentityHeader:
		return "Invalid Identity Header"
	}
	return fmt.Sprintf("code(%d)", int(c))
}

// Result is what one Identity header came to.
type Result struct {
	Outcome Outcome
	Code    Code   // of a failure
	Why     string // of a failure, or of passing over
	PPT     string // as it was written
	Claims  Claims // what it says; to be believed only when Verified
	Signer  string // the subject of the certificate
	SPC     string // the operator code in the certificate, if it has one
	Numbers bool   // the certificate names the caller's number itself, not only an operator
}

func (r Result) String() string {
	switch r.Outcome {
	case Verified:
		s := fmt.Sprintf("%s of %s verified", r.Claims.Kind, r.Claims.Orig)
		if r.Claims.Kind == Shaken {
			s += ", attestation " + r.Claims.Attest.String()
		}
		return s + ", signed by " + r.Signer
	case Failed:
		return fmt.Sprintf("%d %s: %s", int(r.Code), r.Code, r.Why)
	}
	return r.Outcome.String() + ": " + r.Why
}

// Overall is the Result a person is shown for the call: the best there is. A verified
// shaken says more about the caller than the other types do.
func Overall(rs []Result) Result {
	best := Result{Outcome: Failed, Code: UseIdentityHeader, Why: "the call carries no Identity that we know"}
	rank := func(r Result) int {
		switch {
		case r.Outcome == Verified && r.Claims.Kind == Shaken:
			return 3
		case r.Outcome == Verified:
			return 2
		case r.Outcome == Failed && r.Code != UseIdentityHeader:
			return 1
		}
		return 0
	}
	for _, r := range rs {
		if rank(r) > rank(best) {
			best = r
		}
	}
	return best
}

// Verstat is the word that networks show to phones for the caller's number (3GPP TS 24.229
// s7.2A.20): the number's own signature counts, not that of a priority.
func Verstat(rs []Result) string {
	about := func(o Outcome) bool {
		return slices.ContainsFunc(rs, func(r Result) bool {
			return r.Outcome == o && r.Code != UseIdentityHeader && !strings.EqualFold(r.PPT, RPH.ppt())
		})
	}
	switch {
	case about(Verified):
		return "TN-Validation-Passed"
	case about(Failed):
		return "TN-Validation-Failed"
	}
	return "No-TN-Validation"
}

// Callback says whether a verified signature vouches for psap-callback: an rph with esnet.0
// and sph (RFC 9027 s4). Where it does, the mark may be acted upon whatever trunk the call came
// over (standards wC2, RFC 7090 s5).
func Callback(rs []Result) bool {
	return slices.ContainsFunc(rs, func(r Result) bool {
		return r.Outcome == Verified && r.Claims.Kind == RPH && strings.EqualFold(r.Claims.SPH, PSAPCallback) &&
			slices.ContainsFunc(r.Claims.Auth, func(a string) bool { return strings.EqualFold(a, EmergencyBack) })
	})
}

// Trace says it in the trace of a call. The number is evidence, and not in the sentence.
func Trace(rs []Result) trace.Trace {
	var t trace.Trace
	for _, r := range rs {
		switch r.Outcome {
		case Verified:
			text := "the signature over the caller's number holds"
			switch r.Claims.Kind {
			case Shaken:
				text += ": " + r.Claims.Attest.Meaning() + " (attestation " + r.Claims.Attest.String() + ")"
			case RPH:
				text = "the signature over the priority " + strings.Join(r.Claims.Auth, ", ") + " holds"
				if r.Claims.SPH != "" {
					text += ", and vouches for " + PSAPCallback
				}
			}
			t.Because(trace.Identify, "wI2", "", r.Claims.Orig.String(), "%s; signed by %s", text, r.Signer)
		case Failed:
			t.Because(trace.Identify, "wI2", "", r.PPT, "the caller's number is not vouched for: %s (%d %s); the call goes on", r.Why, int(r.Code), r.Code)
		case PassedOver:
			t.Because(trace.Identify, "wI2", "", r.PPT, "an Identity was passed over: %s", r.Why)
		}
	}
	return t
}
