// Package stir signs who is calling and reads such signatures: PASSporTs (RFC 8225) in the
// Identity header of SIP (RFC 8224).
//
// Three of them matter to an emergency call. "shaken" (RFC 8588) says how well the signer
// knows the caller: [Attestation]. "rph" (RFC 8443) vouches for the Resource-Priority
// header, esnet.1 towards a PSAP and esnet.0 on the way back, and carries "sph", which
// vouches for "Priority: psap-callback" (RFC 9027). One without a ppt vouches for the
// numbers alone.
//
//	Identity: <header>.<payload>.<signature>;info=<https://...>;alg=ES256;ppt=shaken
//	          base64url of JSON without white space, keys in lexicographic order (RFC 8225 s9)
//
// [Sign] and [Verify] are functions of their arguments. There is no clock: the instant
// stands in [Claims] and [Message]. There is no randomness: ECDSA is deterministic here
// (RFC 6979), so the same claims and key give the same header. There is no network:
// [CertificateURLs] names what a call needs, package fetch gets it, and Verify is given what
// was had, failures included.
//
// A verification ends as a [Result], never as an error, and nothing here rejects anything.
// The response codes of RFC 8224 s6.2.2 are values to be shown and counted: an emergency
// call without an Identity, or with a forged one, is an emergency call. The one thing a
// Result decides is trust: [Callback] says whether a signature we can follow to a root vouches
// for psap-callback, and where it does not, the call is treated as a plain one unless the trunk
// it came over is trusted (RFC 7090 s5).
//
// What is checked, in this order; the first fault is the Result:
//
//	form         the header parses; its parameters agree with what was signed    438
//	             a ppt we do not know is passed over (RFC 8224 s4)               no code
//	algorithm    ES256, the only one of RFC 8225 s4.2                            437
//	certificate  it could be fetched                                             436
//	             valid at that instant, leads to a root we were given            437
//	             its TNAuthList, if any, covers the caller (RFC 8226 s9)         437
//	freshness    iat no further from now than [Policy.Fresh]                     403
//	claims       orig, dest, rph, sph are those of the message                   438
//	signature    over the bytes that came, not over what we make of them         438
//
// No Identity at all is 428, which is a Result of its own.
//
// The form is read liberally where that costs nothing: parameters in any order and case, iat in
// quotes (as the examples of RFC 8225 s7.1 and RFC 8588 s6 have it, errata 5985 and 6656), a plus
// sign before a number, base64 with padding. What is signed by us is strict.
//
// An operator code (SPC) in a TNAuthList cannot be compared with a number without the
// numbering administration's tables. It is shown, and counts as covering. A certificate that
// limits claims (JWTClaimConstraints, RFC 8226 s8; RFC 9118) is taken to be unsupported rather
// than read without its limits.
package stir
