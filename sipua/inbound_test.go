package sipua

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

var phoneFlow = transport.Flow{Protocol: transport.UDP, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("192.0.2.10:5060")}

// received is what the call is handed of an INVITE with these headers.
func received(t testing.TB, uri, body string, headers ...string) gateway.Inbound {
	t.Helper()
	req, faults := parse(t, (&peer{ip: phoneIP}).request("INVITE", uri, body, headers...))
	return inbound(req, phoneFlow, faults)
}

func TestInboundWhole(t *testing.T) {
	in := received(t, "sip:911@192.0.2.1;user=phone", offer, "Priority: Emergency", "Geolocation-Routing: YES")
	in.At = in.At.UTC().Truncate(0)
	want := gateway.Inbound{At: in.At, SIPCallID: "c1@192.0.2.10", RequestURI: "sip:911@192.0.2.1;user=phone",
		Dialled: shortcode.Dialled{Scheme: "sip", User: "911", Params: map[string]string{"user": "phone"}},
		To:      shortcode.Dialled{Scheme: "sip", User: "911", Params: map[string]string{"user": "phone"}},
		Domain:  "example.com", Claims: []gateway.Claim{{Header: "from", User: "2041", Domain: "example.com", Display: "Lobby"}},
		From:      gateway.Peer{Source: phoneFlow.Remote, Flow: "UDP 192.0.2.1:5060-192.0.2.10:5060", Contact: "sip:2041@192.0.2.10:5060"},
		Transport: "UDP", Priority: "emergency", GeolocationRouting: "yes", SDP: offer}
	if diff := cmp.Diff(want, in, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDialled(t *testing.T) {
	for _, tc := range []struct {
		uri  string
		want string // scheme user params
	}{
		{"sip:911@192.0.2.1", "sip 911 map[]"},
		{"sip:911;phone-context=+1@gw.example.com;user=phone", "sip 911;phone-context=+1 map[user:phone]"},
		{"sip:911@gw;user=dialstring", "sip 911 map[user:dialstring]"},
		{"tel:911;phone-context=+1", "tel 911;phone-context=+1 map[]"},
		{"tel:911", "tel 911 map[]"},
		{"TEL:9-1-1", "tel 9-1-1 map[]"},
		{"sip:+1911@gw", "sip +1911 map[]"},
		{"sip:%39%31%31@gw", "sip %39%31%31 map[]"},
		{"sip:9-1-1@gw", "sip 9-1-1 map[]"},
		{"sip:911:secret@gw", "sip 911 map[]"},
		{"sip:911@[2001:db8::1]:5070", "sip 911 map[]"},
		{"urn:service:sos", "urn service:sos map[]"},
		{"URN:service:SOS.fire", "urn service:SOS.fire map[]"},
		{"urn:service:test.sos", "urn service:test.sos map[]"},
		{"sip:911", "sip 911 map[]"}, // RFC 3261 s25.1: no host is made of digits
		{"sip:192.0.2.1", "sip  map[]"},
		{"sip:gw.example.com", "sip  map[]"},
	} {
		t.Run(tc.uri, func(t *testing.T) {
			d := received(t, tc.uri, offer, "To: <sip:x@y>").Dialled
			if d.Params == nil {
				d.Params = map[string]string{}
			}
			if got := fmt.Sprintf("%s %s %v", d.Scheme, d.User, d.Params); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		want    string // header user@domain "display"
	}{
		{"a name in quotes", []string{`From: "Khan, Amir" <sip:2041@example.com>;tag=1`}, `from 2041@example.com "Khan, Amir"`},
		{"quotes and a semicolon inside quotes", []string{`From: "Amir \"Bob\"; Khan" <sip:2041@example.com>;tag=1`}, `from 2041@example.com "Amir "Bob"; Khan"`},
		{"a bracket inside quotes", []string{`From: "a <sip:evil@x> b" <sip:2041@example.com>;tag=1`}, `from 2041@example.com "a <sip:evil@x> b"`},
		{"no quotes", []string{`From: Amir Khan <sip:2041@example.com>;tag=1`}, `from 2041@example.com "Amir Khan"`},
		{"no brackets", []string{`From: sip:2041@example.com;tag=1`}, `from 2041@example.com ""`},
		{"a quotation mark without its partner", []string{`From: "Amir <sip:2041@example.com>;tag=1`}, `from 2041@example.com "Amir"`},
		{"tel", []string{`From: <tel:+15125550100;ext=7>;tag=1`}, `from +15125550100@ ""`},
		{"escapes", []string{`From: <sip:%32041@example.com>;tag=1`}, `from 2041@example.com ""`},
		{"P-Asserted-Identity, two in one row", []string{"From: <sip:a@b>;tag=1", `P-Asserted-Identity: "Khan, A" <sip:+15125550100@example.com;user=phone>, <tel:+15125550101>`},
			`from a@b ""; p-asserted-identity +15125550100@example.com "Khan, A"; p-asserted-identity +15125550101@ ""`},
		{"P-Asserted-Identity in two rows", []string{"From: <sip:a@b>;tag=1", "P-Asserted-Identity: <sip:x@example.com>", "p-asserted-identity: <tel:1>"},
			`from a@b ""; p-asserted-identity x@example.com ""; p-asserted-identity 1@ ""`},
		{"all of them", []string{"From: <sip:a@b>;tag=1", `Remote-Party-ID: "Desk" <sip:7001@example.com>;party=calling;screen=yes`, "P-Preferred-Identity: sip:7002@example.com"},
			`from a@b ""; p-preferred-identity 7002@example.com ""; remote-party-id 7001@example.com "Desk"`},
		{"garbage is no claim", []string{"From: <sip:a@b>;tag=1", "P-Asserted-Identity: <<<>>>, ;;;, x", "Remote-Party-ID:"}, `from a@b ""`},
		{"a compact From", []string{"From: -", `f: <sip:9@c>;tag=1`}, `from 9@c ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := received(t, dialled911, offer, tc.headers...)
			var got []string
			for _, c := range in.Claims {
				got = append(got, fmt.Sprintf(`%s %s@%s "%s"`, c.Header, c.User, c.Domain, c.Display))
			}
			if s := strings.Join(got, "; "); s != tc.want {
				t.Errorf("%s\nwant %s", s, tc.want)
			}
		})
	}
}

func TestCompactHeaders(t *testing.T) {
	text := message("INVITE sip:911@192.0.2.1 SIP/2.0\nv: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\nf: <sip:2041@example.com>;tag=1\nt: urn:service:sos\n"+
		"i: cc\nCSeq: 1 INVITE\nm: <sip:2041@192.0.2.10>\nc: application/sdp", offer)
	req, faults := parse(t, strings.Replace(text, "Content-Length", "l", 1))
	in := inbound(req, phoneFlow, faults)
	if in.SIPCallID != "cc" || in.SDP != offer || in.From.Contact != "sip:2041@192.0.2.10" || in.To.User != "service:sos" || in.Domain != "example.com" || in.Malformed != "" {
		t.Errorf("%+v", in)
	}
}

func TestGeolocation(t *testing.T) {
	for _, tc := range []struct{ name, header, want string }{
		{"wG1 a list", "<cid:a@b>;x=y, <https://ls.example.com/1>", "<cid:a@b>;x=y, <https://ls.example.com/1>"},
		{"wG1 several rows", "<cid:a@b>\nGeolocation: <cid:c@d>", "<cid:a@b>|<cid:c@d>"},
		{"wG7 loc-src of somebody outside is taken off", "<cid:a@b>;loc-src=esrp.example.net;x=y, <sip:l@ls;transport=tcp>;LOC-SRC=192.0.2.9", "<cid:a@b>;x=y, <sip:l@ls;transport=tcp>"},
		{"a comma inside", "<https://ls.example.com/?a=1,2>", "<https://ls.example.com/?a=1,2>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := received(t, dialled911, offer, strings.Split("Geolocation: "+tc.header, "\n")...)
			if got := strings.Join(in.Geolocation, "|"); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestIdentifiersItHas(t *testing.T) {
	const call, incident = "urn:emergency:uid:callid:3f9c0a7be1d24c58:bcf.example.com", "urn:emergency:uid:incidentid:a1b2c3d4e5f60718:bcf.example.com"
	for _, tc := range []struct {
		name, header           string
		call, incident, others string
	}{
		{"v3, in one row", "<" + call + ">;purpose=emergency-CallId, <" + incident + ">;purpose=emergency-IncidentId", call, incident, ""},
		{"v2", "<urn:nena:uid:callid:3f9c0a7be1d24c58:bcf.example.com>;purpose=nena-CallId\nCall-Info: <urn:nena:uid:incidentid:a1b2c3d4e5f60718:bcf.example.com>;purpose=nena-IncidentId", call, incident, ""},
		{"ETSI purpose, odd case", "<URN:Emergency:UID:CallID:3f9c0a7be1d24c58:bcf.example.com>;purpose=EmergencyCallData.CallId", call, "", ""},
		{"the first counts", "<" + call + ">;purpose=emergency-CallId, <urn:emergency:uid:callid:zzzzzzzzzzzz:x.example.com>;purpose=emergency-CallId", call, "", ""},
		{"RFC 7852 additional data is passed on, pictures are not", "<cid:svc@x>;purpose=EmergencyCallData.ServiceInfo, <https://x/me.png>;purpose=icon", "", "", "<cid:svc@x>;purpose=EmergencyCallData.ServiceInfo"},
		{"not one of them", "<urn:emergency:uid:callid:>;purpose=emergency-CallId, <urn:x:uid:callid:aaaaaaaaaaaa:b.c>;purpose=y, , <", "", "", "<urn:emergency:uid:callid:>;purpose=emergency-CallId"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := received(t, dialled911, offer, strings.Split("Call-Info: "+tc.header, "\n")...)
			if in.CallID != tc.call || in.IncidentID != tc.incident || strings.Join(in.CallInfo, "|") != tc.others {
				t.Errorf("%q %q %q", in.CallID, in.IncidentID, in.CallInfo)
			}
		})
	}
}

// L1: what a strict element would refuse is said, and the call is handed over all the same.
func TestMalformedIsHandedOver(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no Max-Forwards, no Contact", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10\nFrom: <sip:a@b>;tag=1\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 1 INVITE", ""},
		{"no To", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10\nFrom: <sip:a@b>;tag=1\nCall-ID: c\nCSeq: 1 INVITE", "missing header To"},
		{"no From", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 1 INVITE", "missing header From"},
		{"nothing but a Via", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10", "missing header From"},
		{"CSeq of another method", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10\nFrom: <sip:a@b>;tag=1\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 1 BYE", "method mismatch CSeq: BYE"},
		{"version", "INVITE sip:911@192.0.2.1 SIP/7.0\nVia: SIP/2.0/UDP 192.0.2.10\nFrom: <sip:a@b>;tag=1\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 1 INVITE", "version not supported: SIP/7.0"},
		{"an extension", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10\nFrom: <sip:a@b>;tag=1\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 1 INVITE\nRequire: 100rel, x-new", "extension required: x-new"},
		{"garbage everywhere else", "INVITE sip:911@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10\nFrom: <sip:a@b>;tag=1\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 1 INVITE\nContact: <<>\nGeolocation: <\nContent-Type: multipart/mixed\nCall-Info: \"", "bad header Contact: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p := r.peer(phoneIP)
				p.say(message(tc.text, offer))
				a := r.arrived(1)
				if tc.want == "" && a.in.Malformed != "" || !strings.HasPrefix(a.in.Malformed, tc.want) {
					t.Errorf("malformed %q, want %q", a.in.Malformed, tc.want)
				}
				if a.in.Dialled.User != "911" {
					t.Errorf("dialled %+v", a.in.Dialled)
				}
				a.caller.Answer(answer)
				p.next("SIP/2.0 200 OK")
				a.caller.End(0, "")
				if story := p.story(); !strings.Contains(story, "BYE") {
					t.Errorf("heard %s", story)
				}
			})
		})
	}
}
