package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// zone is a name server in memory: NAPTR, SRV and addresses, each answer after delay.
type zone struct {
	mu     sync.Mutex
	naptr  map[string][]NAPTR
	srv    map[string][]*net.SRV
	addrs  map[string][]netip.Addr
	err    error // instead of every answer
	delay  time.Duration
	asked  []string
	silent string // a name's beginning that is not answered
}

func answerOf[V any](ctx context.Context, z *zone, kind, name string, from map[string][]V) ([]V, error) {
	z.mu.Lock()
	z.asked = append(z.asked, kind+" "+name)
	err, found, delay := z.err, from[strings.TrimSuffix(name, ".")], z.delay
	if z.silent != "" && strings.HasPrefix(name, z.silent) {
		delay = time.Hour
	}
	z.mu.Unlock()
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.C:
	}
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return found, nil
}

func (z *zone) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return answerOf(ctx, z, "A", host, z.addrs)
}

func (z *zone) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service != "" || proto != "" || !strings.HasSuffix(name, ".") {
		return "", nil, fmt.Errorf("asked for %q %q %q", service, proto, name)
	}
	list, err := answerOf(ctx, z, "SRV", name, z.srv)
	return name, list, err
}

func (z *zone) LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error) {
	return answerOf(ctx, z, "NAPTR", name, z.naptr)
}

func (z *zone) times(question string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	n := 0
	for _, q := range z.asked {
		if q == question {
			n++
		}
	}
	return n
}

func (z *zone) fail(err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err = err
}

func ips(list ...string) (addrs []netip.Addr) {
	for _, s := range list {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}

func carriers() *zone {
	return &zone{
		naptr: map[string][]NAPTR{
			"naptr.example": {
				{20, 10, "s", "SIP+D2U", "_sip._udp.naptr.example."},
				{10, 20, "S", "sip+d2t", "_sip._tcp.naptr.example."},
				{10, 10, "s", "SIP+D2S", "_sip._sctp.naptr.example."},
				{30, 10, "s", "SIPS+D2T", "_sips._tcp.naptr.example."},
				{5, 10, "u", "E2U+sip", "."},
			},
			"hollow.example": {
				{10, 10, "s", "SIP+D2T", "_sip._tcp.hollow.example."},
				{20, 10, "s", "SIP+D2U", "_sip._udp.hollow.example."},
			},
		},
		srv: map[string][]*net.SRV{
			"_sip._udp.naptr.example":  {{Target: "p1.example.", Port: 5070}},
			"_sip._tcp.naptr.example":  {{Target: "p2.example.", Port: 5080, Priority: 2}, {Target: "p1.example.", Port: 5070, Priority: 1}},
			"_sips._tcp.naptr.example": {{Target: "p1.example.", Port: 5071}},
			"_sip._udp.hollow.example": {{Target: "p1.example.", Port: 5070}},
			"_sip._tcp.srv.example":    {{Target: "P1.example.", Port: 5070}, {Target: "gone.example.", Port: 1}},
			"_sips._tcp.srv.example":   {{Target: "p2.example.", Port: 5081}},
			"_sip._udp.no.example":     {{Target: "."}},
		},
		addrs: map[string][]netip.Addr{
			"p1.example": ips("192.0.2.11", "2001:db8::11"), "p2.example": ips("192.0.2.12"),
			"srv.example": ips("192.0.2.13"), "plain.example": ips("192.0.2.14"), "no.example": ips("192.0.2.15"),
			"naptr.example": ips("192.0.2.16"),
		},
	}
}

func show(list []Destination, err error) string {
	if err != nil {
		return err.Error()
	}
	var s []string
	for _, d := range list {
		s = append(s, d.String())
		if d.Name != "" {
			s[len(s)-1] += " as " + d.Name
		}
	}
	return strings.Join(s, ", ")
}

func TestRFC3263(t *testing.T) {
	for _, row := range []struct{ name, uri, want string }{
		{"NAPTR: the lowest order we speak", "sip:naptr.example", "TCP 192.0.2.11:5070, TCP [2001:db8::11]:5070, TCP 192.0.2.12:5080"},
		{"NAPTR for sips: only TLS, in the domain's name", "sips:naptr.example", "TLS 192.0.2.11:5071 as naptr.example, TLS [2001:db8::11]:5071 as naptr.example"},
		{"NAPTR without SRV behind it: the next", "sip:hollow.example", "UDP 192.0.2.11:5070, UDP [2001:db8::11]:5070"},
		{"no NAPTR: SRV of what we speak, targets without addresses left out", "sip:SRV.example.", "TCP 192.0.2.11:5070, TCP [2001:db8::11]:5070"},
		{"transport named: no NAPTR", "sip:naptr.example;transport=udp", "UDP 192.0.2.11:5070, UDP [2001:db8::11]:5070"},
		{"transport=tls", "sip:srv.example;transport=tls", "TLS 192.0.2.12:5081 as srv.example"},
		{"sips", "sips:srv.example", "TLS 192.0.2.12:5081 as srv.example"},
		{"port named: neither NAPTR nor SRV", "sip:naptr.example:5066", "UDP 192.0.2.16:5066"},
		{"port named, sips", "sips:naptr.example:5066", "TLS 192.0.2.16:5066 as naptr.example"},
		{"transport without SRV", "sip:srv.example;transport=udp", "UDP 192.0.2.13:5060"},
		{"nothing but addresses", "sip:plain.example", "UDP 192.0.2.14:5060"},
		{"service denied, tried all the same", "sip:no.example", "UDP 192.0.2.15:5060"},
		{"numeric", "sip:192.0.2.9", "UDP 192.0.2.9:5060"},
		{"numeric, sips", "sips:[2001:db8::9]", "TLS [2001:db8::9]:5061 as 2001:db8::9"},
		{"maddr: whom to verify stays", "sips:plain.example;maddr=p2.example", "TLS 192.0.2.12:5061 as plain.example"},
		{"unknown", "sip:nowhere.example", "resolving sip:nowhere.example: lookup nowhere.example: no such host"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := NewResolver(carriers())
			defer r.Close()
			for range 2 { // asked, and remembered
				if got := show(r.Resolve(t.Context(), uriOf(t, row.uri))); got != row.want {
					t.Errorf("%s\n got %s\nwant %s", row.uri, got, row.want)
				}
			}
		})
	}
}

func TestAColdNameCostsItsSlowestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carriers()
		z.delay = 100 * time.Millisecond
		z.silent = "_" // a server that drops what it does not know
		r := NewResolver(z)
		defer r.Close()
		start := time.Now()
		if got := show(r.Resolve(t.Context(), uriOf(t, "sip:plain.example"))); got != "UDP 192.0.2.14:5060" || time.Since(start) != serviceLimit {
			t.Errorf("%s after %s", got, time.Since(start))
		}
		// Nor is it waited for again, ever.
		for range 100 {
			time.Sleep(time.Minute)
			start = time.Now()
			if got := show(r.Resolve(t.Context(), uriOf(t, "sip:plain.example"))); got != "UDP 192.0.2.14:5060" || time.Since(start) != 0 {
				t.Fatalf("%s after %s", got, time.Since(start))
			}
		}
	})
}

func TestNeitherFailureNorAbsenceReplacesAnAnswer(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
	}{
		{"failure", errors.New("server failure")},
		{"silence", context.DeadlineExceeded},
		{"absence", &net.DNSError{Err: "no such host", IsNotFound: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := carriers()
				z.delay = time.Second
				r := NewResolver(z)
				defer r.Close()
				const want = "TCP 192.0.2.11:5070, TCP [2001:db8::11]:5070, TCP 192.0.2.12:5080"
				uri := uriOf(t, "sip:naptr.example")
				r.Resolve(t.Context(), uri)
				z.fail(row.err)
				for range 60 {
					time.Sleep(time.Hour)
					start := time.Now()
					if got := show(r.Resolve(t.Context(), uri)); got != want || time.Since(start) != 0 {
						t.Fatalf("%s after %s", got, time.Since(start))
					}
				}
				time.Sleep(2 * time.Second) // the last question has been answered
				z.fail(nil)
				z.mu.Lock()
				z.addrs = map[string][]netip.Addr{"p1.example": ips("192.0.2.99"), "p2.example": ips("192.0.2.12")}
				z.mu.Unlock()
				time.Sleep(time.Minute)
				r.Resolve(t.Context(), uri)
				time.Sleep(2 * time.Second)
				if got := show(r.Resolve(t.Context(), uri)); got != "TCP 192.0.2.99:5070, TCP 192.0.2.12:5080" {
					t.Errorf("put right: %s", got)
				}
			})
		})
	}
}

func TestPrefetchWaitsAheadOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carriers()
		z.delay = time.Second
		z.err = errors.New("the network is not up yet")
		r := NewResolver(z)
		defer r.Close()
		r.Prefetch(uriOf(t, "sip:naptr.example"))
		time.Sleep(time.Minute)
		z.fail(nil)
		time.Sleep(15 * time.Second)
		at := func(uri, want string) {
			t.Helper()
			start := time.Now()
			if got := show(r.Resolve(t.Context(), uriOf(t, uri))); got != want || time.Since(start) != 0 {
				t.Errorf("%s after %s, want %s", got, time.Since(start), want)
			}
		}
		at("sip:naptr.example", "TCP 192.0.2.11:5070, TCP [2001:db8::11]:5070, TCP 192.0.2.12:5080")
		// Kept fresh without a call: a move is noticed within two minutes.
		z.mu.Lock()
		z.addrs["p1.example"] = ips("192.0.2.99")
		z.mu.Unlock()
		time.Sleep(2 * time.Minute)
		at("sip:naptr.example", "TCP 192.0.2.99:5070, TCP 192.0.2.12:5080")
		before := z.times("A p1.example")
		time.Sleep(10 * time.Minute)
		if n := z.times("A p1.example") - before; n < 8 || n > 10 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		r.Prefetch(uriOf(t, "sip:plain.example"))
		time.Sleep(5 * time.Second)
		at("sip:plain.example", "UDP 192.0.2.14:5060")
		before = z.times("A p1.example")
		time.Sleep(10 * time.Minute)
		if n := z.times("A p1.example") - before; n != 0 {
			t.Errorf("asked %d times for what is not wanted any more", n)
		}
	})
}

func TestWhatCannotBeReachedComesLast(t *testing.T) {
	r := NewResolver(carriers())
	defer r.Close()
	r.Favour(func(d Destination) bool { return d.Addr.Addr().Is6() })
	got := show(r.Resolve(t.Context(), uriOf(t, "sip:naptr.example")))
	if got != "TCP [2001:db8::11]:5070, TCP 192.0.2.11:5070, TCP 192.0.2.12:5080" {
		t.Error(got)
	}
}

func TestReaches(t *testing.T) {
	onRig(t, Config{Listen: []Listen{{Protocol: UDP, Addr: usIP + ":5060"}}}, func(r *rig) {
		if !r.us.Reaches(To(UDP, at(peerIP+":5060"))) || !r.us.Reaches(To(TCP, at(peerIP+":5060"))) {
			t.Error("the peer is not reached")
		}
		if r.us.Reaches(To(UDP, at("[2001:db8::2]:5060"))) {
			t.Error("IPv6 is reached without a socket")
		}
	})
}

func TestCallersShareAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carriers()
		z.delay = time.Second
		r := NewResolver(z)
		defer r.Close()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := r.Resolve(t.Context(), uriOf(t, "sip:plain.example:5060")); err != nil {
					t.Error(err)
				}
			})
		}
		// One that does not wait takes nothing from the others.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.Resolve(ctx, uriOf(t, "sip:plain.example:5060")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		all.Wait()
		if n := z.times("A plain.example"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestSRVOrder(t *testing.T) {
	records := []*net.SRV{
		{Target: "backup", Priority: 20, Weight: 100},
		{Target: "three", Priority: 10, Weight: 3}, {Target: "one", Priority: 10, Weight: 1}, {Target: "zero", Priority: 10, Weight: 0},
	}
	seed := rand.New(rand.NewPCG(1, 2))
	first := map[string]int{}
	for range 10_000 {
		list := inOrder(records, seed.IntN)
		if len(list) != 4 || list[3].Target != "backup" {
			t.Fatalf("%v", list)
		}
		first[list[0].Target]++
	}
	// RFC 2782 draws from 0 to the sum: 5 numbers, of which one means weight 0.
	for target, want := range map[string]int{"zero": 2000, "one": 2000, "three": 6000} {
		if n := first[target]; n < want-200 || n > want+200 {
			t.Errorf("%s was first %d times, want about %d", target, n, want)
		}
	}
	if records[0].Target != "backup" {
		t.Error("the records were changed")
	}
}

// Whatever is drawn, no target is lost and no priority jumps the queue.
func TestSRVOrderIsAPermutationByPriority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []*net.SRV
		for i := range rapid.IntRange(0, 8).Draw(t, "records") {
			records = append(records, &net.SRV{Target: fmt.Sprint(i), Priority: rapid.Uint16Range(0, 3).Draw(t, "priority"), Weight: rapid.Uint16().Draw(t, "weight")})
		}
		list := inOrder(records, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "chance") })
		seen := map[string]bool{}
		for i, s := range list {
			if seen[s.Target] = true; i > 0 && s.Priority < list[i-1].Priority {
				t.Fatalf("priority %d behind %d", s.Priority, list[i-1].Priority)
			}
		}
		if len(list) != len(records) || len(seen) != len(records) {
			t.Fatalf("%d of %d records", len(seen), len(records))
		}
	})
}
