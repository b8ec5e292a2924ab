package orgcheck_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/orgcheck"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func campus(t *testing.T) org.Organisation {
	t.Helper()
	f, faults := config.Parse("campus.yaml", examples.Campus)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return f.Organisation
}

func ptr[T any](v T) *T { return &v }

func lines(fs []orgcheck.Fault) string {
	var all []string
	for _, f := range fs {
		all = append(all, f.String())
	}
	return strings.Join(all, "\n")
}

func TestCampusMayGoLive(t *testing.T) {
	r := orgcheck.Check(campus(t), orgcheck.Installation{Now: now})
	if len(r.Faults) > 0 {
		t.Errorf("the contract is refused:\n%s", lines(r.Faults))
	}
	var rules []string
	for _, w := range r.Warnings {
		rules = append(rules, w.Rule+" "+w.Path)
	}
	want := "C10 sites[1]\nR10 rules[0].replaces\nR10 rules[1].replaces\nR10 rules[5].replaces\n extensions"
	got := strings.Join(rules, "\n")
	for line := range strings.SplitSeq(want, "\n") {
		if !strings.Contains(got, line) {
			t.Errorf("there is no warning %s", line)
		}
	}
	if len(rules) != 5 {
		t.Errorf("the warnings are\n%s", lines(r.Warnings))
	}
}

// Each row is one edit of an organisation without faults, and the one fault it makes.
func TestFaults(t *testing.T) {
	type O = *org.Organisation
	for _, tc := range []struct {
		name, path, says string
		edit             func(O)
	}{
		{"a name is lower case", "sites[0].name", `"HQ" is not a name`, func(o O) {
			o.Sites = append([]org.Site{{Name: "HQ", Country: "US", DefaultAddress: "hq-main"}}, o.Sites...)
			o.Account.Emergency.ExtensionOnly.CallerID = nil
		}},
		{"a name is there once", "queues[2].name", `two things of the name "security"`, func(o O) { o.Queues = append(o.Queues, o.Queues[0]) }},
		{"a reference names its candidates", "extensions[0].site", `no site "hg" (P1). Fix: write hq`, func(o O) { o.Extensions[0].Site = "hg" }},
		{"D8 shared is no account", "account.name", "stands for the trunks that accounts share", func(o O) { o.Account.Name = "shared" }},
		{"D8 a file without an account has trunks only", "", "holds shared trunks only", func(o O) { o.Account = nil; o.Trunks = o.Trunks[:3] }},
		{"P1 a domain belongs to one account", "account.domains[2]", "acme.example stands there twice", func(o O) { o.Account.Domains = []string{"x.example", "acme.example", "acme.example"} }},
		{"P2 what is locked is a setting", "account.locked[0]", `"callback.windw" is not a setting that can be locked (P2). Fix: write callback.window`, func(o O) { o.Account.Locked = []string{"callback.windw"} }},
		{"P4 off for an account needs a reason", "account.emergency.calling", "no reason is given", func(o O) { o.Account.Emergency.Calling = ptr(false) }},
		{"P4 off for a site needs a reason", "sites[1].emergency.calling", "no reason is given", func(o O) { o.Sites[1].Emergency.Calling = ptr(false) }},
		{"P4 never off for a fixed device", "extensions[1].emergency.calling", "lobby is a fixed device", func(o O) { o.Extensions[1].Emergency.Calling = ptr(false) }},
		{"P4 never off for an analog phone", "extensions[2].emergency.calling", "amir-laptop is an analog phone", func(o O) {
			o.Extensions[2].Emergency.Calling = ptr(false)
			o.Extensions[2].Devices[0].Class, o.Extensions[2].Devices[0].Mobility = org.ClassAnalog, ""
		}},
		{"P4 a fixed device's class is not left out", "extensions[1].emergency.calling_from", "taken from desk-phone: lobby is a fixed device", func(o O) {
			o.Extensions[1].Emergency.CallingFrom = &[]org.DeviceClass{org.ClassApp}
		}},
		{"P4 analog is not left out", "sites[0].emergency.calling_from", "cannot be taken from analog", func(o O) {
			o.Sites[0].Emergency.CallingFrom = &[]org.DeviceClass{org.ClassApp, org.ClassDeskPhone}
		}},
		{"P5 a trunk prefix is digits", "sites[0].trunk_prefixes[0]", `"nine" is not dialled`, func(o O) { o.Sites[0].TrunkPrefixes = &[]string{"nine"} }},
		{"P6 a main number stays", "sites[1].emergency_numbers.remove[0]", "999 is a main emergency number of GB", func(o O) { o.Sites[1].EmergencyNumbers.Remove = []string{"999"} }},
		{"P6 what is removed is there", "sites[1].emergency_numbers.remove[0]", `"911" is not an emergency number of GB`, func(o O) { o.Sites[1].EmergencyNumbers.Remove = []string{"911"} }},
		{"P6 what is added can be dialled", "sites[1].emergency_numbers.add[0]", `"help" is not a number`, func(o O) { o.Sites[1].EmergencyNumbers.Add = []string{"help"} }},
		{"P6 a dial string has its country", "trunks[4].emergency_dial_strings[0]", `"44999" is not an emergency number with its country code`, func(o O) { o.Trunks[4].EmergencyDialStrings[0] = "44999" }},
		{"P6 a dial string is an emergency number", "trunks[4].emergency_dial_strings[1]", "911 is not an emergency number of +44", func(o O) { o.Trunks[4].EmergencyDialStrings[1] = "+44911" }},
		{"P7 an extension is there once", "extensions[6].number", "extension 2001 is there twice", func(o O) {
			x := o.Extensions[0]
			x.Devices = []org.Device{{Name: "other", Class: org.ClassApp}}
			o.Extensions = append(o.Extensions, x)
		}},
		{"P7 an extension is digits", "extensions[1].number", `"lobby" is not an extension`, func(o O) { o.Extensions[1].Number = "lobby" }},
		{"P7 no extension is an emergency number", "extensions[1].number", "extension 911 cannot be used at hq", func(o O) { o.Extensions[1].Number = "911" }},
		{"P7 nor behind a trunk prefix", "extensions[1].number", "extension 9911 cannot be used at hq", func(o O) { o.Extensions[1].Number = "9911" }},
		{"P7 nor one the site has added", "extensions[1].number", "extension 555 cannot be used at hq", func(o O) {
			o.Extensions[1].Number = "555"
			o.Sites[0].EmergencyNumbers.Add = []string{"555"}
		}},
		{"P7 nor a public service number", "extensions[1].number", "extension 988 cannot be used at hq", func(o O) { o.Extensions[1].Number = "988" }},
		{"P7 nor that of another country's site", "extensions[2].number", "extension 111 cannot be used at leeds", func(o O) { o.Extensions[2].Number = "111" }},
		{"P8 via leads to a PBX", "extensions[4].via", "cannot live on carrier-us", func(o O) { o.Extensions[4].Via = "carrier-us" }},
		{"P8 via a trunk there is", "extensions[4].via", `no trunk "pbbx" (P8). Fix: write pbx`, func(o O) { o.Extensions[4].Via = "pbbx" }},
		{"P8 by devices or via a trunk", "extensions[0].via", "not both", func(o O) { o.Extensions[0].Via = "pbx" }},
		{"P8 a username is one device's", "extensions[1].devices[0].username", "the username 2001-desk is also that of device dana-desk of extension 2001", func(o O) { o.Extensions[1].Devices[0].Username = "2001-desk" }},
		{"P8 strangers on a PBX belong to its site", "trunks[3].site", "belong to no site", func(o O) { o.Trunks[3].Site = "" }},
		{"P8 the header that says who calls", "trunks[3].identity", `not known by "x-caller"`, func(o O) { o.Trunks[3].Identity = "x-caller" }},
		{"P9 a peer has an address", "trunks[4].peers", "no call would be accepted", func(o O) { o.Trunks[4].Peers = nil }},
		{"P9 an address belongs to one trunk", "trunks[4].peers[0]", "claimed by trunk pbx and by trunk zoom-peering", func(o O) { o.Trunks[4].Peers = o.Trunks[3].Peers }},
		{"P9 not the whole world", "trunks[4].peers[0]", "every address there is", func(o O) { o.Trunks[4].Peers[0] = netip.MustParsePrefix("0.0.0.0/0") }},
		{"P10 a site's address is in its country", "sites[1].default_address", "the site is in GB, its default address hq-main in US", func(o O) { o.Sites[1].DefaultAddress = "hq-main" }},
		{"P10 a location is in its site's country", "locations[2].address", "location leeds-building is in US, its site leeds in GB", func(o O) {
			o.Locations[2].Address = location.Placement{Like: "hq-main"}
		}},
		{"P10 an ELIN is of its location's country", "numbers[5].assigned_to.elin", "cannot be an ELIN of hq-floor-2", func(o O) { o.Numbers[5].AssignedTo.ELIN = "hq-floor-2" }},
		{"R1 how long the team has", "sites[1].emergency.max_hold", "1h is out of range", func(o O) { o.Sites[1].Emergency.MaxHold = ptr(org.Duration(time.Hour)) }},
		{"R2 somebody answers", "extensions[0].emergency.psap", "nobody answers emergency calls", func(o O) {
			o.Account.Emergency.SafetyTeam, o.Account.Emergency.LastResort, o.Sites[1].Emergency.LastResort = nil, nil, nil
			o.Extensions[0].Emergency.PSAP = ptr(false)
		}},
		{"R2 somebody answers extension-only callers", "account.emergency.extension_only.psap", "nobody answers emergency calls of extension-only callers", func(o O) {
			o.Account.Emergency.SafetyTeam, o.Account.Emergency.LastResort = nil, nil
			o.Account.Emergency.ExtensionOnly.PSAP = ptr(false)
		}},
		{"R2 a last resort is one place", "account.emergency.last_resort", "2 places are set", func(o O) { o.Account.Emergency.LastResort.SIP = "sip:x@example.com" }},
		{"R3 a test ends within a day", "sites[0].psap_off.until", "for more than 24 hours (R3). Fix: write an instant before 2026-11-22T12:00:00Z", func(o O) {
			o.Sites[0].PSAPOff = &org.PSAPOff{Until: now.Add(25 * time.Hour), Reason: "cut-over"}
		}},
		{"R3 a test says why", "extensions[0].psap_off.reason", "no reason is given", func(o O) { o.Extensions[0].PSAPOff = &org.PSAPOff{Until: now.Add(time.Hour)} }},
		{"R3 a test ends at all", "sites[0].psap_off.until", "without an end", func(o O) { o.Sites[0].PSAPOff = &org.PSAPOff{Reason: "cut-over"} }},
		{"R4 a team there is", "account.emergency.safety_team", `no queue "securty" (R4). Fix: write security`, func(o O) { o.Account.Emergency.SafetyTeam = ptr("securty") }},
		{"R4 a member there is", "queues[1].members[0].extension", `no extension "9999" (R4). Fix: write one of 2001, 2041, 3001, 3090, 4711, 7001`, func(o O) { o.Queues[1].Members[0].Extension = "9999" }},
		{"R4 a member is one thing", "queues[1].members[0]", "2 things are set", func(o O) { o.Queues[1].Members[0].SIP = "sip:x@example.com" }},
		{"R8 a trunk leads somewhere", "trunks[2].proxies", "leads nowhere", func(o O) { o.Trunks[2].Proxies = nil; o.Sites[1].Trunks = []string{"psap-us"} }},
		{"R8 a proxy is a SIP URI", "trunks[0].proxies[1]", `"127.0.0.1:5191" is not a SIP URI`, func(o O) { o.Trunks[0].Proxies[1] = "127.0.0.1:5191" }},
		{"R8 waiting for nothing is the shorter", "trunks[0].no_response_after", "waited for 9s, longer than progress, 8s", func(o O) { o.Trunks[0].NoResponseAfter = org.Duration(9 * time.Second) }},
		{"R8 timers are of use", "trunks[0].no_progress_after", "5m is out of range", func(o O) { o.Trunks[0].NoProgressAfter = org.Duration(5 * time.Minute) }},
		{"R9 a site's trunk is there", "sites[0].trunks[1]", `no trunk "carier-us" (R9). Fix: write carrier-us`, func(o O) { o.Sites[0].Trunks[1] = "carier-us" }},
		{"R8 a site's trunk can call", "sites[1].trunks[1]", "it has no proxies", func(o O) { o.Sites[1].Trunks = append(o.Sites[1].Trunks, "zoom-peering") }},
		{"R9 an emergency trunk serves a country", "trunks[0].countries", "psap-us serves none", func(o O) { o.Trunks[0].Countries = nil }},
		{"R9 a trunk has a role", "trunks[3].role", "has no role", func(o O) {
			o.Trunks[3].Role = ""
			o.Extensions[4].Via = ""
			o.Extensions[4].Devices = o.Extensions[0].Devices[:0]
		}},
		{"R9 a template has the number", "trunks[0].dial_format", "does not say where the emergency number goes", func(o O) { o.Trunks[0].DialFormat = "{cc}911" }},
		{"R9 a template can be dialled", "trunks[0].dial_format", `"{number}" has no meaning`, func(o O) { o.Trunks[0].DialFormat = "{number}{code}" }},
		{"R10 a pattern can be read", "rules[2].pattern", "pattern \"72!0\"", func(o O) { o.Rules[2].Pattern = "72!0" }},
		{"R10 no rule takes an emergency number", "rules[2].pattern", "would take 911", func(o O) { o.Rules[2].Pattern = "91X" }},
		{"R10 nor behind a trunk prefix", "rules[2].pattern", "would take 9911", func(o O) { o.Rules[2].Pattern = "99[0-9]1" }},
		{"R10 nor one of any site in scope", "rules[2].pattern", "would take 999, which is an emergency number at leeds", func(o O) { o.Rules[2].Pattern = "999"; o.Rules[2].Site = "" }},
		{"R10 an extension is replaced in words", "rules[2].pattern", "would take extension 2041 (Lobby phone) (R10). Fix: add replaces: extension", func(o O) { o.Rules[2].Pattern = "204X" }},
		{"R10 a number of ours too", "rules[2].pattern", "would take number +14085550100", func(o O) { o.Rules[2].Pattern = "+14085550100" }},
		{"R10 a public service is replaced in words", "rules[0].pattern", "would take 711, which in US is telecommunications relay service", func(o O) { o.Rules[0].Replaces = "" }},
		{"R10 a PSTN path has a number", "rules[3].translate", "has the path psap-only and no number to call", func(o O) { o.Rules[3].Translate = "" }},
		{"R10 a translation is a number", "rules[3].translate", "turns 7201 into 5551", func(o O) { o.Rules[3].Translate = "5551" }},
		{"R10 a translation uses groups there are", "rules[3].translate", "$1, but", func(o O) { o.Rules[3].Translate = "+1408555$1" }},
		{"R10 an overlap names both", "rules[6].pattern", "rules medical and wing both match 7200", func(o O) {
			o.Rules = append(o.Rules, org.Rule{Name: "wing", Site: "hq", Pattern: "720[089]", Path: org.PathTeamOnly, SafetyTeam: "security"})
		}},
		{"R10 a team path has a team", "rules[2].safety_team", "there is none at hq", func(o O) { o.Account.Emergency.SafetyTeam = nil; o.Rules[2].SafetyTeam = "" }},
		{"R10 a group path has a group", "rules[4].sip_group", "no SIP group", func(o O) { o.Rules[4].SIPGroup = "" }},
		{"R10 a group there is", "rules[4].sip_group", `no sip group "campus" (R10). Fix: write one of campus-dispatch`, func(o O) { o.Rules[4].SIPGroup = "campus" }},
		{"R10 a rule has a path", "rules[4].path", "has no path", func(o O) { o.Rules[4].Path = "" }},
		{"R11 a group leads somewhere", "sip_groups[0].targets", "leads nowhere", func(o O) { o.SIPGroups[0].Targets = nil }},
		{"R14 a trunk carries some calls", "trunks[1].max_calls", "-1 is negative", func(o O) { o.Trunks[1].MaxCalls = -1 }},
		{"R15 a network belongs to one site", "sites[1].networks[1]", "claimed by site hq and by site leeds", func(o O) { o.Sites[1].Networks[1] = o.Sites[0].Networks[1] }},
		{"R15 not the whole world", "sites[1].networks[0]", "every address there is", func(o O) { o.Sites[1].Networks[0] = netip.MustParsePrefix("::/0") }},
		{"R16 a last resort is not our pool", "account.emergency.last_resort.number", "+14085550190 leads back to us", func(o O) { o.Account.Emergency.LastResort = &org.Resort{Number: "+14085550190"} }},
		{"R16 a member is not our ELIN", "queues[1].members[0].number", "+441134960177 leads back to us: it is of the ELIN of leeds-f3", func(o O) { o.Queues[1].Members[0] = org.Member{Number: "+441134960177"} }},
		{"R16 a team does not call itself", "queues[0].members[0].number", "the number of queue security itself", func(o O) { o.Queues[0].Members[0] = org.Member{Number: "+14085550100"} }},
		{"R16 a group does not lead to our domain", "sip_groups[0].targets[0]", "leads back to us", func(o O) { o.SIPGroups[0].Targets[0] = "sip:2001@ACME.example" }},
		{"R16 nor to our listeners", "queues[0].members[1].sip", "leads back to us", func(o O) { o.Queues[0].Members[1].SIP = "sip:guard@[2001:db8::1]:5060" }},
		{"R16 nor does a translation to our pool", "rules[3].translate", "+14085550191 leads back to us", func(o O) { o.Rules[3].Translate = "+14085550191" }},
		{"C1 a dedicated number is there", "account.emergency.extension_only.number", "there is no number", func(o O) { o.Account.Emergency.ExtensionOnly.CallerID = ptr(org.CallerIDNumber) }},
		{"C1 a dedicated number is ours", "account.emergency.extension_only.number", "not in the inventory", func(o O) { o.Account.Emergency.ExtensionOnly.Number = ptr(e164.Number("+14085550199")) }},
		{"C3 the window", "account.emergency.callback.window", "10m is out of range (C3). Fix: write 30m to 24h", func(o O) { o.Account.Emergency.Callback.Window = ptr(org.Duration(10 * time.Minute)) }},
		{"C6 a number has one use", "numbers[6].number", "of the emergency pool hq and of the queue security", func(o O) {
			n := o.Numbers[1]
			n.AssignedTo = org.Assignment{Queue: "security"}
			o.Numbers = append(o.Numbers, n)
		}},
		{"C6 not two at once", "numbers[1].assigned_to", "assigned to 2 things", func(o O) { o.Numbers[1].AssignedTo.Queue = "security" }},
		{"C6 nor a dedicated one from the pool", "account.emergency.extension_only.number", "is of the emergency pool hq, and a number has one use", func(o O) { o.Account.Emergency.ExtensionOnly.Number = ptr(e164.Number("+14085550190")) }},
		{"C6 a pool is of its site's country", "numbers[1].assigned_to.emergency_pool", "+14085550190 is not a number of GB", func(o O) { o.Numbers[1].AssignedTo.EmergencyPool, o.Numbers[1].Source = "leeds", org.BYOC }},
		{"C6 a pool is of one source", "numbers[2].source", "+14085550191 is byoc and +14085550190 is native: the emergency number pool hq may not mix them", func(o O) { o.Numbers[2].Source = org.BYOC }},
		{"C6 a chosen pool has a number", "sites[1]", "the pool is empty", func(o O) { o.Numbers[4].AssignedTo = org.Assignment{} }},
		{"C6 a use there is", "numbers[5].assigned_to.elin", `no location "leeds-f4" (C6). Fix: write leeds-f3`, func(o O) { o.Numbers[5].AssignedTo.ELIN = "leeds-f4" }},
		{"W1 an address is a place", "addresses[2]", "names no place", func(o O) { o.Addresses = append(o.Addresses, location.Address{Name: "nowhere"}) }},
		{"W2 a parent there is", "locations[3]", `within "leeds-bilding", which there is not (W2). Fix: write leeds-building`, func(o O) {
			o.Locations[3].Within = "leeds-bilding"
			o.Numbers[5].AssignedTo = org.Assignment{}
		}},
		{"W2 an address there is", "locations[3]", `like "leds"`, func(o O) { o.Locations[3].Address.Like = "leds" }},
		{"W2 a top-level location has a site", "locations[2]", "of no site", func(o O) { o.Locations[2].Site = ""; o.Locations = o.Locations[:3]; o.Numbers = o.Numbers[:5] }},
		{"W3 a fixed location there is", "extensions[1].devices[0].fixed_location", `no location "hq-flor-2" (W3). Fix: write hq-floor-2`, func(o O) { o.Extensions[1].Devices[0].FixedLocation = "hq-flor-2" }},
		{"A1 an alert tells somebody", "alerts[2]", "tells nobody", func(o O) { o.Alerts[2].Email = nil }},
		{"A1 an address can be written to", "alerts[2].email[0]", `"the guard" is not an e-mail address`, func(o O) { o.Alerts[2].Email[0] = "the guard" }},
		{"A1 a webhook is a web address", "alerts[0].webhooks[0].url", `"hook" is not a web address`, func(o O) { o.Alerts[0].Webhooks[0].URL = "hook" }},
		{"A3 an escalation says when", "alerts[1].acknowledge_within", "does not say when", func(o O) { o.Alerts[1].AcknowledgeWithin = 0 }},
		{"A3 an escalation ends", "alerts[1].then_alert", "in a circle: everyone > everyone", func(o O) { o.Alerts[1].ThenAlert = "everyone" }},
		{"A4 a test is no emergency", "sites[1].test_number.number", "999 cannot be the test number of leeds", func(o O) { o.Sites[1].TestNumber = &org.TestNumber{Number: "999"} }},
		{"A4 a test number is nobody's", "sites[0].test_number.number", "2041 is an extension", func(o O) { o.Sites[0].TestNumber.Number = "2041" }},
		{"a time zone there is", "sites[1].time_zone", `"Europe/Leeds" is not a time zone`, func(o O) { o.Sites[1].TimeZone = "Europe/Leeds" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := campus(t)
			tc.edit(&o)
			r := orgcheck.Check(o, orgcheck.Installation{Now: now, Hosts: []string{"2001:db8::1"}})
			if len(r.Faults) != 1 {
				t.Fatalf("%d faults, want the one of %s:\n%s", len(r.Faults), tc.path, lines(r.Faults))
			}
			f := r.Faults[0]
			if f.Path != tc.path || !strings.Contains(f.String(), tc.says) {
				t.Errorf("got  %s\nwant %s: %s", f, tc.path, tc.says)
			}
			if f.Fix == "" {
				t.Errorf("%s: nothing says what to do", f)
			}
			if rule, _, _ := strings.Cut(tc.name, " "); len(rule) <= 3 && strings.ContainsAny(rule, "0123456789") && f.Rule != rule {
				t.Errorf("refused by %s, want %s: %s", f.Rule, rule, f)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	type O = *org.Organisation
	for _, tc := range []struct {
		name, path, says string
		edit             func(O)
	}{
		{"P3 what is locked above", "sites[1].emergency.max_hold", "account acme locks max_hold", func(o O) { o.Account.Locked = []string{"max_hold"} }},
		{"P3 a block that is locked above", "extensions[0].emergency.callback.window", "site hq locks callback.window", func(o O) {
			o.Sites[0].Locked = []string{"callback"}
			o.Extensions[0].Emergency.Callback.Window = ptr(org.Duration(time.Hour))
		}},
		{"P4 off for a site", "sites[1].emergency.calling", "the safety team answers instead", func(o O) {
			o.Sites[1].Emergency.Calling, o.Sites[1].Emergency.Reason = ptr(false), ptr("abroad")
		}},
		{"P4 a class that is left out", "sites[0].emergency.calling_from", "from desk-phone, wifi-mobile, vdi", func(o O) {
			o.Sites[0].Emergency.CallingFrom = &[]org.DeviceClass{org.ClassApp, org.ClassAnalog}
		}},
		{"P8 an extension nobody can reach", "extensions[1]", "can neither call nor be called back", func(o O) { o.Extensions[1].Devices = nil }},
		{"R1 a voicemail may answer", "queues[1].members[0].confirm", "a voicemail behind +441132222222", func(o O) {
			o.Queues[1].Members[0] = org.Member{Number: "+441132222222", Confirm: ptr(false)}
		}},
		{"R2 team only", "sites[1].emergency.psap", "reach the safety team only", func(o O) { o.Sites[1].Emergency.PSAP = ptr(false) }},
		{"R2 team only for some", "account.emergency.extension_only.psap", "extension-only callers reach the safety team only", func(o O) { o.Account.Emergency.ExtensionOnly.PSAP = ptr(false) }},
		{"R3 while a test lasts", "sites[0].psap_off", "until 2026-11-21T13:00:00Z: cut-over", func(o O) {
			o.Sites[0].PSAPOff = &org.PSAPOff{Until: now.Add(time.Hour), Reason: "cut-over"}
		}},
		{"R3 a test that is over", "sites[0].psap_off", "has ended by itself", func(o O) {
			o.Sites[0].PSAPOff = &org.PSAPOff{Until: now, Reason: "cut-over"}
		}},
		{"R9 no way out", "sites[1].trunks", "no trunk takes emergency calls of GB", func(o O) { o.Trunks[2].Countries = []e164.Region{"IE"} }},
		{"R10 site before account", "rules[6].pattern", "7200 is matched by rule medical and by rule wing, and handled by medical", func(o O) {
			o.Rules = append(o.Rules, org.Rule{Name: "wing", Pattern: "720[089]", Path: org.PathTeamOnly, SafetyTeam: "security"})
		}},
		{"C1 staffed day and night", "account.emergency.extension_only.number", "must be staffed day and night", func(o O) {
			o.Account.Emergency.ExtensionOnly.CallerID, o.Account.Emergency.ExtensionOnly.Number = ptr(org.CallerIDNumber), ptr(e164.Number("+14085550100"))
		}},
		{"C6 a pool by default", "sites[1]", "cannot be called back", func(o O) {
			o.Account.Emergency.ExtensionOnly.CallerID = nil
			o.Numbers[4].AssignedTo = org.Assignment{}
		}},
		{"C9 where help would go", "numbers[4].address", "whoever at leeds calls as +441134960190 is sent help to depot, not to the site's default address leeds", func(o O) {
			depot := o.Addresses[1]
			depot.Name = "depot"
			o.Addresses = append(o.Addresses, depot)
			o.Numbers[4].Address = "depot"
		}},
		{"A1 nobody is told", "sites[1]", "nobody is told of an emergency call at leeds", func(o O) { o.Alerts[1].Site = "hq" }},
		{"A9 nobody is told of trouble", "alerts", "nobody is told when a trunk is down", func(o O) { o.Alerts = o.Alerts[:2] }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := campus(t)
			standing := map[string]bool{}
			for _, w := range orgcheck.Check(o, orgcheck.Installation{Now: now}).Warnings {
				standing[w.String()] = true
			}
			tc.edit(&o)
			r := orgcheck.Check(o, orgcheck.Installation{Now: now})
			if len(r.Faults) > 0 {
				t.Fatalf("refused:\n%s", lines(r.Faults))
			}
			for _, w := range r.Warnings {
				if w.Path == tc.path && strings.Contains(w.String(), tc.says) && !standing[w.String()] {
					return
				}
			}
			t.Errorf("there is no warning %s: %s among\n%s", tc.path, tc.says, lines(r.Warnings))
		})
	}
}

func TestAccountsOfOneInstallation(t *testing.T) {
	other := campus(t)
	other.Account.Name = "beta"
	shared := org.Organisation{Trunks: []org.Trunk{{Name: "national", Role: org.RoleEmergency, Countries: []e164.Region{"FR"},
		Proxies: []string{"sip:192.0.2.1"}, Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}}}
	if r := orgcheck.Check(shared, orgcheck.Installation{Now: now, Others: []org.Organisation{other}}); len(r.Faults) > 0 {
		t.Errorf("shared trunks are refused:\n%s", lines(r.Faults))
	}
	small := func() org.Organisation {
		return org.Organisation{Account: &org.Account{Name: "gamma"}, Sites: []org.Site{{Name: "paris", Country: "FR", Trunks: []string{"national"}}}}
	}
	for _, tc := range []struct {
		name, path, says string
		edit             func(*org.Organisation)
	}{
		{"D8 a shared trunk can be used", "", "", func(*org.Organisation) {}},
		{"P1 a domain belongs to one account", "account.domains[0]", "belongs to account beta", func(o *org.Organisation) { o.Account.Domains = []string{"ACME.example"} }},
		{"C6 a number belongs to one account", "numbers[0].number", "belongs to account beta", func(o *org.Organisation) { o.Numbers = other.Numbers[3:4]; o.Numbers[0].AssignedTo = org.Assignment{} }},
		{"R15 a network belongs to one account", "sites[0].networks[0]", "claimed by site hq of beta", func(o *org.Organisation) { o.Sites[0].Networks = other.Sites[0].Networks[:1] }},
		{"P9 an address belongs to one account", "trunks[0].peers[0]", "claimed by trunk national of shared", func(o *org.Organisation) {
			o.Trunks = []org.Trunk{{Name: "mine", Role: org.RolePeering, Site: "paris", Peers: shared.Trunks[0].Peers}}
		}},
		{"D8 a shared trunk's name is taken", "trunks[0].name", "both called national", func(o *org.Organisation) {
			o.Trunks = []org.Trunk{{Name: "national", Role: org.RolePBX, Site: "paris", Proxies: []string{"sip:192.0.2.9"}}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := small()
			tc.edit(&o)
			r := orgcheck.Check(o, orgcheck.Installation{Now: now, Others: []org.Organisation{other, shared}})
			var found bool
			for _, f := range r.Faults {
				found = found || f.Path == tc.path && strings.Contains(f.Text, tc.says)
			}
			if tc.says == "" && len(r.Faults) > 0 || tc.says != "" && !found {
				t.Errorf("faults:\n%s\nwant %s: %s", lines(r.Faults), tc.path, tc.says)
			}
		})
	}
}

func TestEveryFaultIsListedAtOnce(t *testing.T) {
	o := campus(t)
	o.Extensions[0].Number = "911"
	o.Trunks[0].Proxies = nil
	o.Rules[3].Translate = ""
	o.Sites[1].TimeZone = "nowhere"
	r := orgcheck.Check(o, orgcheck.Installation{Now: now})
	for _, path := range []string{"extensions[0].number", "trunks[0].proxies", "rules[3].translate", "sites[1].time_zone"} {
		if !strings.Contains(lines(r.Faults), path+": ") {
			t.Errorf("%s is missing among\n%s", path, lines(r.Faults))
		}
	}
}

// A file that is no more than names and countries is useful and may go live.
func TestASmallOrganisation(t *testing.T) {
	f, faults := config.Parse("small.yaml", []byte(`
account: {name: small}
sites: [{name: home, country: US}]
extensions: [{number: "2001", site: home, devices: [{name: desk, class: desk-phone, username: "2001", password: long-and-own}]}]
`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	refused, warnings := f.Check(orgcheck.Installation{Now: now})
	if len(refused) > 0 {
		t.Errorf("refused:\n%v", refused)
	}
	for _, w := range warnings {
		if w.Line == 0 {
			t.Errorf("%v has no line", w)
		}
	}
	if len(warnings) == 0 {
		t.Error("without a trunk and an address there is nothing to warn of")
	}
}
