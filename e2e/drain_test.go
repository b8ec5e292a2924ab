package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStoppingWaitsForTheCalls(t *testing.T) { // S3: a graceful stop drains
	t.Parallel()
	c := startCampus(t)
	answers := psap()
	answers.calls = 2
	p := c.sipp("psap", answers)
	talks := phone("sip:911@" + c.gateway())
	talks.hold = 3000
	first := c.sipp("phone", talks)
	c.live("1")

	c.node.signal(syscall.SIGTERM)
	eventually(t, 2*time.Second, "the node is not ready any more", func() error {
		code, body, err := c.get("/readyz")
		if err == nil && (code != http.StatusServiceUnavailable || !strings.Contains(body, "draining")) {
			err = errors.New(body)
		}
		return err
	})
	if code, _, err := c.get("/healthz"); err != nil || code != http.StatusOK {
		t.Errorf("it is alive while it drains: %d, %v", code, err)
	}
	late := phone("sip:911@" + c.gateway())
	late.port = 5070
	second := c.sipp("late-phone", late) // L1: there may be nobody else to take it
	second.done()
	if c.node.within(0) {
		t.Fatal("the node has gone in the middle of a call")
	}
	first.done()
	c.node.finish(t, 10*time.Second)
	// Its connection may have been reset as the node left, which SIPp calls a failure.
	eventually(t, 5*time.Second, "both calls of the PSAP are hung up", func() error {
		if n := len(p.received("BYE")); n != 2 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	for _, k := range c.ended(2) {
		if k.Outcome != "completed" {
			t.Errorf("call %s: %s", k.ID, k.Outcome)
		}
		if shown := c.tocsin("calls", "show", k.ID); !strings.Contains(shown, "psap-us/1") {
			t.Errorf("calls show %s:\n%s", k.ID, shown)
		}
	}
}

func TestASecondSignalEndsTheWaiting(t *testing.T) {
	t.Parallel()
	c := startCampus(t)
	c.sipp("psap", psap())
	talks := phone("sip:911@" + c.gateway())
	talks.hold = 20_000
	c.sipp("phone", talks)
	c.live("1")
	c.node.signal(syscall.SIGTERM)
	eventually(t, 2*time.Second, "the node says that it waits", func() error {
		if said := c.node.said(4000); !strings.Contains(said, "waiting up to 20s for 1 call") {
			return errors.New(said)
		}
		return nil
	})
	c.node.signal(syscall.SIGTERM)
	if !c.node.within(5 * time.Second) {
		t.Fatal("it still waits")
	}
}

// live waits until so many calls go on.
func (c *campus) live(n string) {
	c.t.Helper()
	eventually(c.t, 5*time.Second, n+" calls go on", func() error {
		if got := c.metric("tocsin_calls_live"); got != n {
			return errors.New(got)
		}
		return nil
	})
}
