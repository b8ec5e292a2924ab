package app

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/registrar"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
)

func TestABindingSurvivesBeingKept(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	udp := transport.Flow{Protocol: transport.UDP, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("198.51.100.7:40000")}
	whole := registrar.Binding{ID: "B1", AOR: registrar.AOR{Account: "acme", Extension: "2041", Device: "lobby"}, Contact: "sip:2041@10.0.0.7:5060;transport=udp",
		Params: `+sip.instance="<urn:uuid:1>";reg-id=1`, Instance: "<urn:uuid:1>", RegID: "1", Path: []string{"<sip:edge1.example;lr>, <sip:edge2.example;lr>", "<sip:p.example;lr>"},
		CallID: "c1", CSeq: 4294967295, Source: udp.Remote, Flow: udp, Protocol: transport.UDP, Symmetric: true, UserAgent: "Phone/1.0",
		Node: "gw1.tocsin.example", Since: noon, Updated: noon, Expires: noon.Add(time.Hour)}
	for _, x := range []struct {
		name string
		edit func(*registrar.Binding)
	}{
		{"all of it", func(*registrar.Binding) {}},
		{"neither parameters nor instance nor path", func(b *registrar.Binding) { b.Params, b.Instance, b.RegID, b.Path = "", "", "", nil }},
		{"one that is not reached over its flow", func(b *registrar.Binding) { b.Symmetric, b.Flow = false, transport.Flow{} }},
		{"over a connection that has ended", func(b *registrar.Binding) {
			b.Protocol, b.Flow, b.Symmetric = transport.TCP, transport.Flow{}, false
		}},
		{"IPv6", func(b *registrar.Binding) {
			b.Contact, b.Source = "sip:2041@[2001:db8::7]", netip.MustParseAddrPort("[2001:db8::7]:5060")
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			want := whole
			x.edit(&want)
			got, ok := binding(keptBinding(want))
			if !ok {
				t.Fatal("it cannot be read")
			}
			if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
	for name, edit := range map[string]func(*store.Binding){
		"no contact": func(k *store.Binding) { k.Contact = "*" }, "no source": func(k *store.Binding) { k.Source = "" },
		"another transport": func(k *store.Binding) { k.Transport = "WSS" },
	} {
		k := keptBinding(whole)
		edit(&k)
		if b, ok := binding(k); ok {
			t.Errorf("%s: read as %+v", name, b)
		}
	}
}
