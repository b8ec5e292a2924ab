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
//	callerLeg  waiting -Answer-> answered -End, BYE-> over
//	                \-End------------------------------/
//	outLeg     placing -2xx-> up -Hangup, BYE-> over        placing: one INVITE after the other, to what
//	                \-failure, nowhere left-----/           else a name resolves to (RFC 3263 s4.3), and once
//	                                                        to where a 3xx points (R8)
//
// A leg ends once: Failed before it was answered, HungUp after, or by what the call itself
// asked for, which is not told. Events of a leg come in order (teller.go).
//
// A leg's far side may challenge (digest.go), acknowledge early (prack.go), ask for
// refreshes (refresh.go) and move the leg to another of its positions (replaces.go). None of
// it is told: to the call the leg is one from Dial to its end.
//
// Every 2xx is acknowledged, wanted or not; a second answer of a forked INVITE, or one that
// comes when all is over, is acknowledged and released (answers.go). Whether a leg may be
// cancelled yet, and what a late answer means, is decided above (package call).
//
// # Order and waiting
//
// Callbacks of the transactions do not wait for anything. What may have to, a look-up of a
// name or a question to the media, is an errand of the dialog: errands are done one after
// the other on a goroutine, so that a BYE is never ahead of its ACK. No lock is held while
// a call is told something or a transaction is asked to send.
//
// # What is said
//
// What a PSAP is sent (headers.go) follows RFC 6881, RFC 6442 and NENA-STA-010: the
// number in From and P-Asserted-Identity, the location as a body part referenced by
// Geolocation, call and incident identifiers in Call-Info, Resource-Priority esnet.1. What
// the call brought is kept: its identifiers, its locations, its body parts byte for byte.
//
// What a caller sends (inbound.go, body.go) is read as far as it can be. Nothing is refused
// here for its form, since an emergency is taken all the same (L1); what a strict element
// would object to is handed up as Malformed.
//
// # In a dialog
//
// This element answers for itself: re-INVITE and UPDATE are answered from the media
// anchor, because no other leg's media changes with them. What it cannot do it refuses
// with the status RFC 3261 gives; nothing refused ends a dialog, and neither does a
// missing ACK, PRACK or refresh: a call with media goes on.
//
// # Loops
//
// An INVITE that carries the Call-ID or the emergency call identifier of a leg we have
// placed and that still lives is our own call: 482 (R16). The same request by two ways is
// served once (RFC 3261 s8.2.2.2).
package sipua
