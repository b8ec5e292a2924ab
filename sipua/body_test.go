package sipua

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/gateway"
)

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestParts(t *testing.T) {
	const sdp = "v=0\r\n"
	for _, tc := range []struct {
		name, contentType, body string
		sdp                     string
		want                    []gateway.Part
	}{
		{"a description alone", "application/sdp", sdp, sdp, nil},
		{"odd case and a parameter", "Application/SDP; charset=utf-8", sdp, sdp, nil},
		{"no Content-Type at all", "", sdp, sdp, nil},
		{"nothing", "application/sdp", "", "", nil},
		{"something else alone", "application/pidf+xml", "<x/>", "", []gateway.Part{{ContentType: "application/pidf+xml", Content: []byte("<x/>")}}},
		{"RFC 2046 s5.1.1, with preamble and epilogue", "multipart/mixed; boundary=b1",
			crlf("hello\n--b1\nContent-Type: application/sdp\n\nv=0\n\n--b1\nContent-Type: application/pidf+xml\nContent-ID: <loc@x>\nContent-Disposition: by-reference;handling=optional\n\n<x/>\n--b1--\nbye\n--b1\n\nmore"),
			sdp, []gateway.Part{{ContentType: "application/pidf+xml", ContentID: "loc@x", Disposition: "by-reference;handling=optional", Content: []byte("<x/>")}}},
		{"the last line end of a description belongs to the delimiter", "multipart/mixed; boundary=b1",
			crlf("--b1\nContent-Type: application/sdp\n\nv=0\n--b1--"), sdp, nil},
		{"bare LF", "multipart/mixed; boundary=b1", "--b1\nContent-Type: application/sdp\n\nv=0\n--b1\nContent-Type: text/plain\n\nx\n--b1--\n", sdp,
			[]gateway.Part{{ContentType: "text/plain", Content: []byte("x")}}},
		{"other header lines, one folded, stay", "multipart/mixed; boundary=b1",
			crlf("--b1\nContent-Type: application/vnd.x;\n a=b\nContent-Transfer-Encoding: base64\nContent-Length: 4\n\nAAAA\n--b1--"), "",
			[]gateway.Part{{ContentType: "application/vnd.x; a=b", Headers: []string{"Content-Transfer-Encoding: base64"}, Content: []byte("AAAA")}}},
		{"a part without headers", "multipart/mixed; boundary=b1", crlf("--b1\n\nplain\n--b1--"), "", []gateway.Part{{Content: []byte("plain")}}},
		{"content that looks like a delimiter but is longer", "multipart/mixed; boundary=b1",
			crlf("--b1\nContent-Type: text/plain\n\n--b12\n--b1x--\n --b1\n--b1--"), "", []gateway.Part{{ContentType: "text/plain", Content: []byte("--b12\r\n--b1x--\r\n --b1")}}},
		{"white space after the boundary", "multipart/mixed; boundary=b1", crlf("--b1 \t\nContent-Type: text/plain\n\nx\n--b1--  \n"), "", []gateway.Part{{ContentType: "text/plain", Content: []byte("x")}}},
		{"not ended", "multipart/mixed; boundary=b1", crlf("--b1\nContent-Type: application/sdp\n\nv=0\n"), sdp, nil},
		{"the last delimiter is cut off", "multipart/mixed; boundary=b1", crlf("--b1\nContent-Type: text/plain\n\nx\n--b1"), "", []gateway.Part{{ContentType: "text/plain", Content: []byte("x")}}},
		{"quoted boundary with blanks", `multipart/mixed; boundary="a b"`, crlf("--a b\nContent-Type: application/sdp\n\nv=0\n--a b--"), sdp, nil},
		{"a boundary that should have been quoted", "multipart/mixed;boundary=a/b", crlf("--a/b\nContent-Type: application/sdp\n\nv=0\n--a/b--"), sdp, nil},
		{"no boundary: the first line tells", "multipart/mixed", crlf("--zz\nContent-Type: application/sdp\n\nv=0\n--zz--"), sdp, nil},
		{"a multipart in which nothing is found", "multipart/mixed; boundary=b1", "rubbish", "", []gateway.Part{{ContentType: "multipart/mixed; boundary=b1", Content: []byte("rubbish")}}},
		{"wO6 a nested multipart stays whole", "multipart/mixed; boundary=b1",
			crlf("--b1\nContent-Type: application/sdp\n\nv=0\n--b1\nContent-Type: multipart/related; boundary=b12\n\n--b12\nContent-ID: <in@x>\n\n<in/>\n--b12--\n--b1--"), sdp,
			[]gateway.Part{{ContentType: "multipart/related; boundary=b12", Content: []byte("--b12\r\nContent-ID: <in@x>\r\n\r\n<in/>\r\n--b12--"),
				Inside: []gateway.Part{{ContentID: "in@x", Content: []byte("<in/>")}}}}},
		{"a description inside a nested multipart", "multipart/mixed; boundary=b1",
			crlf("--b1\nContent-Type: multipart/alternative; boundary=b2\n\n--b2\nContent-Type: application/sdp\n\nv=0\n--b2\nContent-Type: text/plain\n\nt\n--b2--\n--b1\nContent-Type: text/html\n\nh\n--b1--"), sdp,
			[]gateway.Part{{ContentType: "text/plain", Content: []byte("t")}, {ContentType: "text/html", Content: []byte("h")}}},
		{"a second description is no ours to drop", "multipart/mixed; boundary=b1",
			crlf("--b1\nContent-Type: application/sdp\n\nv=0\n--b1\nContent-Type: application/sdp\n\nv=1\n--b1--"), sdp, []gateway.Part{{ContentType: "application/sdp", Content: []byte("v=1")}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ct := "Content-Type: " + tc.contentType
			if tc.contentType == "" {
				ct = "Content-Type: -"
			}
			in := received(t, dialled911, tc.body, ct)
			if in.SDP != tc.sdp {
				t.Errorf("description %q, want %q", in.SDP, tc.sdp)
			}
			if diff := cmp.Diff(tc.want, in.Parts); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPartsAreBounded(t *testing.T) {
	flood := strings.Repeat("--b\r\n\r\nx\r\n", 10000)
	if n := len(received(t, dialled911, flood, "Content-Type: multipart/mixed;boundary=b").Parts); n != maxParts {
		t.Errorf("%d parts", n)
	}
}

func TestPartsAreOpenedOnlySoDeep(t *testing.T) {
	text := "x"
	for i := maxDepth + 2; i > 0; i-- {
		text = fmt.Sprintf("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n%s\r\n--b%d--", i, i+1, text, i)
	}
	depth := 0
	for ps := received(t, dialled911, text, "Content-Type: multipart/mixed;boundary=b1").Parts; len(ps) > 0; ps = ps[0].Inside {
		depth++
	}
	if depth != maxDepth {
		t.Errorf("opened %d deep", depth)
	}
}

// What a body is made of, it is taken apart into again, byte for byte (wO6).
func TestBodyRoundTrip(t *testing.T) {
	ps := []gateway.Part{
		{ContentType: "application/pidf+xml", ContentID: "a@b", Disposition: "by-reference;handling=optional", Content: []byte("<x>\r\n\r\n</x>\r\n")},
		{ContentType: "application/octet-stream", Headers: []string{"Content-Transfer-Encoding: binary"}, Content: []byte{0, 1, '\n', '\r', '-', '-', 255}},
		{ContentType: "text/plain", Content: []byte("")},
	}
	ct, content := body(offer, ps)
	in := received(t, dialled911, string(content), "Content-Type: "+ct)
	if in.SDP != offer {
		t.Errorf("description %q", in.SDP)
	}
	if diff := cmp.Diff(ps, in.Parts, cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func FuzzParts(f *testing.F) {
	f.Add("multipart/mixed; boundary=b1", "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--")
	f.Add("multipart/mixed; boundary=b", "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b--")
	f.Add("multipart/mixed", "--\n\n--")
	f.Fuzz(func(t *testing.T, contentType, content string) {
		if strings.ContainsAny(contentType, "\r\n") || contentType == "" {
			return
		}
		p := gateway.Part{ContentType: contentType, Content: []byte(content)}
		if b := boundaryOf(p); b != "" {
			p.Inside = split(p.Content, b, maxDepth)
		}
		var inside func([]gateway.Part, int)
		inside = func(ps []gateway.Part, size int) {
			if len(ps) > maxParts {
				t.Fatalf("%d parts", len(ps))
			}
			for _, in := range ps {
				// Nothing is made up, and nothing is in two parts.
				if size -= len(in.Content); size < 0 {
					t.Fatal("the parts are larger than the whole")
				}
				inside(in.Inside, len(in.Content))
			}
		}
		inside(p.Inside, len(content))
		sdp, others := take(p)
		if len(sdp) > len(content)+2 {
			t.Fatalf("a description of %d bytes out of %d", len(sdp), len(content))
		}
		body(sdp, others)
	})
}

func FuzzInbound(f *testing.F) {
	f.Add((&peer{ip: phoneIP}).request("INVITE", dialled911, offer, `P-Asserted-Identity: "x\" <sip:a@b>, <tel:1>`, "Geolocation: <cid:a>;loc-src=x", "Call-Info: <urn:nena:callid:a:b>"))
	f.Add((&peer{ip: phoneIP}).request("INVITE", "urn:service:sos", offer, "Record-Route: <sip:a;lr>,<sip:b>", "To: x"))
	f.Fuzz(func(t *testing.T, text string) {
		m, faults, err := transportParse(text)
		if err != nil || m == nil {
			return
		}
		in := inbound(m, phoneFlow, faults)
		for _, c := range in.Claims {
			if strings.ContainsAny(c.Display+c.User, "\r\n") && !strings.Contains(text, "%") {
				t.Fatalf("a claim of several lines: %q", c)
			}
		}
		d := &dialog{local: withoutTag(headerValue(m, "To")), routes: recordRoutes(m)}
		for _, r := range d.routes {
			loose(r)
		}
		contactOf(m)
	})
}
