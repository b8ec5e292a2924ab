package trunk

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

func addrs(list ...string) []netip.AddrPort {
	var as []netip.AddrPort
	for _, s := range list {
		as = append(as, netip.MustParseAddrPort(s))
	}
	return as
}

// TestAt is P9: by default a trunk's calls come from what its proxies resolve to.
func TestAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := directory(
			org.Trunk{Name: "one", Proxies: []string{"sip:one.example"}},
			org.Trunk{Name: "two", Proxies: []string{"sip:two.example:5070"}},
			org.Trunk{Name: "fenced", Proxies: []string{"sip:fenced.example"}, Peers: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
			org.Trunk{Name: "many", Proxies: []string{"sip:many.example"}},
		)
		b := watch(t, d)
		defer b.m.Close()
		b.net.addrs = map[string][]netip.AddrPort{
			"sip:one.example":      addrs("192.0.2.1:5060"),
			"sip:two.example:5070": addrs("192.0.2.1:5070"),
			"sip:fenced.example":   addrs("198.51.100.9:5060"),
			"sip:many.example":     addrs("[::ffff:192.0.2.8]:5060", "[2001:db8::8]:5060"),
		}
		b.m.Reload()
		synctest.Wait()
		for _, tt := range []struct{ name, source, trunk string }{
			{"address and port", "192.0.2.1:5060", "one"},
			{"address and port before address", "192.0.2.1:5070", "two"},
			{"the address alone: the first of the directory", "192.0.2.1:40000", "one"},
			{"one of several addresses", "192.0.2.8:5060", "many"},
			{"IPv4 in IPv6", "[::ffff:192.0.2.8]:1", "many"},
			{"IPv6", "[2001:db8::8]:5060", "many"},
			{"a trunk with peers says for itself whom it believes", "198.51.100.9:5060", ""},
			{"nobody's address", "192.0.2.99:5060", ""},
		} {
			got := ""
			if trunk := b.m.At(d, netip.MustParseAddrPort(tt.source)); trunk != nil {
				got = trunk.Name
			}
			if got != tt.trunk {
				t.Errorf("%s: %s is trunk %q, want %q", tt.name, tt.source, got, tt.trunk)
			}
		}
		if got := b.m.At(directory(), netip.MustParseAddrPort("192.0.2.1:5060")); got != nil {
			t.Errorf("a directory without the trunk has %s", got.Name)
		}
		b.d = directory()
		b.m.Reload()
		if got := b.m.At(d, netip.MustParseAddrPort("192.0.2.1:5060")); got != nil {
			t.Errorf("after the reload it is still %s", got.Name)
		}
	})
}

// TestStaleIfError: an address of yesterday is better than none.
func TestStaleIfError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := directory(carrier(first))
		b := watch(t, d)
		defer b.m.Close()
		at := func(source string) bool { return b.m.At(d, netip.MustParseAddrPort(source)) != nil }
		move := func(f func()) { b.net.set(f); time.Sleep(66 * time.Second); synctest.Wait() }

		b.net.names = errors.New("no such host")
		b.m.Reload()
		synctest.Wait()
		if p := b.proxy(first); at("192.0.2.1:5060") || p.Lookup != "no such host" {
			t.Errorf("proxy %+v before anything is known", p)
		}
		b.net.set(func() { b.net.names, b.net.addrs[first] = nil, addrs("192.0.2.1:5060") })
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		if !at("192.0.2.1:5060") {
			t.Fatal("not found 5 s after the name server is back")
		}
		for _, broken := range []struct {
			name string
			do   func()
		}{
			{"an error", func() { b.net.names = errors.New("server failure") }},
			{"no address", func() { b.net.names, b.net.addrs[first] = nil, nil }},
			{"silence", func() { b.net.slow = true }},
		} {
			move(broken.do)
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			p := b.proxy(first)
			if !at("192.0.2.1:5060") || p.Lookup == "" || len(p.Address) != 1 || p.Address[0] != "192.0.2.1:5060" {
				t.Errorf("%s: proxy %+v", broken.name, p)
			}
			if p.State != Alive || time.Since(p.Checked) > 34*time.Second {
				t.Errorf("%s: OPTIONS wait for the name server: %s, last asked %v ago", broken.name, p.State, time.Since(p.Checked))
			}
		}
		move(func() { b.net.slow, b.net.addrs[first] = false, addrs("192.0.2.7:5060") })
		if !at("192.0.2.7:5060") || at("192.0.2.1:5060") {
			t.Errorf("moved: proxy %+v", b.proxy(first))
		}
	})
}
