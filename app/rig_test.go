package app_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
	"github.com/tocsin-sip/tocsin/store/storetest"
)

// rig is the campus on real sockets of this machine: a node with a database, a PSAP, a
// carrier, a guard, and the phones of 2001 and 2041. Real time passes here; what is about
// time alone is tested elsewhere, in no real time.
type rig struct {
	t             *testing.T
	node          config.Node
	app           *app.App
	org           org.Organisation
	psap, carrier *agent.Agent
	guard         *agent.Agent
	phone         *agent.Agent // 2041
	dana          *agent.Agent // 2001
}

const (
	phoneVoice = 440
	psapVoice  = 620
	otherVoice = 850
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// newRig makes everybody and the configuration, with the database of that name, or "" for
// an SQLite file. Nothing is running yet.
func newRig(t *testing.T, database string) *rig {
	t.Helper()
	r := &rig{t: t, org: storetest.Campus(t)}
	r.node = config.Node{Name: "gw1.tocsin.example", DataDir: t.TempDir(), Database: config.Database(database)}
	r.node.SIP.Listen = []config.Listener{{Transport: "udp", Address: netip.AddrPortFrom(loopback, 0)}}
	r.node.Media.Address = loopback
	r.node.HTTP.Listen = "127.0.0.1:0"
	r.node = r.node.OrDefaults()
	r.psap = r.agent("psap", transport.TCP, psapVoice, answers)
	r.carrier = r.agent("carrier", transport.UDP, otherVoice, answers)
	r.guard = r.agent("guard", transport.UDP, otherVoice, ringsOnly)
	r.phone = r.agent("2041", transport.UDP, phoneVoice, ringsOnly)
	r.dana = r.agent("2001", transport.UDP, phoneVoice, ringsOnly)
	r.org.Trunks[0].Proxies = []string{r.psap.URI()}
	r.org.Trunks[1].Proxies = []string{r.carrier.URI()}
	r.org.Trunks[2].Proxies = []string{r.carrier.URI()}
	r.org.Queues[0].Members[1].SIP = r.guard.URI()
	return r
}

func answers(agent.Invitation) agent.Script {
	return agent.Script{Steps: []agent.Step{{Do: agent.Ring}, {At: 100 * time.Millisecond, Do: agent.Answer}}}
}

func ringsOnly(agent.Invitation) agent.Script {
	return agent.Script{Steps: []agent.Step{{Do: agent.Ring}}}
}

func (r *rig) agent(name string, p transport.Protocol, voice float64, take func(agent.Invitation) agent.Script) *agent.Agent {
	r.t.Helper()
	a, err := agent.New(agent.Config{Name: name, Listen: []transport.Listen{{Protocol: p, Addr: "127.0.0.1:0"}}, Says: agent.Tone(voice), Take: take})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { a.Close() })
	return a
}

func (r *rig) open(ctx context.Context) (*store.Store, error) {
	return store.Open(ctx, string(r.node.Database))
}

// store is a connection of the test's own, as `tocsin apply` has it.
func (r *rig) store() *store.Store {
	r.t.Helper()
	s, err := r.open(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

// apply makes the configuration the one of the rig.
func (r *rig) apply() {
	r.t.Helper()
	s := r.store()
	defer s.Close()
	if _, err := s.Apply(r.t.Context(), store.Apply{Organisation: r.org, File: "campus.yaml"}); err != nil {
		r.t.Fatal(err)
	}
}

// start starts the node, the second time on the ports of the first.
func (r *rig) start() *rig {
	r.t.Helper()
	a, err := app.New(app.Config{Node: r.node, Open: r.open, Log: slog.New(slog.NewTextHandler(r.t.Output(), nil))})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := a.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.app = a
	r.t.Cleanup(func() { a.Close() })
	r.node.SIP.Listen[0].Address = a.SIPAddresses(transport.UDP)[0]
	r.node.HTTP.Listen = a.HTTPAddress().String()
	return r
}

// running is a rig whose node runs, with 2041 and 2001 registered.
func running(t *testing.T, database string) *rig {
	t.Helper()
	r := newRig(t, database)
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	r.register(r.dana, "2001-desk")
	return r
}

func (r *rig) sip() string { return r.app.SIPAddresses(transport.UDP)[0].String() }

func (r *rig) register(phone *agent.Agent, user string) {
	r.t.Helper()
	_, err := phone.Register(r.t.Context(), agent.Account{Username: user, Password: "change-me", Domain: "acme.example", Registrar: "sip:" + r.sip()})
	if err != nil {
		r.t.Fatalf("register %s: %v", user, err)
	}
}

// normal is the time within which a call must be up: the PSAP takes 100 ms of it.
const normal = time.Second

// call dials 911 and wants the PSAP's voice, in normal time.
func (r *rig) call(phone *agent.Agent) *agent.Call {
	r.t.Helper()
	c, err := phone.Call(r.t.Context(), "sip:911@"+r.sip(), agent.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, done := context.WithTimeout(r.t.Context(), normal)
	defer done()
	if err := c.Await(ctx, agent.Up); err != nil {
		status, why := c.Ended()
		r.t.Fatalf("911 was not answered in %s: %v (%d %s)", normal, err, status, why)
	}
	hears(r.t, c, psapVoice)
	return c
}

// hears waits until a call has heard a voice.
func hears(t *testing.T, c *agent.Call, voice float64) {
	t.Helper()
	until(t, "the voice is heard", func() bool {
		pcm := c.Heard()
		return len(pcm) > rtp.SampleRate/5 && audiotest.Level(pcm[len(pcm)-rtp.SampleRate/5:], voice) > 0.05
	})
}

func (r *rig) hangUp(c *agent.Call) {
	r.t.Helper()
	c.Hangup()
	<-c.Done()
	until(r.t, "no call goes on", func() bool { _, live := r.app.Gateway().Counts(); return live == 0 })
}

// record waits for the whole record of the nth call, from 1, whose chain holds.
func (r *rig) record(n int) cdr.Record {
	r.t.Helper()
	s := r.store()
	defer s.Close()
	var rec cdr.Record
	until(r.t, "the record is whole", func() bool {
		list, _, err := s.Calls(r.t.Context(), store.CallFilter{}, "", 10)
		if err != nil || len(list) < n {
			return false
		}
		es, err := s.Entries(r.t.Context(), list[len(list)-n].ID)
		if err != nil || cdr.Verify(es) != nil {
			return false
		}
		rec, err = cdr.Fold(es)
		return err == nil && !rec.Live()
	})
	return rec
}

// until waits for something that is about to happen.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !happened(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

func (r *rig) get(path string) (status int, body string) {
	r.t.Helper()
	res, err := http.Get("http://" + r.app.HTTPAddress().String() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// ready is what /readyz says: its word, and the names of the checks that warn.
func (r *rig) ready() (word string, warnings []string) {
	r.t.Helper()
	_, body := r.get("/readyz")
	var a struct {
		Status string
		Checks []struct {
			Name string
			OK   bool
		}
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		r.t.Fatalf("%v: %s", err, body)
	}
	for _, c := range a.Checks {
		if !c.OK {
			warnings = append(warnings, c.Name)
		}
	}
	return a.Status, warnings
}

// warns waits for a node that is ready all the same, with a warning of that name.
func (r *rig) warns(name string) {
	r.t.Helper()
	until(r.t, "the node is ready, with a warning of "+name, func() bool {
		word, warnings := r.ready()
		return word == "ready, with warnings" && strings.Contains(strings.Join(warnings, " "), name)
	})
}

func (r *rig) well() {
	r.t.Helper()
	until(r.t, "the node is ready without warnings", func() bool { word, _ := r.ready(); return word == "ready" })
}

// files are the files of an SQLite database.
func (r *rig) files() []string {
	r.t.Helper()
	fs, err := filepath.Glob(string(r.node.Database) + "*")
	if err != nil || len(fs) == 0 {
		r.t.Fatalf("no database: %v", err)
	}
	return fs
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) remove() {
	r.t.Helper()
	for _, f := range r.files() {
		if err := os.Remove(f); err != nil {
			r.t.Fatal(err)
		}
	}
}
