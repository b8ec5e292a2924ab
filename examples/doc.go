// Package examples holds the files a new user starts from, also inside the binary:
// `tocsin demo` needs nothing else (D2). campus.yaml is a whole organisation and the
// contract of names; node.yaml is every setting of a node with its default.
package examples

import _ "embed"

// Campus is campus.yaml.
//
//go:embed campus.yaml
var Campus []byte

// Node is node.yaml.
//
//go:embed node.yaml
var Node []byte
