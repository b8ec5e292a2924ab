package capture

import (
	"bytes"
	"strings"
	"testing"
)

// lines joins what stands on the lines of a message.
func lines(ls ...string) []byte { return []byte(strings.Join(ls, "\r\n")) }

func TestSummarise(t *testing.T) {
	for _, tc := range []struct {
		name           string
		raw            []byte
		callID, method string
	}{
		{"request", lines("INVITE sip:911@h SIP/2.0", "Via: SIP/2.0/UDP h", "Call-ID: a@b", "CSeq: 1 INVITE", "", ""), "a@b", "INVITE"},
		{"response", lines("SIP/2.0 180 Ringing", "Call-ID: a@b", "CSeq: 1 INVITE", "", ""), "a@b", "INVITE"},
		{"response, CSeq first", lines("SIP/2.0 200 OK", "CSeq:  7\tREGISTER", "Call-ID: a@b", "", ""), "a@b", "REGISTER"},
		{"RFC 3261 s7.3.3 compact", lines("BYE sip:x SIP/2.0", "i:a@b", "", ""), "a@b", "BYE"},
		{"RFC 3261 s7.3.1 any case, blank before the colon", lines("BYE sip:x SIP/2.0", "CALL-id  :  a@b  ", "", ""), "a@b", "BYE"},
		{"RFC 3261 s7.3.1 folded", lines("BYE sip:x SIP/2.0", "Call-ID:", " a@b", "", ""), "a@b", "BYE"},
		{"bare LF", []byte("BYE sip:x SIP/2.0\nCall-ID: a@b\n\n"), "a@b", "BYE"},
		{"not in the body", lines("BYE sip:x SIP/2.0", "To: x", "", "Call-ID: a@b"), "", "BYE"},
		{"not a longer name", lines("BYE sip:x SIP/2.0", "X-Call-ID: no", "Call-ID-X: no", "Call-ID: a@b", "", ""), "a@b", "BYE"},
		{"the first of two", lines("BYE sip:x SIP/2.0", "Call-ID: a@b", "Call-ID: c@d", "", ""), "a@b", "BYE"},
		{"cut short", []byte("BYE sip:x SIP/2.0\r\nCall-ID: a@b"), "a@b", "BYE"},
		{"nothing", nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := summarise(tc.raw)
			if string(s.callID) != tc.callID || string(s.method) != tc.method {
				t.Errorf("got %q and %q, want %q and %q", s.callID, s.method, tc.callID, tc.method)
			}
		})
	}
}

func TestSummariseMakesNothing(t *testing.T) {
	raw := lines("SIP/2.0 200 OK", "Via: SIP/2.0/UDP h", "Proxy-Authenticate: Digest realm=x", "Call-ID: a@b", "CSeq: 1 INVITE", "", "")
	if n := testing.AllocsPerRun(100, func() { summarise(raw) }); n != 0 {
		t.Errorf("%v allocations for each message", n)
	}
}

func TestMask(t *testing.T) {
	for _, tc := range []struct {
		name      string
		raw, want []byte
	}{
		{"credentials, the scheme stays",
			lines("INVITE sip:x SIP/2.0", `Authorization: Digest username="u", response="0a"`, "To: x", "", ""),
			lines("INVITE sip:x SIP/2.0", "Authorization: Digest xxxxxxxxxxxxx xxxxxxxxxxxxx", "To: x", "", "")},
		{"any case, folded, several",
			lines("INVITE sip:x SIP/2.0", "PROXY-authorization : Digest", " response=0a,", "\tnonce=1", "authorization: Bearer t", "To: x", "", ""),
			lines("INVITE sip:x SIP/2.0", "PROXY-authorization : Digest", " xxxxxxxxxxxx", "\txxxxxxx", "authorization: Bearer x", "To: x", "", "")},
		{"without a scheme", lines("INVITE sip:x SIP/2.0", "Authorization: token", "", ""), lines("INVITE sip:x SIP/2.0", "Authorization: xxxxx", "", "")},
		{"challenges stay", lines("SIP/2.0 401 U", "WWW-Authenticate: Digest nonce=1", "", ""), lines("SIP/2.0 401 U", "WWW-Authenticate: Digest nonce=1", "", "")},
		{"RFC 4568 s6.1 keys in an SDP",
			lines("INVITE sip:x SIP/2.0", "To: x", "", "m=audio 9 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0Rm|2^20|1:4;inline:QUJD|2^20 KDR=1", "a=crypto:2 X inline:ee", "b"),
			lines("INVITE sip:x SIP/2.0", "To: x", "", "m=audio 9 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx|2^20|1:4;inline:xxxx|2^20 KDR=1", "a=crypto:2 X inline:xx", "b")},
		{"a body that ends in a key", lines("INVITE sip:x SIP/2.0", "", "inline:abc"), lines("INVITE sip:x SIP/2.0", "", "inline:xxx")},
		{"what stands like it in the body is not one", lines("INVITE sip:x SIP/2.0", "", "Authorization: x y"), lines("INVITE sip:x SIP/2.0", "", "Authorization: x y")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := bytes.Clone(tc.raw)
			if mask(got); !bytes.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// Whatever comes, masking keeps the shape of a message and leaves no credentials.
func FuzzMask(f *testing.F) {
	f.Add(lines("INVITE sip:x SIP/2.0", "Authorization: Digest a=b", "i: c", "", "inline:x"))
	f.Add([]byte("a\nAuthorization:\n b\n\ninline:inline:|"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := summarise(raw)
		callID, method := string(before.callID), string(before.method)
		masked := bytes.Clone(raw)
		mask(masked)
		if len(masked) != len(raw) || bytes.Count(masked, []byte("\n")) != bytes.Count(raw, []byte("\n")) {
			t.Fatalf("the shape has changed: %q", masked)
		}
		if after := summarise(masked); string(after.callID) != callID || string(after.method) != method {
			t.Errorf("Call-ID and method are %q, %q; they were %q, %q", after.callID, after.method, callID, method)
		}
		again := bytes.Clone(masked)
		if mask(again); !bytes.Equal(again, masked) {
			t.Errorf("masked twice it is %q, once %q", again, masked)
		}
	})
}
