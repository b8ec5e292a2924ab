package e2e

import (
	"strings"
	"testing"
)

// The PBX hands over a call of its extension 4711 and says so in P-Asserted-Identity (P8).
func TestThePBXHandsOverItsCall(t *testing.T) {
	t.Parallel()
	c := startCampus(t)
	p := c.sipp("psap", psap())
	calls := role{scenario: c.asserting("4711"), host: 2, port: 5060, caller: "anything", uri: "sip:911@" + c.gateway(), hold: 100}
	c.sipp("pbx", calls).done()
	p.done()
	place := one(t, p.received("INVITE")).partOf(t, "application/pidf+xml")
	valid(t, place.content)
	if !strings.Contains(place.content, "FLR>2<") {
		t.Errorf("4711 stands on floor 2; the PSAP was told\n%s", place.content)
	}
	if k := c.ended(1)[0]; k.Extension != "4711" || k.Outcome != "completed" {
		t.Errorf("the record says %+v", k)
	}
}

// A peering gateway signals country code and short code in one (P6); the carrier of the
// called country gets it as +44999.
func TestAPeerSignalsCountryAndCode(t *testing.T) {
	t.Parallel()
	c := startCampus(t)
	carrier := c.sipp("carrier-uk", role{scenario: "psap", host: 1, port: 5192})
	c.sipp("peer", role{scenario: "caller", host: 3, port: 5060, caller: "+441134960000", uri: "sip:+44999@" + c.gateway(), hold: 100}).done()
	carrier.done()
	if uri := one(t, carrier.received("INVITE")).uri(); !strings.HasPrefix(uri, "sip:+44999@") {
		t.Errorf("the carrier was called with %s", uri)
	}
	c.ended(1)
}

// asserting is the scenario of the caller with a P-Asserted-Identity.
func (c *campus) asserting(who string) string {
	c.t.Helper()
	return c.scenario("caller-asserted", "Max-Forwards: 70\n", "Max-Forwards: 70\nP-Asserted-Identity: <sip:"+who+"@"+c.host(2)+">\n")
}
