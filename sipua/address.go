package sipua

import (
	"net/url"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// nameAddr is one entry of an address header (RFC 3261 s20.10).
type nameAddr struct {
	display string // as a person reads it: no quotes, no escapes
	uri     string
	params  string // what follows the URI, with its first semicolon
}

// param is the value of a header parameter.
func (n nameAddr) param(name string) (string, bool) {
	for _, p := range splitOutside(n.params, ';') {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// parsed is the URI taken apart.
func (n nameAddr) parsed() (sip.Uri, bool) {
	var u sip.Uri
	return u, sip.ParseUri(n.uri, &u) == nil
}

// nameAddrs reads the entries of all headers of a name. What cannot be read is passed over.
func nameAddrs(m sip.Message, name string) []nameAddr {
	var ns []nameAddr
	for _, v := range headerValues(m, name) {
		for _, one := range splitOutside(v, ',') {
			if n, ok := parseNameAddr(one); ok {
				ns = append(ns, n)
			}
		}
	}
	return ns
}

func parseNameAddr(s string) (nameAddr, bool) {
	s = strings.TrimSpace(s)
	at := indexOutside(s, '<')
	if at < 0 {
		at = strings.LastIndexByte(s, '<') // behind a quotation mark without its partner
	}
	if at < 0 {
		// RFC 3261 s20: without brackets every parameter is the header's.
		uri, params, has := strings.Cut(s, ";")
		n := nameAddr{uri: strings.TrimSpace(uri)}
		if has {
			n.params = ";" + params
		}
		return n, strings.Contains(n.uri, ":")
	}
	uri, after, closed := strings.Cut(s[at+1:], ">")
	n := nameAddr{display: unquoted(s[:at]), uri: strings.TrimSpace(uri), params: strings.TrimSpace(after)}
	return n, closed && n.uri != ""
}

// unquoted is a display name without its quotes and escapes (RFC 3261 s25.1).
func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return strings.Trim(s, `"`)
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i+1 < len(s)-1 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// outside calls each with the index of every c that stands neither in quotes nor in <>,
// until it returns false.
func outside(s string, c byte, each func(i int) bool) {
	quoted, inside := false, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"' && !inside:
			quoted = !quoted
		case quoted:
		case s[i] == c && !inside:
			if !each(i) {
				return
			}
			inside = c == '<'
		case s[i] == '<':
			inside = true
		case s[i] == '>':
			inside = false
		}
	}
}

func indexOutside(s string, c byte) int {
	at := -1
	outside(s, c, func(i int) bool { at = i; return false })
	return at
}

// splitOutside cuts a header value at the separators that stand outside quotes and <>,
// and leaves out what is empty.
func splitOutside(s string, sep byte) []string {
	var out []string
	start := 0
	add := func(end int) {
		if one := strings.TrimSpace(s[start:end]); one != "" {
			out = append(out, one)
		}
		start = end + 1
	}
	outside(s, sep, func(i int) bool { add(i); return true })
	if start <= len(s) {
		add(len(s))
	}
	return out
}

// userOf is who a URI names: the user part without its parameters and escapes.
func userOf(u sip.Uri) string {
	user := u.User
	if raw := u.Raw(); raw != "" {
		user = raw // tel:, urn:
	}
	user, _, _ = strings.Cut(user, ";")
	if plain, err := url.PathUnescape(user); err == nil {
		return plain
	}
	return user
}

func headerValues(m sip.Message, name string) []string {
	var vs []string
	for _, h := range m.GetHeaders(name) {
		vs = append(vs, h.Value())
	}
	return vs
}

// headerValue is the first value of a header, "" where there is none.
func headerValue(m sip.Message, name string) string {
	if hs := m.GetHeaders(name); len(hs) > 0 {
		return strings.TrimSpace(hs[0].Value())
	}
	return ""
}

// contactOf is the first Contact of a message: where requests of a dialog go to.
func contactOf(m sip.Message) (uri string, ok bool) {
	for _, n := range nameAddrs(m, "Contact") {
		if _, ok := n.parsed(); ok && n.uri != "*" {
			return n.uri, true
		}
	}
	return "", false
}

// recordRoutes are the Record-Route entries of a message, as Route entries.
func recordRoutes(m sip.Message) []string {
	var rs []string
	for _, n := range nameAddrs(m, "Record-Route") {
		rs = append(rs, "<"+n.uri+">"+n.params)
	}
	return rs
}

// uriOf is the URI of one address entry.
func uriOf(s string) string {
	n, _ := parseNameAddr(s)
	return n.uri
}

// loose says whether a route is a loose router (RFC 3261 s19.1.1).
func loose(route string) bool {
	var u sip.Uri
	if err := sip.ParseUri(uriOf(route), &u); err != nil {
		return false
	}
	for _, p := range u.UriParams {
		if strings.EqualFold(p.K, "lr") {
			return true
		}
	}
	return false
}

// withoutTag is a From or To value as it stands, less its tag.
func withoutTag(value string) string {
	n, ok := parseNameAddr(value)
	if !ok {
		return value
	}
	head := value[:len(value)-len(n.params)]
	for _, p := range splitOutside(n.params, ';') {
		if k, _, _ := strings.Cut(p, "="); !strings.EqualFold(strings.TrimSpace(k), "tag") {
			head += ";" + p
		}
	}
	return head
}

// addressURI is a destination as a remote target, for a peer that names none.
func addressURI(to transport.Destination) string {
	addr := to.Addr
	if !to.Flow.IsZero() {
		addr = to.Flow.Remote
	}
	return "sip:" + addr.String()
}
