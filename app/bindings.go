package app

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/tocsin-sip/tocsin/registrar"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
)

// bindings is registrar.Keeper over the store. Registrations survive a restart with it: a
// phone that does not know that we were away can call, and be called, at once.
type bindings struct {
	*database
	aors sync.Map // of what was kept, by the binding's id: the store finds a binding by both
}

func (b *bindings) Put(ctx context.Context, r registrar.Binding) error {
	s, err := b.use()
	if err != nil {
		return err
	}
	k := keptBinding(r)
	if err := s.PutBindings(ctx, k); err != nil {
		return err
	}
	b.aors.Store(k.ID, k.AOR)
	return nil
}

func (b *bindings) Delete(ctx context.Context, id string) error {
	aor, ok := b.aors.Load(id)
	if !ok { // never kept
		return nil
	}
	s, err := b.use()
	if err != nil {
		return err
	}
	if err := s.DeleteBinding(ctx, aor.(string), id); err != nil {
		return err
	}
	b.aors.Delete(id)
	return nil
}

func (b *bindings) Load(ctx context.Context) ([]registrar.Binding, error) {
	s, err := b.use()
	if err != nil {
		return nil, err
	}
	rs, err := Registered(ctx, s)
	for _, r := range rs {
		b.aors.Store(r.ID, r.AOR.String())
	}
	return rs, err
}

// Registered are the registrations a store keeps.
func Registered(ctx context.Context, s *store.Store) ([]registrar.Binding, error) {
	ks, err := s.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	rs := make([]registrar.Binding, 0, len(ks))
	for _, k := range ks {
		if r, ok := binding(k); ok {
			rs = append(rs, r)
		}
	}
	return rs, nil
}

// keptBinding is a registrar's binding as the store keeps it. The flow is kept where
// requests may be sent over it, which is also how it is told whether they may.
func keptBinding(r registrar.Binding) store.Binding {
	k := store.Binding{AOR: r.AOR.String(), ID: r.ID, Contact: "<" + r.Contact + ">", Instance: r.Instance, Node: r.Node,
		Source: r.Source.String(), Transport: r.Protocol.String(), Path: strings.Join(r.Path, "\n"), CallID: r.CallID, CSeq: int64(r.CSeq),
		UserAgent: r.UserAgent, Account: r.AOR.Account, Extension: r.AOR.Extension, Device: r.AOR.Device, RegisteredAt: r.Updated, ExpiresAt: r.Expires}
	if r.Params != "" {
		k.Contact += ";" + r.Params
	}
	if r.Symmetric && !r.Flow.IsZero() {
		k.Flow = r.Flow.String()
	}
	k.RegID, _ = strconv.Atoi(r.RegID) // RFC 5626 s4.2: 1*DIGIT
	return k
}

// binding is what keptBinding kept. What cannot be read, another version wrote.
func binding(k store.Binding) (registrar.Binding, bool) {
	contact, params, ok := strings.Cut(strings.TrimPrefix(k.Contact, "<"), ">")
	if !ok {
		return registrar.Binding{}, false
	}
	source, err := netip.ParseAddrPort(k.Source)
	if err != nil {
		return registrar.Binding{}, false
	}
	protocol, err := transport.ParseProtocol(k.Transport)
	if err != nil {
		return registrar.Binding{}, false
	}
	r := registrar.Binding{ID: k.ID, AOR: registrar.AOR{Account: k.Account, Extension: k.Extension, Device: k.Device}, Contact: contact,
		Params: strings.TrimPrefix(params, ";"), Instance: k.Instance, CallID: k.CallID, CSeq: uint32(k.CSeq), Source: source, Protocol: protocol,
		UserAgent: k.UserAgent, Node: k.Node, Since: k.RegisteredAt, Updated: k.RegisteredAt, Expires: k.ExpiresAt}
	if k.RegID > 0 {
		r.RegID = strconv.Itoa(k.RegID)
	}
	if k.Path != "" {
		r.Path = strings.Split(k.Path, "\n")
	}
	if f, err := transport.ParseFlow(k.Flow); err == nil {
		r.Flow, r.Symmetric = f, true
	}
	return r, true
}
