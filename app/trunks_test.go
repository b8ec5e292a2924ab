package app

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/trunk"
)

func TestR8ACountryWhoseTrunksAreSilentIsWarnedOf(t *testing.T) {
	us, gb := []e164.Region{"US"}, []e164.Region{"GB"}
	d := org.NewDirectory(1, org.Organisation{Account: &org.Account{Name: "acme"},
		Sites: []org.Site{{Name: "hq", Country: "US"}, {Name: "branch", Country: "US"}, {Name: "leeds", Country: "GB"}, {Name: "paris", Country: "FR"}},
		Trunks: []org.Trunk{
			{Name: "psap", Role: org.RoleEmergency, Countries: us, Proxies: []string{"sip:a", "sip:b"}},
			{Name: "carrier", Role: org.RoleCarrier, Countries: us, Proxies: []string{"sip:c"}},
			{Name: "uk", Role: org.RoleCarrier, Countries: gb, Proxies: []string{"sip:d"}},
			{Name: "pbx", Role: org.RolePBX, Countries: us, Proxies: []string{"sip:e"}},
		}})
	for _, x := range []struct {
		name string
		down []string
		want []string
	}{
		{"all answer", nil, nil},
		{"one of two proxies is silent", []string{"sip:a"}, nil},
		{"both proxies of the emergency trunk are", []string{"sip:a", "sip:b"}, []string{"trunks acme US"}},
		{"a carrier beside an emergency trunk is", []string{"sip:c", "sip:e"}, nil},
		{"the only carrier is", []string{"sip:d"}, []string{"trunks acme GB"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var ps []trunk.Proxy
			for _, uri := range []string{"sip:a", "sip:b", "sip:c", "sip:d", "sip:e"} {
				p := trunk.Proxy{URI: uri, State: trunk.Alive}
				if slices.Contains(x.down, uri) {
					p.State = trunk.Down
				}
				ps = append(ps, p)
			}
			var got []string
			for _, c := range silentTrunks(d, ps) {
				if c.OK || c.Needs {
					t.Errorf("%+v is no warning", c)
				}
				got = append(got, c.Name)
			}
			if fmt.Sprint(got) != fmt.Sprint(x.want) {
				t.Errorf("warned of %v, want %v", got, x.want)
			}
		})
	}
}

func TestCredentialsAreOfTheAccountsTrunk(t *testing.T) {
	acme := org.Organisation{Account: &org.Account{Name: "acme"}, Trunks: []org.Trunk{{Name: "carrier", Username: "tocsin", Password: "secret"}, {Name: "open"}}}
	other := org.Organisation{Account: &org.Account{Name: "other"}, Trunks: []org.Trunk{{Name: "carrier", Username: "them", Password: "theirs"}}}
	a := &App{directory: newDirectory(org.NewDirectory(1, acme, other))}
	for _, tc := range []struct{ account, trunk, want string }{
		{"acme", "carrier", "tocsin secret true"},
		{"other", "carrier", "them theirs true"},
		{"acme", "open", "  false"},
		{"acme", "nowhere", "  false"},
		{"nobody", "carrier", "  false"},
	} {
		user, password, ok := a.credentials(tc.account, tc.trunk)
		if got := fmt.Sprint(user, " ", password, " ", ok); got != tc.want {
			t.Errorf("%s of %s: %q, want %q", tc.trunk, tc.account, got, tc.want)
		}
	}
}
