// Package call is one emergency call as a machine without sockets or clocks: events go
// in, actions come out, and the same events always give the same actions.
//
//	Session.Step(Event) []Action
//
// A call has one caller leg and any number of legs towards those who can help. The Plan
// says whom: the team (rung together) and the public side, a list of steps tried in
// order and, while the caller stays, from the beginning again (R8). What runs when:
//
//	public only   the first public step at once
//	parallel      team and public at once
//	team-first    the team; the public side after MaxHold, or at once when no member is left
//	team only     the team; told again and the last resort as well at MaxHold (R3)
//
// A leg goes through
//
//	dialled -> tried (100) -> ringing (18x) -> confirming (a person must press 1) -> up -> ended
//	     \________\______________\______ unwanted: to be cancelled, or released when it answers
//
// An attempt that is passed over stays alive: whichever answers first is kept. RFC 3261
// s9.1 forbids a CANCEL before a provisional response, so an unwanted leg that has not
// been heard from is cancelled when its first provisional arrives, and a late 200 is
// released with BYE. Both rules are here and not in the signalling, so that each order of
// a cancel-versus-answer race is two events in an order, which is a test.
//
// What holds for every order of events (tested as properties):
//
//   - every dialled leg ends exactly once;
//   - the caller is answered at most once, and never after it has gone;
//   - no public leg is cancelled or released because a member answered (L2);
//   - while the caller waits and the plan has a public side that may run, something is
//     being dialled, is ringing, or has a timer that will dial it (L1).
//
// A Session is rebuilt by giving a new one the events of its journal; what it had asked
// for is then known without asking anybody.
package call
