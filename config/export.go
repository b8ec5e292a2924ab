package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// YAML writes a value by its `json` tags in the form [Decode] reads: text that YAML would
// take for a number, a date or a word of its own is in quotes.
func YAML(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ") // on one line, all of it could be the key of a mapping until the parser has read it
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write as YAML: %w", err)
	}
	// JSON is YAML in flow style; what is left to do is to lay it out for people.
	var doc yaml.Node
	if err := yaml.Load(text.Bytes(), &doc); err != nil {
		return nil, fmt.Errorf("write as YAML: %w", err)
	}
	layOut(&doc)
	out, err := yaml.Dump(&doc, yaml.WithIndent(2))
	if err != nil {
		return nil, fmt.Errorf("write as YAML: %w", err)
	}
	return out, nil
}

func layOut(n *yaml.Node) {
	for _, c := range n.Content {
		layOut(c)
	}
	switch n.Kind {
	case yaml.SequenceNode, yaml.MappingNode:
		if len(n.Content) > 0 {
			n.Style &^= yaml.FlowStyle
		}
	case yaml.ScalarNode:
		if n.ShortTag() == "!!str" {
			plain := yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}
			n.Style = yaml.DoubleQuotedStyle
			if plain.ShortTag() == "!!str" && n.Value != "" && !dialled(n.Value) {
				n.Style = 0
			}
		}
	}
}

// dialled says whether text is quoted for the reader's sake: it looks like digits to dial.
func dialled(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && r != '+' && r != '-' && r != '!' && r != 'X' && r != '*' && r != '#' {
			return false
		}
	}
	return true
}
