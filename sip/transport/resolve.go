package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	freshFor     = 60 * time.Second // the standard resolver does not tell a record's TTL
	lookupLimit  = 5 * time.Second
	resolveLimit = 4096 // names remembered
)

// Lookup finds the addresses of a host name; net.Resolver does.
type Lookup interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Resolver finds where a URI leads: a numeric address, or the A and AAAA records of its host. NAPTR and
// SRV (RFC 3263 s4.1, s4.2) are not asked yet.
//
// A name once resolved is never waited for again: an address older than a minute is
// given at once and looked up anew beside the call, and if that fails it is kept. An emergency call to
// yesterday's address of a carrier beats one that hangs on a name server.
type Resolver struct {
	lookup Lookup
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	known  map[string]*resolved
	closed bool
}

type resolved struct {
	addrs   []netip.Addr
	at      time.Time
	renewal bool // under way
}

// NewResolver uses lookup, or the operating system's resolver if it is nil.
func NewResolver(lookup Lookup) *Resolver {
	if lookup == nil {
		lookup = net.DefaultResolver
	}
	r := &Resolver{lookup: lookup, known: make(map[string]*resolved)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Close ends the look-ups under way and waits for them.
func (r *Resolver) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	return nil
}

// Resolve returns the destinations of a URI, in the order to try them.
func (r *Resolver) Resolve(ctx context.Context, uri sip.Uri) ([]Destination, error) {
	p, err := protocolOf(uri)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", uri.String(), err)
	}
	host, port := unbracket(uri.Host), p.DefaultPort()
	for _, kv := range uri.UriParams {
		if strings.EqualFold(kv.K, "maddr") { // RFC 3261 s19.1.1: it overrides the host
			host = unbracket(kv.V)
		}
	}
	if uri.Port != 0 {
		port = uint16(uri.Port)
	}
	addrs, err := r.addrs(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", uri.String(), err)
	}
	list := make([]Destination, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, To(p, netip.AddrPortFrom(a, port)))
	}
	return list, nil
}

// protocolOf is the transport of RFC 3263 s4.1 for a URI, without asking NAPTR: the parameter, else UDP.
func protocolOf(uri sip.Uri) (Protocol, error) {
	switch uri.Scheme {
	case "", "sip":
	case "sips":
		return 0, fmt.Errorf("sips needs TLS: %w", ErrProtocol)
	default:
		return 0, fmt.Errorf("scheme %q has no address: %w", uri.Scheme, ErrProtocol)
	}
	for _, kv := range uri.UriParams {
		if strings.EqualFold(kv.K, "transport") {
			return ParseProtocol(kv.V)
		}
	}
	return UDP, nil
}

func (r *Resolver) addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	r.mu.Lock()
	if k := r.known[host]; k != nil {
		addrs := k.addrs
		if time.Since(k.at) >= freshFor && !k.renewal && !r.closed {
			k.renewal = true
			r.wg.Go(func() { r.renew(host) })
		}
		r.mu.Unlock()
		return addrs, nil
	}
	r.mu.Unlock()
	return r.ask(ctx, host)
}

// renew asks for a name that is known. Whatever comes of it, the next question is a minute away.
func (r *Resolver) renew(host string) {
	r.ask(r.ctx, host)
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.known[host]; k != nil {
		k.renewal, k.at = false, time.Now()
	}
}

func (r *Resolver) ask(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	found, err := r.lookup.LookupNetIP(ctx, "ip", host)
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= resolveLimit {
		for name := range r.known { // any: names come from configuration, not from callers
			delete(r.known, name)
			break
		}
	}
	r.known[host] = &resolved{addrs: addrs, at: time.Now()}
	return addrs, nil
}
