package cdr

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/call"
)

var t0 = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func aCall(t *testing.T) []Entry {
	t.Helper()
	n := byte(0)
	c := NewChain("01J", func() (s [SaltSize]byte) { n++; s[0] = n; return })
	var es []Entry
	add := func(ms int, content Content) {
		e, err := c.Append(t0.Add(time.Duration(ms)*time.Millisecond), content)
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	add(0, Content{Header: &Header{ID: "01J", ReceivedAt: t0, Dialled: "911"}})
	add(1, Content{Decided: &Decided{Class: "emergency", Extension: "2001", Route: "psap only"}})
	add(1, Content{Event: &call.Event{Kind: call.Started, At: t0}})
	add(1, Content{Action: &call.Action{Kind: call.Dial, Leg: "psap-us/1", Target: &call.Target{Invite: call.Invite{Number: "+14085550141"}}}})
	add(900, Content{Event: &call.Event{Kind: call.Answered, Leg: "psap-us/1", SDP: "v=0"}})
	add(900, Content{Action: &call.Action{Kind: call.Answer, From: "psap-us/1"}})
	add(5000, Content{Event: &call.Event{Kind: call.HungUp, Leg: "caller"}})
	add(5000, Content{Action: &call.Action{Kind: call.End, Outcome: call.Completed, Text: "caller hung up"}})
	return es
}

func TestA6ChainShowsEveryChange(t *testing.T) {
	if err := Verify(aCall(t)); err != nil {
		t.Fatalf("an untouched chain: %v", err)
	}
	for name, harm := range map[string]func([]Entry) []Entry{
		"content changed": func(es []Entry) []Entry {
			es[1].Content = []byte(strings.Replace(string(es[1].Content), "2001", "2041", 1))
			return es
		},
		"content and digest changed": func(es []Entry) []Entry {
			es[1].Content = []byte(`{}`)
			es[1].Digest = digest(es[1].Salt, es[1].Content)
			return es
		},
		"instant changed": func(es []Entry) []Entry { es[3].At = es[3].At.Add(time.Second); return es },
		"kind changed":    func(es []Entry) []Entry { es[3].Kind = Happened; return es },
		"entry left out":  func(es []Entry) []Entry { return append(es[:2], es[3:]...) },
		"entries swapped": func(es []Entry) []Entry { es[3], es[4] = es[4], es[3]; return es },
	} {
		if Verify(harm(aCall(t))) == nil {
			t.Errorf("%s: the chain still verifies", name)
		}
	}
}

func TestA6ErasedContentLeavesTheChainWhole(t *testing.T) {
	es := aCall(t)
	es[1] = es[1].Erase()
	if err := Verify(es); err != nil {
		t.Fatal(err)
	}
	r, err := Fold(es)
	if err != nil {
		t.Fatal(err)
	}
	if r.Extension != "" || r.Dialled != "911" {
		t.Errorf("extension %q after erasing, dialled %q", r.Extension, r.Dialled)
	}
}

func TestFoldIsTheCallAsPeopleReadIt(t *testing.T) {
	r, err := Fold(aCall(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Extension != "2001" || r.AnsweredBy != "psap-us/1" || r.Outcome != call.Completed || r.Live() {
		t.Errorf("got %+v", r)
	}
	var got []string
	for _, l := range r.Flow {
		got = append(got, strings.TrimSpace(l.String()))
	}
	want := []string{
		"0.001  caller > tocsin  INVITE 911",
		"0.001  tocsin > psap-us/1  INVITE from +14085550141",
		"0.900  psap-us/1 > tocsin  200",
		"0.900  tocsin > caller  200",
		"5.000  caller > tocsin  BYE",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
