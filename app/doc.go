// Package app puts one node together and runs it: New wires, Start opens, Drain waits for
// the calls and Close ends. It is the only package that knows every adapter; adapters
// never know each other.
//
// Here stand also the small pieces between two adapters that belong to neither: the media
// of a call as the gateway wants it, the ledger of lent numbers, the configuration that
// is current, the registrations that are kept, and what is told to whom.
//
// # What serves
//
// The configuration is one pointer to an immutable directory (S2). It comes from the
// database, which is asked twice a second for a newer one, and each is also written to
// last-known-good.json in data_dir:
//
//	at the start                       serves
//	the database opens                 what it says
//	it does not, or is empty           last-known-good.json, and the database when it is back
//	neither is there                   nothing: Start fails
//
// # Failure
//
// No call waits for the database (L1). While it is gone, locked or full the records and
// registrations that were to be written wait in memory, /readyz says "ready, with
// warnings", and everything is written when it is back. An SQLite file that was moved away
// or replaced counts as gone although the process still has it open: what is written to
// it nobody would find again.
//
// A proxy that does not answer OPTIONS is tried last and warned of, never left out (R8).
package app
