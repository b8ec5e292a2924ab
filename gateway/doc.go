// Package gateway is the order of things: what happens, one stage after the other, when
// somebody dials an emergency number.
//
//	ingress > classify > identify > locate > decide > assign > execute > notify > log
//
// Each stage is a function from the value of the stage before to its own; Handle reads as
// that list. All decisions of a call use one instant (when its INVITE arrived) and one
// Directory (the configuration of that instant); what happens later arrives as events.
//
// Up to the first outgoing INVITE nothing asks the outside: registrations, trunk health
// and locations are look-ups in memory, and the one thing that may be written first, the
// lease of a lent number, has what is left of dial_budget and goes out provisional when
// that is not enough (L1). A stage that cannot do its work returns a usable value and a
// degradation. Calls that are not emergencies leave at classify by their own short path.
//
// What execute runs is a call.Session with one goroutine of its own (run.go): events go
// into its mailbox, its actions go to the ports below, and both are written into the
// journal, which is the record (package cdr).
package gateway
