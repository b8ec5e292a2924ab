package org

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	base := func() *Organisation {
		return &Organisation{Account: &Account{Name: "acme"},
			Trunks:     []Trunk{{Name: "a", Role: RoleCarrier, Proxies: []string{"sip:1", "sip:2"}, Password: "old"}, {Name: "b", Role: RoleCarrier}, {Name: "c", Role: RolePBX}},
			Extensions: []Extension{{Number: "2001", Site: "hq", Devices: []Device{{Name: "desk", Class: ClassApp}}}}}
	}
	for _, tc := range []struct {
		name string
		edit func(*Organisation)
		want []string
	}{
		{"nothing", func(*Organisation) {}, nil},
		{"a field", func(o *Organisation) { o.Trunks[0].MaxCalls = 4; o.Trunks[0].Role = RolePBX },
			[]string{"~ trunk a\n    role: carrier -> pbx\n    max_calls: 4"}},
		{"a list is one field", func(o *Organisation) { o.Trunks[0].Proxies = []string{"sip:2"} },
			[]string{"~ trunk a\n    proxies: [sip:1, sip:2] -> [sip:2]"}},
		{"a list of objects by its members", func(o *Organisation) { o.Extensions[0].Devices[0].Class = ClassVDI },
			[]string{"~ extension 2001\n    devices[0].class: app -> vdi"}},
		{"a field that is no longer set", func(o *Organisation) { o.Trunks[0].Proxies = nil },
			[]string{"~ trunk a\n    proxies: [sip:1, sip:2] -> not set"}},
		{"a secret is hidden", func(o *Organisation) { o.Trunks[0].Password = "new" },
			[]string{"~ trunk a\n    password: ••• -> •••"}},
		{"added and removed", func(o *Organisation) { o.Trunks[1].Name = "d" },
			[]string{"- trunk b", "+ trunk d"}},
		{"moved to the front", func(o *Organisation) { o.Trunks = []Trunk{o.Trunks[2], o.Trunks[0], o.Trunks[1]} },
			[]string{"^ trunk c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			after := base()
			tc.edit(after)
			var got []string
			for _, d := range Differences(base(), after) {
				got = append(got, d.String())
				if text, err := json.Marshal(d); err != nil || strings.Contains(string(text), `"new":"new"`) {
					t.Errorf("as JSON: %s %v", text, err)
				}
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestObjectsMakeTheOrganisationAgain(t *testing.T) {
	o := Organisation{Account: &Account{Name: "acme"}, Trunks: []Trunk{{Name: "a", Role: RolePBX}, {Name: "b", Role: RoleCarrier}},
		Numbers: []Number{{Number: "+14085550141"}}, Sites: []Site{{Name: "hq", Country: "US"}}, Queues: []Queue{{Name: "q"}},
		SIPGroups: []SIPGroup{{Name: "g", Targets: []string{"sip:x"}}}, Rules: []Rule{{Name: "r", Pattern: "711", Path: PathTeamOnly}},
		Extensions: []Extension{{Number: "2001", Site: "hq"}}, Alerts: []AlertRule{{Name: "al", Events: []AlertEvent{AlertTest}}}}
	var again Organisation
	for _, x := range o.Objects() {
		text, err := json.Marshal(x.Value)
		if err != nil {
			t.Fatal(err)
		}
		v, err := ParseObject(x.Kind, text)
		if err != nil {
			t.Fatal(err)
		}
		again.Put(v)
	}
	if !reflect.DeepEqual(o, again) {
		t.Errorf("made %+v of %+v", again, o)
	}
	if _, err := ParseObject("phone", []byte("{}")); err == nil {
		t.Error("an unknown kind was taken")
	}
}
