package transport

import "strings"

// headerName writes out a compact name (RFC 3261 s7.3.3 and the IANA registry) and puts a
// known name into its usual case; another stays as it came.
func headerName(name string) string {
	if known, ok := headerNames[strings.ToLower(name)]; ok {
		return known
	}
	return name
}

var headerNames = func() map[string]string {
	m := map[string]string{
		"a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
		"e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
		"l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To",
		"s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
	}
	for _, name := range []string{
		"Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Accept-Resource-Priority", "Alert-Info", "Allow",
		"Allow-Events", "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition",
		"Content-Encoding", "Content-ID", "Content-Language", "Content-Length", "Content-Type", "CSeq", "Date", "Error-Info",
		"Event", "Expires", "Flow-Timer", "From", "Geolocation", "Geolocation-Error", "Geolocation-Routing", "History-Info",
		"Identity", "Identity-Info", "In-Reply-To", "Join", "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE",
		"Organization", "P-Access-Network-Info", "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy",
		"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route", "Recv-Info", "Refer-To",
		"Referred-By", "Reject-Contact", "Remote-Party-ID", "Replaces", "Reply-To", "Request-Disposition", "Require",
		"Resource-Priority", "Retry-After", "Route", "RSeq", "Server", "Service-Route", "Session-Expires", "SIP-ETag",
		"SIP-If-Match", "Subject", "Subscription-State", "Supported", "Target-Dialog", "Timestamp", "To", "Unsupported",
		"User-Agent", "User-to-User", "Via", "Warning", "WWW-Authenticate",
	} {
		m[strings.ToLower(name)] = name
	}
	return m
}()
