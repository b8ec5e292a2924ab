package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

func uriOf(t *testing.T, s string) sip.Uri {
	t.Helper()
	u, err := parseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// names is a Lookup that can be slow and can fail.
type names struct {
	addrs []netip.Addr
	err   error
	delay time.Duration
	asked int
}

func (n *names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	n.asked++
	t := time.NewTimer(n.delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.C:
		return n.addrs, n.err
	}
}

func TestResolve(t *testing.T) {
	r := NewResolver(&names{addrs: []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.7"), netip.MustParseAddr("2001:db8::7")}})
	defer r.Close()
	for _, row := range []struct{ uri, want string }{
		{"sip:911@192.0.2.9", "UDP 192.0.2.9:5060"},
		{"sip:911@192.0.2.9:5080;transport=tcp", "TCP 192.0.2.9:5080"},
		{"sip:[2001:db8::9];TRANSPORT=TCP", "TCP [2001:db8::9]:5060"},
		{"sip:gw.example;maddr=192.0.2.8", "UDP 192.0.2.8:5060"},
		{"sip:psap@gw.example", "UDP 192.0.2.7:5060 UDP [2001:db8::7]:5060"},
		{"sips:gw.example", "TLS 192.0.2.7:5061 TLS [2001:db8::7]:5061"},
		{"sips:gw.example;transport=tcp", "TLS 192.0.2.7:5061 TLS [2001:db8::7]:5061"},
		{"sip:gw.example;transport=tls", "TLS 192.0.2.7:5061 TLS [2001:db8::7]:5061"},
		{"sips:192.0.2.9:5071", "TLS 192.0.2.9:5071"},
		{"sips:gw.example;transport=udp", "resolving sips:gw.example;transport=udp: sips by UDP: transport protocol not supported"},
		{"sip:gw.example;transport=sctp", `resolving sip:gw.example;transport=sctp: transport "sctp": transport protocol not supported`},
		{"urn:service:sos", `resolving urn:service:sos: scheme "urn" has no address: transport protocol not supported`},
	} {
		got := ""
		list, err := r.Resolve(t.Context(), uriOf(t, row.uri))
		for i, d := range list {
			if i > 0 {
				got += " "
			}
			got += d.String()
		}
		if err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.uri, got, row.want)
		}
	}
}

func TestAStaleAddressIsUsedRatherThanWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: []netip.Addr{netip.MustParseAddr("192.0.2.7")}, delay: 2 * time.Second}
		r := NewResolver(n)
		defer r.Close()
		ask := func(want string, wait time.Duration) {
			t.Helper()
			start := time.Now()
			list, err := r.Resolve(t.Context(), uriOf(t, "sip:GW.example"))
			if err != nil || len(list) != 1 || list[0].Addr.Addr().String() != want {
				t.Errorf("resolved to %v, %v; want %s", list, err, want)
			}
			if took := time.Since(start); took != wait {
				t.Errorf("took %s, want %s", took, wait)
			}
		}
		ask("192.0.2.7", 2*time.Second) // the first has to wait
		ask("192.0.2.7", 0)
		if n.asked != 1 {
			t.Errorf("asked %d times while fresh", n.asked)
		}
		n.addrs = []netip.Addr{netip.MustParseAddr("192.0.2.8")}
		time.Sleep(time.Hour)
		ask("192.0.2.7", 0) // stale, at once
		time.Sleep(3 * time.Second)
		ask("192.0.2.8", 0) // renewed meanwhile
		n.err = errors.New("server failure")
		time.Sleep(time.Hour)
		ask("192.0.2.8", 0)
		time.Sleep(3 * time.Second)
		ask("192.0.2.8", 0) // the failure took nothing away
		if n.asked != 3 {
			t.Errorf("asked %d times, want 3", n.asked)
		}
	})
}

func TestAnUnknownNameFails(t *testing.T) {
	r := NewResolver(&names{err: &net.DNSError{IsNotFound: true}})
	defer r.Close()
	var dns *net.DNSError
	if _, err := r.Resolve(t.Context(), uriOf(t, "sip:nowhere.example")); !errors.As(err, &dns) {
		t.Errorf("%v", err)
	}
}

func TestTheResolverForgetsBeforeItGrows(t *testing.T) {
	r := NewResolver(&names{addrs: []netip.Addr{netip.MustParseAddr("192.0.2.7")}})
	defer r.Close()
	for i := range resolveLimit + 100 {
		if _, err := r.hosts.get(t.Context(), fmt.Sprintf("h%d.example", i), false); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.hosts.known) != resolveLimit {
		t.Errorf("%d names known", len(r.hosts.known))
	}
}

func BenchmarkParseInvite(b *testing.B) {
	raw := []byte(minimal + "Contact: <sip:a@192.0.2.1>\r\nMax-Forwards: 70\r\nAllow: INVITE, ACK, BYE\r\nUser-Agent: x\r\n" +
		"Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nbody")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
