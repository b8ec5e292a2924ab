// Package policy decides who answers an emergency call: Decide takes the facts of one
// call and returns the plan its session carries out, with a reason for each thing in it.
//
// The public side of a plan is a list of attempts in the order of R8 and R9:
//
//	the site's trunks that serve the country of the call, each trunk's proxies in order
//	the account's emergency trunks that serve it, then its carriers, then any other
//	the site's screening trunk; else the site's own trunks, with a degradation
//	the last resorts of site and account
//
// A proxy that fails OPTIONS is not left out, it is tried later than those that answer.
//
// The team is every member of the safety team's queue, all rung at once (R4). What the
// plan does with both is the Route: parallel, team first, one of them only, or refused.
//
// Decide fails open. What cannot be resolved (a queue that is not there, a trunk without
// proxies) is passed over with a degradation; a plan that would call nobody although
// nothing forbids it calls the PSAP (P3). Number says, for one trunk, which number the
// call presents (C1); it is asked for each trunk of a plan, because a trunk that carries
// no location may need an ELIN where another does not.
package policy
