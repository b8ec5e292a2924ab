package transport

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// rfc4475 says of each message of RFC 4475 what Parse makes of it: "" no objection, "drop" not for
// anybody, otherwise the kind of its first fault. What is wrong with the others ("" all the same)
// is for a user agent to say: a scheme, an extension, a method, a body it does not know.
var rfc4475 = map[string]string{
	"wsinv": "", "intmeth": "", "esc01": "", "escnull": "", "esc02": "", "lwsdisp": "", "longreq": "", "dblreq": "",
	"semiuri": "", "transports": "", "mpart01": "", "unreason": "", "noreason": "",
	"badinv01": "bad header", "clerr": "body shorter than Content-Length", "ncl": "unusable Content-Length",
	"scalar02": "number out of range", "scalarlg": "drop", "quotbal": "bad header", "ltgtruri": "bad start line",
	"lwsruri": "bad start line", "lwsstart": "bad start line", "trws": "bad start line", "escruri": "bad start line",
	"baddate": "", "regbadct": "bad header", "badaspec": "bad header", "baddn": "headers not ended",
	"badvers": "version not supported", "mismatch01": "method mismatch", "mismatch02": "method mismatch", "bigcode": "drop",
	"badbranch": "", "insuf": "missing header", "unkscm": "", "novelsc": "", "unksm2": "", "bext01": "", "invut": "",
	"regaut01": "", "multi01": "repeated header", "mcl01": "unusable Content-Length", "bcast": "", "zeromf": "",
	"cparam01": "", "cparam02": "", "regescrt": "", "sdp01": "", "inv2543": "",
}

func TestTortureMessages(t *testing.T) {
	files, err := filepath.Glob("testdata/rfc4475/*.dat")
	if err != nil || len(files) != len(rfc4475) {
		t.Fatalf("%d messages, want %d (%v)", len(files), len(rfc4475), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".dat")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			msg, faults, err := Parse(raw)
			got := ""
			switch {
			case errors.Is(err, ErrNotSIP):
				got = "drop"
			case err != nil:
				t.Fatal(err)
			case len(faults) > 0:
				got = faults[0].Kind.String()
			}
			if got != rfc4475[name] {
				t.Errorf("%q, want %q (%v, %v)", got, rfc4475[name], faults, err)
			}
			if msg != nil && msg.Via() == nil && name != "badinv01" {
				t.Error("no top Via")
			}
		})
	}
}

func TestBlanksWhereTheGrammarAllowsThem(t *testing.T) {
	raw, err := os.ReadFile("testdata/rfc4475/wsinv.dat")
	if err != nil {
		t.Fatal(err)
	}
	msg, _, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var vias []string
	for _, h := range msg.GetHeaders("Via") {
		vias = append(vias, h.Value())
	}
	if diff := cmp.Diff([]string{
		"SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
		"SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
		"SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
	}, vias); diff != "" {
		t.Error(diff)
	}
	if tag, _ := msg.To().Params.Get("tag"); tag != "1918181833n" {
		t.Errorf("To tag %q", tag)
	}
	if got := msg.From().Value(); got != `"J Rosenberg \\\"" <sip:jdrosen@example.com>;tag=98asjd8` {
		t.Errorf("From %s", got)
	}
	if c := msg.CSeq(); c.SeqNo != 9 || c.MethodName != sip.INVITE {
		t.Errorf("CSeq %s", c)
	}
	if h := request(msg).GetHeader("NewFangledHeader"); h == nil || h.Value() != "newfangled value continued newfangled value" {
		t.Errorf("folded header: %v", h)
	}
	if len(msg.Body()) != 150 {
		t.Errorf("body of %d bytes", len(msg.Body()))
	}
}

const minimal = "INVITE sip:911@gw.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n" +
	"To: urn:service:sos\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"

func TestParse(t *testing.T) {
	for _, row := range []struct {
		name, raw string
		faults    string
		body      string
		check     func(*sip.Request) string
		want      string
	}{
		{"no Content-Length: the rest is body", minimal + "\r\nrest", "", "rest", nil, ""},
		{"trailing bytes after Content-Length are ignored", minimal + "Content-Length: 2\r\n\r\nrest", "", "re", nil, ""},
		{"wB2 To without brackets", minimal + "\r\n", "", "",
			func(r *sip.Request) string { return r.To().Address.String() }, "urn:service:sos"},
		{"wB2 odd header case", strings.ReplaceAll(minimal, "CSeq", "cSEQ") + "\r\n", "", "",
			func(r *sip.Request) string { return r.CSeq().Value() }, "1 INVITE"},
		{"bare LF ends a line", strings.ReplaceAll(minimal, "\r\n", "\n") + "\nx", "", "x", nil, ""},
		{"compact names are written out", minimal + "k: replaces\r\n\r\n", "", "",
			func(r *sip.Request) string { return r.GetHeader("Supported").Name() }, "Supported"},
		{"IPv6 in a Via", strings.Replace(minimal, "192.0.2.1", "[2001:db8::1]:5062", 1) + "\r\n", "", "",
			func(r *sip.Request) string { return r.Via().Host + " " + r.Via().SentBy() }, "2001:db8::1 2001:db8::1:5062"},
		{"two Vias in one row", strings.Replace(minimal, "K1\r\n", "K1, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\n", 1) + "\r\n", "", "",
			func(r *sip.Request) string { return r.GetHeaders("Via")[1].(*sip.ViaHeader).Host }, "192.0.2.9"},
		{"a comma inside a Contact's brackets", minimal + "Contact: <sip:a,b@c>, \"x, y\" <sip:d@e>\r\n\r\n", "", "",
			func(r *sip.Request) string {
				return r.GetHeaders("Contact")[1].(*sip.ContactHeader).Address.String()
			}, "sip:d@e"},
		{"a semicolon inside a quoted parameter", minimal + "Contact: <sip:a@b>;+sip.instance=\"<urn:x;y>\"\r\n\r\n", "", "",
			func(r *sip.Request) string { return r.Contact().Value() }, `<sip:a@b>;+sip.instance="<urn:x;y>"`},
		{"Content-Length beyond the datagram", minimal + "Content-Length: 9\r\n\r\nrest", "body shorter than Content-Length Content-Length: 4 of 9 bytes", "rest", nil, ""},
		{"negative Content-Length", minimal + "Content-Length: -1\r\n\r\n", "unusable Content-Length Content-Length: \"-1\" is no length", "", nil, ""},
		{"equal Content-Lengths agree", minimal + "Content-Length: 1\r\nl: 1\r\n\r\nx", "repeated header Content-Length", "x", nil, ""},
		{"CSeq of 2^31", strings.Replace(minimal, "CSeq: 1", "CSeq: 2147483648", 1) + "\r\n", "number out of range CSeq: number not below 2^31", "", nil, ""},
		{"Max-Forwards of 256", minimal + "Max-Forwards: 256\r\n\r\n", "number out of range Max-Forwards: not 0 to 255", "", nil, ""},
		{"cut off before the empty line", minimal, "headers not ended", "", nil, ""},
		{"a line that is no header is passed over", minimal + "nonsense\r\n\r\n", "bad header: \"nonsense\" is no header", "", nil, ""},
		{"a broken From does not hide the method", strings.Replace(minimal, "<sip:a@b>", "<sip:a@b", 1) + "\r\n", "bad header From: < without >", "",
			func(r *sip.Request) string { return string(r.Method) }, "INVITE"},
		{"a semicolon at the end of a header", strings.Replace(minimal, "tag=1", "tag=1;", 1) + "\r\n", "", "",
			func(r *sip.Request) string { return r.From().Value() }, "<sip:a@b>;tag=1"},
		{"an empty parameter does not cost the Via its branch", strings.Replace(minimal, ";branch", ";;branch", 1) + "\r\n", "bad header Via: empty parameter", "",
			func(r *sip.Request) string { return r.Via().Value() }, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"},
		{"a broken Request-URI leaves the To to go by", strings.Replace(minimal, "sip:911@gw.example", "sip:911@gw:x", 1) + "\r\n", "*", "",
			func(r *sip.Request) string { return r.To().Address.String() }, "urn:service:sos"},
	} {
		t.Run(row.name, func(t *testing.T) {
			msg, faults, err := Parse([]byte(row.raw))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range faults {
				got = append(got, f.String())
			}
			if all := strings.Join(got, "; "); all != row.faults && (row.faults != "*" || all == "") {
				t.Errorf("faults %q, want %q", all, row.faults)
			}
			if string(msg.Body()) != row.body {
				t.Errorf("body %q, want %q", msg.Body(), row.body)
			}
			if row.check != nil {
				if got := row.check(request(msg)); got != row.want {
					t.Errorf("got %q, want %q", got, row.want)
				}
			}
		})
	}
}

func TestJunkIsRefused(t *testing.T) {
	for _, raw := range []string{
		"", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "INVITE", "INVITE sip:a@b\r\n\r\n", "IN(VITE sip:a@b SIP/2.0\r\n\r\n",
		"SIP/2.0 20 OK\r\n\r\n", "SIP/2.0 999 OK\r\n\r\n", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n\r\n", "\x00\x01\x00\x08junk",
	} {
		if msg, _, err := Parse([]byte(raw)); !errors.Is(err, ErrNotSIP) {
			t.Errorf("%q: %v, %v", raw, msg, err)
		}
	}
}

// FuzzParse looks for a panic, and for a message that is written out as something Parse does
// not read back the same way.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/rfc4475/*.dat")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(minimal + "Content-Length: 4\r\n\r\nbody"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		msg, faults, err := Parse(raw)
		if err != nil || len(faults) > 0 {
			return
		}
		again, _, err := Parse([]byte(msg.String()))
		if err != nil {
			t.Fatalf("written out it is refused: %v\n%s", err, msg)
		}
		if a, b := msg.CallID().Value(), again.CallID().Value(); a != b {
			t.Errorf("Call-ID %q became %q", a, b)
		}
		if a, b := msg.Via().Value(), again.Via().Value(); a != b {
			t.Errorf("Via %q became %q", a, b)
		}
		if a, b := string(msg.Body()), string(again.Body()); a != b {
			t.Errorf("body %q became %q", a, b)
		}
	})
}
