// Package ladder runs the house test: one file says who is there, who dials what and how
// everybody behaves, and then which messages go between whom, what was decided and who
// was told.
//
// # The file
//
// A txtar file in the folder ladders, which begins with its title and why it matters:
//
//	-- given --     the organisation, what is set otherwise in it, whose phones are registered
//	-- when --      who dials what, and what each party does about its calls
//	-- flow --      the messages: seconds since the call arrived, from, to, what
//	-- decided --   class, caller, route, number, numbers shown, location, outcome, degradations
//	-- told --      when people were told, and what
//
// The grammar of the first two is in given.go and when.go. A word that is not known, a
// section too many or too few, and a party that is called and of which nothing is said
// are errors: a ladder that says less than it seems to is worse than none.
//
// # Two runners
//
// Pure drives gateway.Gateway with ports in memory. Its legs are the scripts themselves,
// and its flow is what the journal says. Wire starts the whole node (package app) on a
// network in memory, with real SIP agents (package agent) as everybody else; its flow is
// what those agents saw on the wire, and takes nothing from the journal. Both must give
// the text of the file: so the journal is shown to be what happened, and the signalling
// to do what was decided.
//
// # Time
//
// Both run at full length under testing/synctest. Messages take no time, and whatever a
// party does takes it ten milliseconds or more, so that no instant holds both a cause and
// its effect on the far side. Inside one instant the order is: towards tocsin first, then
// from tocsin, and by name in each; what two parties do in the same instant has no order,
// and a file in which that matters is a bad file.
//
// # What a flow leaves out
//
// 100, PRACK, ACK, what answers a CANCEL or a BYE, and repetitions: they follow from the
// rest and are the business of sip/transaction's own tests. Later attempts at a party have
// its name, so psap-us/1~2 is psap-us/1.
package ladder
