// Package app puts one node together and runs it: New wires, Start opens, Close drains and
// ends. It is the only package that knows every adapter; adapters never know each other.
//
// Here stand also the small pieces between two adapters that belong to neither: the media
// of a call as the gateway wants it, the ledger of lent numbers, the configuration that
// is current, and what is told to whom.
package app
