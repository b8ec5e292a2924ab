package trace

import (
	"fmt"
	"strings"
)

// Stage is one of the nine stages of a call, in the order in which they run.
type Stage int

const (
	Ingress Stage = iota + 1
	Classify
	Identify
	Locate
	Decide
	Assign
	Execute
	Notify
	Log
)

var stageNames = [...]string{Ingress: "ingress", Classify: "classify", Identify: "identify", Locate: "locate",
	Decide: "decide", Assign: "assign", Execute: "execute", Notify: "notify", Log: "log"}

func (s Stage) String() string {
	if s < Ingress || s > Log {
		return fmt.Sprintf("stage(%d)", int(s))
	}
	return stageNames[s]
}

// MarshalText makes a stage its name in JSON.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Stage) UnmarshalText(b []byte) error {
	for i := Ingress; i <= Log; i++ {
		if stageNames[i] == string(b) {
			*s = i
			return nil
		}
	}
	return fmt.Errorf("no such stage %q", b)
}

// Entry is one step of a decision: which rule applied, at which level of the
// settings it was found, what evidence it looked at, and the sentence a person reads.
type Entry struct {
	Stage    Stage  `json:"stage"`
	Rule     string `json:"rule,omitempty"`     // the statement of the product, such as "R9", or the name of a configured rule
	Level    string `json:"level,omitempty"`    // where the deciding setting stands: "account acme", "site hq (locked by account)"
	Evidence string `json:"evidence,omitempty"` // what was looked at: a number, an address, a header
	Text     string `json:"text"`               // one plain sentence
}

func (e Entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s ", e.Stage)
	if e.Rule != "" {
		fmt.Fprintf(&b, "[%s] ", e.Rule)
	}
	b.WriteString(e.Text)
	switch {
	case e.Level != "" && e.Evidence != "":
		fmt.Fprintf(&b, " (%s; from %s)", e.Evidence, e.Level)
	case e.Level != "":
		fmt.Fprintf(&b, " (from %s)", e.Level)
	case e.Evidence != "":
		fmt.Fprintf(&b, " (%s)", e.Evidence)
	}
	return b.String()
}

// Degradation says that a stage went on with less than it should have had.
type Degradation struct {
	Stage Stage  `json:"stage"`
	Code  string `json:"code"` // stable, lower case with hyphens: "number-of-another-country"
	Text  string `json:"text"` // what is missing and what was used instead
}

func (d Degradation) String() string { return fmt.Sprintf("%s: %s (%s)", d.Stage, d.Text, d.Code) }

// Trace collects the entries and degradations of one call as its stages return them.
type Trace struct {
	Entries      []Entry       `json:"entries"`
	Degradations []Degradation `json:"degradations,omitempty"`
}

// Because adds an entry.
func (t *Trace) Because(s Stage, rule, level, evidence, text string, args ...any) {
	t.Entries = append(t.Entries, Entry{Stage: s, Rule: rule, Level: level, Evidence: evidence, Text: fmt.Sprintf(text, args...)})
}

// Degrade adds a degradation.
func (t *Trace) Degrade(s Stage, code, text string, args ...any) {
	t.Degradations = append(t.Degradations, Degradation{Stage: s, Code: code, Text: fmt.Sprintf(text, args...)})
}

// Merge appends what another part of the pipeline returned.
func (t *Trace) Merge(o Trace) {
	t.Entries = append(t.Entries, o.Entries...)
	t.Degradations = append(t.Degradations, o.Degradations...)
}
