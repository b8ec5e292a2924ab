package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/tocsin-sip/tocsin/org"
)

// File is a directory file: one organisation, and where each of its fields stands.
type File struct {
	Name         string
	Organisation org.Organisation
	root         *yaml.Node
	faults       Faults // of reading it
}

// Read reads a directory file from disk. Its error is Faults, or that of the disk.
func Read(name string) (*File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read directory file: %w", err)
	}
	f, faults := Parse(name, text)
	return f, faults.Err()
}

// Parse reads a directory file: what YAML and the types can tell. Whether the organisation
// makes sense is asked of [File.Check], also of a file with faults, so that a person is
// told everything at once; such a file is good for nothing else. It is nil where the text
// is no YAML at all.
func Parse(name string, text []byte) (*File, Faults) {
	f := &File{Name: name}
	f.root, f.faults = decode(name, text, &f.Organisation)
	if f.root == nil {
		return nil, f.faults
	}
	return f, f.faults
}

// At is the line and column of a path such as "trunks[0].proxies[1]". Where the path is
// not in the file, as for a field that is missing, it is that of the block it is missing in.
func (f *File) At(path string) (line, column int) {
	at := f.root
	if at == nil {
		return 0, 0
	}
	line, column = at.Line, at.Column
	for path != "" {
		var step string
		step, path = next(path)
		key, value := child(at, step)
		if value == nil {
			break
		}
		at, line, column = value, value.Line, value.Column
		// A block begins with its first field, a line too late for whoever looks for its name.
		if key != nil && value.Kind != yaml.ScalarNode && value.Style&yaml.FlowStyle == 0 {
			line, column = key.Line, key.Column
		}
	}
	return line, column
}

// next cuts the first step off a path: a name, or an index with its brackets.
func next(path string) (step, rest string) {
	if end := strings.IndexByte(path, ']'); path[0] == '[' && end > 0 {
		return path[:end+1], strings.TrimPrefix(path[end+1:], ".")
	}
	if end := strings.IndexAny(path, ".["); end > 0 {
		return path[:end], strings.TrimPrefix(path[end:], ".")
	}
	return path, ""
}

func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if step[0] == '[' {
		i, err := strconv.Atoi(strings.Trim(step, "[]"))
		if n.Kind != yaml.SequenceNode || err != nil || i < 0 || i >= len(n.Content) {
			return nil, nil
		}
		return nil, n.Content[i]
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}
