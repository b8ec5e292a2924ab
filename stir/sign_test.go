package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

// open gives header and payload of an Identity value as they were signed.
func open(t *testing.T, value string) (head, body string) {
	t.Helper()
	token, _, _ := strings.Cut(value, ";")
	s := strings.Split(token, ".")
	if len(s) != 3 {
		t.Fatalf("token %q", token)
	}
	h, err1 := decodeSegment(s[0])
	b, err2 := decodeSegment(s[1])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return string(h), string(b)
}

func TestWhatIsSigned(t *testing.T) {
	at := time.Unix(1443208345, 0)
	n := Number("+12155550121")
	for _, c := range []struct {
		name       string
		claims     Claims
		head, body string
		parameters string
	}{
		{"RFC 8588 s6: shaken", Claims{Kind: Shaken, Orig: n, Dest: []Party{Number("+12155550131")}, IssuedAt: at, Attest: Full, OrigID: origID},
			`{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
			`{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}`,
			";info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken"},
		{"wI3 shaken towards 911", Claims{Kind: Shaken, Orig: n, Dest: []Party{nine11}, IssuedAt: at, Attest: Gateway, OrigID: origID},
			`{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
			`{"attest":"C","dest":{"tn":["911"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}`,
			";info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken"},
		{"RFC 9027 s3: an emergency call", EmergencyCall(n, at),
			`{"alg":"ES256","ppt":"rph","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
			`{"dest":{"uri":["urn:service:sos"]},"iat":1443208345,"orig":{"tn":"12155550121"},"rph":{"auth":["esnet.1"]}}`,
			";info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=rph"},
		{"RFC 9027 s4: a call-back", CallbackOf(n, Number("+12155551213"), at),
			`{"alg":"ES256","ppt":"rph","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
			`{"dest":{"tn":["12155551213"]},"iat":1443208345,"orig":{"tn":"12155550121"},"rph":{"auth":["esnet.0"]},"sph":"psap-callback"}`,
			";info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=rph"},
		{"RFC 8225 s5.2.1: the called in order", Claims{Kind: Plain, Orig: n, IssuedAt: at, Dest: []Party{ParseParty("sip:bob@example.net"), Number("+12155550131"), ParseParty("sip:alice@example.com"), Number("+12125551212")}},
			`{"alg":"ES256","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
			`{"dest":{"tn":["12125551212","12155550131"],"uri":["sip:alice@example.com","sip:bob@example.net"]},"iat":1443208345,"orig":{"tn":"12155550121"}}`,
			";info=<https://cert.example.org/passport.cer>;alg=ES256"},
		{"RFC 8225 appendix A: no ppt", Claims{Kind: Plain, Orig: Number("+12155551212"), Dest: []Party{ParseParty("sip:alice@example.com")}, IssuedAt: time.Unix(1471375418, 0)},
			`{"alg":"ES256","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
			`{"dest":{"uri":["sip:alice@example.com"]},"iat":1471375418,"orig":{"tn":"12155551212"}}`,
			";info=<https://cert.example.org/passport.cer>;alg=ES256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Sign(c.claims, newKey(t), certURL)
			if err != nil {
				t.Fatal(err)
			}
			head, body := open(t, v)
			if head != c.head {
				t.Errorf("header\n%s, want\n%s", head, c.head)
			}
			if body != c.body {
				t.Errorf("payload\n%s, want\n%s", body, c.body)
			}
			if !strings.HasSuffix(v, c.parameters) {
				t.Errorf("%s does not end in %s", v, c.parameters)
			}
		})
	}
}

func TestSegmentsAreThoseOfRFC8225AppendixA(t *testing.T) {
	c := Claims{Kind: Plain, Orig: Number("+12155551212"), Dest: []Party{ParseParty("sip:alice@example.com")}, IssuedAt: time.Unix(1471375418, 0)}
	v, err := Sign(c, newKey(t), certURL)
	if err != nil {
		t.Fatal(err)
	}
	want := "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9" +
		".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19."
	if !strings.HasPrefix(v, want) {
		t.Errorf("%s does not begin with %s", v, want)
	}
}

// The token of RFC 8225 s7.1 holds under the public key of its appendix A.2, and its iat in
// quotes is read.
func TestTokenOfRFC8225Holds(t *testing.T) {
	const token = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9" +
		".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0" +
		".rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
	block, _ := pem.Decode([]byte(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH
78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END PUBLIC KEY-----`))
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	id, err := parse(token + ";info=<" + certURL + ">")
	if err != nil {
		t.Fatal(err)
	}
	if !holds(pub.(*ecdsa.PublicKey), id.head+"."+id.body, id.signature) {
		t.Error("the signature does not hold")
	}
	c, err := id.open(Plain)
	if err != nil || c.Orig != Number("+12155551212") || c.IssuedAt.Unix() != 1443208345 || c.Dest[0].String() != "sip:alice@example.com" {
		t.Errorf("claims %+v, %v", c, err)
	}
}

func TestTheSameClaimsGiveTheSameHeader(t *testing.T) {
	a := newAuthority(t)
	if one, two := a.sign(shaken()), a.sign(shaken()); one != two {
		t.Errorf("RFC 6979: %s and %s", one, two)
	}
}

func TestWhatIsNotSigned(t *testing.T) {
	with := func(change func(*Claims)) Claims {
		c := shaken()
		change(&c)
		return c
	}
	key := newKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	callback := CallbackOf(psap, caller, now)
	callback.SPH = "emergency"
	for _, c := range []struct {
		name   string
		claims Claims
		key    *ecdsa.PrivateKey
		url    string
		why    string
	}{
		{"no key", shaken(), nil, certURL, "P-256"},
		{"a key of another curve", shaken(), p384, certURL, "P-256"},
		{"a certificate in the clear", shaken(), key, "http://cert.example.org/a", "not an https"},
		{"a certificate nowhere", shaken(), key, "", "not an https"},
		{"a url that ends its own parameter", shaken(), key, "https://cert.example.org/a>;x=<b", "not an https"},
		{"nobody calls", with(func(c *Claims) { c.Orig = Party{} }), key, certURL, "orig"},
		{"nobody is called", with(func(c *Claims) { c.Dest = nil }), key, certURL, "dest"},
		{"one of the called is nobody", with(func(c *Claims) { c.Dest = append(c.Dest, Party{}) }), key, certURL, "dest"},
		{"at no time", with(func(c *Claims) { c.IssuedAt = time.Time{} }), key, certURL, "iat"},
		{"shaken without an attestation", with(func(c *Claims) { c.Attest = 0 }), key, certURL, "A, B or C"},
		{"shaken about a URI", with(func(c *Claims) { c.Orig = ParseParty("sip:alice@campus.example") }), key, certURL, "numbers"},
		{"shaken with an origid that says something", with(func(c *Claims) { c.OrigID = "extension 2041" }), key, certURL, "UUID"},
		{"rph without a priority", Claims{Kind: RPH, Orig: caller, Dest: []Party{nine11}, IssuedAt: now}, key, certURL, "priority"},
		{"RFC 9027 s4: another sph", callback, key, certURL, "psap-callback"},
		{"no such kind", with(func(c *Claims) { c.Kind = 0 }), key, certURL, "no such passport"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Sign(c.claims, c.key, c.url)
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%q, %v, want an error about %s", v, err, c.why)
			}
		})
	}
}

func TestAttestation(t *testing.T) {
	for _, c := range []struct {
		name                string
		ours, authenticated bool
		want                Attest
	}{
		{"wI3 A: our number, and the caller is who they say", true, true, Full},
		{"B: a caller we know with a number that is not ours", false, true, Partial},
		{"C: our number, claimed by somebody we do not know", true, false, Gateway},
		{"C: from outside", false, false, Gateway},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Attestation(c.ours, c.authenticated); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestParties(t *testing.T) {
	for _, c := range []struct{ name, written, want string }{
		{"RFC 8224 s8.3: no plus sign", "sip:+14085550141@gw.example.com;user=phone", "14085550141"},
		{"no separators", "tel:+1-408-555-0141", "14085550141"},
		{"brackets and dots", "tel:+1(408)555.0141", "14085550141"},
		{"parameters of a number", "tel:911;phone-context=+1", "911"},
		{"parameters in the user part", "sip:+14085550141;npdi=yes@gw.example.com", "14085550141"},
		{"a number that does not say it is one", "sip:14085550141@gw.example.com", "14085550141"},
		{"a service code", "sip:*67@gw.example.com;user=phone", "*67"},
		{"without user=phone a star is part of a name", "sip:*67@gw.example.com", "sip:*67@gw.example.com"},
		{"RFC 8224 s8.5: no port, no parameters", "SIP:Alice@Example.COM:5061;transport=tls?x=y", "sip:Alice@example.com"},
		{"no password", "sip:alice:secret@example.com", "sip:alice@example.com"},
		{"an IPv6 host", "sip:alice@[2001:DB8::1]:5060", "sip:alice@[2001:db8::1]"},
		{"a host alone", "sip:example.com", "sip:example.com"},
		{"a service", "URN:service:SOS.police", "urn:service:sos.police"},
		{"nobody", "", ""},
		{"no scheme", "alice", ""},
		{"a number of letters", "tel:+1408KLM", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ParseParty(c.written).String(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
