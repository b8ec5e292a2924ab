// Package config reads what people write in files: the directory file of `tocsin apply`,
// which holds one organisation, and the settings of a node.
//
// A routing mistake in such a file is found by somebody dialling 911, so reading is
// strict. YAML would read an unquoted 0112 as seventy-four, keep the last of two equal
// keys and let a misspelt `saftey_team` pass as a comment; here each of these is a fault.
// A [Fault] says where it is (file, line, column, path), what is wrong and what to do, and
// all faults of a file are returned at once, because people mend files in one go:
//
//	campus.yaml:41:13: trunks[0].proxis: there is no such field. Fix: write proxies
//
// [Decode] does this for any Go type by its `json` tags, so file, API and console have one
// set of names. [Parse] reads an organisation and remembers the file, so that what the
// rules of the product refuse ([File.Check]) is told by line as well. [YAML] writes an
// organisation back in a form that reads to an equal one.
//
// On failure nothing is returned that could be used by mistake: a file with a fault yields
// no organisation, and the running system keeps the snapshot it has (L1).
package config
