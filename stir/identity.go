package stir

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxIdentity is the longest header value that is read. Signed claims of a call are well
// under 2 kB.
const maxIdentity = 16 << 10

// identity is one Identity value taken apart, and nothing of it believed.
type identity struct {
	ppt, alg, info string // the parameters
	short          bool   // the compact form: the claims are not in it
	head, body     string // segments as they came
	signature      []byte
	header         header
	payload        payload
}

// values splits header fields into values. RFC 8224 s4 has one value in a field, but some
// element may have joined them, as is allowed for most.
func values(fields []string) []string {
	var vs []string
	for _, f := range fields {
		for _, v := range splitOutside(f, ',') {
			if v = strings.TrimSpace(v); v != "" {
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// splitOutside splits at a separator that stands neither in quotes nor in angle brackets.
func splitOutside(s string, sep byte) []string {
	var parts []string
	from, quoted, bracket := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && !bracket:
			quoted = !quoted
		case c == '<' && !quoted:
			bracket = true
		case c == '>' && !quoted:
			bracket = false
		case c == sep && !quoted && !bracket:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// parameters reads what can be known before the token is opened: whether we know the type at
// all, and where the certificate is.
func parameters(value string) (id identity, token string) {
	parts := splitOutside(value, ';')
	for _, p := range parts[1:] {
		name, v, _ := strings.Cut(p, "=")
		v = strings.TrimSpace(v)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "info":
			id.info = strings.TrimSpace(strings.Trim(v, "<>\""))
		case "alg":
			id.alg = strings.Trim(v, `"`)
		case "ppt":
			id.ppt = strings.Trim(v, `"`)
		}
	}
	return id, strings.TrimSpace(parts[0])
}

// parse takes a value apart.
func parse(value string) (identity, error) {
	if len(value) > maxIdentity {
		return identity{}, fmt.Errorf("%d bytes: longer than any passport", len(value))
	}
	id, token := parameters(value)
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return id, errors.New("not header.payload.signature")
	}
	var err error
	if id.signature, err = decodeSegment(segments[2]); err != nil {
		return id, fmt.Errorf("signature: %w", err)
	}
	if segments[0] == "" && segments[1] == "" {
		return id, id.compact()
	}
	id.head, id.body = segments[0], segments[1]
	if err := read(id.head, &id.header); err != nil {
		return id, fmt.Errorf("header: %w", err)
	}
	return id, id.agree()
}

// open reads the payload, which is worth it only for a type we know.
func (id *identity) open(k Kind) (Claims, error) {
	if err := read(id.body, &id.payload); err != nil {
		return Claims{}, fmt.Errorf("payload: %w", err)
	}
	return id.payload.claims(k)
}

func read(segment string, into any) error {
	b, err := decodeSegment(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// compact is RFC 8225 s7: the verifier makes header and payload itself. It is defined for a
// PASSporT without ppt only; 8588, 8443 and 9027 leave it out.
func (id *identity) compact() error {
	if id.ppt != "" {
		return fmt.Errorf("the compact form of %s is not defined", clip(id.ppt))
	}
	id.short = true
	if id.info == "" { // RFC 8224 s4: info is there
		return errors.New("no info parameter")
	}
	id.header = header{Alg: "ES256", Typ: "passport", X5U: id.info}
	if id.alg != "" {
		id.header.Alg = id.alg
	}
	return nil
}

// agree holds the parameters, which anybody on the way can write, against the header that
// was signed. A parameter that is missing contradicts nothing.
func (id *identity) agree() error {
	h := &id.header
	switch {
	case !strings.EqualFold(h.Typ, "passport"): // RFC 8225 s4.1
		return fmt.Errorf("typ %q: not a passport", clip(h.Typ))
	case id.ppt != "" && !strings.EqualFold(id.ppt, h.PPT):
		return fmt.Errorf("ppt=%s, but %q is signed", clip(id.ppt), clip(h.PPT))
	case id.alg != "" && !strings.EqualFold(id.alg, h.Alg):
		return fmt.Errorf("alg=%s, but %q is signed", clip(id.alg), clip(h.Alg))
	case id.info != "" && h.X5U != "" && id.info != h.X5U:
		return errors.New("info and x5u name different certificates")
	case len(h.Crit) > 0: // RFC 7515 s4.1.11: extensions that must be understood
		return errors.New("crit names extensions, we know none")
	}
	id.ppt = h.PPT
	if h.X5U == "" {
		h.X5U = id.info
	}
	return nil
}

// CertificateURLs are where the certificates of a call's signatures are, each once, those of
// types we pass over left out. Somebody fetches them, and gives [Verify] what was had.
func CertificateURLs(fields []string) []string {
	var urls []string
	seen := map[string]bool{}
	for _, v := range values(fields) {
		id, err := parse(v)
		if _, known := kindOf(id.ppt); err != nil || !known || seen[id.header.X5U] || fetchable(id.header.X5U) != nil {
			continue
		}
		seen[id.header.X5U] = true
		urls = append(urls, id.header.X5U)
	}
	return urls
}
