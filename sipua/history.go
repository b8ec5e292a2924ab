package sipua

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/gateway"
)

// historyLength bounds the attempts that are named. A call that nobody answers is tried
// for as long as the caller stays (R8), and an INVITE must not grow with it.
const historyLength = 10

// history says of an INVITE that comes after others where the call has been and why it has
// come here (standards wO9, NENA-STA-010.3f s3.1.8): History-Info (RFC 7044) with what each
// attempt was answered, and a Reason whose cause counts the re-routings.
func history(o gateway.Outgoing) []sip.Header {
	n := len(o.Tried)
	if n == 0 || !o.Invite.Emergency || !conveys(o) {
		return nil
	}
	first := max(0, n-historyLength)
	entries := []string{"<" + addressee(o) + ">;index=1"}
	for i, a := range o.Tried[first:] {
		entries = append(entries, fmt.Sprintf("<%s>;index=1.%d", because(a), first+i+1))
	}
	entries = append(entries, fmt.Sprintf("<%s>;index=1.%d", o.Invite.RequestURI, n+1))
	last := o.Tried[n-1]
	return []sip.Header{sip.NewHeader("History-Info", strings.Join(entries, ", ")),
		sip.NewHeader("Reason", "emergency;cause="+strconv.Itoa(n)+";text="+quoted(oneLine("R8: "+outcome(last))))}
}

// outcome is what became of an attempt, in words.
func outcome(a gateway.Attempt) string {
	switch {
	case a.Code != 0:
		return strings.TrimSpace(strconv.Itoa(a.Code) + " " + a.Why)
	case a.Why != "":
		return a.Why
	}
	return "not answered yet"
}

// because is the target of an attempt with its Reason, as RFC 7044 s5.1 writes it: a header
// inside the URI, which only a SIP URI can have.
func because(a gateway.Attempt) string {
	if !strings.HasPrefix(a.RequestURI, "sip") || strings.Contains(a.RequestURI, "?") {
		return a.RequestURI
	}
	cause := a.Code
	if cause == 0 {
		cause = 408
	}
	value := "SIP;cause=" + strconv.Itoa(cause) + ";text=" + quoted(oneLine(outcome(a)))
	return a.RequestURI + "?Reason=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}
