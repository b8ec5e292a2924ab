package config

import (
	"strings"

	"github.com/tocsin-sip/tocsin/orgcheck"
)

// Check asks whether the file's organisation may go live among the others of the
// installation, and says where in the file it may not.
func (f *File) Check(in orgcheck.Installation) (faults, warnings Faults) {
	r := orgcheck.Check(f.Organisation, in)
	faults, warnings = f.Place(f.readable(r.Faults)), f.Place(f.readable(r.Warnings))
	faults = append(faults, f.faults...)
	faults.sort()
	return faults, warnings
}

// readable leaves out what is said of objects that could not be read: it would follow
// from the fault that is known already, and mislead.
func (f *File) readable(found []orgcheck.Fault) []orgcheck.Fault {
	if len(f.faults) == 0 {
		return found
	}
	unread := map[string]bool{}
	for _, x := range f.faults {
		unread[object(x.Path)] = true
	}
	var out []orgcheck.Fault
	for _, x := range found {
		if !unread[object(x.Path)] {
			out = append(out, x)
		}
	}
	return out
}

// object is the path of the object a path is in: "extensions[3]".
func object(path string) string {
	if i := strings.IndexByte(path, ']'); i >= 0 {
		return path[:i+1]
	}
	return path
}

// Place gives faults their lines in the file.
func (f *File) Place(found []orgcheck.Fault) Faults {
	var placed Faults
	for _, x := range found {
		line, column := f.At(x.Path)
		placed = append(placed, Fault{File: f.Name, Line: line, Column: column, Path: x.Path, Rule: x.Rule, Text: x.Text, Fix: x.Fix})
	}
	placed.sort()
	return placed
}
