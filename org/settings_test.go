package org

import (
	"testing"
	"time"
)

func ptr[T any](v T) *T { return &v }

func TestInheritance(t *testing.T) {
	account := &Account{Name: "acme", Emergency: Emergency{MaxHold: ptr(Duration(30 * time.Second)), PSAP: ptr(true),
		LastResort: &Resort{Queue: "security"}, Callback: CallbackPolicy{Window: ptr(Duration(2 * time.Hour))}}}
	site := &Site{Name: "leeds", Emergency: Emergency{MaxHold: ptr(Duration(15 * time.Second)), PSAP: ptr(false), LastResort: &Resort{Queue: "desk"}}}
	ext := &Extension{Number: "3001", Emergency: Emergency{MaxHold: ptr(Duration(5 * time.Second)), Callback: CallbackPolicy{Window: ptr(Duration(time.Hour))}}}
	for _, tc := range []struct {
		name             string
		account, site    []string // locked
		hold             time.Duration
		from             string
		psap             bool
		psapFrom, window string
	}{
		{"P2 nearest level wins", nil, nil, 5 * time.Second, "extension 3001", false, "site leeds", "extension 3001"},
		{"P2 an account's lock", []string{"max_hold"}, nil, 30 * time.Second, "account acme, locked", false, "site leeds", "extension 3001"},
		{"P2 a site's lock", nil, []string{"max_hold"}, 15 * time.Second, "site leeds, locked", false, "site leeds", "extension 3001"},
		{"P3 the account's lock beats the site's", []string{"max_hold"}, []string{"max_hold"}, 30 * time.Second, "account acme, locked", false, "site leeds", "extension 3001"},
		{"P2 a block's name locks its leaves", []string{"callback", "psap"}, nil, 5 * time.Second, "extension 3001", true, "account acme, locked", "account acme, locked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, s := *account, *site
			a.Locked, s.Locked = tc.account, tc.site
			e := Settings(&a, &s, ext)
			if e.MaxHold.V != tc.hold || e.MaxHold.From.String() != tc.from {
				t.Errorf("max_hold = %v (%v), want %v (%v)", e.MaxHold.V, e.MaxHold.From, tc.hold, tc.from)
			}
			if e.PSAP.V != tc.psap || e.PSAP.From.String() != tc.psapFrom {
				t.Errorf("psap = %v (%v), want %v (%v)", e.PSAP.V, e.PSAP.From, tc.psap, tc.psapFrom)
			}
			if e.Callback.Window.From.String() != tc.window {
				t.Errorf("callback.window from %v, want %v", e.Callback.Window.From, tc.window)
			}
		})
	}
	if e := Settings(nil, nil, nil); !e.PSAP.V || !e.Calling.V || e.PSAP.From.String() != "default" {
		t.Errorf("P3: with nothing set the PSAP is %v, calling %v", e.PSAP, e.Calling)
	}
	if e := Settings(account, site, ext); len(e.Resorts) != 2 || e.Resorts[0].V.Queue != "desk" || e.Resorts[1].V.Queue != "security" {
		t.Errorf("R8: last resorts %v, want the site's and then the account's", e.Resorts)
	}
	for _, p := range SettingPaths() {
		if !IsSettingPath(p) {
			t.Errorf("%s may not be locked", p)
		}
	}
}

func TestDurationIsWrittenAsPeopleWriteIt(t *testing.T) {
	for in, out := range map[string]string{"30s": "30s", "2h": "2h", "90s": "1m30s", "120s": "2m", "1h30m": "1h30m"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if b, _ := d.MarshalText(); string(b) != out {
			t.Errorf("%s is written %s, want %s", in, b, out)
		}
	}
	for _, bad := range []string{"30", "-5s", "soon"} {
		var d Duration
		if d.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
