package sipua

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// inbound is an INVITE as plain values.
func inbound(req *sip.Request, from transport.Flow, faults []transport.Fault) gateway.Inbound {
	in := gateway.Inbound{At: time.Now(), SIPCallID: callIDOf(req), RequestURI: req.Recipient.String(), Dialled: dialled(req.Recipient),
		From: gateway.Peer{Source: from.Remote, Flow: FlowName(from)}, Transport: from.Protocol.String()}
	if len(faults) > 0 {
		in.Malformed = faults[0].String()
	}
	if h := req.To(); h != nil {
		in.To = dialled(h.Address)
	}
	if h := req.From(); h != nil {
		in.Domain = h.Address.Host
		in.Claims = append(in.Claims, gateway.Claim{Header: "from", User: userOf(h.Address), Domain: h.Address.Host, Display: strings.Trim(h.DisplayName, `"`)})
	}
	for _, name := range []string{"p-asserted-identity", "p-preferred-identity", "remote-party-id"} {
		for _, v := range headerValues(req, name) {
			if c, ok := claim(name, v); ok {
				in.Claims = append(in.Claims, c)
			}
		}
	}
	if h := req.Contact(); h != nil {
		in.From.Contact = h.Address.String()
	}
	if h := req.GetHeader("Priority"); h != nil {
		in.Priority = strings.ToLower(strings.TrimSpace(h.Value()))
	}
	in.Geolocation = headerValues(req, "Geolocation")
	in.SDP, in.Parts = parts(req)
	return in
}

// FlowName is a flow as the registrar and the gateway know it.
func FlowName(f transport.Flow) string { return f.String() }

func dialled(u sip.Uri) shortcode.Dialled {
	d := shortcode.Dialled{Scheme: strings.ToLower(u.Scheme), User: u.User}
	if d.Scheme == "" {
		d.Scheme = "sip"
	}
	if raw := u.Raw(); raw != "" {
		d.User = raw
	}
	if u.UriParams != nil {
		d.Params = u.UriParams.Items()
	}
	return d
}

func userOf(u sip.Uri) string {
	user := u.User
	if raw := u.Raw(); raw != "" {
		user = raw // tel:
	}
	user, _, _ = strings.Cut(user, ";")
	return user
}

// claim reads one name-addr of an identity header (RFC 3325 s9.1).
func claim(header, value string) (gateway.Claim, bool) {
	display, uri := "", value
	if i := strings.LastIndex(value, "<"); i >= 0 {
		display = strings.Trim(strings.TrimSpace(value[:i]), `"`)
		uri, _, _ = strings.Cut(value[i+1:], ">")
	} else {
		uri, _, _ = strings.Cut(value, ";")
	}
	var u sip.Uri
	if err := sip.ParseUri(strings.TrimSpace(uri), &u); err != nil {
		return gateway.Claim{}, false
	}
	return gateway.Claim{Header: header, User: userOf(u), Domain: u.Host, Display: display}, true
}
