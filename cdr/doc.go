// Package cdr is the record of one call: everything that was decided and done, in the
// order in which it happened.
//
// The record is the journal. Each stage, event and action of a call becomes an Entry
// when it happens; there is no second log. Fold puts the entries together again into a
// Record, which is what people read; Flow gives one entry as a line of the ladder; and
// the events among the entries rebuild the call's session after a restart (S3).
//
// Entries form a chain (A6). With C the JSON of an entry's content and | concatenation,
//
//	digest(n) = SHA-256(salt(n) | C(n))
//	hash(n)   = SHA-256(hash(n-1) | call id | n | instant | kind | digest(n))
//
// so an entry that was changed, left out or added breaks every later hash. When
// retention or a person asks, content and salt of an entry are erased and its digest is
// kept: the chain still verifies, and without the salt the digest tells nobody what the
// content was, not even by guessing.
package cdr
