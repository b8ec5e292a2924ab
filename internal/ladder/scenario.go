package ladder

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"
)

// Scenario is one ladder file.
type Scenario struct {
	Name  string // of the file, without its ending
	Title string
	About string
	Given Given
	When  When
	Want  Telling

	given, when string // as they stand in the file
}

// Telling is what happened, as text.
type Telling struct {
	Flow    string
	Decided string
	Told    string
}

// sections of a file, in their order.
var sections = []string{"given", "when", "flow", "decided", "told"}

// Read reads every scenario of a folder, in the order of their names.
func Read(dir string) ([]*Scenario, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, fmt.Errorf("looking for ladders: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("looking for ladders: there is no *.txtar in %s", dir)
	}
	var all []*Scenario
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("reading a ladder: %w", err)
		}
		s, err := Parse(strings.TrimSuffix(filepath.Base(p), ".txtar"), text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Parse reads one scenario.
func Parse(name string, text []byte) (*Scenario, error) {
	s := &Scenario{Name: name}
	if err := s.parse(txtar.Parse(text)); err != nil {
		return nil, fmt.Errorf("ladder %s: %w", name, err)
	}
	return s, nil
}

func (s *Scenario) parse(a *txtar.Archive) error {
	title, about, _ := strings.Cut(strings.TrimSpace(string(a.Comment)), "\n")
	s.Title, s.About = strings.TrimSpace(title), strings.TrimSpace(about)
	if s.Title == "" {
		return errors.New("it has no title before its first section")
	}
	var names []string
	for _, f := range a.Files {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, ", "); got != strings.Join(sections, ", ") {
		return fmt.Errorf("its sections are %s, not %s", got, strings.Join(sections, ", "))
	}
	s.given, s.when = string(a.Files[0].Data), string(a.Files[1].Data)
	s.Want = Telling{Flow: string(a.Files[2].Data), Decided: string(a.Files[3].Data), Told: string(a.Files[4].Data)}
	var err error
	if s.Given, err = parseGiven(s.given); err != nil {
		return err
	}
	s.When, err = parseWhen(s.when, s.Given)
	return err
}

// Format is the file again, with another telling.
func (s *Scenario) Format(t Telling) []byte {
	a := txtar.Archive{Comment: []byte(s.Title + "\n")}
	if s.About != "" {
		a.Comment = append(a.Comment, "\n"+s.About+"\n"...)
	}
	a.Comment = append(a.Comment, '\n')
	for i, text := range []string{s.given, s.when, t.Flow, t.Decided, t.Told} {
		a.Files = append(a.Files, txtar.File{Name: sections[i], Data: append(bytes.Trim([]byte(text), "\n"), '\n')})
	}
	return txtar.Format(&a)
}

// lines are the lines of a section that say something.
func lines(text string) []string {
	var ls []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			ls = append(ls, l)
		}
	}
	return ls
}
