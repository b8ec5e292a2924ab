// Package trunk knows which proxies of the trunks answer, where they are, and how many
// calls each trunk carries.
//
// # Which answer (R8)
//
// Each proxy is sent OPTIONS (RFC 3261 s11):
//
//	unknown -> alive    any SIP answer but 503
//	        -> down     503, no answer in 5 s, or nothing to send it to
//	alive <-> down      each time by the latest answer
//
// every 30 s, a tenth earlier or later so that they do not all ask at once, and every 5 s
// while it is down. A 404, a 405 or a 407 is an answer: somebody is there who speaks SIP. Nothing
// is taken from a Retry-After (R13).
//
// Order only orders. A proxy that is down comes after the others and is never left out:
// OPTIONS may be filtered where INVITE is not, and an emergency call tries everything.
// What is unknown counts as alive, so that the first call after a start goes to the first
// proxy.
//
// # Where they are (P9)
//
// The names of proxies are looked up ahead of calls, once a minute and every 5 s after a
// failure; what was found stays until something else is (stale-if-error). A trunk without `peers` accepts
// calls from these addresses: At finds the trunk by address and port, else by address,
// because carriers send from ports of their own choice.
//
// # How many calls (R14)
//
// Capacity counts the calls of each trunk. A trunk that is full refuses ordinary and test
// calls. An emergency call is never refused: it is told which test call, else which
// ordinary call, to end for it; the latest, which has said least. When there are only
// emergency calls it goes ahead all the same and lets the carrier say no.
//
// # Who runs
//
// Two goroutines for each proxy, one to ask and one to look up, so that a name server that
// hangs delays no OPTIONS. Reload ends those of proxies that are gone, Close all, and waits.
package trunk
