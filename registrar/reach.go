package registrar

import (
	"net/netip"
	"strings"
)

// reached is where a request to a contact goes: a URI, and whether the flow leads there.
//
//	contact                     source           request-URI                   over the flow
//	public, or as the source    same address     contact                       if it has rport, or TCP
//	private, or a name          another address  contact with source address   yes
//	behind a Path               the proxy's      contact                       yes
func reached(b *Binding) (uri string, overFlow bool) {
	u, ok := parseURI(b.Contact)
	if !ok || u.Raw() != "" {
		return b.Contact, false
	}
	if len(b.Path) > 0 {
		return b.Contact, true
	}
	overFlow = b.Symmetric || b.Protocol.Reliable()
	source := b.Source.Addr().Unmap()
	host, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err == nil && (host.Unmap() == source || !inside(host.Unmap())) {
		return b.Contact, overFlow
	}
	u.Host = source.WithZone("").String()
	if source.Is6() {
		u.Host = "[" + u.Host + "]"
	}
	// Nobody listens on the port a connection was made from, so that is not where to
	// connect when it is gone.
	if !b.Protocol.Reliable() {
		u.Port = int(b.Source.Port())
	}
	u.UriParams.Remove("maddr")
	if _, stated := param(u.UriParams, "transport"); !stated && b.Protocol.Reliable() {
		u.UriParams.Add("transport", strings.ToLower(b.Protocol.String()))
	}
	return u.String(), true
}

// inside says whether an address means something only where the phone is.
func inside(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || shared.Contains(a)
}

var shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
