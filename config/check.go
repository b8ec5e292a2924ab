package config

import "github.com/tocsin-sip/tocsin/orgcheck"

// Check asks whether the file's organisation may go live among the others of the
// installation, and says where in the file it may not.
func (f *File) Check(in orgcheck.Installation) (faults, warnings Faults) {
	r := orgcheck.Check(f.Organisation, in)
	return f.Place(r.Faults), f.Place(r.Warnings)
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
