package orgcheck

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/shortcode"
)

// identityHeaders may say who is calling (P8).
var identityHeaders = []string{"p-asserted-identity", "from", "remote-party-id"}

func (c *checker) trunks() {
	c.unique("trunks", "name", "trunk", len(c.o.Trunks), func(i int) string { return c.o.Trunks[i].Name })
	for i := range c.o.Trunks {
		c.trunk(fmt.Sprintf("trunks[%d]", i), &c.o.Trunks[i])
	}
	c.peersOfTwo()
}

func (c *checker) trunk(path string, t *org.Trunk) {
	for _, o := range c.in.Others {
		if (o.Account == nil) == (c.o.Account == nil) {
			continue
		}
		if slices.ContainsFunc(o.Trunks, func(s org.Trunk) bool { return s.Name == t.Name }) {
			c.refuse(path+".name", "D8", "rename one of them", "a shared trunk and one of an account are both called %s", t.Name)
		}
	}
	if c.o.Account == nil && t.Site != "" {
		c.refuse(path+".site", "D8", "remove it", "a shared trunk belongs to no site")
	} else {
		c.refer(path+".site", "P8", "site", t.Site)
	}
	for i, r := range t.Countries {
		c.country(fmt.Sprintf("%s.countries[%d]", path, i), r)
	}
	for i, p := range t.Proxies {
		if at := fmt.Sprintf("%s.proxies[%d]", path, i); c.sipURI(at, "R8", p) {
			c.notOurs(at, p)
		}
	}
	c.trunkByRole(path, t)
	c.dialFormat(path+".dial_format", t.DialFormat)
	for i, h := range t.CallerIDHeaders {
		if !slices.Contains(identityHeaders, h) {
			c.refuse(fmt.Sprintf("%s.caller_id_headers[%d]", path, i), "C1", "write one of "+strings.Join(identityHeaders, ", "), "a caller's number is not sent in %q", h)
		}
	}
	if t.Identity != "" && !slices.Contains(identityHeaders, t.Identity) {
		c.refuse(path+".identity", "P8", "write one of "+strings.Join(identityHeaders, ", "), "a caller is not known by %q", t.Identity)
	}
	c.trunkTimers(path, t)
	if t.MaxCalls < 0 {
		c.refuse(path+".max_calls", "R14", "write how many calls it carries, or leave it out for no limit", "%d is negative", t.MaxCalls)
	}
	for i, s := range t.EmergencyDialStrings {
		c.dialString(fmt.Sprintf("%s.emergency_dial_strings[%d]", path, i), s)
	}
	if t.Password != "" && t.Username == "" {
		c.refuse(path+".username", "", "add username:", "there is a password and no username")
	}
	for i, p := range t.Peers {
		if p.Bits() == 0 {
			c.refuse(fmt.Sprintf("%s.peers[%d]", path, i), "P9", "write the addresses of the peer", "%s is every address there is: anybody could call as this trunk", p)
		}
	}
}

// trunkByRole: what a trunk of each role cannot do without.
func (c *checker) trunkByRole(path string, t *org.Trunk) {
	roles := "write emergency, carrier, pbx or peering"
	switch t.Role {
	case "":
		c.refuse(path+".role", "R9", roles, "trunk %s has no role", t.Name)
	case org.RoleEmergency, org.RoleCarrier:
		if len(t.Proxies) == 0 {
			c.refuse(path+".proxies", "R8", "add proxies: with at least one SIP URI", "trunk %s leads nowhere", t.Name)
		}
		switch {
		case len(t.Countries) > 0:
		case t.Role == org.RoleEmergency:
			c.refuse(path+".countries", "R9", "add countries: with those whose PSAPs it reaches", "an emergency trunk serves a country, and %s serves none", t.Name)
		default:
			c.warn(path+".countries", "R9", "add countries: unless it is for ordinary calls only", "trunk %s takes no emergency call: it serves no country", t.Name)
		}
	case org.RolePBX, org.RolePeering:
		// P9: calls are accepted from peers, by default from what proxies resolve to.
		if len(t.Peers) == 0 && len(t.Proxies) == 0 {
			c.refuse(path+".peers", "P9", "add peers: with the addresses it calls from", "no call would be accepted from trunk %s", t.Name)
		}
		// P8: who is not in the directory is a caller of the trunk's site.
		if c.o.Account != nil && t.Site == "" {
			c.refuse(path+".site", "P8", candidates(c.names["site"], ""), "callers of %s who are not in the directory belong to no site", t.Name)
		}
	}
}

func (c *checker) dialFormat(path, format string) {
	if format == "" || slices.Contains([]string{"national", "plus-country", "urn"}, format) {
		return
	}
	fix := `write national, plus-country, urn, or a template with {code} and, where it is wanted, {cc}: "{cc}{code}"`
	if !strings.Contains(format, "{code}") {
		c.refuse(path, "R9", fix, "%q does not say where the emergency number goes", format)
		return
	}
	rest := strings.NewReplacer("{code}", "", "{cc}", "").Replace(format)
	if left := strings.Trim(rest, "0123456789+*#-"); left != "" {
		c.refuse(path, "R9", fix, "%q: %q has no meaning in a number to dial", format, left)
	}
}

func (c *checker) trunkTimers(path string, t *org.Trunk) {
	for _, d := range []struct {
		field string
		value org.Duration
	}{{"no_response_after", t.NoResponseAfter}, {"no_progress_after", t.NoProgressAfter}} {
		if v := time.Duration(d.value); v != 0 && (v < 100*time.Millisecond || v > 30*time.Second) {
			c.refuse(path+"."+d.field, "R8", "write 100ms to 30s", "%s is out of range", written(v))
			return
		}
	}
	// The defaults of R8.
	if no, progress := t.NoResponseAfter.Or(2*time.Second), t.NoProgressAfter.Or(8*time.Second); no > progress {
		c.refuse(path+".no_response_after", "R8", "make it shorter than no_progress_after", "no response at all would be waited for %s, longer than progress, %s", written(no), written(progress))
	}
}

// dialString: what a peering gateway signals is + country code and emergency number (P6).
func (c *checker) dialString(path, s string) {
	cc, code, ok := e164.SplitCallingCode(strings.TrimPrefix(s, "+"))
	if !strings.HasPrefix(s, "+") || !ok || !isDigits(code) {
		c.refuse(path, "P6", "write + country code and emergency number, such as +44999", "%q is not an emergency number with its country code", s)
		return
	}
	for _, r := range cc.Regions() {
		if _, known := shortcode.Lookup(r, shortcode.Code(code)); known {
			return
		}
	}
	c.refuse(path, "P6", "write + country code and emergency number, such as +44999", "%s is not an emergency number of %v", code, cc)
}

// peersOfTwo: an address belongs to one trunk, or nobody could say whose call it is (P9).
// A longer prefix inside another is a more exact claim, and that stands.
func (c *checker) peersOfTwo() {
	claimed := map[netip.Prefix]string{}
	for _, o := range c.in.Others {
		for _, t := range o.Trunks {
			for _, p := range t.Peers {
				claimed[p.Masked()] = fmt.Sprintf("trunk %s of %s", t.Name, o.Name())
			}
		}
	}
	for i, t := range c.o.Trunks {
		for j, p := range t.Peers {
			if other, taken := claimed[p.Masked()]; taken {
				c.refuse(fmt.Sprintf("trunks[%d].peers[%d]", i, j), "P9", "let each address belong to one trunk", "%s is claimed by %s and by trunk %s", p, other, t.Name)
				continue
			}
			claimed[p.Masked()] = "trunk " + t.Name
		}
	}
}

// sipURI checks no more than that it can be dialled: the SIP side has the whole grammar.
func (c *checker) sipURI(path, rule, uri string) bool {
	if host, _ := hostOf(uri); host != "" && !strings.ContainsAny(uri, " <>\"") {
		return true
	}
	c.refuse(path, rule, "write sip:host or sip:user@host:port;transport=tcp", "%q is not a SIP URI", uri)
	return false
}

// hostOf is the host of a SIP URI, and whether there is a user in front of it.
func hostOf(uri string) (host string, user bool) {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || (!strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips")) {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, "?")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest, user = rest[i+1:], true
	}
	rest, _, _ = strings.Cut(rest, ";")
	if strings.HasPrefix(rest, "[") {
		literal, _, closed := strings.Cut(rest[1:], "]")
		if _, err := netip.ParseAddr(literal); !closed || err != nil {
			return "", user
		}
		return literal, user
	}
	rest, port, hasPort := strings.Cut(rest, ":")
	if hasPort && !isDigits(port) {
		return "", user
	}
	return rest, user
}

// notOurs: where emergency calls go may not be where we listen ourselves (R16).
func (c *checker) notOurs(path, uri string) {
	host, _ := hostOf(uri)
	ours := slices.ContainsFunc(c.in.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
	if c.o.Account != nil {
		ours = ours || slices.ContainsFunc(c.o.Account.Domains, func(d string) bool { return strings.EqualFold(d, host) })
	}
	if ours {
		c.refuse(path, "R16", "write where the call really goes; for one of our extensions write {extension: \"...\"}", "%s leads back to us", uri)
	}
}
