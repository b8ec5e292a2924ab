package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name   string
		claims Claims
		m      Message
	}{
		{"shaken towards 911", shaken(), towardsPSAP()},
		{"rph towards a PSAP", EmergencyCall(caller, now), towardsPSAP()},
		{"rph of a call-back", CallbackOf(psap, caller, now), callingBack()},
		{"no ppt", Claims{Kind: Plain, Orig: caller, Dest: []Party{nine11}, IssuedAt: now}, towardsPSAP()},
		{"a URI calls", EmergencyCall(ParseParty("sip:alice@campus.example"), now), Message{ReceivedAt: now, RPriority: []string{"ESNET.1"},
			Orig: []Party{ParseParty("sip:alice@CAMPUS.example:5060")}, Dest: []Party{ParseParty("urn:service:sos")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Verify([]string{a.sign(c.claims)}, c.m, credentials(a.signer()), a.policy())[0]
			if r.Outcome != Verified || r.Code != 0 || r.Signer != "CN=SHAKEN 1234" {
				t.Fatalf("%+v", r)
			}
			if got, want := r.Claims.payload(), c.claims.payload(); string(mustJSON(t, got)) != string(mustJSON(t, want)) || r.Claims.Kind != c.claims.Kind {
				t.Errorf("claims %+v, want %+v", r.Claims, c.claims)
			}
		})
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := canonicalJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// resign puts other bytes where header and payload were and signs them with the right key:
// what a signer might say, not what somebody on the way can do.
func (a *authority) resign(head, body, parameters string) string {
	a.t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	sig, err := es256(a.key, input)
	if err != nil {
		a.t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig) + parameters
}

const (
	shakenHead = `{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"` + certURL + `"}`
	rphHead    = `{"alg":"ES256","ppt":"rph","typ":"passport","x5u":"` + certURL + `"}`
	info       = ";info=<" + certURL + ">"
	shakenBody = `{"attest":"A","dest":{"tn":["911"]},"iat":1772443800,"orig":{"tn":"14085550141"},"origid":"` + origID + `"}`
	backBody   = `{"dest":{"tn":["14085550141"]},"iat":1772443800,"orig":{"tn":"14085559110"},"rph":{"auth":["esnet.0"]},"sph":"psap-callback"}`
)

// What is written otherwise than we would is read, as long as it is the same thing.
func TestLiberalReading(t *testing.T) {
	a := newAuthority(t)
	good := a.sign(shaken())
	token, _, _ := strings.Cut(good, ";")
	for _, c := range []struct{ name, value string }{
		{"parameters in another order and case", token + " ; PPT=Shaken ; Alg=ES256 ; INFO = <" + certURL + ">"},
		{"quoted parameters", token + info + `;alg="ES256";ppt="shaken"`},
		{"no parameters but info", token + info},
		{"no parameters at all: x5u is signed", token},
		{"unknown parameters", good + ";orig=x;y"},
		{"info without brackets", token + ";info=" + certURL + ";ppt=shaken"},
		{"iat in quotes", a.resign(shakenHead, strings.Replace(shakenBody, "1772443800", `"1772443800"`, 1), info)},
		{"iat with a fraction", a.resign(shakenHead, strings.Replace(shakenBody, "1772443800", "1772443800.25", 1), info)},
		{"numbers with a plus sign", a.resign(shakenHead, strings.Replace(shakenBody, `"14085550141"`, `"+1-408-555-0141"`, 1), info)},
		{"keys in another order, white space", a.resign(shakenHead, `{ "orig":{"tn":"14085550141"}, "iat":1772443800, "dest":{"tn":["911"]}, "attest":"A" }`, info)},
		{"claims we do not know", a.resign(shakenHead, strings.Replace(shakenBody, `{"attest"`, `{"rcd":{"nam":"Campus"},"attest"`, 1), info)},
		{"several called", a.resign(shakenHead, strings.Replace(shakenBody, `["911"]`, `["12125551213","911"]`, 1), info)},
		{"no x5u, info alone", a.resign(strings.Replace(shakenHead, `,"x5u":"`+certURL+`"`, "", 1), shakenBody, info)},
		{"padding", token + "==" + info},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Verify([]string{c.value}, towardsPSAP(), credentials(a.signer()), a.policy())[0]
			if r.Outcome != Verified {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTampering(t *testing.T) {
	a := newAuthority(t)
	good := a.sign(shaken())
	back := a.sign(CallbackOf(psap, caller, now))
	stranger := newAuthority(t)
	token, _, _ := strings.Cut(good, ";")
	segments := strings.Split(token, ".")
	swap := func(old, to string) string { return strings.Replace(good, old, to, 1) }
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(shakenBody, "14085550141", "14085559999", 1)))
	worse := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(shakenBody, `"A"`, `"B"`, 1)))
	other := func(change func(*Message)) Message {
		m := towardsPSAP()
		change(&m)
		return m
	}
	otherBack := func(change func(*Message)) Message {
		m := callingBack()
		change(&m)
		return m
	}
	for _, c := range []struct {
		name  string
		value string
		m     Message
		code  Code
		why   string
	}{
		{"another caller in the message", good, other(func(m *Message) { m.Orig = []Party{psap} }), 438, "orig is not"},
		{"no caller in the message", good, other(func(m *Message) { m.Orig = nil }), 438, "orig is not"},
		{"another called in the message", good, other(func(m *Message) { m.Dest = []Party{psap} }), 438, "dest is not"},
		{"another caller in the claims", segments[0] + "." + forged + "." + segments[2], other(func(m *Message) { m.Orig = []Party{Dialled("14085559999")} }), 438, "signature"},
		{"a worse attestation in the claims", segments[0] + "." + worse + "." + segments[2], towardsPSAP(), 438, "signature"},
		{"somebody else's signature", stranger.sign(shaken()), towardsPSAP(), 438, "signature"},
		{"no signature", segments[0] + "." + segments[1] + "." + info, towardsPSAP(), 438, "signature"},
		{"a signature cut short", segments[0] + "." + segments[1] + "." + segments[2][:40] + info, towardsPSAP(), 438, "signature"},
		{"a signature that is not base64", segments[0] + "." + segments[1] + ".***" + info, towardsPSAP(), 438, "signature"},
		{"two segments", segments[0] + "." + segments[1], towardsPSAP(), 438, "header.payload.signature"},
		{"no payload", segments[0] + ".." + segments[2], towardsPSAP(), 438, "payload"},
		{"no header", "." + segments[1] + "." + segments[2], towardsPSAP(), 438, "header"},
		{"the compact form of shaken", ".." + segments[2] + info + ";ppt=shaken", towardsPSAP(), 438, "compact"},
		{"ppt= says otherwise", swap("ppt=shaken", "ppt=rph"), towardsPSAP(), 438, "ppt=rph"},
		{"alg= says otherwise", swap("alg=ES256", "alg=none"), towardsPSAP(), 438, "alg=none"},
		{"info= says otherwise", swap("info=<https://cert.", "info=<https://other."), towardsPSAP(), 438, "different certificates"},
		{"alg none", a.resign(strings.Replace(shakenHead, "ES256", "none", 1), shakenBody, info), towardsPSAP(), 437, "not ES256"},
		{"alg HS256", a.resign(strings.Replace(shakenHead, "ES256", "HS256", 1), shakenBody, info), towardsPSAP(), 437, "not ES256"},
		{"another typ", a.resign(strings.Replace(shakenHead, "passport", "JWT", 1), shakenBody, info), towardsPSAP(), 438, "not a passport"},
		{"crit", a.resign(strings.Replace(shakenHead, `"ppt"`, `"crit":["x"],"ppt"`, 1), shakenBody, info), towardsPSAP(), 438, "crit"},
		{"attestation D", a.resign(shakenHead, strings.Replace(shakenBody, `"A"`, `"D"`, 1), info), towardsPSAP(), 438, "not A, B or C"},
		{"no orig", a.resign(shakenHead, `{"attest":"A","dest":{"tn":["911"]},"iat":1772443800}`, info), towardsPSAP(), 438, "missing"},
		{"orig of nobody", a.resign(shakenHead, strings.Replace(shakenBody, `{"tn":"14085550141"}`, `{}`, 1), info), towardsPSAP(), 438, "nobody"},
		{"RFC 8225 s5.2.1: orig of two", a.resign(shakenHead, strings.Replace(shakenBody, `{"tn":"14085550141"}`, `{"tn":"14085550141","uri":"sip:a@b.example"}`, 1), info), towardsPSAP(), 438, "two"},
		{"no iat", a.resign(shakenHead, strings.Replace(shakenBody, `"iat":1772443800,`, ``, 1), info), towardsPSAP(), 438, "no iat"},
		{"iat is no time", a.resign(shakenHead, strings.Replace(shakenBody, `1772443800`, `"now"`, 1), info), towardsPSAP(), 438, "seconds"},
		{"iat beyond all time", a.resign(shakenHead, strings.Replace(shakenBody, `1772443800`, `1e300`, 1), info), towardsPSAP(), 438, "seconds"},
		{"the payload is not an object", a.resign(shakenHead, `[]`, info), towardsPSAP(), 438, "payload"},
		{"longer than any", good + strings.Repeat(";x", 1<<14), towardsPSAP(), 438, "longer"},

		{"RFC 8443 s4.2: a priority that is not vouched for", back, otherBack(func(m *Message) { m.RPriority = []string{"esnet.0", "esnet.4"} }), 438, "rph is not"},
		{"a priority that is not asked for", back, otherBack(func(m *Message) { m.RPriority = nil }), 438, "rph is not"},
		{"RFC 9027 s4: no Priority header", back, otherBack(func(m *Message) { m.Priority = "" }), 438, "sph is not"},
		{"another Priority header", back, otherBack(func(m *Message) { m.Priority = "emergency" }), 438, "sph is not"},
		{"RFC 9027 s4: another sph, though the header says it too", a.resign(rphHead, strings.Replace(backBody, "psap-callback", "emergency", 1), info),
			otherBack(func(m *Message) { m.Priority = "emergency" }), 438, "only psap-callback"},
		{"an empty sph", a.resign(rphHead, strings.Replace(backBody, "psap-callback", "", 1), info), callingBack(), 438, "only psap-callback"},
		{"rph without rph", a.resign(rphHead, strings.Replace(backBody, `,"rph":{"auth":["esnet.0"]}`, "", 1), info), callingBack(), 438, "no rph"},
		{"rph without auth", a.resign(rphHead, strings.Replace(backBody, `["esnet.0"]`, "[]", 1), info), callingBack(), 438, "no rph"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Verify([]string{c.value}, c.m, credentials(a.signer()), a.policy())[0]
			if r.Outcome != Failed || r.Code != c.code || !strings.Contains(r.Why, c.why) {
				t.Errorf("%+v, want %d about %q", r, c.code, c.why)
			}
		})
	}
}

func TestFreshness(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name  string
		after time.Duration
		fresh time.Duration
		code  Code
	}{
		{"RFC 8224 s6.2: the last second of the minute", time.Minute, 0, 0},
		{"a second later", time.Minute + time.Second, 0, StaleDate},
		{"a clock that is ahead", -time.Minute, 0, 0},
		{"too far ahead", -time.Minute - time.Second, 0, StaleDate},
		{"a minute and a half where two are allowed", 90 * time.Second, 2 * time.Minute, 0},
		{"ten seconds where five are allowed", 10 * time.Second, 5 * time.Second, StaleDate},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, p := towardsPSAP(), a.policy()
			m.ReceivedAt, p.Fresh = now.Add(c.after), c.fresh
			if r := Verify([]string{a.sign(shaken())}, m, credentials(a.signer()), p)[0]; r.Code != c.code || (r.Outcome == Verified) != (c.code == 0) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	good := a.sign(shaken())
	chained := func(c *x509.Certificate) Credentials { return credentials(c) }
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	around := func(from, until time.Time, pub any) *x509.Certificate {
		return a.issue(signerTemplate(from, until), a.root, pub)
	}
	limits := pkix.Extension{Id: oidConstraints, Value: []byte{0x30, 0}}
	for _, c := range []struct {
		name string
		cs   Credentials
		p    Policy
		code Code
		why  string
	}{
		{"valid", chained(a.signer()), a.policy(), 0, ""},
		{"expired", chained(around(now.AddDate(0, 0, -9), now.AddDate(0, 0, -1), &a.key.PublicKey)), a.policy(), 437, "expired"},
		{"not yet valid", chained(around(now.AddDate(0, 0, 1), now.AddDate(0, 0, 9), &a.key.PublicKey)), a.policy(), 437, "not yet valid"},
		{"of another authority", chained(a.signer()), stranger.policy(), 437, "unknown authority"},
		{"no roots: not those of the web either", chained(a.signer()), Policy{}, 437, "no root certificates"},
		{"not fetched", nil, a.policy(), 436, "not fetched"},
		{"could not be fetched", Credentials{certURL: {Err: errors.New("get certificate: 404")}}, a.policy(), 436, "404"},
		{"nothing there", Credentials{certURL: {}}, a.policy(), 436, "no certificate"},
		{"a key of another curve", chained(around(now.AddDate(0, 0, -1), now.AddDate(0, 0, 1), &p384.PublicKey)), a.policy(), 437, "P-256"},
		{"RFC 8226 s8: limits we cannot read", chained(a.signer(limits)), a.policy(), 437, "limits"},
		{"RFC 8226 s9: an operator", chained(a.signer(numbers(t, spc(t, "1234")))), a.policy(), 0, ""},
		{"the caller's number", chained(a.signer(numbers(t, one(t, "14085550141")))), a.policy(), 0, ""},
		{"another number", chained(a.signer(numbers(t, one(t, "14085550142")))), a.policy(), 437, "not for the caller"},
		{"the last of a range", chained(a.signer(numbers(t, span(t, "14085550100", 42)))), a.policy(), 0, ""},
		{"one after the range", chained(a.signer(numbers(t, span(t, "14085550100", 41)))), a.policy(), 437, "not for the caller"},
		{"before the range", chained(a.signer(numbers(t, span(t, "14085550142", 10)))), a.policy(), 437, "not for the caller"},
		{"a range of shorter numbers", chained(a.signer(numbers(t, span(t, "1408555014", 10)))), a.policy(), 437, "not for the caller"},
		{"one of several entries", chained(a.signer(numbers(t, one(t, "14085550142"), span(t, "14085550100", 50)))), a.policy(), 0, ""},
		{"an entry of an unknown kind", chained(a.signer(numbers(t, entry(t, 5, "x", "ia5")))), a.policy(), 437, "TNAuthList"},
		{"an empty list", chained(a.signer(numbers(t))), a.policy(), 437, "TNAuthList"},
		{"not a list", chained(a.signer(pkix.Extension{Id: oidTNAuthList, Value: []byte("x")})), a.policy(), 437, "TNAuthList"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Verify([]string{good}, towardsPSAP(), c.cs, c.p)[0]
			if r.Code != c.code || !strings.Contains(r.Why, c.why) || (r.Outcome == Verified) != (c.code == 0) {
				t.Errorf("%+v, want %d about %q", r, c.code, c.why)
			}
		})
	}
}

func TestWhoTheCertificateStandsForIsShown(t *testing.T) {
	a := newAuthority(t)
	r := Verify([]string{a.sign(shaken())}, towardsPSAP(), credentials(a.signer(numbers(t, spc(t, "1234")))), a.policy())[0]
	if r.SPC != "1234" || r.Numbers {
		t.Errorf("an operator: %+v", r)
	}
	r = Verify([]string{a.sign(shaken())}, towardsPSAP(), credentials(a.signer(numbers(t, one(t, "14085550141")))), a.policy())[0]
	if r.SPC != "" || !r.Numbers {
		t.Errorf("a number: %+v", r)
	}
}

// An intermediate certificate comes with the signer's.
func TestChainThroughAnIntermediate(t *testing.T) {
	a := newAuthority(t)
	betweenKey := newKey(t)
	tmpl := &x509.Certificate{SerialNumber: a.root.SerialNumber, Subject: pkix.Name{CommonName: "Numbers Issuing"}, NotBefore: now.AddDate(0, 0, -1),
		NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	between := a.issue(tmpl, a.root, &betweenKey.PublicKey)
	leaf := (&authority{t: t, rootKey: betweenKey}).issue(signerTemplate(now.AddDate(0, 0, -1), now.AddDate(0, 0, 1)), between, &a.key.PublicKey)
	value := []string{a.sign(shaken())}
	if r := Verify(value, towardsPSAP(), Credentials{certURL: {Chain: []*x509.Certificate{leaf, between}}}, a.policy())[0]; r.Outcome != Verified {
		t.Errorf("with it: %+v", r)
	}
	if r := Verify(value, towardsPSAP(), credentials(leaf), a.policy())[0]; r.Code != UnsupportedCredential {
		t.Errorf("without it: %+v", r)
	}
}

func TestCompactForm(t *testing.T) {
	a := newAuthority(t)
	c := Claims{Kind: Plain, Orig: caller, Dest: []Party{nine11}, IssuedAt: now}
	full := a.sign(c)
	token, _, _ := strings.Cut(full, ";")
	value := ".." + strings.Split(token, ".")[2] + info + ";alg=ES256"
	m := towardsPSAP()
	m.Date = now
	m.Orig = []Party{ParseParty("sip:2041@campus.example"), caller}
	r := Verify([]string{value}, m, credentials(a.signer(numbers(t, one(t, "14085550141")))), a.policy())[0]
	if r.Outcome != Verified || r.Claims.Orig != caller || r.Claims.Dest[0] != nine11 || !r.Numbers {
		t.Fatalf("%+v", r)
	}
	for _, f := range []struct {
		name   string
		value  string
		change func(*Message)
		cs     Credentials
		code   Code
	}{
		{"no Date", value, func(m *Message) { m.Date = time.Time{} }, credentials(a.signer()), 438},
		{"another Date", value, func(m *Message) { m.Date = now.Add(time.Second) }, credentials(a.signer()), 438},
		{"stale", value, func(m *Message) { m.ReceivedAt = now.Add(2 * time.Minute) }, credentials(a.signer()), 403},
		{"another caller", value, func(m *Message) { m.Orig = []Party{psap} }, credentials(a.signer()), 438},
		{"a certificate of another number", value, func(*Message) {}, credentials(a.signer(numbers(t, one(t, "14085550199")))), 437},
		{"no info", strings.Replace(value, info, "", 1), func(*Message) {}, credentials(a.signer()), 438},
		{"with a ppt", value + ";ppt=rph", func(*Message) {}, credentials(a.signer()), 438},
	} {
		t.Run(f.name, func(t *testing.T) {
			m := m
			f.change(&m)
			if r := Verify([]string{f.value}, m, f.cs, a.policy())[0]; r.Outcome != Failed || r.Code != f.code {
				t.Errorf("%+v, want %d", r, f.code)
			}
		})
	}
}

func TestSeveralAndNone(t *testing.T) {
	a := newAuthority(t)
	back, cs, p := callingBack(), credentials(a.signer()), a.policy()
	sh := shaken()
	sh.Orig, sh.Dest = psap, []Party{caller}
	good, mark := a.sign(sh), a.sign(CallbackOf(psap, caller, now))
	bad := strings.Replace(good, "info=<https://cert.", "info=<https://other.", 1)
	div := a.resign(strings.Replace(shakenHead, "shaken", "div", 1), `{}`, info+";ppt=div")
	plainRPH := a.resign(rphHead, strings.Replace(backBody, `,"sph":"psap-callback"`, "", 1), info)
	high := a.resign(rphHead, strings.Replace(backBody, "esnet.0", "esnet.4", 1), info)
	for _, c := range []struct {
		name     string
		fields   []string
		m        Message
		outcomes []Outcome
		overall  Code
		verstat  string
		callback bool
	}{
		{"wI2 none", nil, back, []Outcome{Failed}, 428, "No-TN-Validation", false},
		{"empty ones", []string{"", " , "}, back, []Outcome{Failed}, 428, "No-TN-Validation", false},
		{"shaken alone does not vouch for the mark", []string{good}, back, []Outcome{Verified}, 0, "TN-Validation-Passed", false},
		{"wC2 shaken and rph", []string{good, mark}, back, []Outcome{Verified, Verified}, 0, "TN-Validation-Passed", true},
		{"joined in one field", []string{good + ", " + mark}, back, []Outcome{Verified, Verified}, 0, "TN-Validation-Passed", true},
		{"rph alone", []string{mark}, back, []Outcome{Verified}, 0, "No-TN-Validation", true},
		{"a broken one beside a good one", []string{bad, mark}, back, []Outcome{Failed, Verified}, 0, "TN-Validation-Failed", true},
		{"a broken one", []string{bad}, back, []Outcome{Failed}, 438, "TN-Validation-Failed", false},
		{"RFC 8224 s4: an unknown ppt is as if it were not there", []string{div}, back, []Outcome{PassedOver}, 428, "No-TN-Validation", false},
		{"an unknown ppt that is broken too", []string{"x;ppt=div"}, back, []Outcome{PassedOver}, 428, "No-TN-Validation", false},
		{"rph without sph does not vouch for the mark", []string{plainRPH}, back, []Outcome{Verified}, 0, "No-TN-Validation", false},
		{"sph with the priority of something else", []string{high},
			Message{ReceivedAt: now, Orig: []Party{psap}, Dest: []Party{caller}, Priority: "PSAP-Callback", RPriority: []string{"esnet.4"}}, []Outcome{Verified}, 0, "No-TN-Validation", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rs := Verify(c.fields, c.m, cs, p)
			if len(rs) != len(c.outcomes) {
				t.Fatalf("%d results, want %d: %v", len(rs), len(c.outcomes), rs)
			}
			for i, r := range rs {
				if r.Outcome != c.outcomes[i] {
					t.Errorf("%d: %v, want %v", i, r, c.outcomes[i])
				}
			}
			if o := Overall(rs); o.Code != c.overall || (o.Outcome == Verified) != (c.overall == 0) {
				t.Errorf("overall %v", o)
			}
			if v := Verstat(rs); v != c.verstat {
				t.Errorf("verstat %s, want %s", v, c.verstat)
			}
			if Callback(rs) != c.callback {
				t.Errorf("vouches for psap-callback: %v", !c.callback)
			}
			if tr := Trace(rs); len(tr.Entries) != len(rs) || len(tr.Degradations) > 0 {
				t.Errorf("trace %+v", tr)
			}
		})
	}
}

func TestTraceKeepsTheNumberOutOfTheSentence(t *testing.T) {
	a := newAuthority(t)
	rs := Verify([]string{a.sign(shaken())}, towardsPSAP(), credentials(a.signer()), a.policy())
	e := Trace(rs).Entries[0]
	if strings.Contains(e.Text, "5550141") || e.Evidence != "14085550141" || !strings.Contains(e.Text, "attestation A") {
		t.Errorf("%+v", e)
	}
}

func TestCertificatesToFetch(t *testing.T) {
	a := newAuthority(t)
	div := a.resign(strings.Replace(shakenHead, "shaken", "div", 1), `{}`, info)
	elsewhere, err := Sign(EmergencyCall(caller, now), a.key, "https://other.example.org/a?b=1&c=2")
	if err != nil {
		t.Fatal(err)
	}
	clear := a.resign(strings.Replace(shakenHead, "https", "http", 1), shakenBody, "")
	got := CertificateURLs([]string{a.sign(shaken()), "nonsense", div, clear, elsewhere + "," + a.sign(EmergencyCall(caller, now))})
	if want := certURL + " https://other.example.org/a?b=1&c=2"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func FuzzVerify(f *testing.F) {
	t := &testing.T{}
	a := newAuthority(t)
	cs, p := credentials(a.signer()), a.policy()
	f.Add(a.sign(shaken()))
	f.Add(a.sign(EmergencyCall(caller, now)))
	f.Add(".." + strings.Repeat("A", 86) + info)
	f.Add("..,;info=<,>;ppt=\"a,b\",x.y.z")
	f.Add(a.resign(shakenHead, `{"iat":-1e9,"dest":{"tn":[""]},"orig":{}}`, info))
	f.Fuzz(func(t *testing.T, value string) {
		m := towardsPSAP()
		m.Date = now
		rs := Verify([]string{value}, m, cs, p)
		if len(rs) == 0 {
			t.Fatal("no result")
		}
		for _, r := range rs {
			switch r.Outcome {
			case Verified:
				// Whatever was done to a value, what is verified is what was said of this call.
				if r.Code != 0 || r.Claims.Orig != caller {
					t.Fatalf("%+v", r)
				}
			case Failed:
				if r.Code == 0 || r.Why == "" {
					t.Fatalf("%+v", r)
				}
			case PassedOver:
				if r.Why == "" {
					t.Fatalf("%+v", r)
				}
			default:
				t.Fatalf("%+v", r)
			}
		}
		CertificateURLs([]string{value})
		Trace(rs)
	})
}

func FuzzAuthList(f *testing.F) {
	f.Add([]byte{0x30, 0x07, 0xa0, 0x05, 0x16, 0x03, '1', '2', '3'})
	f.Add([]byte{0x30, 0x00})
	f.Fuzz(func(t *testing.T, der []byte) {
		list, err := readAuthList(der)
		if err == nil && len(list) == 0 {
			t.Fatal("an empty list is none")
		}
		list.covers("14085550141")
	})
}
