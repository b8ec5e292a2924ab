package trace

import (
	"encoding/json"
	"testing"
)

func TestEntryReadsAsASentenceWithItsSource(t *testing.T) {
	e := Entry{Stage: Decide, Rule: "R9", Level: "site hq", Evidence: "US", Text: "the site's trunk psap-us takes the call"}
	const want = "decide   [R9] the site's trunk psap-us takes the call (US; from site hq)"
	if got := e.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTraceSurvivesJSON(t *testing.T) {
	var tr Trace
	tr.Because(Assign, "C1.3", "site hq", "+14085550190", "lent by pool %s", "hq")
	tr.Degrade(Locate, "unknown-place", "no evidence")
	b, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	var back Trace
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Entries[0] != tr.Entries[0] || back.Degradations[0] != tr.Degradations[0] {
		t.Errorf("got %+v, want %+v", back, tr)
	}
	if err := json.Unmarshal([]byte(`{"entries":[{"stage":"guess","text":""}]}`), &back); err == nil {
		t.Error("an unknown stage was accepted")
	}
}
