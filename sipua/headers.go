package sipua

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/pidflo"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// invite builds the INVITE of a leg: who calls, from where, and whose call it is.
func (u *UA) invite(o gateway.Outgoing, to transport.Destination, callID, tag string) (*sip.Request, error) {
	var target sip.Uri
	if err := sip.ParseUri(o.Invite.RequestURI, &target); err != nil {
		return nil, fmt.Errorf("request-URI %q: %w", o.Invite.RequestURI, err)
	}
	toHeader := "<" + o.Invite.RequestURI + ">"
	req := u.request(sip.INVITE, target, u.caller(o)+";tag="+tag, toHeader, callID, 1)
	add := func(name, value string) { req.AppendHeader(sip.NewHeader(name, value)) }
	if hop := route(o); hop != "" {
		add("Route", hop)
	}
	add("Contact", u.contact(to))
	add("Allow", allow)
	for _, h := range identity(u, o) {
		req.AppendHeader(h)
	}
	if o.Invite.Callback {
		add("Priority", "psap-callback") // RFC 7090 s4
	}
	supported := []string{"replaces"} // standards wO5
	var others []gateway.Part
	if o.Invite.Emergency {
		// NENA-STA-010.3f s2.1.6, s2.1.7: the identifiers of call and incident.
		add("Call-Info", "<"+o.CallID+">;purpose=emergency-CallId")
		add("Call-Info", "<"+o.IncidentID+">;purpose=emergency-IncidentId")
		add("Resource-Priority", "esnet.1") // RFC 7135, standards wO2
		values, ps := u.conveyed(o)
		others = append(others, ps...)
		if len(values) > 0 {
			add("Geolocation", strings.Join(values, ", "))
			add("Geolocation-Routing", "yes")
			supported = append(supported, "geolocation-http")
		}
	}
	add("Supported", strings.Join(supported, ", "))
	if ct, content := body(o.SDP, others); content != nil {
		add("Content-Type", ct)
		req.SetBody(content)
	}
	return req, nil
}

// route puts the next hop into a Route where the request-URI does not name it (wO3).
func route(o gateway.Outgoing) string {
	hop := o.Invite.NextHop
	if hop == "" || hop == o.Invite.RequestURI || o.Invite.Flow != "" {
		return ""
	}
	var h, r sip.Uri
	if sip.ParseUri(hop, &h) != nil {
		return ""
	}
	if sip.ParseUri(o.Invite.RequestURI, &r) == nil && r.Raw() == "" && r.Host == h.Host && r.Port == h.Port {
		return ""
	}
	if strings.Contains(strings.ToLower(hop), ";lr") {
		return "<" + hop + ">"
	}
	return "<" + hop + ";lr>"
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

// escapeUser makes a user part of any text (RFC 3261 s25.1).
func escapeUser(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
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

// conveyed is the location as the trunk takes it (W6): what the caller's device sent is
// kept, ours is added as the last value (RFC 6442 s4.1).
func (u *UA) conveyed(o gateway.Outgoing) (values []string, ps []gateway.Part) {
	if o.Plain || o.Invite.Location == "none" || o.Invite.Location == "" {
		return nil, nil
	}
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
	return append(values, "<cid:"+id+">"), append(ps, gateway.Part{ContentType: "application/pidf+xml", ContentID: id, Content: doc})
}
