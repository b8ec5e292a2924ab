package app

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/trunk"
)

// addresses is trunk.Resolver over the transport's resolver, which calls use as well: what
// the monitor has looked up no call waits for.
type addresses struct{ *transport.Resolver }

func (r addresses) Resolve(ctx context.Context, uri string) ([]netip.AddrPort, error) {
	var to sip.Uri
	if err := sip.ParseUri(uri, &to); err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	ds, err := r.Resolver.Resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	as := make([]netip.AddrPort, 0, len(ds))
	for _, d := range ds {
		as = append(as, d.Addr)
	}
	return as, nil
}

// silentTrunks warns of each country whose emergency trunks are all silent. It is a
// warning and no more: OPTIONS may be filtered where INVITE is not, and calls are tried
// all the same (R8).
func silentTrunks(d *org.Directory, proxies []trunk.Proxy) []api.Check {
	down := map[string]bool{}
	for _, p := range proxies {
		down[p.URI] = p.State == trunk.Down
	}
	dead := func(t *org.Trunk) bool {
		return !slices.ContainsFunc(t.Proxies, func(uri string) bool { return !down[uri] })
	}
	var checks []api.Check
	for _, v := range d.Accounts() {
		countries := map[e164.Region]bool{}
		for i := range v.Sites {
			countries[v.Sites[i].Country] = true
		}
		for _, c := range slices.Sorted(maps.Keys(countries)) {
			ts := carrying(v, c)
			if len(ts) == 0 || slices.ContainsFunc(ts, func(t *org.Trunk) bool { return !dead(t) }) {
				continue
			}
			names := make([]string, len(ts))
			for i, t := range ts {
				names[i] = t.Name
			}
			checks = append(checks, api.Check{Name: "trunks " + v.Name() + " " + string(c),
				Text: "no proxy of " + strings.Join(names, ", ") + " answers OPTIONS; emergency calls are tried there all the same"})
		}
	}
	return checks
}

// carrying are the trunks that take the emergency calls of a country (R9): those with that
// role, and where there are none its carriers.
func carrying(v *org.View, c e164.Region) []*org.Trunk {
	for _, role := range []org.TrunkRole{org.RoleEmergency, org.RoleCarrier} {
		var ts []*org.Trunk
		for _, t := range v.AllTrunks() {
			if t.Role == role && t.Serves(c) && len(t.Proxies) > 0 {
				ts = append(ts, t)
			}
		}
		if len(ts) > 0 {
			return ts
		}
	}
	return nil
}

// credentials are what a trunk of an account knows us by.
func (a *App) credentials(account, name string) (user, password string, ok bool) {
	v := a.Directory().Account(account)
	if v == nil {
		return "", "", false
	}
	t := v.Trunk(name)
	if t == nil || t.Username == "" {
		return "", "", false
	}
	return t.Username, t.Password, true
}
