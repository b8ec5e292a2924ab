package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/orgcheck"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			file := a.Files[0]
			var faults Faults
			if file.Name == "node.yaml" {
				_, faults = ParseNode(file.Name, file.Data)
			} else {
				_, faults = Parse(file.Name, file.Data)
			}
			if len(faults) == 0 {
				t.Error("no fault was found")
			}
			got := []byte(faults.Error() + "\n")
			if *update {
				a.Files = []txtar.File{file, {Name: "faults", Data: got}}
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(a.Files[1].Data), string(got)); d != "" {
				t.Errorf("faults differ from %s (-update rewrites it):\n%s", name, d)
			}
		})
	}
}

func TestCampusIsReadAsItStands(t *testing.T) {
	f, faults := Parse("campus.yaml", examples.Campus)
	if len(faults) > 0 {
		t.Fatalf("the contract has faults:\n%v", faults)
	}
	o := f.Organisation
	if o.Name() != "acme" || len(o.Sites) != 2 || len(o.Trunks) != 5 || len(o.Rules) != 6 || len(o.Extensions) != 6 || len(o.Locations) != 4 {
		t.Errorf("read %s with %d sites, %d trunks, %d rules, %d extensions, %d locations", o.Name(), len(o.Sites), len(o.Trunks), len(o.Rules), len(o.Extensions), len(o.Locations))
	}
	if got := o.Trunks[0].NoResponseAfter; got != org.Duration(2*time.Second) {
		t.Errorf("trunks[0].no_response_after = %v", got)
	}
	if got := o.Locations[1].Address.Floor; got != "2" {
		t.Errorf("locations[1].address.floor = %q", got)
	}
	t.Run("as YAML", func(t *testing.T) {
		text, err := YAML(o)
		if err != nil {
			t.Fatal(err)
		}
		again, faults := Parse("export.yaml", text)
		if len(faults) > 0 {
			t.Fatalf("the export has faults:\n%v\n%s", faults, text)
		}
		if !reflect.DeepEqual(again.Organisation, o) {
			t.Errorf("the export reads differently:\n%s", cmp.Diff(o, again.Organisation, cmp.Exporter(func(reflect.Type) bool { return true })))
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		again, faults := Parse("export.json", text)
		if len(faults) > 0 || !reflect.DeepEqual(again.Organisation, o) {
			t.Errorf("JSON reads differently: %v", faults)
		}
	})
}

func TestAt(t *testing.T) {
	f, faults := Parse("campus.yaml", examples.Campus)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	lines := strings.Split(string(examples.Campus), "\n")
	for path, begins := range map[string]string{
		"account":                             "account:",
		"account.emergency.callback.window":   "2h",
		"trunks[0].proxies[1]":                `"sip:127.0.0.1:5191`,
		"extensions[1].devices[0].username":   `"2041"`,
		"extensions[1].devices[0].no_such":    "{name: lobby",
		"sites[1].emergency.max_hold":         "15s",
		"locations[1].switch_ports[2].mac":    `"00:0c:29:aa:00:03"`,
		"numbers[0].assigned_to.extension":    `"2001"`,
		"account.emergency.extension_only":    "extension_only:",
		"extensions[0].devices[7].username":   "devices:",
		"sites[0].nomadic.approvers[0]":       "facilities@",
		"rules[0].replaces.nothing[3].at.all": "public-service",
	} {
		line, column := f.At(path)
		if line == 0 || !strings.HasPrefix(lines[line-1][column-1:], begins) {
			t.Errorf("%s is at %d:%d, which does not begin with %s", path, line, column, begins)
		}
	}
}

func TestNodeSettings(t *testing.T) {
	t.Run("the zero value is usable", func(t *testing.T) {
		n := Node{}.OrDefaults()
		if len(n.SIP.Listen) != 2 || n.SIP.Listen[0].String() != "udp:0.0.0.0:5060" || n.Media.Ports != (PortRange{20000, 29999}) ||
			n.HTTP.Listen != "127.0.0.1:8080" || n.Database != "tocsin-data/tocsin.db" || n.Name == "" {
			t.Errorf("defaults are %+v", n)
		}
		if n.SIP.Advertise.Host != "" || n.Media.Advertise != "" {
			t.Errorf("an address was made up: %+v %q", n.SIP.Advertise, n.Media.Advertise)
		}
	})
	t.Run("node.yaml says the defaults", func(t *testing.T) {
		n, faults := ParseNode("node.yaml", examples.Node)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if d := cmp.Diff(Node{}.OrDefaults(), n.OrDefaults(), cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
			t.Errorf("the example is not what holds without it:\n%s", d)
		}
	})
	t.Run("node.yaml's examples are accepted", func(t *testing.T) {
		var all []string
		for line := range strings.Lines(string(examples.Node)) {
			bare := strings.Replace(line, "# ", "", 1)
			if i := strings.Index(line, "# "); i >= 0 && strings.TrimSpace(line[:i]) == "" && (strings.Contains(bare, ": ") || strings.HasPrefix(bare, "tls:") || strings.Contains(bare, "- tls:")) && !strings.Contains(bare, "`") {
				line = bare
			}
			all = append(all, line)
		}
		n, faults := ParseNode("node.yaml", []byte(strings.Join(all, "")))
		if len(faults) > 0 {
			t.Fatalf("%v\n%s", faults, strings.Join(all, ""))
		}
		n = n.OrDefaults()
		if n.Name != "gw1.example.com" || n.SIP.Advertise.String() != "203.0.113.7" || n.Media.Advertise != "203.0.113.8" ||
			n.TLS.Key == "" || len(n.SIP.Listen) != 3 || !n.Database.IsPostgres() ||
			n.HEP != (HEP{Collector{"udp", HostPort{"homer.example.com", 9060}}, 2001, "change-me"}) {
			t.Errorf("read %+v", n)
		}
	})
	t.Run("advertise", func(t *testing.T) {
		for in, want := range map[string]HostPort{"203.0.113.7": {Host: "203.0.113.7"}, "gw.example.com:5080": {"gw.example.com", 5080},
			"[2001:db8::1]:5060": {"2001:db8::1", 5060}, "2001:db8::1": {Host: "2001:db8::1"}, "[2001:db8::1]": {Host: "2001:db8::1"}} {
			var h HostPort
			if err := h.UnmarshalText([]byte(in)); err != nil || h != want {
				t.Errorf("%s is %+v (%v)", in, h, err)
			}
		}
		for _, bad := range []string{"", "gw example", "gw:99999", "gw:0", "sip:gw.example.com", "-gw"} {
			var h HostPort
			if h.UnmarshalText([]byte(bad)) == nil {
				t.Errorf("%q was accepted as %+v", bad, h)
			}
		}
	})
	t.Run("collectors", func(t *testing.T) {
		for in, want := range map[string]string{"udp:homer.example.com:9062": "udp:homer.example.com:9062", "tcp:192.0.2.9": "tcp:192.0.2.9:9060",
			"udp:[2001:db8::1]:9063": "udp:[2001:db8::1]:9063", "udp:2001:db8::1": "udp:[2001:db8::1]:9060"} {
			var c Collector
			if err := c.UnmarshalText([]byte(in)); err != nil || c.String() != want {
				t.Errorf("%s is %s (%v)", in, c, err)
			}
		}
		for _, bad := range []string{"", "udp", "udp:", "homer.example.com:9060", "tls:homer.example.com:9060", "udp:homer:0", "9060"} {
			var c Collector
			if c.UnmarshalText([]byte(bad)) == nil {
				t.Errorf("%q was accepted as %s", bad, c)
			}
		}
	})
	t.Run("a password does not reach a log", func(t *testing.T) {
		if got := Database("postgres://tocsin:secret@db/tocsin").Redacted(); strings.Contains(got, "secret") {
			t.Error(got)
		}
	})
}

// FuzzDecode: reading never panics, and what is accepted has no field that the types do
// not know, which shows when it is written out and the unknown one is still there.
func FuzzDecode(f *testing.F) {
	f.Add(examples.Campus)
	f.Add([]byte("account: &a {name: x, emergency: *a}"))
	f.Add([]byte("a: &a [*a,*a]\nsites: *a"))
	f.Add([]byte("{\"account\": {\"name\": \"a\"}}"))
	f.Add([]byte("sites: [{<<: [{name: a}, {name: b}], country: US}]"))
	files, _ := filepath.Glob("testdata/faults/*.txtar")
	for _, name := range files {
		if a, err := txtar.ParseFile(name); err == nil {
			f.Add(a.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, faults := Parse("fuzz.yaml", text)
		if len(faults) > 0 {
			for _, f := range faults {
				if f.Text == "" {
					t.Errorf("a fault without words: %+v", f)
				}
			}
			return
		}
		unknown := append(bytes.TrimRight(bytes.Clone(text), " \n"), "\nno_such_field: 1\n"...)
		if file.root.Style == 0 && bytes.HasPrefix(text, []byte("account:")) {
			if _, faults := Parse("fuzz.yaml", unknown); len(faults) == 0 {
				t.Errorf("an unknown field was accepted:\n%s", unknown)
			}
		}
		out, err := YAML(file.Organisation)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, faults := Parse("again.yaml", out)
		if len(faults) > 0 {
			t.Fatalf("what was written cannot be read: %v\n%s", faults, out)
		}
		if !reflect.DeepEqual(again.Organisation, file.Organisation) {
			t.Errorf("reads differently: %s", cmp.Diff(file.Organisation, again.Organisation, cmp.Exporter(func(reflect.Type) bool { return true })))
		}
	})
}

// What cannot be read does not hide what else is wrong, and is not complained of twice.
func TestEveryFaultOfAFileIsToldAtOnce(t *testing.T) {
	f, faults := Parse("bad.yaml", []byte(`account: {name: acme, default_country: US, emergency: {safety_team: securty}}
sites: [{name: hq, country: US}]
queues: [{name: security, site: hq, members: [{extension: "7001"}]}]
extensions:
  - {number: 2001, site: hq}
  - {number: "911", site: hq}
  - {number: "7001", site: hq, lable: Desk}
`))
	if f == nil || len(faults) != 2 {
		t.Fatalf("reading found %v", faults)
	}
	all, _ := f.Check(orgcheck.Installation{})
	var got []string
	for _, x := range all {
		got = append(got, x.Path)
	}
	want := []string{"account.emergency.safety_team", "extensions[0].number", "extensions[1].number", "extensions[2].lable"}
	if !slices.Equal(got, want) {
		t.Errorf("told %v, want %v\n%v", got, want, all)
	}
	if f, faults := Parse("none.yaml", []byte("a: [")); f != nil || len(faults) != 1 {
		t.Errorf("what is no YAML gave %v, %v", f, faults)
	}
}
