package transport

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	lookupLimit  = 5 * time.Second
	serviceLimit = 1500 * time.Millisecond // NAPTR and SRV: one can do without them
)

// Resolver finds where a URI leads (RFC 3263 s4): NAPTR for the transport, SRV for hosts and ports, A and AAAA.
//
//	transport named?   else numeric host or port: UDP, sips TLS; else NAPTR; else the first with SRV; else UDP, sips TLS
//	numeric host       that
//	port named         A and AAAA, that port
//	otherwise          SRV by priority and weight; none: A and AAAA with the transport's port
//
// A name once resolved is never waited for again: an answer older than a minute is given at
// once and asked for anew beside the call, and if that fails, or finds nothing, it is kept. An emergency call to
// yesterday's address of a carrier beats one that hangs on a name server. Prefetch does the first waiting
// ahead of calls. For the same reason what SRV makes impossible (no such service, targets without
// addresses) leads to the host's own addresses, where RFC 3263 would give up.
type Resolver struct {
	hosts    answers[[]netip.Addr]
	services answers[[]*net.SRV]
	pointers answers[[]NAPTR]
	hasSRV   bool
	hasNAPTR bool
	usable   func(Destination) bool

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // Prefetch has a new list

	mu       sync.Mutex
	ahead    []sip.Uri
	fetching bool
	closed   bool
}

// NewResolver uses lookup, or the operating system if it is nil. A lookup that is a
// ServiceLookup or NAPTRLookup as well is asked for those records.
func NewResolver(lookup Lookup) *Resolver {
	if lookup == nil {
		lookup = NewSystemLookup()
	}
	r := &Resolver{wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.hosts = answers[[]netip.Addr]{limit: lookupLimit, goes: r.goes, known: make(map[string]*answer[[]netip.Addr]),
		ask: func(ctx context.Context, host string) ([]netip.Addr, error) { return lookupHost(ctx, lookup, host) }}
	if l, ok := lookup.(ServiceLookup); ok {
		r.hasSRV = true
		r.services = answers[[]*net.SRV]{limit: serviceLimit, without: true, goes: r.goes, known: make(map[string]*answer[[]*net.SRV]),
			ask: func(ctx context.Context, name string) ([]*net.SRV, error) {
				_, list, err := l.LookupSRV(ctx, "", "", name)
				return list, err
			}}
	}
	if l, ok := lookup.(NAPTRLookup); ok {
		r.hasNAPTR = true
		r.pointers = answers[[]NAPTR]{limit: serviceLimit, without: true, goes: r.goes, known: make(map[string]*answer[[]NAPTR]), ask: l.LookupNAPTR}
	}
	return r
}

// Favour puts destinations for which usable is true before the others: those of an address family
// without a listener or route come last (see Layer.Reaches). To be called before Resolve.
func (r *Resolver) Favour(usable func(Destination) bool) { r.usable = usable }

// Close ends the look-ups under way and waits for them.
func (r *Resolver) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	return nil
}

// goes runs f in a goroutine that Close waits for; false once closed.
func (r *Resolver) goes(f func(context.Context)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.wg.Go(func() { f(r.ctx) })
	return true
}

// Prefetch resolves URIs now and keeps them fresh, until it is called with others.
func (r *Resolver) Prefetch(uris ...sip.Uri) {
	r.mu.Lock()
	r.ahead = slices.Clone(uris)
	start := !r.fetching
	r.fetching = true
	r.mu.Unlock()
	if start {
		r.goes(r.fetch)
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// fetch is Prefetch's goroutine. What is fresh costs it a look into a map.
func (r *Resolver) fetch(ctx context.Context) {
	for {
		r.mu.Lock()
		uris := r.ahead
		r.mu.Unlock()
		var all sync.WaitGroup
		for _, u := range uris {
			all.Go(func() { r.resolve(ctx, u, true) }) // what fails is tried again
		}
		all.Wait()
		t := time.NewTimer(retryAfter)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-t.C:
		}
		if t.Stop(); ctx.Err() != nil {
			return
		}
	}
}

// Resolve returns the destinations of a URI, in the order to try them; never none without an error.
func (r *Resolver) Resolve(ctx context.Context, uri sip.Uri) ([]Destination, error) {
	return r.resolve(ctx, uri, false)
}

func (r *Resolver) resolve(ctx context.Context, uri sip.Uri, patient bool) ([]Destination, error) {
	t, err := targetOf(uri)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", uri.String(), err)
	}
	t.patient = patient
	list, err := r.find(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", uri.String(), err)
	}
	if r.usable != nil {
		slices.SortStableFunc(list, func(a, b Destination) int {
			return cmp.Compare(rank(r.usable(a)), rank(r.usable(b)))
		})
	}
	return list, nil
}

func rank(usable bool) int {
	if usable {
		return 0
	}
	return 1
}

// target is what RFC 3263 s4 wants to know of a URI.
type target struct {
	host     string   // to look up: maddr or the URI's host
	name     string   // that a certificate has to be for
	port     uint16   // 0 if none is named
	protocol Protocol // 0 if none is named
	secure   bool     // sips
	patient  bool     // no call is waiting
}

func targetOf(uri sip.Uri) (target, error) {
	t := target{host: unbracket(uri.Host), port: uint16(uri.Port)}
	switch strings.ToLower(uri.Scheme) {
	case "", "sip":
	case "sips":
		t.secure = true
	default:
		return t, fmt.Errorf("scheme %q has no address: %w", uri.Scheme, ErrProtocol)
	}
	t.name = serverName(t.host)
	for _, kv := range uri.UriParams {
		switch strings.ToLower(kv.K) {
		case "maddr": // RFC 3261 s19.1.1: it overrides the host
			t.host = unbracket(kv.V)
		case "transport":
			var err error
			if t.protocol, err = ParseProtocol(kv.V); err != nil {
				return t, err
			}
		}
	}
	t.host = strings.ToLower(strings.TrimSuffix(t.host, "."))
	if t.secure {
		switch t.protocol {
		case UDP:
			return t, fmt.Errorf("sips by UDP: %w", ErrProtocol)
		case TCP: // RFC 3261 s26.2.2: TLS over TCP
			t.protocol = TLS
		}
	}
	return t, nil
}

// transport is the one named, else the one RFC 3263 s4.1 ends with.
func (t target) transport() Protocol {
	switch {
	case t.protocol != 0:
		return t.protocol
	case t.secure:
		return TLS
	}
	return UDP
}

// candidates are the transports to look for SRV records of, in our order of preference.
func (t target) candidates() []Protocol {
	switch {
	case t.protocol != 0:
		return []Protocol{t.protocol}
	case t.secure:
		return []Protocol{TLS}
	}
	return []Protocol{UDP, TCP, TLS}
}

// to makes a destination of the target.
func (t target) to(p Protocol, addr netip.Addr, port uint16) Destination {
	d := To(p, netip.AddrPortFrom(addr, port))
	if p == TLS {
		d.Name = t.name
	}
	return d
}

func (r *Resolver) find(ctx context.Context, t target) ([]Destination, error) {
	p := t.transport()
	if a, err := netip.ParseAddr(t.host); err == nil {
		return []Destination{t.to(p, a.Unmap(), cmp.Or(t.port, p.DefaultPort()))}, nil
	}
	r.hosts.prime(t.host) // all questions at once: a cold name costs its slowest answer, not the sum
	// RFC 6761 s6.3: localhost is not a question for name servers.
	if t.port == 0 && r.hasSRV && t.host != "localhost" && !strings.HasSuffix(t.host, ".localhost") {
		for _, c := range t.candidates() {
			r.services.prime(serviceName(c, t.host))
		}
		for _, n := range r.chosen(ctx, t) {
			if list := r.served(ctx, t, n.protocol, n.service); len(list) > 0 {
				return list, nil
			}
		}
		for _, c := range t.candidates() {
			if list := r.served(ctx, t, c, serviceName(c, t.host)); len(list) > 0 {
				return list, nil
			}
		}
	}
	addrs, err := r.hosts.get(ctx, t.host, t.patient)
	if err != nil {
		return nil, err
	}
	list := make([]Destination, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, t.to(p, a, cmp.Or(t.port, p.DefaultPort())))
	}
	return list, nil
}

// service is a NAPTR record that is of use.
type service struct {
	protocol Protocol
	service  string
}

// chosen are the SRV names that the target's NAPTR records offer, in their order, where the transport
// is not named (RFC 3263 s4.1).
func (r *Resolver) chosen(ctx context.Context, t target) []service {
	if t.protocol != 0 || !r.hasNAPTR {
		return nil
	}
	records, err := r.pointers.get(ctx, absolute(t.host), t.patient)
	if err != nil {
		return nil
	}
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	var list []service
	for _, n := range records {
		p := map[string]Protocol{"SIP+D2U": UDP, "SIP+D2T": TCP, "SIPS+D2T": TLS}[strings.ToUpper(n.Service)]
		if p == 0 || t.secure && p != TLS || !strings.EqualFold(n.Flags, "s") || strings.Trim(n.Replacement, ".") == "" {
			continue
		}
		list = append(list, service{p, absolute(strings.ToLower(n.Replacement))})
	}
	return list
}

// served are the destinations of an SRV name, in the order to try them.
func (r *Resolver) served(ctx context.Context, t target, p Protocol, name string) []Destination {
	records, err := r.services.get(ctx, name, t.patient)
	if err != nil {
		return nil
	}
	records = inOrder(records, rand.IntN)
	host := func(s *net.SRV) string { return strings.ToLower(strings.TrimSuffix(s.Target, ".")) }
	for _, s := range records {
		r.hosts.prime(host(s))
	}
	var list []Destination
	for _, s := range records {
		addrs, err := r.hosts.get(ctx, host(s), t.patient)
		if err != nil {
			continue // the others may do
		}
		for _, a := range addrs {
			list = append(list, t.to(p, a, s.Port))
		}
	}
	return list
}

// inOrder puts SRV records into the order of RFC 2782: by priority, and within one by a draw in which
// weights are chances. Each call draws anew. A target of "." says that there is no such service.
func inOrder(records []*net.SRV, draw func(int) int) []*net.SRV {
	rest := slices.DeleteFunc(slices.Clone(records), func(s *net.SRV) bool { return s.Target == "." || s.Target == "" })
	slices.SortStableFunc(rest, func(a, b *net.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight)) // weight 0 first
	})
	list := make([]*net.SRV, 0, len(rest))
	for len(rest) > 0 {
		n, sum := 0, 0
		for n < len(rest) && rest[n].Priority == rest[0].Priority {
			sum += int(rest[n].Weight)
			n++
		}
		chance, i := draw(sum+1), 0
		for run := int(rest[0].Weight); run < chance; run += int(rest[i].Weight) {
			i++
		}
		list = append(list, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return list
}

// serviceName is the SRV name of RFC 3263 s4.1.
func serviceName(p Protocol, host string) string {
	switch p {
	case TCP:
		return "_sip._tcp." + absolute(host)
	case TLS:
		return "_sips._tcp." + absolute(host)
	}
	return "_sip._udp." + absolute(host)
}

// absolute keeps a name from being searched for in the node's own domains.
func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }

func lookupHost(ctx context.Context, lookup Lookup, host string) ([]netip.Addr, error) {
	found, err := lookup.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	addrs := make([]netip.Addr, len(found))
	for i, a := range found {
		addrs[i] = a.Unmap()
	}
	return addrs, nil
}
