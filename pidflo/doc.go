// Package pidflo reads and writes PIDF-LO, the document that carries a
// caller's location in SIP and HELD: the presence document of RFC 3863 and RFC
// 4479 with the location object of RFC 4119 in it, civic addresses of RFC 5139
// and RFC 6848, shapes of RFC 5491 and confidence of RFC 7459.
//
// [Decode] is liberal. Real senders leave out the entity and the usage rules,
// number their ids, mix up namespaces and put the location object where it does
// not belong; whoever sent it, somebody has called for help, so what can be
// understood is. What cannot be a place is refused: latitude 0 longitude 0,
// coordinates that are no numbers, a circle without radius, an address without
// elements. A document that is not safe to read is refused whole: more than 64
// kB, a document type declaration (so no entity expands), elements nested or
// counted beyond reason. Refusing means an error and no location, never half of
// one; one good location is enough for a document to be good, and what was
// passed over is listed.
//
// [Encode] is strict. Its output is valid against the schemas, which the tests
// check with xmllint: elements in the order of RFC 5139 s5, ids that are
// xs:ID, a mandatory and often empty usage-rules, a dm:deviceID. Each location
// stands in a location object of its own, in order of precedence (RFC 5491 s3,
// rules 2 and 8): civic before geodetic, since a civic address has the floor.
//
// Several locations in what is read are put in the order in which RFC 5491 s3
// wants them used: those of a device, then of a tuple, then of a person, in each
// the order of the document.
//
// A document that passes through is not read and written again: it goes on
// byte for byte, and these functions are for our own documents and our own eyes.
package pidflo
