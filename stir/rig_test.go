package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

const (
	certURL = "https://cert.example.org/passport.cer"
	origID  = "123e4567-e89b-12d3-a456-426655440000"
)

var (
	now    = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	caller = Number("+14085550141")
	psap   = Number("+14085559110")
	nine11 = Dialled("911")
)

// authority is a certification authority of numbers with one signer.
type authority struct {
	t       *testing.T
	rootKey *ecdsa.PrivateKey
	root    *x509.Certificate
	key     *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, rootKey: newKey(t), key: newKey(t)}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Numbers Root"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(100, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.root = a.issue(tmpl, tmpl, &a.rootKey.PublicKey)
	return a
}

func (a *authority) issue(tmpl, parent *x509.Certificate, pub any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, a.rootKey)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// signer issues the signer's certificate, valid around now, with extensions.
func (a *authority) signer(xs ...pkix.Extension) *x509.Certificate {
	return a.issue(signerTemplate(now.AddDate(0, 0, -1), now.AddDate(0, 0, 1), xs...), a.root, &a.key.PublicKey)
}

func signerTemplate(from, until time.Time, xs ...pkix.Extension) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "SHAKEN 1234"},
		NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: xs}
}

func (a *authority) policy() Policy {
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	return Policy{Roots: roots}
}

func credentials(c *x509.Certificate) Credentials {
	return Credentials{certURL: {Chain: []*x509.Certificate{c}}}
}

func (a *authority) sign(c Claims) string {
	a.t.Helper()
	v, err := Sign(c, a.key, certURL)
	if err != nil {
		a.t.Fatal(err)
	}
	return v
}

func shaken() Claims {
	return Claims{Kind: Shaken, Orig: caller, Dest: []Party{nine11}, IssuedAt: now, Attest: Full, OrigID: origID}
}

// towardsPSAP is the message of an emergency call, callingBack that of a call-back.
func towardsPSAP() Message {
	return Message{ReceivedAt: now.Add(time.Second), Orig: []Party{caller}, Dest: []Party{nine11, ParseParty("urn:service:sos")}, RPriority: []string{"esnet.1"}}
}

func callingBack() Message {
	return Message{ReceivedAt: now.Add(time.Second), Orig: []Party{psap}, Dest: []Party{caller}, Priority: "psap-callback", RPriority: []string{"esnet.0"}}
}

// numbers is a TNAuthList extension, written by hand as RFC 8226 s9 has it.
func numbers(t *testing.T, entries ...asn1.RawValue) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidTNAuthList, Value: der}
}

func entry(t *testing.T, tag int, inner any, params string) asn1.RawValue {
	t.Helper()
	b, err := asn1.MarshalWithParams(inner, params)
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: b}
}

func spc(t *testing.T, code string) asn1.RawValue { return entry(t, 0, code, "ia5") }
func one(t *testing.T, n string) asn1.RawValue    { return entry(t, 2, n, "ia5") }
func span(t *testing.T, start string, count int) asn1.RawValue {
	return entry(t, 1, struct {
		Start string `asn1:"ia5"`
		Count int
	}{start, count}, "")
}
