// Package capture keeps the SIP messages of calls as they were on the wire: for `calls
// pcap`, which shows one call to tshark or Wireshark, and for a HEP collector such as
// Homer, which shows them while they happen (A6).
//
// # From the wire to a call
//
// The transport shows every message to [Capture.Observe]. Which call it belongs to is said
// by its Call-ID (RFC 3261 s8.1.1.4), and each leg of a call has one of its own. Whoever
// makes or meets a leg says so with [Capture.Belongs]; the INVITE of a caller comes before
// that, so messages nobody has claimed are kept for a short while:
//
//	message, Call-ID claimed        -> the outlets
//	message, not claimed            -> kept, at most UnclaimedAge, UnclaimedBytes; the oldest go first
//	Belongs                         -> what was kept of that Call-ID goes to the outlets
//	End, and Linger after it        -> the claim is forgotten
//
// REGISTER, OPTIONS, SUBSCRIBE and PUBLISH begin no call: unclaimed, they are passed over
// at once, so that a thousand phones registering push no INVITE out.
//
// # Secrets
//
// A message is copied, and in the copy everything that would let a reader act as somebody
// else is overwritten with as many x: credentials (RFC 3261 s20.7, s20.28) and the SRTP keys
// in an SDP (RFC 4568 s6.1). What a message is worth to whoever looks for a fault stays,
// Content-Length included.
//
// # Outlets
//
// An [Outlet] is somewhere messages go: the database, a collector. Each has its own
// goroutine and its own bounded queue, so that one that is slow or gone holds up neither the
// other nor a call. What does not fit is dropped, the newest first, counted, and logged
// once; what waits is tried again with growing pauses. Observe takes one lock and one
// copy of the message, and never waits for anything else (L1).
package capture
