package registrar

import (
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// AOR is the address of record: whose bindings they are.
type AOR struct {
	Account, Extension, Device string
}

func (a AOR) String() string { return a.Account + "/" + a.Extension + "/" + a.Device }

// Binding is one contact of a device. A Binding is not changed once made: a REGISTER that
// refreshes it makes another with the same ID.
type Binding struct {
	ID        string
	AOR       AOR
	Contact   string // the URI as registered
	Params    string // of the Contact header, without expires
	Instance  string // +sip.instance (RFC 5626 s4.1)
	RegID     string
	Path      []string // RFC 3327
	CallID    string
	CSeq      uint32
	Source    netip.AddrPort
	Flow      transport.Flow // zero once it is gone
	Protocol  transport.Protocol
	Symmetric bool   // it listens where it sends from
	UserAgent string // for network evidence, as is Source
	Node      string // which holds the flow (S1)
	Since     time.Time
	Updated   time.Time // by the last REGISTER
	Expires   time.Time
}

// Live says whether the phone is to be rung.
func (b *Binding) Live(at time.Time) bool { return at.Before(b.Expires) }

// settled is how long after its end a binding still tells late requests by their CSeq: as
// long as a request is repeated (64*T1). Longer would lock out a phone that has lost
// count.
const settled = 32 * time.Second

// orders says whether a request must be newer than the binding (RFC 3261 s10.3 step 7).
func (b *Binding) orders(callID string, at time.Time) bool {
	return b.CallID == callID && at.Sub(b.Expires) < settled
}

// is says whether a contact of a REGISTER is this binding.
func (b *Binding) is(c *contact) bool {
	if c.instance != "" && b.Instance != "" {
		if c.instance != b.Instance {
			return false
		}
		if c.regID != "" && b.RegID != "" { // RFC 5626 s6: the contact does not matter then
			return c.regID == b.RegID
		}
	}
	uri, ok := parseURI(b.Contact)
	return ok && equalURI(&uri, &c.uri) || b.Contact == c.uri.String()
}

func parseURI(s string) (sip.Uri, bool) {
	var u sip.Uri
	err := sip.ParseUri(s, &u)
	return u, err == nil
}
