package gateway

import (
	"context"
	"net/netip"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/callback"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/trace"
)

// Directory gives the configuration as it is now.
type Directory interface {
	Current() *org.Directory
}

// Registrations knows who registered over what, and where devices can be reached.
type Registrations interface {
	// Owner is whose registration the request came from, an expired one too (R15 a).
	Owner(from Peer) (Registration, bool)
	// Contacts are the live bindings of an extension.
	Contacts(account, extension string) []policy.Contact
}

// Peer is where a request came from.
type Peer struct {
	Source  netip.AddrPort
	Flow    string // the flow in the signalling's own words
	Contact string // the Contact URI of the request
}

// Registration is whose binding it is.
type Registration struct {
	Account, Extension, Device string
	Expired                    bool
}

// Trunks knows what the proxies of trunks resolve to and which of them answer.
type Trunks interface {
	// At is the trunk one of whose proxies has the address (P9).
	At(d *org.Directory, source netip.AddrPort) *org.Trunk
	// Order gives a trunk's proxies, those that answer OPTIONS first (R8).
	Order(t *org.Trunk) []string
}

// Leaser lends numbers. A lease that cannot be written before the context ends is
// provisional: it holds, and is reconciled later.
type Leaser interface {
	Lend(ctx context.Context, p callback.Pool, h callback.Holder, call string, at time.Time) (Loan, bool)
	Release(call string, at time.Time)
}

// Loan is a lent number.
type Loan struct {
	callback.Lease
	Choice      callback.Choice
	Provisional bool
}

// Reporter is where a leg tells its call what happens.
type Reporter interface {
	// Report takes an event. It never blocks.
	Report(e call.Event)
	// ReOffer answers a new offer on a leg that is up: hold, resume, another address. The
	// media is ours, so no other leg hears of it.
	ReOffer(sdp string) (answer string, err error)
}

// Caller is the leg of the person who dialled.
type Caller interface {
	// ReportTo says where the leg's own events go: Cancelled, HungUp, and Answered for the
	// answer in an ACK. Those that happened before are reported at once.
	ReportTo(r Reporter)
	Progress(code int, sdp string)
	Answer(sdp string)
	// End rejects a caller who has not been answered, and hangs up on one who has.
	End(code int, reason string)
}

// Dialer places legs. What becomes of a leg is reported as events, in their order.
type Dialer interface {
	Dial(o Outgoing, r Reporter) Leg
}

// Leg is a leg that was dialled.
type Leg interface {
	Cancel(reason string)
	Hangup(reason string)
}

// Outgoing is a leg to place.
type Outgoing struct {
	Call       string // the record's id
	Account    string
	CallID     string // the emergency call identifier (standards wO1)
	IncidentID string
	Leg        call.LegID
	Invite     call.Invite
	SDP        string
	Location   location.Location
	Plain      bool // no location body (R8)
	Carried    Carried
	Tried      []Attempt // before this one, towards public safety
}

// Carried is what came with the call and is passed on as it is.
type Carried struct {
	Geolocation        []string // header values
	GeolocationRouting string
	CallInfo           []string // header values
	Parts              []Part   // body parts other than SDP
}

// Media anchors the media of a call.
type Media interface {
	Open(call, callerSDP string) Anchor
}

// Anchor is the media of one call: every leg has its own end here.
type Anchor interface {
	Negotiator
	Sounds
	// Listen says where digits and losses of media go.
	Listen(report func(call.Event))
	// Degradations are what the media had to do less well since it was last asked.
	Degradations() []trace.Degradation
	// Release frees the ports of a leg; Close those of the call.
	Release(leg call.LegID)
	Close()
}

// Negotiator speaks SDP for the legs of a call.
type Negotiator interface {
	// Offer is what is offered to a leg; plain offers G.711 and nothing else.
	Offer(leg call.LegID, plain bool) (sdp string, err error)
	// Answered takes a leg's answer, or its early one.
	Answered(leg call.LegID, sdp string) error
	// Answer is what the caller is answered when it is connected to the leg; with no leg,
	// an answer of our own for prompts.
	Answer(leg call.LegID) (sdp string, err error)
	// ReOffer answers a leg's new offer.
	ReOffer(leg call.LegID, sdp string) (answer string, err error)
}

// Sounds joins legs and plays to them.
type Sounds interface {
	Connect(leg call.LegID)
	Play(leg call.LegID, p call.Prompt)
	Silence(leg call.LegID)
}

// Journal keeps the entries of calls. Append never blocks and never fails: what cannot be
// written now is written later.
type Journal interface {
	Append(e cdr.Entry)
}

// Notifier tells people. It must return at once.
type Notifier interface {
	Tell(n Notice)
}

// Notice is something people are to know about a call.
type Notice struct {
	Header  cdr.Header
	Decided cdr.Decided
	Text    string // what happened, where it is not the call itself
}
