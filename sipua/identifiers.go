package sipua

import (
	"regexp"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// identifier is an emergency call or incident identifier in the forms that are about:
// NENA-STA-010.3f s2.1.6 and s2.1.7, and version 2 before it with urn:nena.
var identifier = regexp.MustCompile(`(?i)^urn:(?:emergency|nena):(?:uid:)?(callid|incidentid):([a-z0-9._-]{1,64}:[a-z0-9.-]{1,253})$`)

// callInfo reads the Call-Info entries of an emergency: the identifiers the call already
// has, which are kept (standards wO1), and references to additional data (RFC 7852 s6),
// which are passed on as they are. Pictures and cards of the caller are not.
func callInfo(m sip.Message) (callID, incidentID string, others []string) {
	for _, v := range headerValues(m, "Call-Info") {
		for _, one := range splitOutside(v, ',') {
			n, ok := parseNameAddr(one)
			if !ok {
				continue
			}
			purpose, _ := n.param("purpose")
			purpose = strings.ToLower(strings.Trim(purpose, `"`))
			if kind, id, ok := parseIdentifier(n.uri); ok && purpose != "icon" {
				switch {
				case kind == "callid" && callID == "":
					callID = id
				case kind == "incidentid" && incidentID == "":
					incidentID = id
				}
				continue
			}
			if strings.HasPrefix(purpose, "emergency") {
				others = append(others, one)
			}
		}
	}
	return callID, incidentID, others
}

// parseIdentifier gives an identifier in the form of version 3, the one we write.
func parseIdentifier(uri string) (kind, id string, ok bool) {
	m := identifier.FindStringSubmatch(uri)
	if m == nil {
		return "", "", false
	}
	kind = strings.ToLower(m[1])
	return kind, "urn:emergency:uid:" + kind + ":" + m[2], true
}
