package stir

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
)

// Sign is the value of an Identity header in the full form: that of 8588, 8443 and 9027,
// whose compact forms are not defined. The certificate of the key is at certificateURL.
//
// An error is one of the configuration or of the caller of Sign. The call goes out unsigned.
func Sign(c Claims, key *ecdsa.PrivateKey, certificateURL string) (string, error) {
	if key == nil || key.Curve != elliptic.P256() { // RFC 7518 s3.4: ES256 is P-256 with SHA-256
		return "", errors.New("sign passport: the key is not one of P-256")
	}
	if err := fetchable(certificateURL); err != nil {
		return "", fmt.Errorf("sign passport: %w", err)
	}
	if err := c.complete(); err != nil {
		return "", fmt.Errorf("sign passport: %w", err)
	}
	input, err := signingInput(header{Alg: "ES256", PPT: c.Kind.ppt(), Typ: "passport", X5U: certificateURL}, c.payload())
	if err != nil {
		return "", fmt.Errorf("sign passport: %w", err)
	}
	sig, err := es256(key, input)
	if err != nil {
		return "", fmt.Errorf("sign passport: %w", err)
	}
	value := input + "." + base64.RawURLEncoding.EncodeToString(sig) + ";info=<" + certificateURL + ">;alg=ES256"
	if ppt := c.Kind.ppt(); ppt != "" {
		value += ";ppt=" + ppt
	}
	return value, nil
}

// es256 is RFC 7518 s3.4: R and S, 32 bytes each. No randomness is given, so the nonce is that
// of RFC 6979: a bad source of it would give the key away.
func es256(key *ecdsa.PrivateKey, input string) ([]byte, error) {
	digest := sha256.Sum256([]byte(input))
	der, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	sig := make([]byte, 64)
	rs.R.FillBytes(sig[:32])
	rs.S.FillBytes(sig[32:])
	return sig, nil
}

// fetchable says why others could not fetch a certificate from there.
func fetchable(certificateURL string) error {
	u, err := url.Parse(certificateURL)
	if err != nil {
		return fmt.Errorf("certificate url: %w", err)
	}
	// RFC 8224 s7.2 wants a URI all verifiers can dereference. The brackets end the info parameter.
	if !strings.EqualFold(u.Scheme, "https") || u.Host == "" || strings.ContainsAny(certificateURL, "<>\" ") {
		return fmt.Errorf("certificate url %q: not an https address", certificateURL)
	}
	return nil
}

// complete says what the claims lack to be signed.
func (c Claims) complete() error {
	switch {
	case !c.Orig.Known():
		return errors.New("orig names nobody")
	case len(c.Dest) == 0 || slices.Contains(c.Dest, Party{}):
		return errors.New("dest names nobody")
	case c.IssuedAt.Unix() <= 0:
		return errors.New("no iat")
	}
	switch c.Kind {
	case Plain:
		return nil
	case Shaken:
		if c.Attest < Full || c.Attest > Gateway {
			return fmt.Errorf("%s: not A, B or C", c.Attest)
		}
		if c.Orig.number == "" { // RFC 8588 s3: it is about telephone numbers
			return errors.New("shaken is about numbers, orig has none")
		}
		if !isUUID(c.OrigID) { // RFC 8588 s5
			return fmt.Errorf("origid %q: not a UUID", c.OrigID)
		}
		return nil
	case RPH:
		if len(c.Auth) == 0 {
			return errors.New("rph vouches for no priority")
		}
		if c.SPH != "" && c.SPH != PSAPCallback { // RFC 9027 s4
			return fmt.Errorf("sph %q: only %s is defined", c.SPH, PSAPCallback)
		}
		return nil
	}
	return fmt.Errorf("%s: no such passport", c.Kind)
}

// isUUID is the form of RFC 4122 s3.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
			return false
		}
	}
	return true
}
