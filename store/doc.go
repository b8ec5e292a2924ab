// Package store keeps what must not be forgotten: the organisations with their history,
// the records of calls with their SIP messages, and registrations.
//
// There is one implementation on database/sql and one text of each query, for SQLite (the
// default, a file beside the process) and PostgreSQL (several nodes share it, S1). What
// differs is in sqlite.go and postgres.go. Every method is one use case in one
// transaction, and storetest runs the same behaviour against both.
//
// # Configuration
//
// An organisation is kept object by object, because each object knows where it came from
// (D8). A write that changes anything takes the next number of one counter, the version of
// the configuration; it is the number a Directory carries, and all that has to be asked to
// know that a newer one exists. History keeps every former state of every object under the
// version that made it, so any version can be read back and rolled back to.
//
// Apply makes an account match a file and touches nothing else:
//
//	the file names it,     not there                    added
//	                       removed elsewhere since      conflict
//	                       the same                     left
//	                       last changed by a file       changed
//	                       changed elsewhere since      conflict
//	the file is silent,    created by a file            removed
//	                       the same, but changed since  conflict
//	                       created elsewhere            left; removed with Prune, unless it is a person's
//
// A conflict leaves the object alone; with Force the file wins. Nothing is written before
// everything was checked, and an error leaves everything as it was.
//
// # Failure
//
// Calls never wait for this package (L1). A Directory is a snapshot in memory that serves
// on when the database is gone. Records go through a Journal, which takes entries without
// ever blocking, keeps them while the database is locked, full or gone, and writes them
// when it is back; what it may hold is bounded, and what it had to let go is counted.
package store
