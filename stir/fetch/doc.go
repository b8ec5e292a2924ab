// Package fetch gets the certificates that package stir verifies with, and keeps them.
//
// A caller's Identity header names a web address that this host then connects to. So the
// address is a stranger's: it has to be https on a port such certificates are published on
// (443, 8443; ATIS-1000074), the name must not resolve to an address inside (which is looked at
// when connecting, after the name was resolved, so a name cannot change its mind), redirections
// are not followed, and no more than 64 kB are read.
//
// No call waits for it longer than its context allows. A fetch belongs to the address and not
// to the call that wanted it first: calls that want the same address at once share one, it goes
// on when they stop waiting, and the next call finds it done.
//
//	absent -> fetching -> kept     for as long as Cache-Control says, an hour if it does not, a day at most
//	                   -> failed   for a minute: then it is tried again
//
// Keeping bounds work, not trust: that a certificate has expired is seen by stir.Verify at the
// instant of each call. A failure is a value in [stir.Credentials] and becomes "436 Bad Identity
// Info" in a Result; nothing here ends a call. At most 256 addresses are kept, and a stranger who
// names more pushes out the oldest.
//
// A certificate comes as PEM with those between it and a root (RFC 8555 s9.1), or alone in DER
// (RFC 2585 s3).
package fetch
