package app_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// stranger is an agent at an address that nobody vouches for.
func (r *rig) stranger() *agent.Agent {
	r.t.Helper()
	a, err := agent.New(agent.Config{Name: "stranger", Listen: []transport.Listen{{Protocol: transport.UDP, Addr: "127.0.0.77:0"}}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { a.Close() })
	return a
}

// R13: ordinary calls at more than ten times what is served, from phones and from
// strangers, and every 911 is up in normal time; what is shed gets 503 without Retry-After.
func TestR13EmergenciesWhileOrdinaryTrafficIsShed(t *testing.T) {
	r := newRig(t, "")
	r.node.Limits.OtherRequests = 20
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	r.register(r.dana, "2001-desk")
	statuses := map[int]int{}
	var mu sync.Mutex
	flood := func(from *agent.Agent, uri string) *sync.WaitGroup {
		var calls sync.WaitGroup
		for range 250 {
			c, err := from.Call(t.Context(), uri, agent.Options{})
			if err != nil {
				t.Fatal(err)
			}
			calls.Go(func() {
				<-c.Done()
				status, _ := c.Ended()
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			})
		}
		return &calls
	}
	phones := flood(r.dana, "sip:5551234@"+r.sip())
	strangers := flood(r.stranger(), "sip:911@"+r.sip())
	for range 3 {
		began := time.Now()
		c := r.call(r.phone) // fails where it is not up in normal time
		t.Logf("911 was up %s after it was dialled", time.Since(began))
		r.hangUp(c)
	}
	phones.Wait()
	strangers.Wait()
	if statuses[503] == 0 || statuses[404] == 0 || statuses[403] == 0 {
		t.Errorf("the flood got %v: some of it should have been served (404), shed (503) and refused (403)", statuses)
	}
	for _, m := range r.dana.Messages() {
		if m.Status == 503 && m.Header("Retry-After") != "" {
			t.Fatal("R13: a 503 with Retry-After tells a peer to send nothing, emergencies included")
		}
	}
	if _, metrics := r.get("/metrics"); !strings.Contains(metrics, `tocsin_shed_total{budget="ordinary"}`) {
		t.Error("what was shed is not in /metrics")
	}
}

// R15 a, R13: a phone behind a NAT that has given it another port is known by its contact
// alone. A flood from strangers must not take it for one of them.
func TestR13APhoneKnownByItsContactIsNoStranger(t *testing.T) {
	r := newRig(t, "")
	r.node.Limits.OtherRequests = 20
	r.apply()
	r.start()
	phone, err := agent.New(agent.Config{Name: "2041", Listen: []transport.Listen{{Protocol: transport.UDP, Addr: "127.0.0.55:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { phone.Close() })
	r.register(phone, "2041")
	contact := ""
	for _, m := range phone.Messages() {
		if m.Method == "REGISTER" && m.Status == 0 {
			contact, _, _ = strings.Cut(m.Header("Contact"), ">")
			contact += ">"
		}
	}
	stranger := r.stranger()
	for range 100 {
		if _, err := stranger.Call(t.Context(), "sip:911@"+r.sip(), agent.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	moved, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 55)}, net.UDPAddrFromAddrPort(r.app.SIPAddresses(transport.UDP)[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	invite := strings.ReplaceAll(`INVITE sip:911@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.55:9;rport;branch=z9hG4bKmoved
From: <sip:2041@acme.example>;tag=moved
To: <sip:911@127.0.0.1>
Call-ID: moved@127.0.0.55
CSeq: 1 INVITE
Max-Forwards: 70
Contact: `+contact+`
Content-Length: 0

`, "\n", "\r\n")
	answer := make([]byte, 4096)
	if _, err := moved.Write([]byte(invite)); err != nil {
		t.Fatal(err)
	}
	if err := moved.SetReadDeadline(time.Now().Add(normal)); err != nil {
		t.Fatal(err)
	}
	n, err := moved.Read(answer)
	if first, _, _ := strings.Cut(string(answer[:n]), "\r\n"); err != nil || first != "SIP/2.0 180 Ringing" {
		t.Fatalf("the phone was answered %q, %v; registered was %s", first, err, contact)
	}
}
