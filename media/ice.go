package media

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"

	"github.com/pion/sdp/v3"

	"github.com/tocsin-sip/tocsin/rtp"
)

// credentials are what checks of a stream are made with (RFC 8445 s5.3).
type credentials struct{ user, password string }

func newCredentials() *credentials {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	text := base64.RawStdEncoding.EncodeToString(b)
	return &credentials{text[:8], text[8:]}
}

// answerChecks answers a party that offers ICE: our credentials, which change when the
// party's do (RFC 8445 s9), and the one address we have. We are ICE-lite (s2.5): the
// party makes the checks, and where it nominates we send.
func (st *stream) answerChecks(theirs line) []sdp.Attribute {
	if theirs.ice.user == "" {
		st.ice.Store(nil)
		return nil
	}
	if own := st.ice.Load(); own == nil || st.iceOf != theirs.ice {
		st.ice.Store(newCredentials())
		st.iceOf = theirs.ice
	}
	own, a := st.ice.Load(), st.leg.session.anchor
	all := []sdp.Attribute{{Key: "ice-ufrag", Value: own.user}, {Key: "ice-pwd", Value: own.password}}
	host, err := netip.ParseAddr(a.advertise)
	if err != nil {
		host = reachable(a.bound) // a name was advertised, and a candidate is an address
	}
	candidate := func(component int, port uint16) {
		// RFC 8839 s5.1; RFC 8445 s5.1.2.1 for the priority of a host.
		all = append(all, sdp.Attribute{Key: "candidate", Value: fmt.Sprintf("1 %d UDP %d %s %d typ host", component, 126<<24|65535<<8|(256-component), host, port)})
	}
	candidate(1, st.pair.RTP.Port())
	if !theirs.mux {
		candidate(2, st.pair.RTCP.Port())
	}
	if theirs.mid != "" {
		// RFC 9429 s5.3.1: a browser finds its lines by it.
		all = append(all, sdp.Attribute{Key: "mid", Value: theirs.mid})
	}
	return append(all, sdp.Attribute{Key: "end-of-candidates"})
}

// checked answers a connectivity check, and follows the party where it nominates.
func (st *stream) checked(socket *rtp.Socket, from netip.AddrPort, packet []byte) {
	own := st.ice.Load()
	if own == nil {
		st.counts.malformed.Add(1)
		return
	}
	c, ok := readCheck(packet, own.user, own.password)
	if !ok {
		st.counts.forged.Add(1)
		return
	}
	_ = socket.WriteTo(c.answer(from, own.password), from) // a lost answer is asked for again
	if socket != st.pair.RTP {
		set(&st.control, from)
		return
	}
	st.srcMu.Lock()
	defer st.srcMu.Unlock()
	// Before it nominates, the first address that works will do.
	if current := st.source.Current(); current != from && (c.nominated || !current.IsValid()) {
		st.source.Negotiate(from)
		st.learned(from)
	}
}
