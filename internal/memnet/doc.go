// Package memnet is a network that lives in memory, so that tests of the wire
// run real sockets' code without sockets, inside a testing/synctest bubble.
//
// # Why
//
// The tests of an emergency call router are about time: a retransmission after
// 500 ms, a hold of 8 s, a lease of 2 h. synctest runs those at full length in
// no real time, but its clock only advances while every goroutine of the
// bubble is durably blocked, and a goroutine that reads a real socket never
// is. Everything here blocks on sync.Cond and time.Timer, which are.
//
// # Shape
//
// A [Net] holds [Host] values, each with its own IP addresses, as a rack of
// machines would. A Host listens and dials with the signatures of package net
// (ListenPacket, Listen, DialContext), for "udp", "udp4", "udp6", "tcp",
// "tcp4" and "tcp6". Binding to an unspecified address binds every address
// of the host; port 0 takes the next free one from 49152 on, in order, so that two runs of
// a test see the same ports.
//
// What is undelayed is delivered before the call that sent it returns, in
// order. What a [Fault] delays is delivered by one scheduler in order of due
// time, and of sending where times are equal. Bytes of one TCP direction never
// overtake each other. A datagram to a port nobody has bound vanishes (there is no
// ICMP here); a TCP connect to one is refused with ECONNREFUSED.
//
// # Failure
//
// Faults are a function of each datagram, connect and segment ([Net.SetFault]), plus
// switches for the two common ones: [Net.BlackHole] (nothing arrives, connects
// hang until their context ends) and [Net.RefuseTCP].
//
// [Net.Close] closes every socket and stops the scheduler: no goroutine and no timer of this
// package outlives it. A Net must be made inside the bubble that uses it.
package memnet
