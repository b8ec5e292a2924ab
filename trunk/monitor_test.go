package trunk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/org"
)

const (
	first  = "sip:a.carrier.example;transport=tcp"
	second = "sip:b.carrier.example;transport=tcp"
	third  = "sip:192.0.2.3"
)

func directory(trunks ...org.Trunk) *org.Directory {
	return org.NewDirectory(1, org.Organisation{Account: &org.Account{Name: "acme"}, Trunks: trunks})
}

func carrier(proxies ...string) org.Trunk {
	return org.Trunk{Name: "carrier", Role: org.RoleCarrier, Proxies: proxies}
}

// network is what a Monitor asks.
type network struct {
	mu      sync.Mutex
	answers map[string]int // 0: silence
	refused map[string]error
	addrs   map[string][]netip.AddrPort
	names   error // of every look-up
	slow    bool  // no look-up returns
	asked   []string
	asking  int
}

func newNetwork() *network {
	return &network{answers: map[string]int{first: 200, second: 200, third: 200}, refused: map[string]error{},
		addrs: map[string][]netip.AddrPort{}}
}

func (n *network) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *network) Options(ctx context.Context, uri string) (int, error) {
	n.mu.Lock()
	n.asked = append(n.asked, uri)
	n.asking++
	status, err := n.answers[uri], n.refused[uri]
	n.mu.Unlock()
	defer n.set(func() { n.asking-- })
	if err != nil {
		return 0, err
	}
	if status == 0 {
		<-ctx.Done()
		return 0, fmt.Errorf("OPTIONS to %s: %w", uri, ctx.Err())
	}
	return status, nil
}

func (n *network) Resolve(ctx context.Context, uri string) ([]netip.AddrPort, error) {
	n.mu.Lock()
	addrs, err, slow := n.addrs[uri], n.names, n.slow
	n.mu.Unlock()
	if slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return addrs, err
}

// asks is how often a proxy, or any, was asked since the last time.
func (n *network) asks(uri string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.asked {
		if a == uri || uri == anyProxy {
			count++
		}
	}
	n.asked = nil
	return count
}

const anyProxy = "any"

type bench struct {
	*testing.T
	net     *network
	d       *org.Directory
	m       *Monitor
	mu      sync.Mutex
	changes []string
}

func watch(t *testing.T, d *org.Directory) *bench {
	b := &bench{T: t, net: newNetwork(), d: d}
	b.m = New(Config{Directory: func() *org.Directory { return b.d }, Prober: b.net, Resolver: b.net, Changed: func(c Change) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changes = append(b.changes, fmt.Sprintf("%s %s -> %s (%d %s)", c.URI, c.From, c.To, c.Status, c.Reason))
	}})
	return b
}

func (b *bench) order(want ...string) {
	b.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, b.m.Order(b.d.Trunks()[0])); diff != "" {
		b.Errorf("order (-want +got):\n%s", diff)
	}
}

func (b *bench) said(want ...string) {
	b.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.changes); diff != "" {
		b.Errorf("changes (-want +got):\n%s", diff)
	}
	b.changes = nil
}

func (b *bench) proxy(uri string) Proxy {
	b.Helper()
	synctest.Wait()
	for _, p := range b.m.Snapshot() {
		if p.URI == uri {
			return p
		}
	}
	b.Fatalf("%s is not watched", uri)
	return Proxy{}
}

// TestJudgement is R8: any SIP answer but 503 counts as alive.
func TestJudgement(t *testing.T) {
	tests := []struct {
		name   string
		status int
		err    error
		state  State
		reason string
	}{
		{"200", 200, nil, Alive, ""},
		{"401 somebody is there", 401, nil, Alive, ""},
		{"404 somebody is there", 404, nil, Alive, ""},
		{"405 somebody is there", 405, nil, Alive, ""},
		{"408 on the wire is an answer", 408, nil, Alive, ""},
		{"483 a hop too far is an answer", 483, nil, Alive, ""},
		{"500", 500, nil, Alive, ""},
		{"503", 503, nil, Down, "answers 503"},
		{"603", 603, nil, Alive, ""},
		{"silence", 0, fmt.Errorf("asking: %w", context.DeadlineExceeded), Down, "no answer in 5s"},
		{"connection refused", 0, errors.New("connection refused"), Down, "connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if state, reason := judge(tt.status, tt.err, 5*time.Second); state != tt.state || reason != tt.reason {
				t.Errorf("%s %q, want %s %q", state, reason, tt.state, tt.reason)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := watch(t, directory(carrier(first, second, third)))
		defer b.m.Close()
		b.order(first, second, third) // R8: unknown is tried in the order of the file
		b.m.Reload()
		b.order(first, second, third)

		b.net.set(func() { b.net.answers[first] = 503 })
		time.Sleep(33 * time.Second)
		b.order(second, third, first)

		b.net.set(func() { b.net.answers[second] = 0 })
		time.Sleep(33*time.Second + 5*time.Second)
		b.order(third, first, second) // down, in the order of the file, and never left out

		b.net.set(func() { b.net.answers[third] = 503 })
		time.Sleep(33 * time.Second)
		b.order(first, second, third)

		b.net.set(func() { b.net.answers[second] = 404 })
		time.Sleep(11 * time.Second)
		b.order(second, first, third)
	})
}

func TestIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := watch(t, directory(carrier(first)))
		defer b.m.Close()
		b.m.Reload()
		synctest.Wait()
		if n := b.net.asks(first); n != 1 {
			t.Fatalf("asked %d times at once, want 1", n)
		}
		time.Sleep(27*time.Second - time.Millisecond)
		if n := b.net.asks(first); n != 0 {
			t.Errorf("asked again before 27 s")
		}
		time.Sleep(6*time.Second + 2*time.Millisecond)
		if n := b.net.asks(first); n != 1 {
			t.Errorf("asked %d times between 27 s and 33 s, want 1", n)
		}
		time.Sleep(time.Hour)
		if n := b.net.asks(first); n < 109 || n > 133 {
			t.Errorf("asked %d times in an hour, want one every 30 s", n)
		}

		b.net.set(func() { b.net.answers[first] = 503 })
		time.Sleep(33 * time.Second)
		b.net.asks(first)
		time.Sleep(time.Hour)
		if n := b.net.asks(first); n < 654 || n > 800 {
			t.Errorf("asked %d times in an hour while down, want one every 5 s", n)
		}
	})
}

func TestChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := watch(t, directory(carrier(first)))
		defer b.m.Close()
		b.m.Reload()
		b.said(first + " unknown -> alive (200 )")
		time.Sleep(10 * time.Minute)
		b.said() // nothing new, nothing said

		b.net.set(func() { b.net.answers[first] = 0 })
		time.Sleep(33*time.Second + 5*time.Second)
		b.said(first + " alive -> down (0 no answer in 5s)")
		p := b.proxy(first)
		if p.State != Down || p.Reason != "no answer in 5s" || time.Since(p.Since) > 38*time.Second || p.Trunks[0].String() != "acme/carrier" {
			t.Errorf("proxy %+v", p)
		}
		since := p.Since
		time.Sleep(time.Hour)
		if p := b.proxy(first); !p.Since.Equal(since) || time.Since(p.Checked) > 11*time.Second {
			t.Errorf("down since %v, checked %v; want since %v", p.Since, p.Checked, since)
		}
		b.said()

		b.net.set(func() { b.net.refused[first] = errors.New("connection refused") })
		time.Sleep(11 * time.Second)
		if p := b.proxy(first); p.Reason != "connection refused" {
			t.Errorf("reason %q", p.Reason)
		}
		b.net.set(func() { delete(b.net.refused, first); b.net.answers[first] = 405 })
		time.Sleep(6 * time.Second)
		b.said(first + " down -> alive (405 )")
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := watch(t, directory(carrier(first, second)))
		defer b.m.Close()
		b.net.set(func() { b.net.answers[first] = 503 })
		b.m.Reload()
		b.order(second, first)
		b.net.asks(anyProxy)

		b.d = directory(carrier(first, third), org.Trunk{Name: "spare", Proxies: []string{first}})
		b.m.Reload()
		synctest.Wait()
		if b.net.asks(third) != 1 {
			t.Error("a new proxy is not asked at once")
		}
		b.order(third, first) // first keeps its state
		time.Sleep(time.Hour)
		if b.net.asks(second) != 0 {
			t.Error("a proxy that is gone is still asked")
		}
		if n := len(b.m.Snapshot()); n != 2 {
			t.Errorf("%d proxies, want 2", n)
		}
		if got := fmt.Sprint(b.proxy(first).Trunks); got != "[acme/carrier acme/spare]" {
			t.Errorf("trunks of the proxy: %s", got)
		}

		b.net.set(func() { b.net.answers[first] = 0 }) // no answer, so no new state for 5 s
		b.d = directory()
		b.m.Reload()
		b.d = directory(carrier(first, second))
		b.m.Reload()
		b.order(first, second) // what was gone comes back unknown
	})
}

// TestClose: questions under way end, nobody is asked any more, and what is known stays.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := watch(t, directory(carrier(first, second)))
		b.net.set(func() { b.net.answers[second], b.net.slow = 0, true })
		b.m.Reload()
		synctest.Wait()
		before := time.Now()
		b.m.Close()
		b.m.Close()
		if waited := time.Since(before); waited != 0 {
			t.Errorf("Close waited %v", waited)
		}
		if b.net.asking != 0 {
			t.Errorf("%d questions outlive Close", b.net.asking)
		}
		b.said(first + " unknown -> alive (200 )") // an end of our own is nobody's silence
		b.net.asks(anyProxy)
		b.m.Reload()
		time.Sleep(time.Hour)
		if n := b.net.asks(anyProxy); n != 0 {
			t.Errorf("asked %d times after Close", n)
		}
		b.order(first, second)
	})
}
