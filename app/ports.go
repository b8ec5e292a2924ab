package app

import (
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/registrar"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/sipua"
)

// registrations is gateway.Registrations over the registrar.
type registrations struct{ *registrar.Registrar }

func (r registrations) Owner(p gateway.Peer) (gateway.Registration, bool) {
	o, ok := r.Registrar.Owner(p.Source, p.Flow, p.Contact)
	return gateway.Registration{Account: o.Account, Extension: o.Extension, Device: o.Device, Expired: o.Expired}, ok
}

func (r registrations) Contacts(account, extension string) []policy.Contact {
	var cs []policy.Contact
	for _, c := range r.Registrar.Contacts(account, extension) {
		cs = append(cs, policy.Contact{Device: c.Device, URI: c.URI, Flow: c.Flow})
	}
	return cs
}

// sink is what the transport tells: the UA of messages, the UA and the registrar of
// connections that ended.
type sink struct {
	*sipua.UA
	registrar *registrar.Registrar
}

func (s sink) Closed(f transport.Flow) {
	s.registrar.Closed(f)
	s.UA.Closed(f)
}
