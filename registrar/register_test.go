package registrar

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"pgregory.net/rapid"
)

const home = "192.0.2.10:5060"

// TestSteps is RFC 3261 s10.3, step by step. Each row has REGISTERs of one phone; the last
// is judged.
func TestSteps(t *testing.T) {
	const desk = "Contact: <sip:dana@192.0.2.10>"
	type send struct {
		callID  string // "" the phone's own
		cseq    int    // 0 the next
		headers []string
	}
	one := func(headers ...string) send { return send{headers: headers} }
	tests := []struct {
		name     string
		to       string
		sends    []send
		status   int
		header   string // "Name: value" of the answer
		contacts []string
		bound    []string // afterwards
	}{
		{"step 2: what is required and not known is refused", "", []send{one("Require: outbound, path, gruu", desk)}, 420, "Unsupported: outbound, gruu", nil, nil},
		{"step 4: another extension's address is not the device's to bind", "2002@acme.example", []send{one(desk)}, 403, "", nil, nil},
		{"step 4: another device's address is not the device's to bind", "eli@acme.example", []send{one(desk)}, 403, "", nil, nil},
		{"step 5: an address nobody has", "2999@acme.example", []send{one(desk)}, 404, "", nil, nil},
		{"step 5: the extension's number is the device's address too", "2001@acme.example", []send{one(desk)}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"step 6: without Contact it is a question", "", []send{one(desk, "Expires: 120"), one()}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=120"}, []string{"sip:dana@192.0.2.10"}},
		{"step 6: a question when nothing is bound", "", []send{one()}, 200, "", nil, nil},
		{"step 6: * ends all", "", []send{one(desk, "Contact: <sip:dana@192.0.2.11>"), one("Contact: *", "Expires: 0")}, 200, "", nil, nil},
		{"step 6: * ends those of another Call-ID", "", []send{one(desk), {"call-2", 1, []string{"Contact: *", "Expires: 0"}}}, 200, "", nil, nil},
		{"step 6: * needs Expires 0", "", []send{one(desk), one("Contact: *", "Expires: 60")}, 400, "", nil, []string{"sip:dana@192.0.2.10"}},
		{"step 6: * without Expires", "", []send{one(desk), one("Contact: *")}, 400, "", nil, []string{"sip:dana@192.0.2.10"}},
		{"step 6: * stands alone", "", []send{one(desk), one("Contact: *, <sip:dana@192.0.2.12>", "Expires: 0")}, 400, "", nil, []string{"sip:dana@192.0.2.10"}},
		{"step 6: a late * changes nothing", "", []send{{"", 90, []string{desk}}, {"", 89, []string{"Contact: *", "Expires: 0"}}}, 500, "", nil, []string{"sip:dana@192.0.2.10"}},
		{"step 7: the parameter before the header", "", []send{one(desk+";expires=300", "Expires: 600")}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=300"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: nothing said is an hour", "", []send{one(desk)}, 200, "", []string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: too long is shortened", "", []send{one(desk, "Expires: 86400")}, 200, "", []string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: longer than any number is shortened", "", []send{one(desk, "Expires: 99999999999999999999")}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: malformed is an hour (s20.19)", "", []send{one(desk + ";expires=soon")}, 200, "", []string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: too brief", "", []send{one(desk + ";expires=59")}, 423, "Min-Expires: 60", nil, nil},
		{"step 7: the shortest", "", []send{one(desk + ";expires=60")}, 200, "", []string{"<sip:dana@192.0.2.10>;expires=60"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: one contact too brief, none is bound", "", []send{one(desk, "Contact: <sip:dana@192.0.2.11>;expires=1")}, 423, "Min-Expires: 60", nil, nil},
		{"step 7: expires=0 ends one", "", []send{one(desk, "Contact: <sip:dana@192.0.2.11>"), one(desk + ";expires=0")}, 200, "",
			[]string{"<sip:dana@192.0.2.11>;expires=3600"}, []string{"sip:dana@192.0.2.11"}},
		{"step 7: the same Call-ID and a higher CSeq refreshes", "", []send{{"", 5, []string{desk, "Expires: 100"}}, {"", 6, []string{desk, "Expires: 200"}}}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=200"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: the same Call-ID and CSeq fails", "", []send{{"", 5, []string{desk}}, {"", 5, []string{desk + ";expires=0"}}}, 500, "", nil, []string{"sip:dana@192.0.2.10"}},
		{"step 7: the same Call-ID and a lower CSeq fails, for all contacts", "",
			[]send{{"", 5, []string{desk}}, {"", 4, []string{"Contact: <sip:dana@192.0.2.11>", desk}}}, 500, "", nil, []string{"sip:dana@192.0.2.10"}},
		{"step 7: another Call-ID may have any CSeq", "", []send{{"", 5, []string{desk}}, {"rebooted", 1, []string{desk, "Expires: 100"}}}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=100"}, []string{"sip:dana@192.0.2.10"}},
		{"step 7: an equal URI is the same binding (s19.1.4)", "", []send{one("Contact: <sip:%64ana@PHONE.example;Transport=udp>"), one("Contact: <sip:dana@phone.example;transport=UDP>", "Expires: 100")},
			200, "", []string{"<sip:dana@phone.example;transport=UDP>;expires=100"}, []string{"sip:dana@192.0.2.10:5060;transport=UDP"}},
		{"step 7: another user part is another", "", []send{one(desk), one("Contact: <sip:DANA@192.0.2.10>")}, 200, "",
			[]string{"<sip:DANA@192.0.2.10>;expires=3600", "<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:DANA@192.0.2.10", "sip:dana@192.0.2.10"}},
		{"step 7: a contact that stands twice counts once", "", []send{one(desk+";expires=100", desk+";expires=200")}, 200, "",
			[]string{"<sip:dana@192.0.2.10>;expires=200"}, []string{"sip:dana@192.0.2.10"}},
		{"step 8: what came with a contact is given back", "", []send{one(desk + `;q=0.7;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=1`)}, 200, "",
			[]string{`<sip:dana@192.0.2.10>;q=0.7;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=1;expires=3600`}, []string{"sip:dana@192.0.2.10"}},
		{"step 8: Date", "", []send{one(desk)}, 200, "Date: Sat, 01 Jan 2000 00:00:00 GMT", []string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"RFC 3327 s5.3 Path to those who know it", "", []send{one(desk, "Supported: path", "Path: <sip:edge.example;lr>")}, 200, "Path: <sip:edge.example;lr>",
			[]string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"RFC 3327 Path to those who do not", "", []send{one(desk, "Path: <sip:edge.example;lr>")}, 200, "Path: ",
			[]string{"<sip:dana@192.0.2.10>;expires=3600"}, []string{"sip:dana@192.0.2.10"}},
		{"RFC 5626 s6 the same instance and reg-id is the same binding", "", []send{one(desk + `;+sip.instance="<urn:uuid:1>";reg-id=1`), one(`Contact: <sip:dana@192.0.2.99>;+sip.instance="<urn:uuid:1>";reg-id=1`)},
			200, "", []string{`<sip:dana@192.0.2.99>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=3600`}, []string{"sip:dana@192.0.2.99"}},
		{"two instances with one contact are two", "", []send{one(desk + `;+sip.instance="<urn:uuid:1>"`), one(desk + `;+sip.instance="<urn:uuid:2>"`)}, 200, "",
			[]string{`<sip:dana@192.0.2.10>;+sip.instance="<urn:uuid:2>";expires=3600`, `<sip:dana@192.0.2.10>;+sip.instance="<urn:uuid:1>";expires=3600`},
			[]string{"sip:dana@192.0.2.10", "sip:dana@192.0.2.10"}},
		{"a contact that is no URI", "", []send{one("Contact: sip:dana@192.0.2.10?Route=x")}, 400, "", nil, nil},
		{"a contact too long to keep", "", []send{one("Contact: <sip:" + strings.Repeat("a", maxURI) + "@192.0.2.10>")}, 400, "", nil, nil},
		{"a mailto: is bound and not rung", "", []send{one("Contact: <mailto:dana@acme.example>")}, 200, "", []string{"<mailto:dana@acme.example>;expires=3600"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := registrarOf(campus(), Config{})
				p := dana(t, r, udp(home))
				if tt.to != "" {
					p.to = tt.to
				}
				p.accept(p.send())
				for i, s := range tt.sends {
					if s.callID != "" {
						p.callID = s.callID
					}
					if s.cseq != 0 {
						p.cseq = s.cseq - 1
					}
					res := p.send(s.headers...)
					if i < len(tt.sends)-1 {
						status(t, res, 200)
						time.Sleep(time.Nanosecond) // so that newest first has a meaning
						continue
					}
					status(t, res, tt.status)
					if diff := cmp.Diff(tt.contacts, contacts(res)); diff != "" {
						t.Errorf("contacts of the answer (-want +got):\n%s", diff)
					}
					if name, want, ok := strings.Cut(tt.header, ": "); ok {
						if got := header(res, name); got != want {
							t.Errorf("%s: %q, want %q", name, got, want)
						}
					}
				}
				var bound []string
				for _, c := range r.Contacts("acme", "2001") {
					bound = append(bound, c.URI)
				}
				if diff := cmp.Diff(tt.bound, bound); diff != "" {
					t.Errorf("bound afterwards (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestFaults(t *testing.T) {
	const head = "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\nFrom: <sip:dana@acme.example>;tag=1\r\n"
	tests := []struct {
		name, text string
		status     int
	}{
		{"another method in CSeq", "REGISTER sip:acme.example SIP/2.0\r\n" + head + "To: <sip:dana@acme.example>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n", 400},
		{"no Call-ID", "REGISTER sip:acme.example SIP/2.0\r\n" + head + "To: <sip:dana@acme.example>\r\nCSeq: 1 REGISTER\r\n\r\n", 400},
		{"another version", "REGISTER sip:acme.example SIP/7.0\r\n" + head + "To: <sip:dana@acme.example>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n", 505},
		{"a To nobody can read", "REGISTER sip:acme.example SIP/2.0\r\n" + head + "To: <sip:dana@acme.example\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n", 400},
		{"a display name that should be quoted is forgiven", "REGISTER sip:acme.example SIP/2.0\r\n" + head + "To: Dana (desk) <sip:dana@acme.example>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, faults, err := transport.Parse([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) == 0 {
				t.Fatal("the parser has no objection: the row tests nothing")
			}
			status(t, registrarOf(campus(), Config{}).Register(request(t, m.String()), faults, udp(home)), tt.status)
		})
	}
}

// TestNewestStands: whatever the order in which the REGISTERs of a phone arrive, the one
// with the highest CSeq is what holds.
func TestNewestStands(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := registrarOf(campus(), Config{})
		p := dana(t, r, udp(home))
		p.accept(p.send())
		n := rapid.IntRange(1, 8).Draw(rt, "registers")
		expires := rapid.SliceOfN(rapid.SampledFrom([]int{0, 60, 600, 3600}), n, n).Draw(rt, "expires")
		order := rapid.Permutation(seq(n)).Draw(rt, "order")
		top := -1
		for _, i := range order {
			p.cseq = i
			res := p.send("Contact: <sip:dana@192.0.2.10>", fmt.Sprintf("Expires: %d", expires[i]))
			want := 200
			if i < top {
				want = 500
			}
			top = max(top, i)
			if res.StatusCode != want {
				rt.Fatalf("CSeq %d after %d: %d", i, top, res.StatusCode)
			}
		}
		bs := r.Bindings("acme", "2001")
		if len(bs) != 1 || bs[0].CSeq != uint32(n) {
			rt.Fatalf("bindings %+v, want one of CSeq %d", bs, n)
		}
		if got, want := len(r.Contacts("acme", "2001")) == 1, expires[n-1] > 0; got != want {
			rt.Fatalf("rings: %v, want %v", got, want)
		}
	})
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestTwoPhones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{})
		desk := dana(t, r, udp(home))
		status(t, desk.register("Contact: <sip:dana@192.0.2.10>"), 200)
		time.Sleep(time.Second)
		app := dana(t, r, tcp("198.51.100.7:40000", 9))
		app.username, app.password, app.to, app.callID = "dana-app", "t0ken", "dana-app@acme.example", "app"
		res := app.register("Contact: <sip:dana-app@10.0.0.7:5070;transport=tcp>")
		status(t, res, 200)
		if got := contacts(res); len(got) != 1 || !strings.Contains(got[0], "dana-app") {
			t.Errorf("the app is told of %q; its address of record is its own", got)
		}
		want := []Contact{
			{Device: "app", URI: "sip:dana-app@198.51.100.7:5070;transport=tcp", Flow: app.flow.String()},
			{Device: "desk", URI: "sip:dana@192.0.2.10", Flow: desk.flow.String()},
		}
		if diff := cmp.Diff(want, r.Contacts("acme", "2001")); diff != "" {
			t.Errorf("contacts (-want +got):\n%s", diff)
		}
		if got := r.Contacts("other", "2001"); got != nil {
			t.Errorf("another account's extension of that number has %v", got)
		}
	})
}

func TestOneDeviceHasAFewContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &shelf{}
		r := registrarOf(campus(), Config{MaxContacts: 3, Keeper: k})
		r.Start()
		defer r.Close()
		p := dana(t, r, udp(home))
		for i := range 20 {
			p.callID = fmt.Sprint("boot-", i)
			status(t, p.register(fmt.Sprintf("Contact: <sip:dana@192.0.2.10:%d>", 6000+i)), 200)
			time.Sleep(time.Second)
		}
		if live, ended := r.Count(); live != 3 || ended != 3 {
			t.Errorf("%d live and %d ended, want 3 and 3", live, ended)
		}
		if got := r.Contacts("acme", "2001")[0].URI; got != "sip:dana@192.0.2.10:6019" {
			t.Errorf("the newest is %s", got)
		}
		if n := len(k.kept()); n != 6 {
			t.Errorf("%d kept, want 6", n)
		}
		status(t, p.register("Contact: <sip:a@192.0.2.1>, <sip:b@192.0.2.1>, <sip:c@192.0.2.1>, <sip:d@192.0.2.1>"), 403)
	})
}
