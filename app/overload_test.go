package app_test

import (
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
