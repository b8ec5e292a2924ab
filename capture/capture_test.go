package capture

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

var udpFlow = transport.Flow{Protocol: transport.UDP, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("192.0.2.10:5060")}

// taker is a sink that remembers, and fails when told to.
type taker struct {
	mu      sync.Mutex
	calls   []string // the record and the first word of each
	batches []int
	fail    func(ms []Message) (int, error)
}

func (k *taker) take(_ context.Context, ms []Message) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, err := len(ms), error(nil)
	if k.fail != nil {
		n, err = k.fail(ms)
	}
	for _, m := range ms[:n] {
		word, _, _ := bytes.Cut(m.Raw, []byte(" sip:"))
		word, _, _ = bytes.Cut(word, []byte("\r\n"))
		k.calls = append(k.calls, m.Call+" "+string(word))
	}
	k.batches = append(k.batches, n)
	return n, err
}

func (k *taker) got() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.calls, ", ")
}

func (k *taker) failing(f func(ms []Message) (int, error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = f
}

func in(c *Capture, method, callID string) {
	c.Observe(transport.Observation{Direction: transport.In, Flow: udpFlow, At: time.Now(),
		Raw: lines(method+" sip:911@192.0.2.1 SIP/2.0", "Call-ID: "+callID, "CSeq: 1 "+method, "", "")})
}

func out(c *Capture, status, method, callID string) {
	c.Observe(transport.Observation{Direction: transport.Out, Flow: udpFlow, At: time.Now(),
		Raw: lines("SIP/2.0 "+status, "Call-ID: "+callID, "CSeq: 1 "+method, "", "")})
}

// captured runs a test on a Capture with one outlet.
func captured(t *testing.T, cfg Config, o Outlet, run func(t *testing.T, c *Capture, k *taker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{}
		o.Name, o.Take = "test", k.take
		c := New(cfg, o)
		run(t, c, k)
		ctx, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		for range 2 {
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

func expect(t *testing.T, k *taker, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := k.got(); got != strings.Join(want, ", ") {
		t.Errorf("taken were %s, want %s", got, strings.Join(want, ", "))
	}
}

func TestMessagesGoToTheirCall(t *testing.T) {
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, c *Capture, k *taker)
	}{
		{"what came before the claim, and after", func(t *testing.T, c *Capture, k *taker) {
			in(c, "INVITE", "a")
			in(c, "INVITE", "other")
			out(c, "100 Trying", "INVITE", "a")
			expect(t, k)
			c.Belongs("a", "call1")
			out(c, "200 OK", "INVITE", "a")
			expect(t, k, "call1 INVITE", "call1 SIP/2.0 100 Trying", "call1 SIP/2.0 200 OK")
			if s := c.Stats(); s.Kept != 3 || s.Unclaimed != 1 || s.Claims != 1 {
				t.Errorf("stats are %+v", s)
			}
		}},
		{"every leg has a Call-ID of its own", func(t *testing.T, c *Capture, k *taker) {
			c.Belongs("a", "call1")
			c.Belongs("b", "call1")
			c.Belongs("c", "call2")
			in(c, "INVITE", "a")
			in(c, "INVITE", "c")
			in(c, "INVITE", "b")
			expect(t, k, "call1 INVITE", "call2 INVITE", "call1 INVITE")
		}},
		{"unclaimed for too long", func(t *testing.T, c *Capture, k *taker) {
			in(c, "INVITE", "a")
			time.Sleep(10 * time.Second)
			in(c, "INVITE", "b") // at ten seconds it is still kept
			time.Sleep(time.Microsecond)
			in(c, "ACK", "b")
			c.Belongs("a", "call1")
			c.Belongs("b", "call2")
			expect(t, k, "call2 INVITE", "call2 ACK")
			if s := c.Stats(); s.Passed != 1 || s.Unclaimed != 0 {
				t.Errorf("stats are %+v", s)
			}
		}},
		{"phones that register push nothing out", func(t *testing.T, c *Capture, k *taker) {
			in(c, "INVITE", "a")
			for i := range 10_000 {
				in(c, "REGISTER", fmt.Sprint("r", i))
				out(c, "401 Unauthorized", "REGISTER", fmt.Sprint("r", i))
				in(c, "OPTIONS", fmt.Sprint("o", i))
			}
			c.Belongs("a", "call1")
			expect(t, k, "call1 INVITE")
			if s := c.Stats(); s.Passed != 30_000 || s.Unclaimed != 0 {
				t.Errorf("stats are %+v", s)
			}
		}},
		{"an OPTIONS in a call is of the call", func(t *testing.T, c *Capture, k *taker) {
			c.Belongs("a", "call1")
			in(c, "OPTIONS", "a")
			expect(t, k, "call1 OPTIONS")
		}},
		{"RFC 3261 s17.1.1.2 what comes behind the end, for 64*T1", func(t *testing.T, c *Capture, k *taker) {
			c.Belongs("a", "call1")
			c.End("call1")
			time.Sleep(32*time.Second - time.Nanosecond)
			in(c, "BYE", "a")
			c.Belongs("b", "call2")
			if s := c.Stats(); s.Claims != 2 {
				t.Errorf("stats are %+v", s)
			}
			time.Sleep(time.Nanosecond)
			c.End("call2")
			in(c, "BYE", "a")
			expect(t, k, "call1 BYE")
			time.Sleep(32 * time.Second)
			c.End("call3")
			if s := c.Stats(); s.Claims != 0 {
				t.Errorf("stats are %+v", s)
			}
		}},
		{"a Call-ID that comes again belongs to the later call", func(t *testing.T, c *Capture, k *taker) {
			c.Belongs("a", "call1")
			c.End("call1")
			c.Belongs("a", "call2")
			time.Sleep(40 * time.Second)
			c.Belongs("x", "call3") // forgets call1, and not what is call2's now
			in(c, "INVITE", "a")
			expect(t, k, "call2 INVITE")
		}},
		{"no Call-ID, no record", func(t *testing.T, c *Capture, k *taker) {
			c.Observe(transport.Observation{Raw: []byte("INVITE sip:x SIP/2.0\r\n\r\n")})
			c.Belongs("", "call1")
			c.Belongs("a", "")
			in(c, "INVITE", "a")
			expect(t, k)
			if s := c.Stats(); s.Claims != 0 || s.Passed != 1 || s.Unclaimed != 1 {
				t.Errorf("stats are %+v", s)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { captured(t, Config{}, Outlet{}, tc.run) })
	}
}

func TestBounds(t *testing.T) {
	captured(t, Config{UnclaimedBytes: 10_000, MaxClaims: 3}, Outlet{}, func(t *testing.T, c *Capture, k *taker) {
		for i := range 1000 {
			in(c, "INVITE", fmt.Sprint(i))
		}
		s := c.Stats()
		if s.Unclaimed < 30 || s.Unclaimed > 45 || s.Passed+int64(s.Unclaimed) != 1000 {
			t.Errorf("stats are %+v", s)
		}
		for _, id := range []string{"0", "997", "998", "999"} {
			c.Belongs(id, "call"+id)
		}
		expect(t, k, "call997 INVITE", "call998 INVITE")
		if s := c.Stats(); s.Claims != 3 || s.Refused != 1 {
			t.Errorf("stats are %+v", s)
		}
	})
}

func TestWhatIsKept(t *testing.T) {
	captured(t, Config{}, Outlet{}, func(t *testing.T, c *Capture, k *taker) {
		var got []Message
		k.fail = func(ms []Message) (int, error) { got = append(got, ms...); return len(ms), nil }
		c.Belongs("a", "call1")
		raw := lines("BYE sip:x SIP/2.0", "Call-ID: a", "Authorization: Digest x=y", "", "")
		shown := bytes.Clone(raw)
		at := time.Now()
		c.Observe(transport.Observation{Direction: transport.Out, Flow: udpFlow, At: at, Raw: shown})
		if !bytes.Equal(shown, raw) {
			t.Errorf("what the transport sends was changed: %q", shown)
		}
		clear(shown) // the transport's buffer is used again
		synctest.Wait()
		if len(got) != 1 {
			t.Fatalf("%d messages", len(got))
		}
		m := got[0]
		if m.Call != "call1" || !m.At.Equal(at) || m.Seq != 1 || m.Direction != transport.Out || m.Flow != udpFlow ||
			string(m.Raw) != strings.Replace(string(raw), "x=y", "xxx", 1) {
			t.Errorf("kept was %+v: %s", m, m.Raw)
		}
	})
}
