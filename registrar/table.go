package registrar

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// table holds the bindings and finds them by what a request shows.
type table struct {
	node      string // whose flows are flows here
	mu        sync.RWMutex
	byID      map[string]*Binding
	extension map[line][]*Binding
	flow      map[transport.Flow][]*Binding
	source    map[netip.AddrPort][]*Binding
	contact   map[address][]*Binding
	names     map[string]transport.Flow
}

// line is an extension.
type line struct{ account, extension string }

// address is a contact as seen from somewhere.
type address struct {
	source netip.Addr
	uri    string // its uriKey
}

func newTable(node string) *table {
	return &table{node: node, byID: map[string]*Binding{}, extension: map[line][]*Binding{}, flow: map[transport.Flow][]*Binding{},
		source: map[netip.AddrPort][]*Binding{}, contact: map[address][]*Binding{}, names: map[string]transport.Flow{}}
}

func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func addressOf(b *Binding) address {
	a := address{source: b.Source.Addr().Unmap()}
	if u, ok := parseURI(b.Contact); ok {
		a.uri = uriKey(&u)
	}
	return a
}

// put takes a binding in place of the one with its ID. The caller holds the lock, as for
// every method up to of.
func (t *table) put(b *Binding) {
	t.drop(b.ID)
	t.byID[b.ID] = b
	add(t.extension, line{b.AOR.Account, b.AOR.Extension}, b)
	add(t.source, plain(b.Source), b)
	add(t.contact, addressOf(b), b)
	if !b.Flow.IsZero() && b.Node == t.node {
		add(t.flow, b.Flow, b)
		t.names[b.Flow.String()] = b.Flow
	}
}

func (t *table) drop(id string) {
	b := t.byID[id]
	if b == nil {
		return
	}
	delete(t.byID, id)
	remove(t.extension, line{b.AOR.Account, b.AOR.Extension}, b)
	remove(t.source, plain(b.Source), b)
	remove(t.contact, addressOf(b), b)
	remove(t.flow, b.Flow, b)
	if len(t.flow[b.Flow]) == 0 {
		delete(t.names, b.Flow.String())
	}
}

func add[K comparable](m map[K][]*Binding, k K, b *Binding) { m[k] = append(m[k], b) }

func remove[K comparable](m map[K][]*Binding, k K, b *Binding) {
	left := slices.DeleteFunc(m[k], func(x *Binding) bool { return x == b })
	if len(left) == 0 {
		delete(m, k)
		return
	}
	m[k] = left
}

// of are the bindings of a device, the newest first.
func (t *table) of(aor AOR) []*Binding {
	var bs []*Binding
	for _, b := range t.extension[line{aor.Account, aor.Extension}] {
		if b.AOR == aor {
			bs = append(bs, b)
		}
	}
	slices.SortStableFunc(bs, newestFirst)
	return bs
}

func newestFirst(a, b *Binding) int { return cmp.Compare(b.Updated.UnixNano(), a.Updated.UnixNano()) }

// all are the bindings of an extension, the newest first.
func (t *table) all(account, extension string) []*Binding {
	t.mu.RLock()
	defer t.mu.RUnlock()
	bs := slices.Clone(t.extension[line{account, extension}])
	slices.SortStableFunc(bs, newestFirst)
	return bs
}

// livesAt says whether a phone is registered from exactly there.
func (t *table) livesAt(source netip.AddrPort, at time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.ContainsFunc(t.source[plain(source)], func(b *Binding) bool { return b.Live(at) })
}

// owner is the binding a request comes from, by the nearest evidence there is.
func (t *table) owner(source netip.AddrPort, flow, contact string, at time.Time) *Binding {
	t.mu.RLock()
	defer t.mu.RUnlock()
	uri, ok := parseURI(contact)
	same := func(b *Binding) bool {
		u, parsed := parseURI(b.Contact)
		return ok && parsed && equalURI(&u, &uri)
	}
	if f, known := t.names[flow]; known {
		if b := best(t.flow[f], same, at); b != nil {
			return b
		}
	}
	if b := best(t.source[plain(source)], same, at); b != nil {
		return b
	}
	if !ok {
		return nil
	}
	near := t.contact[address{source.Addr().Unmap(), uriKey(&uri)}]
	return best(slices.DeleteFunc(slices.Clone(near), func(b *Binding) bool { return !same(b) }), same, at)
}

// best of several: an analog gateway registers every line over one flow, so the contact
// tells them apart; then what is live; then what is newest.
func best(bs []*Binding, same func(*Binding) bool, at time.Time) *Binding {
	if len(bs) == 0 {
		return nil
	}
	rank := func(b *Binding) int {
		n := 0
		if same(b) {
			n += 2
		}
		if b.Live(at) {
			n++
		}
		return n
	}
	return slices.MinFunc(bs, func(a, b *Binding) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), newestFirst(a, b))
	})
}

// closed takes a connection that has ended from its bindings.
func (t *table) closed(flow transport.Flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range slices.Clone(t.flow[flow]) {
		gone := *b
		gone.Flow = transport.Flow{}
		t.put(&gone) // the Keeper need not know: no connection outlives the node
	}
}

// counts are the bindings that are rung and those that are only remembered.
func (t *table) counts(at time.Time) (live, ended int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, b := range t.byID {
		if b.Live(at) {
			live++
		} else {
			ended++
		}
	}
	return live, ended
}

// forget drops what keep does not want, and of those that have ended all but the latest
// limit. It returns their ids.
func (t *table) forget(keep func(*Binding) bool, limit int, at time.Time) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var gone []string
	var ended []*Binding
	for id, b := range t.byID {
		switch {
		case !keep(b):
			gone = append(gone, id)
		case !b.Live(at):
			ended = append(ended, b)
		}
	}
	if over := len(ended) - limit; over > 0 {
		slices.SortFunc(ended, func(a, b *Binding) int { return a.Expires.Compare(b.Expires) })
		for _, b := range ended[:over] {
			gone = append(gone, b.ID)
		}
	}
	for _, id := range gone {
		t.drop(id)
	}
	return gone
}
