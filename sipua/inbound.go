package sipua

import (
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// inbound is an INVITE as plain values. Nothing in it is refused here: what a strict
// element would object to is carried as Malformed, because whether that matters depends
// on whether the call is an emergency (L1, NENA-STA-010.3f RQ_BCF_002).
func inbound(req *sip.Request, from transport.Flow, faults []transport.Fault) gateway.Inbound {
	in := gateway.Inbound{At: time.Now(), SIPCallID: callIDOf(req), RequestURI: req.Recipient.String(), Dialled: dialled(req.Recipient),
		From: PeerOf(req, from), Transport: from.Protocol.String(),
		Priority: strings.ToLower(headerValue(req, "Priority")), Malformed: objection(req, faults)}
	if to, ok := addressed(req, "To"); ok {
		in.To = dialled(to)
	}
	for _, name := range []string{"from", "p-asserted-identity", "p-preferred-identity", "remote-party-id"} {
		for _, n := range nameAddrs(req, name) {
			if u, ok := n.parsed(); ok {
				in.Claims = append(in.Claims, gateway.Claim{Header: name, User: userOf(u), Domain: u.Host, Display: n.display})
				if name == "from" {
					in.Domain = u.Host
				}
			}
		}
	}
	for _, v := range headerValues(req, "Geolocation") {
		in.Geolocation = append(in.Geolocation, withoutSource(v))
	}
	in.GeolocationRouting = strings.ToLower(headerValue(req, "Geolocation-Routing"))
	in.CallID, in.IncidentID, in.CallInfo = callInfo(req)
	in.SDP, in.Parts = parts(req)
	return in
}

// PeerOf is where a request comes from, with the contact it names: a phone whose NAT has
// given it another port is known by nothing else (R15 a).
func PeerOf(req *sip.Request, from transport.Flow) gateway.Peer {
	p := gateway.Peer{Source: from.Remote, Flow: FlowName(from)}
	p.Contact, _ = contactOf(req)
	return p
}

// objection is the first thing a strict element would refuse the request for.
func objection(req *sip.Request, faults []transport.Fault) string {
	if len(faults) > 0 {
		return faults[0].String()
	}
	for _, v := range headerValues(req, "Require") {
		for _, one := range splitOutside(v, ',') {
			if !slices.Contains(splitOutside(supported, ','), strings.ToLower(one)) {
				return "extension required: " + oneLine(one) // RFC 3261 s8.2.2.3
			}
		}
	}
	return ""
}

// FlowName is a flow as the registrar and the gateway know it.
func FlowName(f transport.Flow) string { return f.String() }

func addressed(m sip.Message, name string) (sip.Uri, bool) {
	for _, n := range nameAddrs(m, name) {
		if u, ok := n.parsed(); ok {
			return u, true
		}
	}
	return sip.Uri{}, false
}

func dialled(u sip.Uri) shortcode.Dialled {
	d := shortcode.Dialled{Scheme: strings.ToLower(u.Scheme), User: u.User}
	if d.Scheme == "" {
		d.Scheme = "sip"
	}
	if raw := u.Raw(); raw != "" {
		d.User = raw
	}
	if d.User == "" && onlyDigits(u.Host) {
		// sip:911. RFC 3261 s25.1: the last label of a host name begins with a letter, so
		// this cannot be a host, and somebody dialled it.
		d.User = u.Host
	}
	if u.UriParams != nil {
		d.Params = u.UriParams.Items()
	}
	return d
}

func onlyDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// withoutSource takes loc-src off the locationValues: it says which element of a trust
// domain has inserted a location, and whoever calls us is outside ours (RFC 8787 s4).
func withoutSource(geolocation string) string {
	var values []string
	for _, one := range splitOutside(geolocation, ',') {
		n, ok := parseNameAddr(one)
		if _, has := n.param("loc-src"); !ok || !has {
			values = append(values, one)
			continue
		}
		v := "<" + n.uri + ">"
		for _, p := range splitOutside(n.params, ';') {
			if k, _, _ := strings.Cut(p, "="); !strings.EqualFold(strings.TrimSpace(k), "loc-src") {
				v += ";" + p
			}
		}
		values = append(values, v)
	}
	return strings.Join(values, ", ")
}
