package transport

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	sourceLife  = 30 * time.Second
	refusedLife = 5 * time.Minute
	memoryLimit = 1024 // entries of each kind; forgetting costs a system call or a second, no more
)

// memory is the little that sending learns: which local address leads to a host, who
// refuses TCP, and which names we went by in a Via.
type memory struct {
	mu      sync.Mutex
	sources map[netip.Addr]learned
	refused map[netip.AddrPort]time.Time
	ours    map[string]struct{}
}

type learned struct {
	source netip.Addr
	until  time.Time
}

func (m *memory) source(remote netip.Addr) (netip.Addr, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.sources[remote]
	return l.source, ok && time.Now().Before(l.until)
}

func (m *memory) learnSource(remote, source netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sources == nil || len(m.sources) >= memoryLimit {
		m.sources = make(map[netip.Addr]learned)
	}
	m.sources[remote] = learned{source, time.Now().Add(sourceLife)}
}

func (m *memory) refusesTCP(remote netip.AddrPort) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	until, ok := m.refused[remote]
	return ok && time.Now().Before(until)
}

func (m *memory) learnRefused(remote netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil || len(m.refused) >= memoryLimit {
		m.refused = make(map[netip.AddrPort]time.Time)
	}
	m.refused[remote] = time.Now().Add(refusedLife)
}

// ours never shrinks: it holds the host names of this element, one per local address.
func (m *memory) learnOurs(host string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ours == nil {
		m.ours = make(map[string]struct{})
	}
	m.ours[strings.ToLower(host)] = struct{}{}
}

func (m *memory) isOurs(host string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.ours[strings.ToLower(host)]
	return ok
}
