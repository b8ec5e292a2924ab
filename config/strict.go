package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/tocsin-sip/tocsin/internal/spelling"
)

// maxDepth is deeper than any type we read; maxAliased is how many values a file may
// repeat by aliases before it is taken for an attack ("a billion laughs").
const (
	maxDepth   = 64
	maxAliased = 100_000
)

// Decode reads one YAML document into the value that `into` points to, by its `json` tags.
// Where it returns faults, what it has put into the value is not to be used.
func Decode(file string, text []byte, into any) Faults {
	_, faults := decode(file, text, into)
	return faults
}

func decode(file string, text []byte, into any) (*yaml.Node, Faults) {
	d := &decoder{file: file, known: map[reflect.Type]map[string][]int{}}
	root, fault := document(file, text)
	if fault != nil {
		return nil, Faults{*fault}
	}
	d.value(root, reflect.ValueOf(into).Elem(), "", 0)
	d.faults.sort()
	return root, d.faults
}

// document parses the text without giving it a meaning yet.
func document(file string, text []byte) (*yaml.Node, *Fault) {
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		f := &Fault{File: file, Text: "this is not one YAML document", Fix: "write one, without a line of --- between parts"}
		if len(bytes.TrimSpace(text)) == 0 || strings.Contains(err.Error(), "no documents") {
			f.Text, f.Fix = "there is nothing in it", "write the fields it should have"
		}
		var at *yaml.LoadError
		if errors.As(err, &at) && at.Mark.Line > 0 {
			f.Line, f.Column, f.Text = at.Mark.Line, max(1, at.Mark.Column), "this is not YAML: "+at.Message
			f.Fix = "look at this line and the one above it; indentation is by spaces, and text with : or # in it is quoted"
		}
		return nil, f
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &Fault{File: file, Text: "there is nothing in it", Fix: "write the fields it should have"}
	}
	return doc.Content[0], nil
}

// decoder walks a document and a Go value side by side.
type decoder struct {
	file    string
	faults  Faults
	known   map[reflect.Type]map[string][]int
	aliased int // values reached by way of an alias
	inAlias int
}

func (d *decoder) fault(n *yaml.Node, path, fix, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: d.file, Line: n.Line, Column: n.Column, Path: path, Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, depth int) {
	if depth > maxDepth {
		d.fault(n, path, "remove the nesting", "it is nested deeper than %d levels", maxDepth)
		return
	}
	if d.inAlias > 0 {
		if d.aliased++; d.aliased > maxAliased {
			if d.aliased == maxAliased+1 {
				d.fault(n, path, "write the values out", "aliases repeat more than %d values", maxAliased)
			}
			return
		}
	}
	if n.Kind == yaml.AliasNode {
		d.inAlias++
		d.value(n.Alias, v, path, depth+1)
		d.inAlias--
		return
	}
	if absent(n) {
		// A list or block of which every line is commented out is empty. A single value
		// that is missing may be a forgotten one.
		if v.Kind() != reflect.Slice && v.Kind() != reflect.Struct && v.Kind() != reflect.Map {
			d.fault(n, path, "write a value, or remove the line", "it has no value")
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		to := reflect.New(v.Type().Elem())
		d.value(n, to.Elem(), path, depth+1)
		v.Set(to)
		return
	}
	if read, ok := readers[v.Type()]; ok {
		d.read(n, v, path, read)
		return
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(n, v, path, depth)
	case reflect.Slice:
		d.list(n, v, path, depth)
	case reflect.Map:
		d.named(n, v, path, depth)
	default:
		d.scalar(n, v, path)
	}
}

func absent(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "write a list: [one, two], or a line beginning with - for each", "%s stands where a list is expected", describe(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.value(c, list.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
	v.Set(list)
}

func (d *decoder) named(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "write name: value pairs", "%s stands where names with values are expected", describe(n))
		return
	}
	m := reflect.MakeMap(v.Type())
	for _, p := range d.pairs(n, path, depth) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(p.value, e, join(path, p.key.Value), depth+1)
		m.SetMapIndex(reflect.ValueOf(p.key.Value).Convert(v.Type().Key()), e)
	}
	v.Set(m)
}

func (d *decoder) fields(n *yaml.Node, v reflect.Value, path string, depth int) {
	fields := d.fieldsOf(v.Type())
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "write fields: "+list(fields), "%s stands where a block of fields is expected", describe(n))
		return
	}
	for _, p := range d.pairs(n, path, depth) {
		at := join(path, p.key.Value)
		index, ok := fields[p.key.Value]
		if !ok {
			fix := "the fields here are " + list(fields)
			if near := spelling.Nearest(p.key.Value, slices.Sorted(maps.Keys(fields))); near != "" {
				fix = "write " + near
			}
			d.fault(p.key, at, fix, "there is no such field")
			continue
		}
		d.value(p.value, v.FieldByIndex(index), at, depth+1)
		// An empty list is the same as none, except behind a pointer, where [] says "none"
		// and no line at all says "the default".
		if f := v.FieldByIndex(index); f.Kind() == reflect.Slice && f.Len() == 0 {
			f.SetZero()
		}
	}
}

type pair struct{ key, value *yaml.Node }

// pairs are the fields of a mapping, each key once; what a merge key (<<) brings in comes
// after, where the mapping does not have it itself.
func (d *decoder) pairs(n *yaml.Node, path string, depth int) []pair {
	var own, merged []pair
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch first := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			d.fault(k, path, "write a plain name", "%s stands where the name of a field is expected", describe(k))
		case k.ShortTag() == "!!merge":
			merged = append(merged, d.merge(v, path, depth+1)...)
		case first != nil:
			d.fault(k, join(path, k.Value), "keep one of them", "the field is already set in line %d", first.Line)
		default:
			seen[k.Value] = k
			own = append(own, pair{k, v})
		}
	}
	for _, p := range merged {
		if seen[p.key.Value] == nil {
			seen[p.key.Value] = p.key
			own = append(own, p)
		}
	}
	return own
}

// merge is what stands behind a merge key: an alias, or a list of them.
func (d *decoder) merge(n *yaml.Node, path string, depth int) []pair {
	if d.aliased++; depth > maxDepth || d.aliased > maxAliased {
		d.fault(n, path, "write the fields out", "merge keys are nested too deeply or too often")
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.merge(n.Alias, path, depth+1)
	case yaml.MappingNode:
		return d.pairs(n, path, depth+1)
	case yaml.SequenceNode:
		var all []pair
		for _, c := range n.Content {
			all = append(all, d.merge(c, path, depth+1)...)
		}
		return all
	}
	d.fault(n, path, "write <<: *anchor", "%s cannot be merged", describe(n))
	return nil
}

// fieldsOf are the fields of a struct by their json names, those of embedded structs included.
func (d *decoder) fieldsOf(t reflect.Type) map[string][]int {
	if fs, ok := d.known[t]; ok {
		return fs
	}
	fs := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" && f.IsExported() {
			fs[name] = f.Index
		}
	}
	d.known[t] = fs
	return fs
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func list(fields map[string][]int) string {
	return strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

// describe is what a person sees in the file.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a block of fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if absent(n) {
			return "nothing"
		}
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			return fmt.Sprintf("the text %q", n.Value)
		}
		return n.Value
	}
	return "an alias"
}
