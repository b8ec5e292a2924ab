// Package location is where a caller is, and how sure we are of it.
//
// The words, from the outside in:
//
//   - A [CivicAddress] is a postal address to the room, in the elements of RFC
//     5139 and RFC 6848. A [Geodetic] is a shape on the ground, of RFC 5491.
//   - An [Address] is either or both under a name, with a [Status]: whether
//     somebody has checked that help can be sent there.
//   - A [Company] location is a node of an organisation's tree (building, floor,
//     zone) with an address and the network evidence that gives it away: an
//     emergency response location, ERL, in the words of E911. A [Tree] is all
//     of them, with addresses resolved and ancestors known.
//   - A [Location] is the answer for one call: one address, where it came from,
//     when it was observed, and what was passed over and why. Everybody who is
//     told about the call, the PSAP first, is told this one value: it has one
//     id and one hash.
//
// [Resolve] makes the answer. It is a pure function of [Facts], a look-up and
// never a question to the outside: matching a device's network to a place
// happens when the device reports, long before it calls. The order is a fixed
// list of ten steps; the first that yields a usable place wins:
//
//	 1  the location the call itself carried
//	 2  company location found by network evidence
//	 3  the device's fixed location, which beats 2 unless 2 is in another branch
//	 4  personal location found by network evidence
//	 5  coordinates of the device
//	 6  the user's own default address
//	 7  the extension's default address
//	 8  the site's default address
//	 9  the account's default address
//	10  unknown
//
// Failure is an answer too. Stale evidence, an untrusted sender or an empty
// address make a step be passed over, which the answer lists; an assumed or
// missing place comes with a degradation. Resolve never returns an error, since
// a call whose place is not known is placed all the same.
package location
