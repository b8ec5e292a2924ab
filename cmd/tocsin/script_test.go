package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"tocsin": main}) }

// The scripts find campus.yaml beside them, and settings of a node of their own: its
// ports are free ones, a PSAP answers at $PSAP, and its database is in the folder data.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			sip, web := freePort(), freePort()
			e.Setenv("TOCSIN_CONFIG", "node.yaml")
			e.Setenv("TZ", "UTC")
			e.Setenv("SIP", sip)
			e.Setenv("WEB", web)
			a, err := psap()
			if err != nil {
				return err
			}
			e.Defer(func() { a.Close() })
			e.Setenv("PSAP", a.URI())
			settings := "data_dir: data\nname: gw1.tocsin.example\nsip: {listen: [\"udp:" + sip + "\"]}\nmedia: {address: 127.0.0.1}\nhttp: {listen: \"" + web + "\"}\nlimits: {drain: 10s}\n"
			return errors.Join(os.WriteFile(filepath.Join(e.WorkDir, "campus.yaml"), examples.Campus, 0o600),
				os.WriteFile(filepath.Join(e.WorkDir, "node.yaml"), []byte(settings), 0o600))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"edit": edit, "console": console, "await": await, "phone": phone, "call-id": callID,
		},
	})
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// edit replaces text in a file: edit FILE OLD NEW.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	if neg || strings.Count(text, args[1]) != 1 {
		ts.Fatalf("%q is in %s %d times", args[1], args[0], strings.Count(text, args[1]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// console changes the label of an extension as the console does: console EXT LABEL.
func console(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	s, err := store.Open(ctx, ts.MkAbs("data/tocsin.db"))
	ts.Check(err)
	defer s.Close()
	d, err := s.Directory(ctx)
	ts.Check(err)
	x := org.Extension{Number: args[0], Site: "hq", Kind: "user"}
	if old := d.Account("acme").Extension(args[0]); old != nil {
		x = *old
	}
	x.Label = args[1]
	_, err = s.Change(ctx, store.Change{Account: "acme", Origin: store.FromConsole, By: "kim",
		Set: []org.Object{{ObjectKey: org.ObjectKey{Kind: org.ObjectExtension, Name: args[0]}, Value: &x}}})
	ts.Check(err)
}

// await waits until the node says over HTTP what is asked for: await PATH TEXT.
func await(ts *testscript.TestScript, neg bool, args []string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); ; <-tick.C {
		var body bytes.Buffer
		res, err := http.Get("http://" + ts.Getenv("WEB") + args[0])
		if err == nil {
			_, err = body.ReadFrom(res.Body)
			res.Body.Close()
		}
		if err == nil && strings.Contains(body.String(), args[1]) != neg {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s: %v %s", args[0], err, body.String())
		}
	}
}

// phone registers a phone and dials, with everybody the campus names at their places:
// phone USER DIALS. It hangs up when it is answered.
func phone(ts *testscript.TestScript, neg bool, args []string) {
	ctx, done := context.WithTimeout(context.Background(), 20*time.Second)
	defer done()
	p, err := agent.New(agent.Config{Name: args[0], Says: agent.Tone(phoneVoice)})
	ts.Check(err)
	defer p.Close()
	_, err = p.Register(ctx, agent.Account{Username: args[0], Password: "change-me", Domain: "acme.example", Registrar: "sip:" + ts.Getenv("SIP")})
	ts.Check(err)
	c, err := p.Call(ctx, "sip:"+args[1]+"@"+ts.Getenv("SIP"), agent.Options{})
	ts.Check(err)
	if err := c.Await(ctx, agent.Up); (err != nil) != neg {
		ts.Fatalf("the call is in state %d: %v", c.State(), err)
	}
	c.Hangup()
	<-c.Done()
}

// callID puts the id of the newest call of a class into the environment: call-id NAME CLASS.
func callID(ts *testscript.TestScript, neg bool, args []string) {
	s, err := store.Open(context.Background(), ts.MkAbs("data/tocsin.db"))
	ts.Check(err)
	defer s.Close()
	list, _, err := s.Calls(context.Background(), store.CallFilter{Class: args[1]}, "", 1)
	ts.Check(err)
	if neg || len(list) == 0 {
		ts.Fatalf("there is no %s call", args[1])
	}
	ts.Setenv(args[0], list[0].ID)
}

// psap is a PSAP that answers at once, for scripts that place calls.
func psap() (*agent.Agent, error) {
	return agent.New(agent.Config{Name: "psap", Listen: []transport.Listen{{Protocol: transport.TCP, Addr: "127.0.0.1:0"}}, Says: agent.Tone(psapVoice),
		Take: func(agent.Invitation) agent.Script {
			return agent.Script{Steps: []agent.Step{{Do: agent.Ring}, {Do: agent.Answer}}}
		}})
}

// A command line that cannot be understood ends with 2, an answer of "no" with 1.
func TestExitCodes(t *testing.T) {
	t.Setenv("TOCSIN_CONFIG", "")
	t.Chdir(t.TempDir())
	for _, x := range []struct {
		line string
		want int
		says string
	}{
		{"--help", 0, "Usage: tocsin"},
		{"version", 0, "tocsin " + version},
		{"", 2, "expected one of"},
		{"frobnicate", 2, "unexpected argument frobnicate"},
		{"aply campus.yaml", 2, `did you mean "apply"?`},
		{"explain --from 2041", 2, "missing flags: --dial"},
		{"explain --from 2041 --dial 911 --ip 300.1.1.1", 2, "--ip"},
		{"apply", 2, "one of the three"},
		{"apply campus.yaml --history", 2, "one of the three"},
		{"calls show", 2, `expected "<id>"`},
		{"calls list --limit many", 2, "--limit"},
		{"check no-such-file.yaml", 1, "no-such-file.yaml"},
		{"serve --config no-such-file.yaml", 1, "no-such-file.yaml"},
		{"calls", 1, "there is no database at tocsin-data/tocsin.db yet"},
		{"explain --from 2041 --dial 911", 1, "there is no database"},
	} {
		t.Run(x.line, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if got := run(strings.Fields(x.line), &out, &errOut); got != x.want {
				t.Errorf("it ended with %d\n%s%s", got, out.String(), errOut.String())
			}
			if !strings.Contains(out.String()+errOut.String(), x.says) {
				t.Errorf("it said\n%s%s", out.String(), errOut.String())
			}
		})
	}
}
