package sipua

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// emergency is a leg to a PSAP that takes the location by value.
func emergency() gateway.Outgoing {
	return gateway.Outgoing{Call: "k1", Leg: "psap-us/1", SDP: offer,
		CallID:     "urn:emergency:uid:callid:3f9c0a7be1d24c58:gw.example.com",
		IncidentID: "urn:emergency:uid:incidentid:a1b2c3d4e5f60718:gw.example.com",
		Location: location.Location{ID: "L1", Source: location.SourceFixed, Method: "Wiremap", ObservedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Civic: location.CivicAddress{Country: "US", State: "TX", City: "Austin"}},
		Invite: call.Invite{Trunk: "psap-us", RequestURI: "sip:911@192.0.2.20", NextHop: "sip:192.0.2.20", Number: "+15125550100", Display: "Lobby phone",
			Asserted: true, Headers: "p-asserted-identity,from", Location: "by-value", ServiceURN: "urn:service:sos", Emergency: true}}
}

func TestOutgoingInvite(t *testing.T) {
	carried := gateway.Carried{Geolocation: []string{"<cid:dev@phone>", "<https://ls.example.com/1>"}, GeolocationRouting: "no",
		CallInfo: []string{"<cid:svc@phone>;purpose=EmergencyCallData.ServiceInfo"},
		Parts: []gateway.Part{{ContentType: "application/pidf+xml", ContentID: "dev@phone", Content: []byte("<device/>")},
			{ContentType: "application/EmergencyCallData.ServiceInfo+xml", ContentID: "svc@phone", Disposition: "by-reference;handling=optional", Headers: []string{"X-Kept: yes"}, Content: []byte("<svc/>")}}}
	for _, tc := range []struct {
		file   string
		change func(o *gateway.Outgoing)
	}{
		{"national-by-value", func(*gateway.Outgoing) {}},
		{"plus-country-none", func(o *gateway.Outgoing) {
			o.Invite.RequestURI, o.Invite.Location, o.Invite.NextHop = "sip:+1911@192.0.2.20", "none", "sip:192.0.2.20;transport=udp"
			o.Carried = carried
		}},
		{"urn", func(o *gateway.Outgoing) { o.Invite.RequestURI = "urn:service:sos" }},
		{"urn-route-already-loose", func(o *gateway.Outgoing) {
			o.Invite.RequestURI, o.Invite.NextHop = "urn:service:sos", "sip:psap@192.0.2.20;lr"
		}},
		{"other-next-hop", func(o *gateway.Outgoing) { o.Invite.RequestURI = "sip:911@esinet.example.net" }},
		{"plain", func(o *gateway.Outgoing) { o.Plain, o.Carried = true, carried }},
		{"re-routed", func(o *gateway.Outgoing) {
			o.Invite.RequestURI = "sip:911@192.0.2.21"
			o.Tried = []gateway.Attempt{{RequestURI: "urn:service:sos", Why: "no response"}, {RequestURI: "sip:911@192.0.2.20", Code: 503, Why: "Over \"load\""}}
		}},
		{"re-routed-plus-country-none", func(o *gateway.Outgoing) {
			o.Invite.Location = "none"
			o.Tried = []gateway.Attempt{{RequestURI: "sip:911@192.0.2.20", Code: 503}}
		}},
		{"preferred", func(o *gateway.Outgoing) { o.Invite.Asserted = false }},
		{"anonymous", func(o *gateway.Outgoing) { o.Invite.Number, o.Invite.Display = "", "" }},
		{"from-only", func(o *gateway.Outgoing) { o.Invite.Headers, o.Invite.Number = "from", "5125550100" }},
		{"remote-party-id", func(o *gateway.Outgoing) { o.Invite.Headers = "remote-party-id,from" }},
		{"odd-names", func(o *gateway.Outgoing) {
			o.Invite.Display, o.Invite.Number = "Lobby \"A\\B\"\r\nEvil: 1", "12 34@x"
		}},
		{"carried-and-ours", func(o *gateway.Outgoing) { o.Carried = carried }},
		{"carried-is-what-is-known", func(o *gateway.Outgoing) { o.Carried, o.Location.Source = carried, location.SourceCarried }},
		{"nothing-known", func(o *gateway.Outgoing) { o.Location = location.Location{} }},
		{"call-back", func(o *gateway.Outgoing) {
			o.Invite = call.Invite{RequestURI: "sip:2041@192.0.2.20", NextHop: "sip:2041@192.0.2.20", Number: "+15125559999", Asserted: true, Headers: "p-asserted-identity", Callback: true}
		}},
		{"team-member-over-flow", func(o *gateway.Outgoing) {
			o.Invite = call.Invite{RequestURI: "sip:7001@10.0.0.7", NextHop: "sip:7001@10.0.0.7", Flow: "UDP 192.0.2.1:5060-192.0.2.20:5060", Number: "2041", Display: "Lobby phone", Asserted: true}
		}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, l := r.peer(psapIP), &log{}
				r.net.Name("esinet.example.net", "192.0.2.77")
				o := emergency()
				tc.change(&o)
				leg := r.ua.Dial(o, l)
				invite := p.next("INVITE")
				leg.Cancel("")
				p.say(reply(invite, 486, "b", ""))
				check(t, invite, o)
				golden(t, tc.file, masked(invite))
			})
		})
	}
}

// check holds what must be true of every INVITE, whatever the golden files say.
func check(t *testing.T, invite string, o gateway.Outgoing) {
	t.Helper()
	head, _, _ := strings.Cut(invite, "\r\n\r\n")
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Geolocation", "Geolocation-Routing", "Content-Type", "Supported", "P-Asserted-Identity", "Resource-Priority"} {
		if n := len(values(invite, name)); n > 1 {
			t.Errorf("%d rows of %s", n, name)
		}
	}
	if strings.Contains(head, "\nEvil:") || strings.Contains(strings.ReplaceAll(head, "\r\n", ""), "\n") {
		t.Errorf("a header was smuggled in:\n%s", head)
	}
	if o.Invite.Emergency {
		// wO1, as conformance suites look for them.
		for kind, purpose := range map[string]string{"callid": "emergency-CallId", "incidentid": "emergency-IncidentId"} {
			re := regexp.MustCompile(`(?m)^Call-Info: <urn:emergency:uid:` + kind + `:[A-Za-z0-9]{10,32}:[a-z0-9\-\.]{1,200}\.[a-z0-9\-]{2,63}>;purpose=` + purpose + "\r$")
			if n := len(re.FindAllString(invite, -1)); n != 1 {
				t.Errorf("%d rows of Call-Info match %s", n, re)
			}
		}
	}
	// Every cid: of a header is a part of the body, and the description comes first (wG4).
	ids := map[string]bool{}
	kinds := ""
	if ct := value(invite, "Content-Type"); strings.HasPrefix(ct, "multipart/") {
		for _, p := range split([]byte(bodyOf(invite)), boundaryOf(gateway.Part{ContentType: ct}), maxDepth) {
			ids[p.ContentID] = true
			kinds += " " + kindOf(p)
		}
		if !strings.HasPrefix(kinds, " application/sdp ") {
			t.Errorf("parts%s", kinds)
		}
	}
	for _, m := range regexp.MustCompile(`<cid:([^>]*)>`).FindAllStringSubmatch(head, -1) {
		if !ids[m[1]] {
			t.Errorf("no part has the Content-ID %s", m[1])
		}
	}
	if body := bodyOf(invite); strings.Contains(strings.ReplaceAll(strings.Split(body, "<?xml")[0], "\r\n", ""), "\n") {
		t.Error("a bare LF in the body")
	}
}

// masked is a message without what is random in it, and with LF only.
func masked(m string) string {
	for re, with := range map[string]string{`branch=z9hG4bK[A-Z0-9]+`: "branch=B", `;tag=[A-Z0-9]{16}`: ";tag=T", `Call-ID: [A-Z0-9]+@`: "Call-ID: C@",
		`tocsin-[A-Z0-9]{16}`: "boundary", `Content-Length: \d+`: "Content-Length: N"} {
		m = regexp.MustCompile(re).ReplaceAllString(m, with)
	}
	return strings.ReplaceAll(m, "\r\n", "\n")
}

// golden compares with a file of testdata/invites.txtar.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "invites.txtar")
	text, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	ar := txtar.Parse(text)
	at := -1
	for i, f := range ar.Files {
		if f.Name == name {
			at = i
		}
	}
	if *update {
		if at < 0 {
			ar.Files = append(ar.Files, txtar.File{Name: name})
			at = len(ar.Files) - 1
		}
		ar.Files[at].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if at < 0 {
		t.Fatalf("%s has no %s: run with -update", path, name)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(ar.Files[at].Data)), strings.TrimSpace(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestIsName(t *testing.T) {
	for host, want := range map[string]bool{"gw.example.com": true, "192.0.2.1": false, "2001:db8::1": false, "[2001:db8::1]": false, "localhost": false, "": false} {
		if isName(host) != want {
			t.Errorf("isName(%q) is %v (RFC 8787 s4)", host, !want)
		}
	}
}

func TestContactOfIPv6(t *testing.T) {
	onRig(t, func(r *rig) {
		to := transport.To(transport.UDP, netip.MustParseAddrPort("[2001:db8::9]:5060")) // no socket of ours reaches it
		if got := r.ua.contact(to); got != "<sip:tocsin@gw.example.com;transport=udp>" {
			t.Errorf("%s", got)
		}
	})
}

func TestHistoryDoesNotGrow(t *testing.T) {
	o := emergency()
	for range 500 {
		o.Tried = append(o.Tried, gateway.Attempt{RequestURI: "sip:911@192.0.2.20", Code: 503})
	}
	hs := history(o)
	if entries := strings.Split(hs[0].Value(), ", "); len(entries) != historyLength+2 || !strings.HasSuffix(entries[len(entries)-1], ";index=1.501") {
		t.Errorf("%s", hs[0].Value())
	}
	if !strings.HasPrefix(hs[1].Value(), "emergency;cause=500;") {
		t.Errorf("%s", hs[1].Value())
	}
}
