package gateway

import (
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/shortcode"
)

// Inbound is an INVITE that begins a call, as the signalling hands it over.
type Inbound struct {
	At          time.Time
	SIPCallID   string
	RequestURI  string            // as written
	Dialled     shortcode.Dialled // the request-URI
	To          shortcode.Dialled // the To header, which may name the service (standards wR5)
	Domain      string            // the host of the From URI
	Claims      []Claim
	From        Peer
	Transport   string
	Priority    string
	Geolocation []string
	Parts       []Part
	SDP         string
	Malformed   string // what a strict element would refuse the request for; an emergency is taken all the same
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
	Content     []byte
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
