// Package transport moves SIP messages between the network and one sink: RFC 3261 s18,
// with RFC 3581 (rport), the keep-alives and flows of RFC 5626, the certificates of RFC 5922 and the
// look-ups of RFC 3263.
//
// # What it promises
//
// Messages of one flow reach the sink in the order they arrived. Each UDP socket and
// each connection has one reading goroutine, which parses and calls the sink itself: there is no
// goroutine per message, because then a 180 and the 200 behind it race, and a CANCEL
// overtakes its INVITE. The sink must not block.
//
// Sending never blocks either. A datagram is written at once; for a
// connection the message is queued, the connection opened if need be, and the outcome
// told to a [Report], once, as late as it is known.
//
// # In: accept what can be understood
//
// The first SIP element an emergency call meets must accept anything whose
// method can be discerned (NENA-STA-010.3f RQ_BCF_002), while everybody else deserves a strict 400. Which
// of the two applies is not for a parser to say, so [Parse] repairs what it can and
// returns what it objects to as a list of [Fault] beside the message. Only what is not
// SIP at all, and a response that could not be matched to anything, is dropped, and
// counted in [Stats].
//
// Message and header types are sipgo's. Its URI parser is used too; the rest of parsing
// is ours, since sipgo's gives up on a whole message for one bad header, loses
// white space that RFC 4475 s3.1.1.1 allows in a Via, and accepts 22 of the 37 messages of RFC 4475
// that are wrong.
//
// # Out
//
//	request, UDP, <= 1300 bytes   datagram
//	request, UDP, >  1300 bytes   TCP to the same address; refused, reset or silent for
//	                              UpgradeTimeout: UDP after all, and remembered (s18.1.1)
//	request, TCP                  the open connection to that address, else a new one
//	request over a Flow           that socket or connection, or ErrFlowGone (RFC 5626 s5.3)
//	response                      back over its flow; a dead connection is replaced by a new
//	                              one to the Via's address (s18.2.2)
//
// The Via is written by this package when it knows the transport and the local address; the
// request is not changed.
//
// A UDP socket bound to all addresses answers from the one that was asked (multihomed.go), so that the Flow's Local
// is an address and not 0.0.0.0.
//
// Where a URI leads is the [Resolver]'s: RFC 3263, with answers that outlive their name server.
//
// # Bounds
//
// UDP keeps nothing per source. Connections are limited: at MaxConns the
// one idle longest is closed, and those that never delivered a message
// go first. A message has MaxMessage bytes and MessageTimeout to arrive; a peer
// that does not read is cut off after WriteTimeout.
//
// # TLS
//
// TLS is one more stream (tls.go), from 1.2 on. Its rule is L1: an expired certificate may not stop a call.
//
//	our certificate expired            served, and told of (Trouble) every hour
//	our certificate cannot be read     the last good one is served; with none handshakes fail until there is one
//	the peer we call has a wrong one   Strict: no connection. Prefer: connected; Sent.Peer says what is wrong
//	the peer that calls has a wrong one  in, without Peer.Names; Listen.RequireClient: turned away
//
// Whom a certificate is for is decided by RFC 5922: its sip URIs and DNS names, no wildcards. A connection is
// used again only for the name, and the strictness, it was opened with.
//
// With PingInterval the connections we opened are kept alive by RFC 5626, and one that has answered pings before
// and stops to is closed, so that its flow fails before a call needs it.
//
// # More transports
//
// A connection-oriented transport is a value of the unexported interface stream (dial, listen, greet) in a file of
// its own; see tcp.go. WebSocket will be one.
package transport
