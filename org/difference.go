package org

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Difference is what becomes of one object from one organisation to another.
type Difference struct {
	ObjectKey
	Change Change  `json:"change"`
	Fields []Field `json:"fields,omitempty"` // what changed, leaf by leaf
}

// Change is what happens to an object.
type Change int

const (
	Added Change = iota + 1
	Changed
	Removed
	Moved // to another place among those of its kind; numbers are lent in their order
)

var changeNames = [...]string{Added: "added", Changed: "changed", Removed: "removed", Moved: "moved"}

func (c Change) String() string {
	if c < Added || c > Moved {
		return fmt.Sprintf("change(%d)", int(c))
	}
	return changeNames[c]
}

// MarshalText makes a change its name in JSON.
func (c Change) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (c *Change) UnmarshalText(b []byte) error {
	i := slices.Index(changeNames[:], string(b))
	if i < int(Added) {
		return fmt.Errorf("no such change %q", b)
	}
	*c = Change(i)
	return nil
}

// Field is one leaf of an object. A secret is shown as •••.
type Field struct {
	Path string `json:"path"` // "devices[0].username"
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

func (f Field) String() string {
	switch {
	case f.Old == "":
		return fmt.Sprintf("%s: %s", f.Path, f.New)
	case f.New == "":
		return fmt.Sprintf("%s: %s -> not set", f.Path, f.Old)
	}
	return fmt.Sprintf("%s: %s -> %s", f.Path, f.Old, f.New)
}

// String is the difference as `tocsin apply` shows it: a line for the object, and one for
// each field of a change.
func (d Difference) String() string {
	sign := map[Change]string{Added: "+", Changed: "~", Removed: "-", Moved: "^"}[d.Change]
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", sign, d.ObjectKey)
	if d.Change == Changed {
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "\n    %s", f)
		}
	}
	return b.String()
}

// Compare is the difference between two objects of one key; either may be nil. It is
// false where there is none.
func Compare(key ObjectKey, before, after any) (Difference, bool) {
	d := Difference{ObjectKey: key, Change: Changed}
	if reflect.DeepEqual(before, after) {
		return d, false // most are, and looking closer takes a hundred times as long
	}
	switch {
	case before == nil:
		d.Change = Added
	case after == nil:
		d.Change = Removed
	}
	old, now := Leaves(before), Leaves(after)
	values := func(leaves []Leaf) map[string]Leaf {
		m := make(map[string]Leaf, len(leaves))
		for _, l := range leaves {
			m[l.Path] = l
		}
		return m
	}
	was, is := values(old), values(now)
	for _, l := range old {
		if is[l.Path].Text != l.Text {
			d.Fields = append(d.Fields, Field{l.Path, l.Masked(), is[l.Path].Masked()})
		}
	}
	for _, l := range now {
		if _, known := was[l.Path]; !known {
			d.Fields = append(d.Fields, Field{Path: l.Path, New: l.Masked()})
		}
	}
	return d, len(d.Fields) > 0
}

// Differences lists what it takes to get from one organisation to another: what is
// removed, then what is changed, moved and added in the order of the new one.
func Differences(before, after *Organisation) []Difference {
	var ds []Difference
	old, now := before.Objects(), after.Objects()
	was, is := index(old), index(now)
	for _, x := range old {
		if _, stays := is[x.ObjectKey]; !stays {
			d, _ := Compare(x.ObjectKey, x.Value, nil)
			ds = append(ds, d)
		}
	}
	moved := movedKeys(old, now, was, is)
	for _, x := range now {
		if d, differs := Compare(x.ObjectKey, was[x.ObjectKey], x.Value); differs {
			ds = append(ds, d)
		} else if moved[x.ObjectKey] {
			ds = append(ds, Difference{ObjectKey: x.ObjectKey, Change: Moved})
		}
	}
	return ds
}

func index(objects []Object) map[ObjectKey]any {
	m := make(map[ObjectKey]any, len(objects))
	for _, x := range objects {
		if _, twice := m[x.ObjectKey]; !twice {
			m[x.ObjectKey] = x.Value
		}
	}
	return m
}

// movedKeys are the objects both have that stand in another order. Where one is put in
// front of all the others, it is that one that has moved and not the others.
func movedKeys(before, after []Object, was, is map[ObjectKey]any) map[ObjectKey]bool {
	moved := map[ObjectKey]bool{}
	both := func(objects []Object, in map[ObjectKey]any) map[ObjectKind][]ObjectKey {
		keys := map[ObjectKind][]ObjectKey{}
		for _, x := range objects {
			if _, there := in[x.ObjectKey]; there {
				keys[x.Kind] = append(keys[x.Kind], x.ObjectKey)
			}
		}
		return keys
	}
	olds, nows := both(before, is), both(after, was)
	for kind, old := range olds {
		now := nows[kind]
		for len(old) > 0 && len(now) > 0 {
			if old[0] == now[0] {
				old, now = old[1:], now[1:]
				continue
			}
			moved[now[0]] = true
			if i := slices.Index(old, now[0]); i >= 0 {
				old = slices.Delete(old, i, i+1)
			}
			now = now[1:]
		}
	}
	return moved
}

// Leaf is one value of an object, as JSON writes it. A list of plain values is one leaf.
type Leaf struct{ Path, Text string }

// Masked is the leaf as it may be shown: passwords and secrets are hidden.
func (l Leaf) Masked() string {
	name := l.Path[strings.LastIndexByte(l.Path, '.')+1:]
	if (name == "password" || name == "secret") && l.Text != "" {
		return "•••"
	}
	return l.Text
}

// Leaves lists the values of an object, by its `json` tags and in their order.
func Leaves(v any) []Leaf {
	if v == nil {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		// The types of this package can be written; Set of another one shows as itself.
		return []Leaf{{"", fmt.Sprint(v)}}
	}
	w := walk{d: json.NewDecoder(bytes.NewReader(text))}
	w.d.UseNumber()
	w.value("")
	return w.leaves
}

type walk struct {
	d      *json.Decoder
	leaves []Leaf
}

func (w *walk) value(path string) {
	t, err := w.d.Token()
	if err == io.EOF {
		return
	}
	switch t {
	case json.Delim('{'):
		for w.d.More() {
			name, _ := w.d.Token()
			if path == "" {
				w.value(name.(string))
			} else {
				w.value(path + "." + name.(string))
			}
		}
		_, _ = w.d.Token()
	case json.Delim('['):
		first := len(w.leaves)
		n := 0
		for ; w.d.More(); n++ {
			w.value(fmt.Sprintf("%s[%d]", path, n))
		}
		_, _ = w.d.Token()
		w.joinPlain(path, first, n)
	default:
		w.leaves = append(w.leaves, Leaf{path, fmt.Sprint(t)})
	}
}

// joinPlain makes one leaf of a list of n values that begin at first, if all are plain.
func (w *walk) joinPlain(path string, first, n int) {
	list := w.leaves[first:]
	if len(list) != n {
		return
	}
	texts := make([]string, n)
	for i, l := range list {
		if l.Path != fmt.Sprintf("%s[%d]", path, i) {
			return
		}
		texts[i] = l.Text
	}
	w.leaves = append(w.leaves[:first:first], Leaf{path, "[" + strings.Join(texts, ", ") + "]"})
}
