package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// wB4: a large INVITE comes in by UDP; wO6: every part of it goes out as it came.
func TestALargeINVITEPassesWhole(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		tcp  bool
	}{{"by UDP", false}, {"by TCP", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := startCampus(t)
			device := largePart(20_000)
			p := c.sipp("psap", psap())
			calls := phone("sip:911@" + c.gateway())
			calls.scenario, calls.tcp = c.carrying(device), tc.tcp
			c.sipp("phone", calls).done()
			p.done()

			invite := one(t, p.received("INVITE"))
			if got := invite.partOf(t, "application/emergencycalldata.deviceinfo+xml"); got.content != device || got.id != "device@phone.example" {
				t.Errorf("the part came out as %d bytes with Content-ID %q, want %d bytes, the same", len(got.content), got.id, len(device))
			}
			valid(t, invite.partOf(t, "application/pidf+xml").content)
			if got := invite.header("Call-Info"); !strings.Contains(got, "<cid:device@phone.example>;purpose=EmergencyCallData.DeviceInfo") {
				t.Errorf("Call-Info does not name the part any more: %s", got)
			}
		})
	}
}

func largePart(size int) string {
	var b strings.Builder
	b.WriteString("<dev:EmergencyCallData.DeviceInfo xmlns:dev=\"urn:ietf:params:xml:ns:EmergencyCallData:DeviceInfo\">\r\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "<dev:DeviceMfgr>manufacturer %06d</dev:DeviceMfgr>\r\n", i)
	}
	b.WriteString("</dev:EmergencyCallData.DeviceInfo>")
	return b.String()
}

// carrying is the scenario of the caller with another part beside its SDP.
func (c *campus) carrying(device string) string {
	c.t.Helper()
	return c.scenario("caller-large", "Content-Type: application/sdp\nContent-Length: [len]\n\n", "Call-Info: <cid:device@phone.example>;purpose=EmergencyCallData.DeviceInfo\n"+
		"Content-Type: multipart/mixed; boundary=parting\nContent-Length: [len]\n\n--parting\nContent-Type: application/sdp\n\n",
		"a=sendrecv\n", "a=sendrecv\n\n--parting\nContent-Type: application/EmergencyCallData.DeviceInfo+xml\nContent-ID: <device@phone.example>\n"+
			"Content-Disposition: by-reference;handling=optional\n\n"+strings.ReplaceAll(device, "\r\n", "\n")+"\n--parting--\n")
}
