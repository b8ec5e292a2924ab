// Package e2e calls a real Tocsin from outside: the binary as it is shipped, configured by
// the campus file that is shipped, with a real database, real sockets and real RTP, and
// with telephones that share no line of code with it: SIPp and baresip.
//
// # Why both, and why others besides
//
// The ladders show what the gateway does in every order of events, in no time at all. They
// cannot show that an implementation of somebody else's understands us, nor that the
// process starts, listens, drains and leaves a record behind. SIPp says exactly what a test
// tells it to, legal or not. baresip says what a telephone says, and has a voice: what
// arrives is compared with what was spoken, because packets that arrive prove nothing
// about a conversation.
//
// # Apart from each other
//
// Every test has a campus of its own, and every campus a network of its own: 127.x.y.0/24,
// of which x belongs to the process of the test and y to the campus. All ports are then the
// ordinary ones, and two runs on one machine never meet. The campus file is
// examples/campus.yaml with 127.0.0 replaced by that network.
//
// # Failure
//
// What is missing on the machine fails the test and names the package to install. SIPp is
// judged by what it sent and received as well as by its exit code. A test that fails
// prints what each process had to say. Every process is ended by its own id, and the
// kernel ends it with the test where the test dies first.
package e2e
