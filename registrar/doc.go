// Package registrar knows which phones are where: SIP REGISTER (RFC 3261 s10), with digest
// authentication (s22, RFC 7616, RFC 8760).
//
// # A REGISTER, in the order of RFC 3261 s10.3
//
//	read          what is asked; 400, 420                                   steps 1, 2
//	authenticate  who asks; 401, or 503 with Retry-After after many faults  step 3
//	authorise     whose bindings these are; 403, 404                        steps 4, 5
//	change        all contacts or none; 400, 423, 500                       steps 6, 7
//	answer        200 with every binding                                    step 8
//
// An AOR is a device of an extension: its digest username is what finds it in the
// directory. A device may have several contacts, and an extension several devices.
//
// # A binding
//
//	live -> expired, or removed by the phone -> forgotten after Grace
//
// A binding that has ended is not rung, but it still says whose flow that was: an emergency
// INVITE is never challenged, and accepted from the flow or contact of a registration, an
// expired one too (R15 a). Owner tells, by the nearest evidence: the flow itself, else the
// same source address and port, else the same source address and an equal contact. A phone
// that changed its password is known until its binding expires; one that left the
// directory is forgotten at once.
//
// # Where a phone is reached
//
// Over the flow it registered on, because a NAT lets nothing else in. A phone that shows
// no sign of listening where it sends from (no rport, RFC 3581, and a contact at its source
// address) is reached at its contact. Contacts that nobody else can reach, private or
// named, are rewritten to the source address.
// A connection that has ended leaves the contact to be tried.
//
// Path (RFC 3327) is returned to those who support it and not followed: the flow leads to
// the proxy that added it. Outbound (RFC 5626) is not offered; +sip.instance and reg-id are
// kept and tell two phones with one contact apart.
//
// # What an attacker can do
//
// Nonces are not remembered: they are signed and hold their own time. What is remembered
// is the count of each nonce that was used with the right password; where that memory
// ends, older nonces are stale. Failures are counted per source, and per source and
// username, in tables of fixed size. A phone whose live binding is at the same address and
// port is never held back by them, and no INVITE is.
//
// # Failure
//
// Bindings live in memory; a Keeper is told beside the REGISTER and never waited for. What
// it does not take is kept, once for each binding, and offered again; Stats counts it.
// A Keeper that cannot load at the start is asked again, and what phones said meanwhile is
// not overwritten.
package registrar
