package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// address is a name-addr or addr-spec with its header parameters (RFC 3261 s20.10).
type address struct {
	display string // between the quotes, escapes kept: as sipgo's types write it
	uri     sip.Uri
	params  sip.HeaderParams
	fault   string // what was wrong and could be read all the same
}

func parseAddress(s string) (address, error) {
	var a address
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, `"`) {
		end := quoteEnd(s)
		if end < 0 {
			return a, errors.New("quotation mark without its partner")
		}
		a.display = s[1 : end-1]
		s = strings.TrimSpace(s[end:])
		if !strings.HasPrefix(s, "<") {
			return a, errors.New("no <URI> after the display name")
		}
	}
	var uri, rest string
	if open := strings.IndexByte(s, '<'); open >= 0 {
		if name := strings.TrimSpace(s[:open]); name != "" {
			a.display = strings.ReplaceAll(name, `"`, "")
			for _, word := range strings.Fields(name) {
				if !isToken(word) {
					a.fault = "display name should be quoted"
				}
			}
		}
		uri, rest, _ = strings.Cut(s[open+1:], ">")
		if len(uri) == len(s)-open-1 {
			return a, errors.New("< without >")
		}
		if trimmed := strings.TrimSpace(uri); trimmed != uri {
			uri, a.fault = trimmed, "blanks inside <>"
		}
		rest = strings.TrimSpace(rest)
		if rest != "" && rest[0] != ';' {
			return a, fmt.Errorf("%.20q after <URI>", rest)
		}
	} else {
		// Without brackets everything from the first semicolon on belongs to the header.
		uri = s
		if i := strings.IndexByte(s, ';'); i >= 0 {
			uri, rest = strings.TrimSpace(s[:i]), s[i:]
		}
		if strings.ContainsAny(uri, ",?") {
			return a, errors.New("a URI with comma or question mark needs <>")
		}
	}
	var err error
	if a.uri, err = parseURI(uri); err != nil {
		return a, err
	}
	var fault string
	if a.params, fault, err = parseParams(rest); err != nil {
		return a, err
	}
	if fault != "" {
		a.fault = fault
	}
	return a, nil
}

// parseURI is sipgo's parser and what it does not check.
func parseURI(s string) (sip.Uri, error) {
	var u sip.Uri
	if s == "*" {
		return u, errors.New("* is no URI here")
	}
	if strings.ContainsAny(s, "<> \t\"") {
		return u, fmt.Errorf("%.40q is no URI", s)
	}
	scheme, opaque, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return u, fmt.Errorf("%.40q has no scheme", s)
	}
	if scheme = strings.ToLower(scheme); scheme != "sip" && scheme != "sips" {
		// tel:, urn:, and what only the user agent can refuse with 416. sipgo's parser keeps the
		// rest as it is, but knows only schemes of letters.
		if err := sip.ParseUri("tel:"+opaque, &u); err != nil {
			return sip.Uri{}, fmt.Errorf("URI %.40q: %w", s, err)
		}
		u.Scheme = scheme
		return u, nil
	}
	if err := sip.ParseUri(s, &u); err != nil {
		return sip.Uri{}, fmt.Errorf("URI %.40q: %w", s, err)
	}
	if !isHost(u.Host) || u.Port < 0 || u.Port > 65535 {
		return sip.Uri{}, fmt.Errorf("URI %.40q: no host or port", s)
	}
	return u, nil
}

// isScheme checks against RFC 3986 s3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if 'a' <= c && c <= 'z' || i > 0 && ('0' <= s[i] && s[i] <= '9' || strings.IndexByte("+-.", s[i]) >= 0) {
			continue
		}
		return false
	}
	return s != ""
}

func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		_, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return s != ""
}

// parseParams reads ";name=value;name". Parameters this code looks up are put into
// lower case; the others stay as they came. The fault is what was passed over.
func parseParams(s string) (params sip.HeaderParams, fault string, err error) {
	for s = strings.TrimSpace(s); s != ""; {
		if s[0] != ';' {
			return nil, "", fmt.Errorf("%.20q where a parameter should begin", s)
		}
		s = s[1:]
		end := paramEnd(s)
		if end < 0 {
			return nil, "", errors.New("quotation mark without its partner")
		}
		name, value, _ := strings.Cut(s[:end], "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		s = s[end:]
		if name == "" {
			if s != "" { // a semicolon at the end is too common to speak of
				fault = "empty parameter"
			}
			continue
		}
		switch lower := strings.ToLower(name); lower {
		case "branch", "expires", "lr", "maddr", "q", "received", "rport", "tag", "ttl":
			name = lower
		}
		if len(value) > 1 && value[0] == '"' && strings.ContainsAny(value, " \t") {
			// sipgo's types add the quotes of a value with blanks when they write it.
			value = value[1 : len(value)-1]
		}
		params = append(params, sip.HeaderKV{K: name, V: value})
	}
	return params, fault, nil
}

func paramEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';':
			return i
		case '"':
			n := quoteEnd(s[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return len(s)
}

// quoteEnd is the length of the quoted string s begins with, -1 if it does not end.
func quoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// splitList splits a header value at the commas outside quotes and <>.
func splitList(s string) []string {
	if strings.IndexByte(s, ',') < 0 {
		return []string{s}
	}
	var list []string
	start, inside := 0, false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if n := quoteEnd(s[i:]); n > 0 && !inside {
				i += n - 1
			}
		case '<':
			inside = true
		case '>':
			inside = false
		case ',':
			if !inside {
				list = append(list, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	return append(list, strings.TrimSpace(s[start:]))
}

// parseVia reads one Via value; blanks are allowed around the slashes and the colon (RFC 3261 s25.1).
func parseVia(s string) (via *sip.ViaHeader, fault string, err error) {
	name, rest, _ := strings.Cut(s, "/")
	version, rest, ok := strings.Cut(rest, "/")
	rest = strings.TrimSpace(rest)
	blank := strings.IndexAny(rest, " \t")
	if !ok || blank < 0 {
		return nil, "", errors.New("no protocol and host")
	}
	via = &sip.ViaHeader{
		ProtocolName:    strings.TrimSpace(name),
		ProtocolVersion: strings.TrimSpace(version),
		Transport:       rest[:blank],
	}
	sentBy, params := strings.TrimSpace(rest[blank:]), ""
	if i := strings.IndexByte(sentBy, ';'); i >= 0 {
		sentBy, params = strings.TrimSpace(sentBy[:i]), sentBy[i:]
	}
	if !strings.EqualFold(via.ProtocolName, "SIP") || via.ProtocolVersion != "2.0" || !isToken(via.Transport) {
		return nil, "", fmt.Errorf("protocol %.20q", s)
	}
	host, port := sentBy, ""
	if end := strings.IndexByte(sentBy, ']'); end >= 0 {
		host, port = sentBy[:end+1], strings.TrimSpace(sentBy[end+1:])
		if port != "" && port[0] != ':' {
			return nil, "", fmt.Errorf("sent-by %.40q", sentBy)
		}
		port = strings.TrimPrefix(port, ":")
	} else if i := strings.IndexByte(sentBy, ':'); i >= 0 {
		host, port = sentBy[:i], sentBy[i+1:]
	}
	host, port = strings.TrimSpace(host), strings.TrimSpace(port)
	if !isHost(host) {
		return nil, "", fmt.Errorf("sent-by %.40q", sentBy)
	}
	via.Host = strings.Trim(host, "[]") // sipgo's types bracket an IPv6 address themselves
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, "", fmt.Errorf("port %.20q", port)
		}
		via.Port = int(n)
	}
	via.Params, fault, err = parseParams(params)
	return via, fault, err
}
