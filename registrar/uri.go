package registrar

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// equalURI is RFC 3261 s19.1.4.
func equalURI(a, b *sip.Uri) bool {
	if a.Raw() != "" || b.Raw() != "" {
		return strings.EqualFold(a.Scheme, b.Scheme) && a.Raw() == b.Raw()
	}
	if uriKey(a) != uriKey(b) || unescaped(a.Password) != unescaped(b.Password) {
		return false
	}
	for _, name := range []string{"user", "ttl", "method", "maddr", "transport"} {
		// One that only one of them has never matches, even with the default value.
		_, inA := param(a.UriParams, name)
		_, inB := param(b.UriParams, name)
		if inA != inB {
			return false
		}
	}
	for _, kv := range a.UriParams {
		if v, ok := param(b.UriParams, kv.K); ok && !strings.EqualFold(unescaped(kv.V), unescaped(v)) {
			return false
		}
	}
	return slices.Equal(headersOf(a), headersOf(b))
}

func headersOf(u *sip.Uri) []string {
	var hs []string
	for _, kv := range u.Headers {
		hs = append(hs, strings.ToLower(kv.K)+"="+kv.V)
	}
	slices.Sort(hs)
	return hs
}

// uriKey is scheme, user, host and port: equal for equal URIs.
func uriKey(u *sip.Uri) string {
	scheme := strings.ToLower(u.Scheme)
	if scheme == "" {
		scheme = "sip"
	}
	if u.Raw() != "" {
		return scheme + ":" + u.Raw()
	}
	host := strings.ToLower(strings.Trim(u.Host, "[]"))
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.String() // RFC 5118 s4.5: one IPv6 address has many spellings
	}
	return scheme + ":" + unescaped(u.User) + "@" + host + ":" + strconv.Itoa(u.Port)
}

// unescaped takes away the escapes that make no difference: those of characters that
// need none.
func unescaped(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				if isUnreserved(byte(n)) {
					b.WriteByte(byte(n))
				} else {
					b.WriteString(strings.ToUpper(s[i : i+3]))
				}
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isUnreserved is the class of RFC 3261 s25.1.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0
}

// param finds a parameter, whatever the case of its name (RFC 3261 s7.3.1).
func param(ps sip.HeaderParams, name string) (string, bool) {
	for _, kv := range ps {
		if strings.EqualFold(kv.K, name) {
			return kv.V, true
		}
	}
	return "", false
}
