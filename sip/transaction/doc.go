// Package transaction is the transaction layer of RFC 3261 s17 with the corrections of RFC 6026: the
// four state machines, and how messages find theirs.
//
// # The machines
//
//	client INVITE      Calling -1xx-> Proceeding -2xx-> Accepted -M-> Terminated
//	                      |  \-2xx-------------------^
//	                      \-3xx..6xx-> Completed -D-> Terminated       A retransmits, B gives up
//	client other       Trying -1xx-> Proceeding -final-> Completed -K-> Terminated
//	                                                                     E retransmits, F gives up
//	server INVITE      Proceeding -2xx-> Accepted -L-> Terminated
//	                      \-3xx..6xx-> Completed -ACK-> Confirmed -I-> Terminated
//	                                                                     G retransmits, H gives up
//	server other       Trying -1xx-> Proceeding -final-> Completed -J-> Terminated
//
// A, E and G run, and D, I, J and K last, on unreliable transports only; on reliable ones the
// latter are zero. Which it is, is known when the transport has sent: a request too large for UDP may
// go by TCP and come back to UDP.
//
// # Who does what
//
// This layer absorbs retransmissions, sends 100 for an INVITE that has no answer after 200 ms
// (s17.2.1), and acknowledges failures (s17.1.1.3). The user above ([User]) does the rest, since only it knows:
//
//   - A CANCEL is handed up with the INVITE it is for and never answered here. Cancel versus answer is
//     then two events in an order, decided in one place. [Server.AnswerCancel] says 200 or 481 to the CANCEL.
//   - A 2xx is retransmitted by the user (RFC 6026 s8.1), its ACK goes up, and every 2xx that arrives goes
//     up, from each fork and each time, because each needs an ACK (s13.2.2.4).
//   - A 2xx or ACK that belongs to no transaction goes up as well: a late answer must be
//     acknowledged and released, and an ACK belongs to a dialog, not to us.
//
// Timer C is the user's too (it is a proxy's).
//
// # Order
//
// Each transaction is one actor without a goroutine: messages, timers, and the user's calls are steps that run
// one after the other, on whichever goroutine brought them. A user may call any method from
// inside a callback; the step follows when the callback returns. Callbacks of one transaction come in the
// order of events and never two at once. They must not block.
//
// # Failure
//
// A request that cannot be sent, or whose connection ends before any response, ends as
// Broken; one that is not answered as TimedOut. A retransmission that cannot be sent is not an end: the next one may
// get through, and timer B or F is there. A response that cannot be sent is told to the user
// and the transaction goes on (RFC 6026 s7.1).
//
// A finished transaction lingers for 32 s to absorb what the network repeats. Until then it keeps its
// key, the bytes to repeat and a timer, not the request: below 2 kB (BenchmarkFinished).
package transaction
