package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong in a file, and what to do about it.
type Fault struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"` // from 1; 0 where the fault has no place of its own
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"` // "trunks[0].proxies[1]"
	Rule   string `json:"rule,omitempty"` // the statement of the product that refuses it: "P7"
	Text   string `json:"text"`
	Fix    string `json:"fix,omitempty"`
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Text)
	if f.Rule != "" {
		b.WriteString(" (" + f.Rule + ")")
	}
	if f.Fix != "" {
		b.WriteString(". Fix: " + f.Fix)
	}
	return b.String()
}

// Faults are all faults of a file, in the order of their lines. It is an error where
// there is at least one.
type Faults []Fault

// Error is one line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Err is the faults as an error, nil where there are none.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
