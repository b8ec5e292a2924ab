// Package agent is a SIP telephone that does as it is told: the phones, guards, carriers
// and PSAPs of demonstrations and tests.
//
// It stands on sip/transport and sip/transaction and has its own small dialogs, so that
// what talks to Tocsin's B2BUA is a peer and not its mirror image: a rule misread in
// package sipua would otherwise be misread on both sides and show in no test.
//
// # A call
//
//	Trying -18x-> Ringing -2xx-> Up -BYE-> Over
//	   \__________\_______________________/
//	        failure, CANCEL
//
// A call that comes in is handled by a Script: deeds at times that count from its INVITE,
// and what to do about a CANCEL. A script may also do nothing, and a test or a person
// then uses the methods of Call. Calls are placed by Agent.Call. Either way the voice is
// real: RTP with G.711 from a Sound, everything heard is kept (Call.Heard), and keys are
// telephone-events (RFC 4733).
//
// # What is not usual about it
//
// It sends 100 at once, or never where the script is Dead: a dead element answers nothing,
// but its transport may still take a TCP connection, as a crashed process behind a load
// balancer does. It keeps every message, with its time, in the order of the wire.
//
// Requests inside a dialog go to the peer's Contact (RFC 3261 s12.2.1.1), or to where the
// call was first sent when the Contact is a name.
//
// # Failure
//
// A peer that breaks a rule gets the response the rule asks for and is kept in the log.
// What the agent cannot do (no port, no common codec) refuses the call with 488 or fails
// Agent.Call; it never panics on what comes in. Close ends every call without a BYE, as
// a cable pulled out does, and waits for every goroutine.
package agent
