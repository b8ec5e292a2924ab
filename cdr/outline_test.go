package cdr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAnOutlineSaysWhatTheRecordSays(t *testing.T) {
	es := aCall(t)
	r, err := Fold(es)
	if err != nil {
		t.Fatal(err)
	}
	want := Outline{Opened: true, ReceivedAt: r.ReceivedAt, AnsweredAt: r.AnsweredAt, EndedAt: r.EndedAt, Account: r.Account, Site: r.Site,
		Extension: r.Extension, Class: r.Class, Dialled: r.Dialled, Route: r.Route, Outcome: r.Outcome.String(), Node: r.Node}
	rapid.Check(t, func(t *rapid.T) {
		var got Outline
		for _, e := range rapid.Permutation(es).Draw(t, "order") {
			if err := got.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
	var erased Outline
	for _, e := range es {
		if err := erased.Add(e.Erase()); err != nil || erased != (Outline{}) {
			t.Fatalf("erased entries say %+v, %v", erased, err)
		}
	}
}
