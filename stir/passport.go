package stir

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// header is the JOSE header (RFC 8225 s4). The fields stand in lexicographic order, which is
// the order they are written in (RFC 8225 s9).
type header struct {
	Alg  string          `json:"alg"`
	Crit json.RawMessage `json:"crit,omitempty"`
	PPT  string          `json:"ppt,omitempty"`
	Typ  string          `json:"typ"`
	X5U  string          `json:"x5u"`
}

// payload is the claims on the wire, in the order they are written in (RFC 8225 s9, and
// RFC 9027 s5 for its own).
type payload struct {
	Attest string    `json:"attest,omitempty"`
	Dest   *ends     `json:"dest"`
	IAT    issued    `json:"iat"`
	Orig   *end      `json:"orig"`
	OrigID string    `json:"origid,omitempty"`
	RPH    *priority `json:"rph,omitempty"`
	SPH    *string   `json:"sph,omitempty"`
}

type ends struct {
	TN  []string `json:"tn,omitempty"`
	URI []string `json:"uri,omitempty"`
}

type end struct {
	TN  string `json:"tn,omitempty"`
	URI string `json:"uri,omitempty"`
}

type priority struct {
	Auth []string `json:"auth"`
}

// issued is a NumericDate (RFC 7519 s2). In quotes it is wrong, but it is what the example
// of RFC 8225 s7.1 shows (erratum 5985), that of RFC 8588 s6 too, and some copied it.
type issued int64

func (i *issued) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	// The bounds keep the conversion defined, and the year one that can be printed.
	if err != nil || math.IsNaN(f) || f < 0 || f > 1<<37 {
		return fmt.Errorf("iat %q: not a number of seconds", clip(string(b)))
	}
	*i = issued(f)
	return nil
}

func (c Claims) payload() payload {
	p := payload{IAT: issued(c.IssuedAt.Unix()), Dest: &ends{}, Orig: &end{TN: c.Orig.number, URI: c.Orig.uri}}
	for _, d := range c.Dest {
		if d.number != "" {
			p.Dest.TN = append(p.Dest.TN, d.number)
		} else {
			p.Dest.URI = append(p.Dest.URI, d.uri)
		}
	}
	// RFC 8225 s5.2.1: the identities of an array are in lexicographic order too.
	slices.Sort(p.Dest.TN)
	slices.Sort(p.Dest.URI)
	switch c.Kind {
	case Shaken:
		p.Attest, p.OrigID = c.Attest.String(), c.OrigID
	case RPH:
		p.RPH = &priority{Auth: c.Auth}
		if c.SPH != "" {
			p.SPH = &c.SPH
		}
	}
	return p
}

// claims reads the payload of a kind. What the kind does not define is not looked at.
func (p payload) claims(k Kind) (Claims, error) {
	c := Claims{Kind: k, IssuedAt: time.Unix(int64(p.IAT), 0).UTC()}
	// RFC 8225 s5: orig, dest and iat are in every PASSporT.
	if p.IAT == 0 {
		return c, fmt.Errorf("no iat")
	}
	if p.Orig == nil || p.Dest == nil {
		return c, fmt.Errorf("orig or dest is missing")
	}
	if p.Orig.TN != "" && p.Orig.URI != "" { // RFC 8225 s5.2.1: exactly one
		return c, fmt.Errorf("orig names two")
	}
	if c.Orig = claimed(p.Orig.TN, p.Orig.URI); !c.Orig.Known() {
		return c, fmt.Errorf("orig names nobody")
	}
	for _, n := range p.Dest.TN {
		c.Dest = append(c.Dest, Dialled(n))
	}
	for _, u := range p.Dest.URI {
		c.Dest = append(c.Dest, ParseParty(u))
	}
	switch k {
	case Shaken:
		a, ok := attestOf(p.Attest)
		if !ok { // RFC 8588 s4
			return c, fmt.Errorf("attest %q: not A, B or C", clip(p.Attest))
		}
		c.Attest, c.OrigID = a, p.OrigID
	case RPH:
		if p.RPH == nil || len(p.RPH.Auth) == 0 { // RFC 8443 s3
			return c, fmt.Errorf("no rph")
		}
		c.Auth = p.RPH.Auth
		if p.SPH != nil {
			c.SPH = *p.SPH
			// RFC 9027 s4: any other value is a failure, the empty one too.
			if !strings.EqualFold(c.SPH, PSAPCallback) {
				return c, fmt.Errorf("sph %q: only %s is defined", clip(c.SPH), PSAPCallback)
			}
		}
	}
	return c, nil
}

func claimed(number, uri string) Party {
	if number != "" {
		return Dialled(number)
	}
	return ParseParty(uri)
}

// canonicalJSON writes without white space, and without the escapes that encoding/json adds
// for web pages: "&" in a certificate's URL stays "&" (RFC 8225 s9).
func canonicalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// signingInput is what the signature is over (RFC 7515 s5.1).
func signingInput(h header, p payload) (string, error) {
	hj, err := canonicalJSON(h)
	if err != nil {
		return "", err
	}
	pj, err := canonicalJSON(p)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(hj) + "." + base64.RawURLEncoding.EncodeToString(pj), nil
}

func decodeSegment(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}
