package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// phone is a caller that stands in a network of the site hq and is not registered.
func phone(uri string) role {
	return role{scenario: "caller", host: 8, port: 5060, caller: "lobby", uri: uri, hold: 100}
}

// psap is the first proxy of the dedicated trunk.
func psap() role { return role{scenario: "psap", host: 1, port: 5190, tcp: true, hold: 50} }

// register binds an extension's telephone to an address, and stays silent then.
func (c *campus) register(name string, r role) {
	c.t.Helper()
	r.scenario, r.password = "register", "change-me"
	c.sipp(name, r).done()
}

func TestWhatThePSAPGets(t *testing.T) {
	t.Parallel()
	c := startCampus(t)
	desk := role{scenario: "caller", host: 9, port: 5062, caller: "2001-desk", uri: "sip:911@" + c.gateway(), hold: 200}
	c.register("desk-registers", desk)
	p := c.sipp("psap", psap())
	caller := c.sipp("desk", desk)
	caller.done()
	p.done()

	invite := one(t, p.received("INVITE"))
	if want := "sip:911@" + c.host(1) + ":5190"; !strings.HasPrefix(invite.uri(), want) {
		t.Errorf("request-URI %s, want %s", invite.uri(), want)
	}
	for name, want := range map[string]string{
		"From":                `^.*<sip:\+14085550141@[^>]*>;tag=.+$`,
		"P-Asserted-Identity": `^<sip:\+14085550141@[^>]*>$`, // wO4
		"Resource-Priority":   `^esnet\.1$`,                  // wO2
		"Geolocation-Routing": `^yes$`,
		"Geolocation":         `^<cid:[^>]+>(;loc-src=gw\.e2e\.example)?$`, // wG7
		"Supported":           `\breplaces\b`,                              // wO5
		// wO1, NENA-STA-010 s2.1.6
		"Call-Info": `<urn:emergency:uid:callid:[A-Za-z0-9]{10,32}:[a-z0-9.-]{1,200}\.[a-z0-9-]{2,63}>; ?purpose=emergency-CallId.*<urn:emergency:uid:incidentid:[A-Za-z0-9]{10,32}:[a-z0-9.-]{1,200}\.[a-z0-9-]{2,63}>; ?purpose=emergency-IncidentId`,
	} {
		if got := invite.header(name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %q, want %s", name, got, want)
		}
	}
	place := invite.partOf(t, "application/pidf+xml")
	if cid := "<cid:" + place.id + ">"; !strings.HasPrefix(invite.header("Geolocation"), cid) {
		t.Errorf("Geolocation %s does not name the part %s (wG4)", invite.header("Geolocation"), cid)
	}
	valid(t, place.content)
	for _, want := range []string{"Almaden", ">55<", ">95113<"} {
		if !strings.Contains(place.content, want) {
			t.Errorf("the location has no %s:\n%s", want, place.content)
		}
	}
	if sdp := invite.partOf(t, "application/sdp"); !strings.Contains(sdp.content, "PCMU/8000") {
		t.Errorf("the offer has no PCMU (wO8):\n%s", sdp.content)
	}
	if ok := one(t, caller.received("180")); ok.header("To") == "" {
		t.Error("the caller heard no ringing")
	}
	if k := c.ended(1)[0]; k.Class != "emergency" || k.Extension != "2001" || k.Outcome != "completed" {
		t.Errorf("the record says %+v", k)
	}
	if shown := c.tocsin("calls", "show", "--verify", c.calls()[0].ID); !strings.Contains(shown, "Almaden") || !strings.Contains(shown, "links holds") {
		t.Errorf("calls show:\n%s", shown)
	}
}

func TestEveryFormOf911(t *testing.T) { // wR3
	t.Parallel()
	c := startCampus(t)
	forms := []string{"sip:911@GW", "sip:911;phone-context=+1@GW;user=phone", "sip:911@GW;user=dialstring", "tel:911;phone-context=+1", "tel:911",
		"sip:+1911@GW", "sip:%39%31%31@GW", "sip:9-1-1@GW", "urn:service:sos", "sip:9911@GW", "sip:112@GW"}
	c.sipp("psap", role{scenario: "psap", host: 1, port: 5190, tcp: true, calls: len(forms)})
	for i, form := range forms {
		c.sipp(fmt.Sprintf("phone-%d", i), phone(strings.ReplaceAll(form, "GW", c.gateway()))).done()
	}
	for i, k := range c.ended(len(forms)) {
		if k.Class != "emergency" || k.Outcome != "completed" {
			t.Errorf("%s (of %s) was %s, %s", k.Dialled, forms[len(forms)-1-i], k.Class, k.Outcome)
		}
	}
}

func TestFromNowhereIsRefused(t *testing.T) { // R15
	t.Parallel()
	c := startCampus(t)
	stranger := phone("sip:911@" + c.gateway())
	stranger.scenario, stranger.host = "caller-refused", 77
	c.sipp("stranger", stranger).done()
	if n := c.metric(`tocsin_calls_total{taken="stranger"}`); n != "1" {
		t.Errorf("%s strangers were counted, want 1", n)
	}
}

func TestABusyPSAPIsFollowedByTheNext(t *testing.T) { // R8
	t.Parallel()
	c := startCampus(t)
	first, second := psap(), psap()
	first.scenario, second.port = "psap-busy", 5191
	a, b := c.sipp("psap-1", first), c.sipp("psap-2", second)
	caller := c.sipp("phone", phone("sip:911@"+c.gateway()))
	caller.done()
	a.done()
	b.done()
	for _, s := range []string{"486", "503", "600"} {
		if got := caller.received(s); len(got) > 0 {
			t.Errorf("the caller heard of it: %s", got[0].first)
		}
	}
}

func TestACarrierWithoutLocationComesNext(t *testing.T) { // R8, W6: nobody is at the dedicated trunk
	t.Parallel()
	c := startCampus(t)
	carrier := c.sipp("carrier", role{scenario: "psap", host: 1, port: 5193})
	c.sipp("phone", phone("sip:911@"+c.gateway())).done()
	carrier.done()
	invite := one(t, carrier.received("INVITE"))
	if g := invite.header("Geolocation"); g != "" {
		t.Errorf("a trunk without location got Geolocation %s", g)
	}
	if pai := invite.header("P-Asserted-Identity"); pai != "" {
		t.Errorf("nobody vouches for this caller, and the carrier got P-Asserted-Identity %s (R15 c)", pai)
	}
	if from := invite.header("From"); !strings.Contains(from, "+1408555019") {
		t.Errorf("From %s: an extension-only caller borrows a number of the pool (C1.3)", from)
	}
}

func TestALocationGoesByTCPAndBackToUDP(t *testing.T) { // RFC 3261 s18.1.1: TCP is refused here
	t.Parallel()
	c := startCampus(t, instead(t, ":5190;transport=tcp", ":5190;transport=udp"))
	datagrams := psap()
	datagrams.tcp = false
	p := c.sipp("psap", datagrams)
	c.sipp("phone", phone("sip:911@"+c.gateway())).done()
	p.done()
	invite := one(t, p.received("INVITE"))
	if via := invite.header("Via"); !strings.HasPrefix(via, "SIP/2.0/UDP ") {
		t.Errorf("it came by UDP and says %s", via)
	}
	valid(t, invite.partOf(t, "application/pidf+xml").content)
}

func TestACallerThatGivesUp(t *testing.T) {
	for _, tc := range []struct{ name, psap string }{
		{"while it rings", "psap-cancelled"},
		{"as the PSAP answers", "psap-races"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := startCampus(t)
			answers := psap()
			answers.scenario = tc.psap
			p := c.sipp("psap", answers)
			gives := phone("sip:911@" + c.gateway())
			gives.scenario, gives.hold = "caller-cancels", 300
			c.sipp("phone", gives).done()
			p.done()
			c.ended(1)
		})
	}
}

func TestThePSAPHangsUp(t *testing.T) {
	t.Parallel()
	c := startCampus(t)
	hangs := psap()
	hangs.scenario, hangs.hold = "psap-hangs-up", 300
	p := c.sipp("psap", hangs)
	listens := phone("sip:911@" + c.gateway())
	listens.scenario = "caller-listens"
	caller := c.sipp("phone", listens)
	caller.done()
	p.done()
	if len(caller.received("BYE")) != 1 {
		t.Error("the caller was not told")
	}
	c.ended(1)
}

func TestARepeatedINVITEIsOneCall(t *testing.T) { // wB5
	t.Parallel()
	c := startCampus(t)
	p := c.sipp("psap", psap())
	repeats := phone("sip:911@" + c.gateway())
	repeats.scenario, repeats.hold = "caller-repeats", 500
	c.sipp("phone", repeats).done()
	p.done()
	one(t, p.received("INVITE"))
	c.ended(1)
}

func TestTwentyCallsAtOnce(t *testing.T) {
	t.Parallel()
	const calls = 20
	c := startCampus(t)
	answers, dials := psap(), phone("sip:911@"+c.gateway())
	answers.calls, answers.hold = calls, 500
	dials.calls, dials.rate, dials.hold = calls, 200, 1500
	p, caller := c.sipp("psap", answers), c.sipp("phones", dials)
	caller.done()
	p.done()
	ids := map[string]bool{}
	for _, invite := range p.received("INVITE") {
		ids[regexp.MustCompile(`uid:callid:[^>]+`).FindString(invite.header("Call-Info"))] = true
	}
	if len(ids) != calls {
		t.Errorf("the PSAP saw %d calls, want %d", len(ids), calls)
	}
	for _, k := range c.ended(calls) {
		if k.Outcome != "completed" {
			t.Errorf("call %s: %s", k.ID, k.Outcome)
		}
	}
	if live, ports := c.metric("tocsin_calls_live"), c.metric(`tocsin_media_ports{state="lent"}`); live != "0" || ports != "0" {
		t.Errorf("after it all %s calls live and %s ports are lent", live, ports)
	}
}
