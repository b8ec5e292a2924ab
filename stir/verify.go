package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Message is the request as the verifier sees it.
type Message struct {
	ReceivedAt time.Time
	Date       time.Time // the Date header, if any: the iat of a compact form
	// Orig are who it may be from: P-Asserted-Identity, From; Dest who it may be for: To, the
	// request-URI. One of each must be the one that was signed. A number written without its
	// calling code is given in both forms by whoever knows the country.
	Orig, Dest []Party
	Priority   string   // the Priority header
	RPriority  []string // the r-values of Resource-Priority
}

// Policy is what the verifier believes in. The zero value believes in no root.
type Policy struct {
	Roots *x509.CertPool
	// Fresh is how far iat may lie from now, either way; 0 is the minute of RFC 8224 s6.2.
	Fresh time.Duration
}

const fresh = time.Minute

// Credential is what was had from a certificate's URL: the signer's certificate first, then
// those between it and a root; or why there is nothing.
type Credential struct {
	Chain []*x509.Certificate
	Err   error
}

// Credentials are what was fetched of [CertificateURLs].
type Credentials map[string]Credential

// fault is a failure with its code.
type fault struct {
	code Code
	why  string
}

func faulty(c Code, why string, args ...any) *fault { return &fault{c, fmt.Sprintf(why, args...)} }

// Verify says of each Identity header field what it came to, in their order. There is at
// least one Result: a request without any has UseIdentityHeader.
func Verify(fields []string, m Message, cs Credentials, p Policy) []Result {
	vs := values(fields)
	if len(vs) == 0 {
		return []Result{{Outcome: Failed, Code: UseIdentityHeader, Why: "the call carries no Identity"}}
	}
	rs := make([]Result, 0, len(vs))
	for _, v := range vs {
		rs = append(rs, verify(v, m, cs, p))
	}
	return rs
}

func verify(value string, m Message, cs Credentials, p Policy) Result {
	r := Result{Outcome: Failed}
	f := r.check(value, m, cs, p)
	if f != nil && r.Outcome == Failed {
		r.Code, r.Why = f.code, f.why
	}
	return r
}

// check goes through the steps of the package comment and stops at the first fault.
func (r *Result) check(value string, m Message, cs Credentials, p Policy) *fault {
	id, err := parse(value)
	r.PPT = clip(id.ppt)
	kind, known := kindOf(id.ppt)
	if !known {
		// RFC 8224 s4: a type that is not supported is ignored, whatever else is wrong with it.
		r.Outcome, r.Why = PassedOver, fmt.Sprintf("passports of type %q are unknown here", r.PPT)
		return nil
	}
	if err != nil {
		return faulty(InvalidIdentityHeader, "%v", err)
	}
	if !id.short {
		if r.Claims, err = id.open(kind); err != nil {
			return faulty(InvalidIdentityHeader, "%v", err)
		}
	}
	if id.header.Alg != "ES256" { // RFC 8225 s4.2; "none" is among the others
		return faulty(UnsupportedCredential, "signed with %q, not ES256", clip(id.header.Alg))
	}
	key, f := r.credential(id, m, cs, p)
	if f != nil {
		return f
	}
	input := id.head + "." + id.body
	if id.short {
		if input, f = r.reconstruct(id, m, p, key); f != nil {
			return f
		}
	}
	if f := r.authority(id, cs); f != nil {
		return f
	}
	if f := r.fresh(m, p); f != nil {
		return f
	}
	if f := r.matches(m); f != nil {
		return f
	}
	if !holds(key, input, id.signature) {
		return faulty(InvalidIdentityHeader, "the signature does not hold")
	}
	r.Outcome = Verified
	return nil
}

// credential is the signer's key, if the certificate leads to a root (RFC 8224 s6.2).
func (r *Result) credential(id identity, m Message, cs Credentials, p Policy) (*ecdsa.PublicKey, *fault) {
	c, had := cs[id.header.X5U]
	switch {
	case id.header.X5U == "":
		return nil, faulty(BadIdentityInfo, "it names no certificate")
	case !had:
		return nil, faulty(BadIdentityInfo, "the certificate was not fetched")
	case c.Err != nil:
		return nil, faulty(BadIdentityInfo, "%v", c.Err)
	case len(c.Chain) == 0:
		return nil, faulty(BadIdentityInfo, "there is no certificate at its address")
	}
	leaf := c.Chain[0]
	if err := chain(c.Chain, p.Roots, m.ReceivedAt); err != nil {
		return nil, faulty(UnsupportedCredential, "%v", err)
	}
	r.Signer = leaf.Subject.String() // whose name a root stands for
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, faulty(UnsupportedCredential, "the certificate's key is not one of P-256")
	}
	return key, nil
}

func chain(cs []*x509.Certificate, roots *x509.CertPool, at time.Time) error {
	if roots == nil { // x509 would take the roots of the web
		return errors.New("no root certificates are configured")
	}
	between := x509.NewCertPool()
	for _, c := range cs[1:] {
		between.AddCert(c)
	}
	_, err := cs[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // the profile of RFC 8226 asks for none
	})
	if err != nil {
		return err
	}
	// RFC 8226 s8 (1.3.6.1.5.5.7.1.27), RFC 9118 (.33): limits that a verifier has to keep.
	if limited(cs[0]) {
		return errors.New("the certificate limits the claims it may sign, which is not supported")
	}
	return nil
}

// authority holds the caller against the numbers the certificate is for.
func (r *Result) authority(id identity, cs Credentials) *fault {
	list, err := tnAuthList(cs[id.header.X5U].Chain[0])
	switch {
	case err != nil:
		return faulty(UnsupportedCredential, "%v", err)
	case list == nil:
		return nil
	}
	r.SPC, r.Numbers = list.spc(), list.covers(r.Claims.Orig.number)
	if r.SPC == "" && !r.Numbers {
		return faulty(UnsupportedCredential, "the certificate is not for the caller's number")
	}
	return nil
}

func (r *Result) fresh(m Message, p Policy) *fault {
	window := p.Fresh
	if window == 0 {
		window = fresh
	}
	age := m.ReceivedAt.Sub(r.Claims.IssuedAt)
	switch {
	case age > window:
		return faulty(StaleDate, "signed %v ago, %v are allowed", age.Round(time.Second), window)
	case age < -window:
		return faulty(StaleDate, "signed %v in the future, %v are allowed", (-age).Round(time.Second), window)
	}
	return nil
}

// matches holds the claims against the message (RFC 8224 s6.2, RFC 8443 s4.2, RFC 9027 s4).
func (r *Result) matches(m Message) *fault {
	c := r.Claims
	switch {
	case !slices.Contains(m.Orig, c.Orig):
		return faulty(InvalidIdentityHeader, "orig is not who the call is from")
	case !slices.ContainsFunc(c.Dest, func(d Party) bool { return d.Known() && slices.Contains(m.Dest, d) }):
		return faulty(InvalidIdentityHeader, "dest is not who the call is for")
	case c.Kind == RPH && !sameValues(c.Auth, m.RPriority):
		return faulty(InvalidIdentityHeader, "rph is not the call's Resource-Priority")
	case c.SPH != "" && !strings.EqualFold(c.SPH, strings.TrimSpace(m.Priority)):
		return faulty(InvalidIdentityHeader, "sph is not the call's Priority")
	}
	return nil
}

// sameValues compares r-values, without case (RFC 4412 s3.1), in any order.
func sameValues(a, b []string) bool {
	within := func(a, b []string) bool {
		for _, v := range a {
			if !slices.ContainsFunc(b, func(w string) bool { return strings.EqualFold(strings.TrimSpace(v), strings.TrimSpace(w)) }) {
				return false
			}
		}
		return true
	}
	return within(a, b) && within(b, a)
}

// maxEnds bounds what a compact form is tried with.
const maxEnds = 4

// reconstruct finds what was signed in the compact form: header and payload are made from the
// message (RFC 8225 s7), in which several headers may name the ends.
func (r *Result) reconstruct(id identity, m Message, p Policy, key *ecdsa.PublicKey) (string, *fault) {
	if m.Date.IsZero() {
		return "", faulty(InvalidIdentityHeader, "the compact form needs a Date, there is none")
	}
	r.Claims = Claims{Kind: Plain, IssuedAt: m.Date.UTC()}
	if f := r.fresh(m, p); f != nil {
		return "", f
	}
	for _, orig := range m.Orig[:min(len(m.Orig), maxEnds)] {
		for _, dest := range m.Dest[:min(len(m.Dest), maxEnds)] {
			c := Claims{Kind: Plain, IssuedAt: m.Date.UTC(), Orig: orig, Dest: []Party{dest}}
			if input, err := signingInput(id.header, c.payload()); err == nil && holds(key, input, id.signature) {
				r.Claims = c
				return input, nil
			}
		}
	}
	return "", faulty(InvalidIdentityHeader, "the signature does not hold")
}

// holds is ES256 (RFC 7518 s3.4). RFC 8225 s6: the signature is over what came.
func holds(key *ecdsa.PublicKey, input string, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	digest := sha256.Sum256([]byte(input))
	return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}

// clip is a stranger's word short enough for a log.
func clip(s string) string {
	if len(s) > 24 {
		s = s[:24] + "..."
	}
	return s
}
