package sipua

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/pidflo"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// attempt is what one INVITE of a leg has of its own: a leg that is redirected, or goes to
// the next address, sends several.
type attempt struct {
	target string // the request-URI
	hop    string // where it goes, if not to the request-URI
	seq    uint32
	to     transport.Destination
	extra  []sip.Header
	proof  proof // what a trunk's challenges were answered with
}

// invite builds the INVITE of a leg: who calls, from where, and whose call it is.
func (u *UA) invite(o gateway.Outgoing, a attempt, callID, tag string) (*sip.Request, error) {
	var target sip.Uri
	if err := sip.ParseUri(a.target, &target); err != nil {
		return nil, fmt.Errorf("request-URI %q: %w", a.target, err)
	}
	req := u.request(sip.INVITE, target, u.caller(o)+";tag="+tag, "<"+addressee(o)+">", callID, a.seq)
	add := func(name, value string) { req.AppendHeader(sip.NewHeader(name, value)) }
	if hop := route(a, o.Invite.Flow != ""); hop != "" {
		add("Route", hop)
	}
	add("Contact", u.contact(a.to))
	add("Allow", u.allow())
	for _, h := range identity(u, o) {
		req.AppendHeader(h)
	}
	if o.Invite.Callback {
		add("Priority", "psap-callback")    // RFC 7090 s4
		add("Resource-Priority", "esnet.0") // RFC 7135, standards wO2
	}
	extensions := []string{supported} // standards wO5
	var others []gateway.Part
	if o.Invite.Emergency {
		// NENA-STA-010.3f s2.1.6, s2.1.7: the identifiers of call and incident.
		add("Call-Info", "<"+o.CallID+">;purpose=emergency-CallId")
		add("Call-Info", "<"+o.IncidentID+">;purpose=emergency-IncidentId")
		var values []string
		if conveys(o) {
			for _, v := range o.Carried.CallInfo {
				add("Call-Info", v)
			}
			values, others = u.conveyed(o)
		}
		add("Resource-Priority", "esnet.1") // RFC 7135, standards wO2
		if len(values) > 0 {
			add("Geolocation", strings.Join(values, ", "))
			add("Geolocation-Routing", routing(o))
			extensions = append(extensions, "geolocation-http") // RFC 6881 ED-62.7
		}
	}
	for _, h := range history(o) {
		req.AppendHeader(h)
	}
	add("Supported", strings.Join(extensions, ", "))
	for _, h := range append(a.proof.headers(), a.extra...) {
		req.AppendHeader(h)
	}
	if ct, content := body(o.SDP, others); content != nil {
		add("Content-Type", ct)
		req.SetBody(content)
	}
	return req, nil
}

// addressee is the URI of the To header. An element that takes a location in signalling
// reads the service there (RFC 6881 ED-62.1); a carrier's switch wants what it is asked to dial.
func addressee(o gateway.Outgoing) string {
	if o.Invite.ServiceURN != "" && conveys(o) {
		return o.Invite.ServiceURN
	}
	return o.Invite.RequestURI
}

// route puts the next hop into a Route where the request-URI does not name it (wO3).
func route(a attempt, overFlow bool) string {
	if a.hop == "" || a.hop == a.target || overFlow {
		return ""
	}
	var h, r sip.Uri
	if sip.ParseUri(a.hop, &h) != nil {
		return ""
	}
	if sip.ParseUri(a.target, &r) == nil && r.Raw() == "" && strings.EqualFold(r.Host, h.Host) && r.Port == h.Port {
		return ""
	}
	if loose("<" + a.hop + ">") {
		return "<" + a.hop + ">"
	}
	return "<" + a.hop + ";lr>"
}

// caller is the From value without its tag.
func (u *UA) caller(o gateway.Outgoing) string {
	uri := u.numberURI(o.Invite.Number)
	if o.Invite.Display == "" {
		return "<" + uri + ">"
	}
	return quoted(o.Invite.Display) + " <" + uri + ">"
}

func (u *UA) numberURI(number string) string {
	switch {
	case number == "":
		return "sip:anonymous@" + u.Domain
	case strings.HasPrefix(number, "+"):
		return "sip:" + number + "@" + u.Domain + ";user=phone" // RFC 3261 s19.1.6
	}
	return "sip:" + escapeUser(number) + "@" + u.Domain
}

// identity are the headers that carry the number, as the trunk wants them. Who is not
// vouched for is not asserted (standards wO4).
func identity(u *UA, o gateway.Outgoing) []sip.Header {
	if o.Invite.Number == "" {
		return nil
	}
	value := "<" + u.numberURI(o.Invite.Number) + ">"
	if !o.Invite.Asserted {
		return []sip.Header{sip.NewHeader("P-Preferred-Identity", value)}
	}
	var hs []sip.Header
	for _, name := range strings.Split(o.Invite.Headers, ",") {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "p-asserted-identity":
			hs = append(hs, sip.NewHeader("P-Asserted-Identity", value))
		case "remote-party-id":
			hs = append(hs, sip.NewHeader("Remote-Party-ID", value+";party=calling;screen=yes;privacy=off"))
		}
	}
	return hs
}

// conveys says whether the trunk takes a location in signalling (W6), and is not being
// asked once more without one (R8).
func conveys(o gateway.Outgoing) bool {
	return !o.Plain && o.Invite.Location != "" && o.Invite.Location != "none"
}

// routing is the caller's word on Geolocation-Routing where there is one: it does not hold
// an emergency call back, but it is not ours to rewrite (RFC 6442 s4.2, RFC 6881 SP-33.6).
func routing(o gateway.Outgoing) string {
	if o.Carried.GeolocationRouting == "no" && len(o.Carried.Geolocation) > 0 {
		return "no"
	}
	return "yes"
}

// conveyed is the location as the trunk takes it: what the caller's device sent is kept,
// ours is added as the last value (RFC 6442 s4.1).
func (u *UA) conveyed(o gateway.Outgoing) (values []string, ps []gateway.Part) {
	values = append(values, o.Carried.Geolocation...)
	ps = append(ps, o.Carried.Parts...)
	if !o.Location.Known() || o.Location.Source == location.SourceCarried && len(values) > 0 {
		return values, ps
	}
	id := "loc-" + strings.ToLower(o.Location.ID) + "@" + u.Domain
	doc, err := pidflo.Encode(pidflo.FromLocation(o.Location, "pres:"+strings.ToLower(o.Location.ID)+"@"+u.Domain))
	if err != nil {
		u.log.Warn("location not conveyed", "call", o.Call, "leg", string(o.Leg), "error", err)
		return values, ps
	}
	// RFC 5621 s9: a part that a header refers to. One that does not know PIDF-LO is to
	// take the call without it, and not to answer 415.
	own := gateway.Part{ContentType: "application/pidf+xml", ContentID: id, Disposition: "by-reference;handling=optional", Content: doc}
	value := "<cid:" + id + ">"
	if len(identity(u, o)) > 0 && o.Invite.Asserted && isName(u.Domain) {
		value += ";loc-src=" + u.Domain // RFC 8787 s4: only where we are trusted to assert things
	}
	return append(values, value), append(ps, own)
}

// isName says whether a host is a name: an address may not stand in loc-src (RFC 8787 s4).
func isName(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && strings.Contains(host, ".")
}

// cancelReason says why a leg is cancelled (RFC 3326 s2).
func cancelReason(why string) sip.Header {
	cause := "487"
	if strings.Contains(why, "answered") {
		cause = "200" // completed elsewhere
	}
	return sip.NewHeader("Reason", "SIP;cause="+cause+";text="+quoted(oneLine(why)))
}
