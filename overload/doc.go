// Package overload decides which requests are turned away when there are more than can be
// served, so that emergency calls are served in normal time whatever else arrives (R13).
//
// A request is one of four kinds, and each kind of each sort of source has a budget:
//
//	emergency, from a source we know   never turned away
//	within a dialog or transaction     never turned away: it frees more than it costs
//	registration                       its own budget, so that a storm of phones coming
//	                                   back does not starve calls, nor the reverse
//	anything else                      the rest of the budget
//
// Sources nobody vouches for (no registration, trunk or site network) share a small part of
// each budget: a flood from outside is refused after a look at its first line, however
// many addresses it comes from, and nothing is kept for any of them.
//
// Whether a request is an emergency is asked only when the budget is used up, so that the
// question costs nothing in normal times.
//
// A budget is so many requests a second, with a second's worth to spare. It shrinks while the
// process is late: a watch sleeps for a fixed time and sees how much longer that took. When it
// wakes more than Late too late, the budgets are halved; on time, they grow back by a tenth
// of the configured size each second.
//
// What is turned away gets 503 without Retry-After, or 500: a 503 with Retry-After tells a
// proxy to send nothing at all for that time, emergencies included (RFC 3261 s21.5.4).
package overload
