package transport

import (
	"net/netip"
	"testing"
)

func TestAFlowSurvivesBeingText(t *testing.T) {
	for _, f := range []Flow{
		{Protocol: UDP, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("198.51.100.7:40000")},
		{Protocol: TCP, Local: netip.MustParseAddrPort("[2001:db8::1]:5060"), Remote: netip.MustParseAddrPort("[2001:db8::2]:40000"), ConnID: 17},
	} {
		if got, err := ParseFlow(f.String()); err != nil || got != f {
			t.Errorf("%s came back as %v, %v", f, got, err)
		}
	}
	for _, bad := range []string{"", "no flow", "UDP 1-2", "XYZ 192.0.2.1:1-192.0.2.2:2", "TCP 192.0.2.1:1-192.0.2.2:2#x"} {
		if f, err := ParseFlow(bad); err == nil {
			t.Errorf("%q was read as %v", bad, f)
		}
	}
}
