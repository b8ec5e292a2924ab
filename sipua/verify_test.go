package sipua

import (
	"testing"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

func TestWaysToATrunkAreAsStrictAsItSays(t *testing.T) {
	for _, tc := range []struct {
		says string
		want transport.Verify
	}{{"", 0}, {"strict", 0}, {"prefer", transport.Prefer}} {
		o := to911("sip:" + psapIP)
		o.Invite.TLSVerify = tc.says
		ways := []transport.Destination{{}, {}}
		for _, d := range verified(ways, o) {
			if d.Verify != tc.want {
				t.Errorf("%q: %v, want %v", tc.says, d.Verify, tc.want)
			}
		}
		if ways[0].Verify != 0 {
			t.Error("the resolver's answer was changed")
		}
	}
}
