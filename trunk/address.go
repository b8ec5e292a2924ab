package trunk

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// find looks a proxy's addresses up and says when to do so again. What was found before
// stays until something else is.
func (m *Monitor) find(ctx context.Context, w *watched) time.Duration {
	limited, done := context.WithTimeout(ctx, m.cfg.Timeout)
	found, err := m.cfg.Resolver.Resolve(limited, w.URI)
	done()
	if ctx.Err() != nil {
		return 0
	}
	if err == nil && len(found) == 0 {
		err = errors.New("no address")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		if w.Lookup == "" {
			m.cfg.Log.Warn("proxy's address not found", "trunk", w.Trunks[0].String(), "proxy", w.URI, "known", len(w.addrs), "error", err)
		}
		w.Lookup = err.Error()
		return m.cfg.WhileDown
	}
	for i, a := range found {
		found[i] = plain(a)
	}
	w.Lookup, w.Found = "", time.Now()
	if !slices.Equal(w.addrs, found) {
		w.addrs = found
		m.index()
	}
	return m.cfg.Renew
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// index makes byAddr anew. The caller holds the lock.
func (m *Monitor) index() {
	clear(m.byAddr)
	for uri, w := range m.proxies {
		for _, a := range w.addrs {
			if !slices.Contains(m.byAddr[a.Addr()], uri) {
				m.byAddr[a.Addr()] = append(m.byAddr[a.Addr()], uri)
			}
		}
	}
}

// At is the trunk a request from that address comes from, of those without `peers`, which
// say for themselves whom they believe (P9): one with a proxy at the address and port,
// else one with a proxy at the address; the first in the order of the directory where
// there are several. It is nil where there is none.
func (m *Monitor) At(d *org.Directory, source netip.AddrPort) *org.Trunk {
	source = plain(source)
	m.mu.RLock()
	defer m.mu.RUnlock()
	uris := m.byAddr[source.Addr()]
	if len(uris) == 0 { // most callers are no trunk
		return nil
	}
	var near *org.Trunk
	for _, t := range d.Trunks() {
		if len(t.Peers) > 0 {
			continue
		}
		for _, uri := range t.Proxies {
			if !slices.Contains(uris, uri) {
				continue
			}
			if slices.Contains(m.proxies[uri].addrs, source) {
				return t
			}
			if near == nil {
				near = t
			}
		}
	}
	return near
}
