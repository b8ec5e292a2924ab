// Package storetest is the behaviour that every database of store has, as one suite, and
// a PostgreSQL server to run it against.
//
// The server is a real one, started by the first test that asks for it: its own cluster in
// a temporary directory, a Unix socket and no port, as an unprivileged user, without
// fsync. It ends with the process of the test, however that ends, and takes its directory
// with it. Where PostgreSQL is not installed the test fails and says what to install.
package storetest
