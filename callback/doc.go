// Package callback lends numbers to callers who have none, and knows whom a lent number
// leads back to.
//
// A pool is the numbers of one site, or the ELINs of one location. A lease says that a
// number leads back to one device:
//
//	free -> in a call -> idle until the window has passed since the call's end -> free
//
// The window never runs while the call does (C3). Assign chooses, in this order (C2):
//
//  1. the number the same device already holds;
//  2. the next free number, round robin, so that numbers rest as long as they can;
//  3. when all are lent: the one that has been idle longest since its last call's end;
//  4. when all are in calls: the one held longest.
//
// 3 and 4 add a holder and take nothing away: a call in progress keeps its number (L3),
// the latest caller owns the call-back, and the earlier holders stay known for
// `shared: all` and for a latest caller who is in an emergency call again.
//
// A Ledger is the state of all pools. It has no clock and no lock: whoever owns it gives
// the instant and serialises the calls.
package callback
