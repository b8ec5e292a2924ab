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
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write as YAML: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := node(d)
	if err != nil {
		return nil, fmt.Errorf("write as YAML: %w", err)
	}
	out, err := yaml.Dump(n, yaml.WithIndent(2))
	if err != nil {
		return nil, fmt.Errorf("write as YAML: %w", err)
	}
	return out, nil
}

// node reads one JSON value, in the order in which it is written.
func node(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if t == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		for d.More() {
			c, err := node(d)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, c)
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
		_, err := d.Token() // the closing bracket
		return n, err
	case string:
		return quoted(t), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: t.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// quoted is text, in quotes where YAML would read it as something else or where it looks
// like digits to dial.
func quoted(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s}
	if n.ShortTag() != "!!str" || s == "" || dialled(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	n.Tag = "!!str"
	return n
}

func dialled(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && r != '+' && r != '-' && r != '!' && r != 'X' && r != '*' && r != '#' {
			return false
		}
	}
	return true
}
