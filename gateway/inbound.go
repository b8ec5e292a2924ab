package gateway

import (
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/shortcode"
)

// Inbound is an INVITE that begins a call, as the signalling hands it over.
type Inbound struct {
	At         time.Time
	SIPCallID  string
	RequestURI string            // as written
	Dialled    shortcode.Dialled // the request-URI
	To         shortcode.Dialled // the To header, which may name the service (standards wR5)
	Domain     string            // the host of the From URI
	Claims     []Claim
	From       Peer
	Transport  string
	Priority   string
	// Identifiers of the emergency the call already has, in the form of NENA-STA-010.3f
	// s2.1.6; they are kept (standards wO1). Empty: it gets them here.
	CallID, IncidentID string
	CallInfo           []string // references to additional data (RFC 7852)
	Geolocation        []string
	GeolocationRouting string
	Parts              []Part
	SDP                string
	Malformed          string // what a strict element would refuse the request for; an emergency is taken all the same
}

// Claim is who a request says is calling.
type Claim struct {
	Header  string // from, p-asserted-identity, p-preferred-identity, remote-party-id
	User    string
	Domain  string
	Display string
}

// Part is one part of a body.
type Part struct {
	ContentType string
	ContentID   string // without brackets
	Disposition string
	Headers     []string // its other header lines, as they came
	Content     []byte
	Inside      []Part // of a multipart, to look into; what is passed on is Content
}

// seenFrom is the address as evidence; a question that is no call may come from nowhere.
func (in Inbound) seenFrom() string {
	if !in.From.Source.IsValid() {
		return ""
	}
	return in.From.Source.String()
}

// all are the parts of the body, those inside others too (RFC 6442 s4.1: a location may be in any).
func (in Inbound) all() []Part {
	var ps []Part
	var add func([]Part)
	add = func(more []Part) {
		for _, p := range more {
			ps = append(ps, p)
			add(p.Inside)
		}
	}
	add(in.Parts)
	return ps
}

func (in Inbound) carried() Carried {
	return Carried{Geolocation: in.Geolocation, GeolocationRouting: in.GeolocationRouting, CallInfo: in.CallInfo, Parts: in.Parts}
}

func (in Inbound) claim(header string) (Claim, bool) {
	for _, c := range in.Claims {
		if strings.EqualFold(c.Header, header) {
			return c, true
		}
	}
	return Claim{}, false
}

func (in Inbound) source() netip.Addr { return in.From.Source.Addr().Unmap() }
