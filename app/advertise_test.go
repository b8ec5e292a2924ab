package app_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Behind NAT a node says in Via, Contact and SDP what others reach it at, to the PSAP and to
// the caller.
func TestAdvertiseStandsInViaContactAndSDP(t *testing.T) {
	const outside = "127.0.0.9"
	r := newRig(t, "")
	r.node.SIP.Listen = append(r.node.SIP.Listen, config.Listener{Transport: "tcp", Address: netip.AddrPortFrom(loopback, 0)})
	r.node.SIP.Advertise = config.HostPort{Host: outside}
	r.node.Media.Advertise = "" // follows the signalling's
	r.node = r.node.OrDefaults()
	early := r.agent("early", transport.TCP, psapVoice, func(agent.Invitation) agent.Script {
		return agent.Script{Steps: []agent.Step{{Do: agent.Early}}}
	})
	r.org.Trunks[0].Proxies = []string{early.URI()}
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	c, err := r.phone.Call(t.Context(), "sip:911@"+r.sip(), agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), normal)
	defer done()
	if _, err := early.AwaitCall(ctx, 1); err != nil {
		t.Fatal(err)
	}
	progress := func() (m agent.Message, ok bool) {
		for _, m = range r.phone.Messages() {
			if m.Method == "INVITE" && m.Status == 183 {
				return m, true
			}
		}
		return m, false
	}
	until(t, "the caller hears early media", func() bool { _, ok := progress(); return ok })
	c.Cancel()
	<-c.Done()
	for _, m := range early.Messages() {
		if m.Method != "INVITE" || m.Status != 0 {
			continue
		}
		if via := m.Header("Via"); !strings.Contains(via, outside) {
			t.Errorf("the PSAP's Via is %s", via)
		}
		if contact := m.Header("Contact"); !strings.Contains(contact, "@"+outside+":") {
			t.Errorf("the PSAP's Contact is %s", contact)
		}
		if !strings.Contains(m.SDP(), "c=IN IP4 "+outside+"\r\n") {
			t.Errorf("the PSAP is offered\n%s", m.SDP())
		}
	}
	m, _ := progress()
	if contact := m.Header("Contact"); !strings.Contains(contact, "@"+outside+":") {
		t.Errorf("the caller's Contact is %s", contact)
	}
	if !strings.Contains(m.SDP(), "c=IN IP4 "+outside+"\r\n") {
		t.Errorf("the caller is answered\n%s", m.SDP())
	}
}
