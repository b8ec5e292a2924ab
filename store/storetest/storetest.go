package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/store"
)

// Run holds a database to the behaviour of the store. Each open gives an empty one.
func Run(t *testing.T, open func(testing.TB) *store.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *store.Store)
	}{
		{"D8 apply is idempotent", idempotent},
		{"D8 apply shows the difference and writes nothing in a dry run", dryRun},
		{"D8 apply removes what an earlier file created", removes},
		{"D8 what was created elsewhere is left, and pruned", prunes},
		{"D8 what was changed elsewhere is a conflict", conflicts},
		{"D8 what was removed elsewhere is a conflict", removedElsewhere},
		{"D8 a refused file changes nothing", refused},
		{"D8 the order of the file is kept", ordered},
		{"D8 history and rollback", rolledBack},
		{"D8 shared trunks are a file of their own", sharedTrunks},
		{"P1 accounts do not touch each other", accounts},
		{"a stale change is refused", stale},
		{"two writers take turns", writers},
		{"S2 a change is seen by who follows", followed},
		{"A6 entries are kept once and verify", entries},
		{"A6 entries may come in any order", anyOrder},
		{"A6 what cannot be kept is refused for good", refusedEntry},
		{"A6 calls are listed by page and filter", pages},
		{"A6 the SIP messages of a call are kept once, in order", messages},
		{"A6 a SIP message that cannot be kept is refused for good", refusedMessage},
		{"S3 bindings survive", bindings},
		{"meta", meta},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Campus is the organisation of the example file.
func Campus(t testing.TB) org.Organisation {
	t.Helper()
	f, faults := config.Parse("campus.yaml", examples.Campus)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return f.Organisation
}

func ctxOf(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func apply(t *testing.T, s *store.Store, o org.Organisation, edit ...func(*store.Apply)) store.Result {
	t.Helper()
	a := store.Apply{Organisation: o, File: "campus.yaml", By: "dana"}
	for _, e := range edit {
		e(&a)
	}
	return must[store.Result](t)(s.Apply(ctxOf(t), a))
}

func change(t *testing.T, s *store.Store, set any, key org.ObjectKey) store.Result {
	t.Helper()
	c := store.Change{Account: "acme", Origin: store.FromConsole, By: "kim", Reason: "a test"}
	if set == nil {
		c.Remove = []org.ObjectKey{key}
	} else {
		c.Set = []org.Object{{ObjectKey: key, Value: set}}
	}
	return must[store.Result](t)(s.Change(ctxOf(t), c))
}

func organisation(t *testing.T, s *store.Store, name string) org.Organisation {
	t.Helper()
	list, _, err := s.Organisations(ctxOf(t))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(o org.Organisation) bool { return o.Name() == name })
	if i < 0 {
		t.Fatalf("there is no account %s", name)
	}
	return list[i]
}

func lines(r store.Result) string {
	var all []string
	for _, d := range r.Differences {
		all = append(all, d.String())
	}
	for _, c := range r.Conflicts {
		all = append(all, "conflict "+c.ObjectKey.String()+" "+c.Wanted.Change.String())
	}
	for _, e := range r.Elsewhere {
		all = append(all, "elsewhere "+e.ObjectKey.String())
	}
	return strings.Join(all, "\n")
}

func expect(t *testing.T, r store.Result, want string) {
	t.Helper()
	if got := lines(r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func idempotent(t *testing.T, s *store.Store) {
	o := Campus(t)
	first := apply(t, s, o)
	if !first.Written || first.Version != 1 || len(first.Differences) != len(o.Objects()) {
		t.Errorf("first: written %v, version %d, %d differences of %d objects", first.Written, first.Version, len(first.Differences), len(o.Objects()))
	}
	again := apply(t, s, o)
	if again.Written || again.Version != 1 || len(again.Differences) > 0 {
		t.Errorf("again: written %v, version %d:\n%s", again.Written, again.Version, lines(again))
	}
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got, o) {
		t.Errorf("it reads differently:\n%v", org.Differences(&o, &got))
	}
	d := must[*org.Directory](t)(s.Directory(ctxOf(t)))
	if d.Version != 1 || d.Account("acme").Extension("2041") == nil {
		t.Errorf("the directory has version %d and extension 2041 %v", d.Version, d.Account("acme").Extension("2041"))
	}
}

func dryRun(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	o.Trunks[1].MaxCalls = 24
	r := apply(t, s, o, func(a *store.Apply) { a.DryRun = true })
	expect(t, r, "~ trunk carrier-us\n    max_calls: 23 -> 24")
	if r.Written || r.Version != 1 || organisation(t, s, "acme").Trunks[1].MaxCalls != 23 {
		t.Errorf("a dry run has written: %+v", r)
	}
	if r := apply(t, s, o); !r.Written || r.Version != 2 || organisation(t, s, "acme").Trunks[1].MaxCalls != 24 {
		t.Errorf("the real one has not: %+v", r)
	}
}

func removes(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	o.Extensions = o.Extensions[:5]
	o.Queues[0].Members = o.Queues[0].Members[1:]
	r := apply(t, s, o, func(a *store.Apply) { a.File = "another name.yaml" })
	if got := lines(r); !strings.HasPrefix(got, "- extension 7001\n~ queue security") {
		t.Errorf("got\n%s", got)
	}
}

var extra = org.Extension{Number: "2999", Site: "hq", Devices: []org.Device{{Name: "app", Class: org.ClassApp}}}
var extraKey = org.ObjectKey{Kind: org.ObjectExtension, Name: "2999"}

func prunes(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	change(t, s, &extra, extraKey)
	home := location.Address{Name: "dana-home", Level: location.LevelPersonal}
	home.Country, home.City, home.Street, home.HouseNumber = "US", "San Jose", "Elm", "1"
	homeKey := org.ObjectKey{Kind: org.ObjectAddress, Name: "dana-home"}
	change(t, s, &home, homeKey)
	expect(t, apply(t, s, o), "elsewhere address dana-home\nelsewhere extension 2999")
	r := apply(t, s, o, func(a *store.Apply) { a.Prune, a.DryRun = true, true })
	expect(t, r, "- extension 2999\nelsewhere address dana-home")
	expect(t, apply(t, s, o, func(a *store.Apply) { a.Prune = true }), "- extension 2999\nelsewhere address dana-home")
	if got := organisation(t, s, "acme"); len(got.Extensions) != len(o.Extensions) || len(got.Addresses) != len(o.Addresses)+1 {
		t.Errorf("left are %d extensions and %d addresses", len(got.Extensions), len(got.Addresses))
	}
}

func conflicts(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	site := o.Sites[1]
	site.Label = "Leeds office"
	key := org.ObjectKey{Kind: org.ObjectSite, Name: "leeds"}
	change(t, s, &site, key)
	r := apply(t, s, o)
	expect(t, r, "conflict site leeds changed")
	if c := r.Conflicts[0]; c.ChangedBy != "kim" || c.ChangedFrom != store.FromConsole || c.CreatedFrom != store.FromFile ||
		c.Wanted.Fields[0].String() != "label: Leeds office -> Leeds" {
		t.Errorf("the conflict says %+v", c)
	}
	// What else the file wants is done all the same.
	o.Trunks[1].MaxCalls = 24
	expect(t, apply(t, s, o), "~ trunk carrier-us\n    max_calls: 23 -> 24\nconflict site leeds changed")
	if got := organisation(t, s, "acme").Sites[1].Label; got != "Leeds office" {
		t.Errorf("the label is %s", got)
	}
	expect(t, apply(t, s, o, func(a *store.Apply) { a.Force = true }), "~ site leeds\n    label: Leeds office -> Leeds")
	expect(t, apply(t, s, o), "")
	// A file that comes to say the same has no conflict.
	change(t, s, &site, key)
	o.Sites[1].Label = site.Label
	expect(t, apply(t, s, o), "")
	// Created by a file, changed elsewhere, no longer in the file.
	x := o.Extensions[1]
	x.Label = "Entrance"
	change(t, s, &x, org.ObjectKey{Kind: org.ObjectExtension, Name: "2041"})
	o.Extensions = slices.Delete(o.Extensions, 1, 2)
	expect(t, apply(t, s, o), "conflict extension 2041 removed")
	expect(t, apply(t, s, o, func(a *store.Apply) { a.Force = true }), "- extension 2041")
}

func removedElsewhere(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	change(t, s, nil, org.ObjectKey{Kind: org.ObjectExtension, Name: "2041"})
	expect(t, apply(t, s, o), "conflict extension 2041 added")
	expect(t, apply(t, s, o, func(a *store.Apply) { a.Force = true }), "+ extension 2041")
	expect(t, apply(t, s, o), "")
}

func refused(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	no := errors.New("extension 911 cannot be used")
	bad := Campus(t)
	bad.Extensions[0].Number = "911"
	bad.Trunks = bad.Trunks[:1]
	var seen org.Organisation
	_, err := s.Apply(ctxOf(t), store.Apply{Organisation: bad, By: "dana", File: "bad.yaml", Check: func(o org.Organisation, others []org.Organisation) error {
		seen = o
		return no
	}})
	if !errors.Is(err, no) {
		t.Errorf("the error is %v", err)
	}
	if len(seen.Trunks) != 1 || seen.Extensions[0].Number != "911" {
		t.Errorf("what was checked is not what would be written: %d trunks, extension %s", len(seen.Trunks), seen.Extensions[0].Number)
	}
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got, o) {
		t.Error("a refused file has changed something")
	}
	if v := must[int64](t)(s.Version(ctxOf(t))); v != 1 {
		t.Errorf("the version is %d", v)
	}
}

func ordered(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	n := o.Numbers
	o.Numbers = append([]org.Number{n[5], {Number: "+14085550150", Source: org.Native}}, n[:5]...)
	expect(t, apply(t, s, o), "^ number +441134960177\n+ number +14085550150")
	o.Numbers = slices.Insert(o.Numbers, 1, org.Number{Number: "+14085550151"}, org.Number{Number: "+14085550152"})
	apply(t, s, o)
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got.Numbers, o.Numbers) {
		t.Errorf("the order is %v, want %v", got.Numbers, o.Numbers)
	}
	// Again and again into the same gap, until there is no room between two.
	for i := range 30 {
		o.Numbers = slices.Insert(o.Numbers, 1, org.Number{Number: e164.Number(fmt.Sprintf("+1408555%04d", 2000+i))})
		apply(t, s, o)
	}
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got.Numbers, o.Numbers) {
		t.Errorf("after thirty insertions the order is %v", got.Numbers)
	}
}

func rolledBack(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	before := organisation(t, s, "acme")
	change(t, s, &extra, extraKey)
	o.Trunks[1].MaxCalls = 24
	o.Extensions = o.Extensions[:5]
	o.Numbers[0], o.Numbers[1] = o.Numbers[1], o.Numbers[0]
	apply(t, s, o, func(a *store.Apply) { a.Reason = "a bigger trunk" })
	middle := organisation(t, s, "acme")

	r := must[store.Result](t)(s.Rollback(ctxOf(t), store.Rollback{Account: "acme", Version: 1, By: "dana", Reason: "too big"}))
	if r.Version != 4 || !r.Written {
		t.Errorf("the rollback is version %d", r.Version)
	}
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got, before) {
		t.Errorf("version 1 is not back:\n%v", org.Differences(&before, &got))
	}
	must[store.Result](t)(s.Rollback(ctxOf(t), store.Rollback{Account: "acme", Version: 3, By: "dana"}))
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got, middle) {
		t.Errorf("version 3 is not back:\n%v", org.Differences(&middle, &got))
	}
	for _, p := range must[[]store.Provenance](t)(s.Provenance(ctxOf(t), "acme")) {
		if want := map[bool]store.Origin{true: store.FromConsole, false: store.FromFile}[p.ObjectKey == extraKey]; p.CreatedFrom != want {
			t.Errorf("%s came from %s, want %s", p.ObjectKey, p.CreatedFrom, want)
		}
	}
	expect(t, apply(t, s, o), "elsewhere extension 2999")
	if _, err := s.Rollback(ctxOf(t), store.Rollback{Account: "acme", Version: 0, By: "dana"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before there was an account: %v", err)
	}

	h := must[[]store.Revision](t)(s.History(ctxOf(t), "acme", 0, 2))
	older := must[[]store.Revision](t)(s.History(ctxOf(t), "acme", h[1].Version, 10))
	var got []string
	for _, r := range append(h, older...) {
		got = append(got, fmt.Sprintf("%d %s %s %s %s", r.Version, r.Origin, r.By, r.File, r.Reason))
		if r.At.IsZero() || len(r.Changes) == 0 {
			t.Errorf("version %d was at %v and has %d changes", r.Version, r.At, len(r.Changes))
		}
	}
	want := []string{"5 file dana rollback to 3 ", "4 file dana rollback to 1 too big", "3 file dana campus.yaml a bigger trunk", "2 console kim  a test", "1 file dana campus.yaml "}
	if !slices.Equal(got, want) {
		t.Errorf("the history is %q, want %q", got, want)
	}
}

func sharedTrunks(t *testing.T, s *store.Store) {
	trunks := org.Organisation{Trunks: []org.Trunk{{Name: "national", Role: org.RoleEmergency, Countries: []e164.Region{"FR"}, Proxies: []string{"sip:192.0.2.1"}}}}
	apply(t, s, trunks)
	apply(t, s, Campus(t), func(a *store.Apply) {
		a.Check = func(_ org.Organisation, others []org.Organisation) error {
			if len(others) != 1 || others[0].Account != nil || others[0].Trunks[0].Name != "national" {
				t.Errorf("checked among %+v", others)
			}
			return nil
		}
	})
	d := must[*org.Directory](t)(s.Directory(ctxOf(t)))
	if d.Account("acme").Trunk("national") == nil || len(d.Accounts()) != 1 {
		t.Error("the account has no shared trunk")
	}
}

func accounts(t *testing.T, s *store.Store) {
	a, b := Campus(t), Campus(t)
	b.Account.Name = "beta"
	apply(t, s, a)
	apply(t, s, b)
	b.Extensions = nil
	apply(t, s, b)
	if got := organisation(t, s, "acme"); !reflect.DeepEqual(got, a) {
		t.Error("one account's file has changed another's")
	}
	if h := must[[]store.Revision](t)(s.History(ctxOf(t), "acme", 0, 10)); len(h) != 1 {
		t.Errorf("acme has %d revisions", len(h))
	}
	if h := must[[]store.Revision](t)(s.History(ctxOf(t), "", 0, 10)); len(h) != 3 {
		t.Errorf("all have %d revisions", len(h))
	}
}

func stale(t *testing.T, s *store.Store) {
	o := Campus(t)
	read := apply(t, s, o).Version
	site := o.Sites[1]
	key := org.ObjectKey{Kind: org.ObjectSite, Name: "leeds"}
	set := func(label string, version int64) error {
		site.Label = label
		_, err := s.Change(ctxOf(t), store.Change{Account: "acme", Origin: store.FromAPI, By: "kim", IfVersion: version, Set: []org.Object{{ObjectKey: key, Value: &site}}})
		return err
	}
	if err := set("first", read); err != nil {
		t.Error(err)
	}
	if err := set("second", read); !errors.Is(err, store.ErrStale) {
		t.Errorf("a change on top of an older one: %v", err)
	}
	_, err := s.Change(ctxOf(t), store.Change{Account: "acme", Origin: store.FromAPI, IfVersion: read, Remove: []org.ObjectKey{key}})
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("a removal on top of an older one: %v", err)
	}
	_, err = s.Change(ctxOf(t), store.Change{Account: "acme", Origin: store.FromAPI, Remove: []org.ObjectKey{extraKey}})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is not there was removed: %v", err)
	}
}

func writers(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	const each, all = 10, 4
	errs := make(chan error, all)
	for w := range all {
		go func() {
			var err error
			for i := range each {
				x := extra
				x.Number = fmt.Sprintf("8%d%02d", w, i)
				_, e := s.Change(ctxOf(t), store.Change{Account: "acme", Origin: store.FromAPI, By: "kim",
					Set: []org.Object{{ObjectKey: org.ObjectKey{Kind: org.ObjectExtension, Name: x.Number}, Value: &x}}})
				err = errors.Join(err, e)
			}
			errs <- err
		}()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if v := must[int64](t)(s.Version(ctxOf(t))); v != 1+each*all {
		t.Errorf("the version is %d after %d changes", v, each*all)
	}
	if got := organisation(t, s, "acme"); len(got.Extensions) != len(o.Extensions)+each*all {
		t.Errorf("there are %d extensions", len(got.Extensions))
	}
}

func followed(t *testing.T, s *store.Store) {
	o := Campus(t)
	apply(t, s, o)
	ctx, cancel := context.WithCancel(ctxOf(t))
	defer cancel()
	live := make(chan *org.Directory, 4)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Follow(ctx, 20*time.Millisecond, 1, func(d *org.Directory) { live <- d }, func(err error) { t.Errorf("following: %v", err) })
	}()
	o.Trunks[1].MaxCalls = 24
	begun := time.Now()
	apply(t, s, o)
	d := <-live
	if d.Version != 2 || d.Account("acme").Trunk("carrier-us").MaxCalls != 24 {
		t.Errorf("version %d is live", d.Version)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it was live after %v", took)
	}
	cancel()
	<-ended
	if len(live) > 0 {
		t.Error("a version was handed over twice")
	}
}

// Chain makes the entries of one finished call.
func Chain(t testing.TB, id string, at time.Time, account string) []cdr.Entry {
	t.Helper()
	n := byte(0)
	c := cdr.NewChain(id, func() (salt [cdr.SaltSize]byte) { n++; salt[0] = n; return salt })
	var es []cdr.Entry
	for i, content := range []cdr.Content{
		{Header: &cdr.Header{ID: id, ReceivedAt: at, Dialled: "911", Node: "gw1"}},
		{Decided: &cdr.Decided{Class: "emergency", Account: account, Site: "hq", Extension: "2041", Route: "parallel"}},
		{Action: &call.Action{Kind: call.Answer, From: "psap"}},
		{Action: &call.Action{Kind: call.End, Outcome: call.Completed}},
	} {
		e, err := c.Append(at.Add(time.Duration(i)*time.Second), content)
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

func entries(t *testing.T, s *store.Store) {
	es := Chain(t, "c1", noon, "acme")
	for _, batch := range [][]cdr.Entry{es[:2], es[1:3], es, nil} {
		if err := s.AppendEntries(ctxOf(t), batch); err != nil {
			t.Fatal(err)
		}
	}
	got := must[[]cdr.Entry](t)(s.Entries(ctxOf(t), "c1"))
	if !reflect.DeepEqual(got, es) {
		t.Errorf("read back\n%+v\nwant\n%+v", got, es)
	}
	if err := cdr.Verify(got); err != nil {
		t.Error(err)
	}
	// What is written stays: a second hand cannot change it.
	forged := es[2]
	forged.Content = []byte("{}")
	if err := s.AppendEntries(ctxOf(t), []cdr.Entry{forged}); err != nil {
		t.Fatal(err)
	}
	if err := cdr.Verify(must[[]cdr.Entry](t)(s.Entries(ctxOf(t), "c1"))); err != nil {
		t.Errorf("an entry was written over: %v", err)
	}
	r := must[cdr.Record](t)(s.Call(ctxOf(t), "c1"))
	if r.Live() || r.Extension != "2041" || !r.AnsweredAt.Equal(noon.Add(2*time.Second)) {
		t.Errorf("the record is %+v", r)
	}
	if _, err := s.Call(ctxOf(t), "c2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a call there is not: %v", err)
	}
}

func anyOrder(t *testing.T, s *store.Store) {
	es := Chain(t, "c1", noon, "acme")
	for _, i := range []int{3, 0, 2, 1} {
		if err := s.AppendEntries(ctxOf(t), es[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	list, _, err := s.Calls(ctxOf(t), store.CallFilter{}, "", 10)
	want := store.Call{ID: "c1", ReceivedAt: noon, AnsweredAt: noon.Add(2 * time.Second), EndedAt: noon.Add(3 * time.Second), Account: "acme", Site: "hq",
		Extension: "2041", Class: "emergency", Dialled: "911", Route: "parallel", Outcome: "completed", Node: "gw1"}
	if err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("the list is %+v (%v), want %+v", list, err, want)
	}
}

func refusedEntry(t *testing.T, s *store.Store) {
	e := Chain(t, "c1", noon, "acme")[0]
	e.Digest = nil // which no chain makes
	if err := s.AppendEntries(ctxOf(t), []cdr.Entry{e}); !errors.Is(err, store.ErrRefused) {
		t.Errorf("the error is %v", err)
	}
	if _, err := s.Entries(ctxOf(t), "c1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("something was written: %v", err)
	}
}

func pages(t *testing.T, s *store.Store) {
	ctx := ctxOf(t)
	var all []string
	for i := range 7 {
		id, account := fmt.Sprintf("c%d", i), "acme"
		if i == 3 {
			account = "beta"
		}
		es := Chain(t, id, noon.Add(time.Duration(i/2)*time.Minute), account)
		if i == 6 {
			es = es[:3]
		}
		if err := s.AppendEntries(ctx, es); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	slices.Reverse(all)
	list := func(f store.CallFilter, limit int) (ids []string) {
		for cursor, pages := "", 0; ; pages++ {
			calls, next, err := s.Calls(ctx, f, cursor, limit)
			if err != nil || pages > 10 {
				t.Fatalf("page %d: %v", pages, err)
			}
			for _, c := range calls {
				ids = append(ids, c.ID)
			}
			if cursor = next; cursor == "" {
				return ids
			}
		}
	}
	for _, tc := range []struct {
		name string
		f    store.CallFilter
		want []string
	}{
		{"all", store.CallFilter{}, all},
		{"P1 one account", store.CallFilter{Account: "beta"}, []string{"c3"}},
		{"live", store.CallFilter{Live: true}, []string{"c6"}},
		{"a time", store.CallFilter{From: noon.Add(time.Minute), Until: noon.Add(2 * time.Minute)}, []string{"c3", "c2"}},
		{"an extension", store.CallFilter{Account: "acme", Extension: "2041", Site: "hq", Class: "emergency"}, []string{"c6", "c5", "c4", "c2", "c1", "c0"}},
		{"nobody", store.CallFilter{Extension: "1"}, nil},
	} {
		for _, limit := range []int{1, 2, 3, 100} {
			if got := list(tc.f, limit); !slices.Equal(got, tc.want) {
				t.Errorf("%s by %d: %v, want %v", tc.name, limit, got, tc.want)
			}
		}
	}
	for _, bad := range []string{"!", "eHl6"} {
		if _, _, err := s.Calls(ctx, store.CallFilter{}, bad, 1); !errors.Is(err, store.ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}

func bindings(t *testing.T, s *store.Store) {
	ctx := ctxOf(t)
	b := store.Binding{AOR: "sip:2041@acme.example", ID: "<urn:uuid:1>;1", Contact: "sip:2041@192.0.2.7:5060", Instance: "<urn:uuid:1>", RegID: 1, Node: "gw1", Flow: "udp:1",
		Source: "192.0.2.7:5060", Transport: "udp", Path: "<sip:edge;lr>", CallID: "x@y", CSeq: 1 << 31, UserAgent: "phone", Account: "acme", Extension: "2041", Device: "lobby",
		RegisteredAt: noon, ExpiresAt: noon.Add(time.Hour)}
	c := b
	c.ID, c.ExpiresAt = "<urn:uuid:2>;1", noon.Add(time.Minute)
	if err := s.PutBindings(ctx, b, c); err != nil {
		t.Fatal(err)
	}
	b.CSeq, b.ExpiresAt = 1<<31+1, noon.Add(2*time.Hour)
	if err := s.PutBindings(ctx, b); err != nil {
		t.Fatal(err)
	}
	if got := must[[]store.Binding](t)(s.Bindings(ctx)); !slices.Equal(got, []store.Binding{b, c}) {
		t.Errorf("read %+v", got)
	}
	if n := must[int64](t)(s.ForgetBindings(ctx, noon.Add(time.Hour))); n != 1 {
		t.Errorf("%d were forgotten", n)
	}
	for range 2 {
		if err := s.DeleteBinding(ctx, b.AOR, b.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := must[[]store.Binding](t)(s.Bindings(ctx)); len(got) != 0 {
		t.Errorf("left are %+v", got)
	}
}

func meta(t *testing.T, s *store.Store) {
	ctx := ctxOf(t)
	if v := must[string](t)(s.Meta(ctx, "installation")); v != "" {
		t.Errorf("it is %q before it was set", v)
	}
	for _, v := range []string{"one", "two"} {
		if err := s.SetMeta(ctx, "installation", v); err != nil {
			t.Fatal(err)
		}
	}
	if v := must[string](t)(s.Meta(ctx, "installation")); v != "two" {
		t.Errorf("it is %q", v)
	}
}
