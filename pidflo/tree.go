package pidflo

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of what is read at all. A location is a kilobyte or two.
const (
	MaxBytes    = 64 << 10
	maxDepth    = 32
	maxElements = 2000
)

// node is an element with what it holds.
type node struct {
	name     xml.Name
	attrs    []xml.Attr
	children []*node
	text     string // its own, children's not
}

// child is the first child of a local name. Namespaces are not looked at:
// senders get them wrong, and no two elements here differ in nothing else.
func (n *node) child(local string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name.Local == local {
			return c
		}
	}
	return nil
}

func (n *node) attr(local string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == local && a.Name.Space != "xmlns" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// token is the text with white space collapsed, as xs:token has it.
func (n *node) token() string {
	if n == nil {
		return ""
	}
	return strings.Join(strings.Fields(n.text), " ")
}

// parse reads a document into nodes, within bounds.
func parse(document []byte) (*node, error) {
	if len(document) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, %d are the most", len(document), MaxBytes)
	}
	in := xml.NewDecoder(bytes.NewReader(document))
	in.CharsetReader = charset
	var root *node
	var open []*node
	elements := 0
	for {
		t, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			// A document type declares entities, which expand; nothing here needs one.
			return nil, errors.New("it has a document type declaration")
		case xml.StartElement:
			if elements++; elements > maxElements {
				return nil, fmt.Errorf("more than %d elements", maxElements)
			}
			if len(open) == maxDepth {
				return nil, fmt.Errorf("elements nested deeper than %d", maxDepth)
			}
			n := &node{name: t.Name, attrs: t.Attr}
			if len(open) > 0 {
				above := open[len(open)-1]
				above.children = append(above.children, n)
			} else if root != nil {
				return nil, errors.New("two root elements")
			} else {
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		}
	}
	if root == nil || len(open) > 0 {
		return nil, errors.New("it ends before its end")
	}
	return root, nil
}

// charset reads the encodings that are UTF-8 or nearly; the others are of no
// sender known.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "latin1":
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return strings.NewReader(string(runes)), nil
	default:
		return nil, fmt.Errorf("encoding %q is not understood", label)
	}
}
