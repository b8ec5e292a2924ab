// Package sipua is the waist between SIP and decisions: below it are messages and
// transactions, above it events and actions.
//
// A UA is one back-to-back user agent. An INVITE from outside becomes a callerLeg and is
// handed to the Calls port with what it says as plain values; a leg that is to be placed
// becomes an outLeg. Legs never see each other's SIP: what one answers reaches the other
// as a decision of the call's session.
//
//	INVITE ->  callerLeg -> Calls.Handle        Dial -> outLeg -> INVITE
//	CANCEL ->  Cancelled                        100, 18x, 2xx, failure -> Tried, Ringing, Answered, Failed
//	BYE    ->  HungUp                           BYE -> HungUp
//
// Every 2xx is acknowledged, wanted or not; a second answer of a forked INVITE is
// acknowledged and released. Whether a leg may be cancelled yet, and what a late answer
// means, is decided above (package call).
//
// What a PSAP is sent (headers.go) follows RFC 6881, RFC 6442 and NENA-STA-010: the
// number in From and P-Asserted-Identity, the location as a body part referenced by
// Geolocation, call and incident identifiers in Call-Info, Resource-Priority esnet.1.
//
// In a dialog this element answers for itself: re-INVITE and UPDATE are answered from the
// media anchor, because no other leg's media changes with them. What it cannot do it
// refuses with the status RFC 3261 gives; nothing refused ends a dialog.
package sipua
