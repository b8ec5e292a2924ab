package stir

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
)

// Extensions of the certificates of numbers.
var (
	oidTNAuthList  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26} // RFC 8226 s9
	oidConstraints = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 27} // RFC 8226 s8
	oidEnhanced    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 33} // RFC 9118 s3
)

// authList is a TNAuthorizationList: for which operators and numbers a certificate stands.
type authList []authEntry

// authEntry is one of: an operator, count numbers from one on, one number.
type authEntry struct {
	operator string
	start    string
	count    *big.Int // 1 for one number
}

// tnAuthList reads the extension, nil if there is none.
//
//	TNAuthorizationList ::= SEQUENCE SIZE (1..MAX) OF TNEntry        -- EXPLICIT TAGS
//	TNEntry ::= CHOICE { spc [0] IA5String, range [1] TelephoneNumberRange, one [2] IA5String }
//	TelephoneNumberRange ::= SEQUENCE { start IA5String, count INTEGER (2..MAX), ... }
func tnAuthList(c *x509.Certificate) (authList, error) {
	for _, x := range c.Extensions {
		if x.Id.Equal(oidTNAuthList) {
			return readAuthList(x.Value)
		}
	}
	return nil, nil
}

func readAuthList(der []byte) (authList, error) {
	var entries []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &entries); err != nil || len(rest) > 0 || len(entries) == 0 {
		return nil, fmt.Errorf("read TNAuthList: not a list of entries")
	}
	var list authList
	for _, raw := range entries {
		e, err := readAuthEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("read TNAuthList: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

func readAuthEntry(raw asn1.RawValue) (e authEntry, err error) {
	if raw.Class != asn1.ClassContextSpecific {
		return e, fmt.Errorf("an entry of class %d", raw.Class)
	}
	switch raw.Tag {
	case 0:
		_, err = asn1.UnmarshalWithParams(raw.Bytes, &e.operator, "ia5")
	case 1:
		var r struct {
			Start string `asn1:"ia5"`
			Count *big.Int
		}
		if _, err = asn1.Unmarshal(raw.Bytes, &r); err == nil {
			e.start, e.count = r.Start, r.Count
		}
	case 2:
		e.count = big.NewInt(1)
		_, err = asn1.UnmarshalWithParams(raw.Bytes, &e.start, "ia5")
	default:
		err = fmt.Errorf("an entry of kind %d", raw.Tag)
	}
	return e, err
}

// spc is the first operator code.
func (l authList) spc() string {
	for _, e := range l {
		if e.operator != "" {
			return e.operator
		}
	}
	return ""
}

// covers says whether a number is among those of the list. A range counts on from its start
// without changing the number of digits (RFC 8226 s9).
func (l authList) covers(number string) bool {
	for _, e := range l {
		if e.start == "" || number == "" {
			continue
		}
		if e.start == number {
			return true
		}
		first, ok1 := decimal(e.start)
		n, ok2 := decimal(number)
		if !ok1 || !ok2 || len(e.start) != len(number) {
			continue
		}
		if after := n.Sub(n, first); after.Sign() >= 0 && after.Cmp(e.count) < 0 {
			return true
		}
	}
	return false
}

func decimal(s string) (*big.Int, bool) {
	if len(s) > 15 || strings.Trim(s, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

// limited says whether a certificate limits the claims it may sign.
func limited(c *x509.Certificate) bool {
	for _, x := range c.Extensions {
		if x.Id.Equal(oidConstraints) || x.Id.Equal(oidEnhanced) {
			return true
		}
	}
	return false
}
