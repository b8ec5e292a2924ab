package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role is what a SIPp does.
type role struct {
	scenario string // of testdata, or the path of one made for the test
	host     int    // of the campus
	port     int
	tcp      bool
	calls    int    // how many, 1 where it says nothing
	rate     int    // begun per second, 10 where it says nothing
	hold     int    // -d, in ms: what a <pause/> of the scenario is
	caller   string // who calls, and as whom it registers
	uri      string // what is called
	password string
}

// sipp is SIPp at work. One that calls ends by itself when its calls have been.
type sipp struct {
	*process
	t        *testing.T
	messages string // a file
	called   int    // how often it is to be called; it answers OPTIONS as often as asked
}

// sipp starts a SIPp. One that is called is listening when it returns.
func (c *campus) sipp(name string, r role) *sipp {
	c.t.Helper()
	program := installed(c.t, "sipp", "sip-tester")
	scenario := r.scenario
	if !filepath.IsAbs(scenario) {
		here, err := filepath.Abs(filepath.Join("testdata", r.scenario+".xml"))
		if err != nil {
			c.t.Fatal(err)
		}
		scenario = here
	}
	s := &sipp{t: c.t, messages: filepath.Join(c.dir, name+".messages")}
	faults := filepath.Join(c.dir, name+".faults")
	protocol, transport := "udp", "u1"
	if r.tcp {
		protocol, transport = "tcp", "t1"
	}
	args := []string{"-sf", scenario, "-i", c.host(r.host), "-p", strconv.Itoa(r.port), "-t", transport,
		"-l", "100", "-r", strconv.Itoa(max(10, r.rate)), "-d", strconv.Itoa(r.hold), "-key", "who", name, "-nostdin", "-nd",
		"-trace_msg", "-message_file", s.messages, "-trace_err", "-error_file", faults, "-timeout", "60", "-timeout_error"}
	if r.caller == "" {
		s.called = max(1, r.calls)
	} else {
		args = append(args, "-m", strconv.Itoa(max(1, r.calls)), "-key", "caller", r.caller, "-key", "ruri", r.uri, "-au", r.caller, "-ap", r.password, c.gateway())
	}
	c.t.Cleanup(func() {
		if !c.t.Failed() {
			return
		}
		b, _ := os.ReadFile(s.messages)
		c.t.Logf("--- messages of %s:\n%s", name, tail(string(b), 12_000))
		b, _ = os.ReadFile(faults)
		c.t.Logf("--- faults of %s:\n%s", name, tail(string(b), 4_000))
	})
	s.process = start(c.t, name, c.dir, program, args...)
	if r.caller == "" {
		bound(c.t, protocol, c.host(r.host), r.port)
	}
	return s
}

// scenario is that of the caller with texts of its INVITE replaced, in pairs.
func (c *campus) scenario(name string, oldnew ...string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "caller.xml"))
	if err != nil {
		c.t.Fatal(err)
	}
	s := string(b)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(s, oldnew[i]) {
			c.t.Fatalf("testdata/caller.xml has no %q any more", oldnew[i])
		}
		s = strings.Replace(s, oldnew[i], oldnew[i+1], 1)
	}
	return c.write(name+".xml", s)
}

// done waits until all of its calls have gone as the scenario says.
func (s *sipp) done() {
	s.t.Helper()
	if s.called > 0 {
		eventually(s.t, 10*time.Second, fmt.Sprintf("%s gets %d calls", s.name, s.called), func() error {
			if n := len(s.received("INVITE")); n < s.called {
				return fmt.Errorf("it got %d", n)
			}
			return nil
		})
		s.signal(syscall.SIGUSR1) // no more calls; those it has go on to their end
	}
	if !s.within(70 * time.Second) {
		s.t.Fatalf("%s still runs", s.name)
	}
	if s.err != nil {
		s.t.Fatalf("%s: not every call went as its scenario says: %v", s.name, s.err)
	}
}

var stamp = regexp.MustCompile(`(?m)^-{40,} .*\n(?:UDP|TCP) message (received|sent) [\[(](\d+)[\])]? bytes\)? ?:\n\n`)

// received are the messages that came to it, of one method or one status ("200"). The
// same bytes again are a retransmission, and left out.
func (s *sipp) received(what string) []message {
	s.t.Helper()
	b, err := os.ReadFile(s.messages)
	if err != nil {
		s.t.Fatal(err)
	}
	var ms []message
	before := map[string]bool{}
	for rest := string(b); ; {
		m := stamp.FindStringSubmatchIndex(rest)
		if m == nil {
			return ms
		}
		size, err := strconv.Atoi(rest[m[4]:m[5]])
		if err != nil {
			s.t.Fatalf("%s: its messages cannot be read at %q", s.name, rest[m[0]:m[1]])
		}
		if m[1]+size > len(rest) { // it is being written
			return ms
		}
		way, raw := rest[m[2]:m[3]], rest[m[1]:m[1]+size]
		rest = rest[m[1]+size:]
		read, err := readMessage(raw)
		if err != nil {
			s.t.Fatalf("%s: %v in\n%s", s.name, err, raw)
		}
		if way == "received" && read.is(what) && !before[raw] {
			before[raw] = true
			ms = append(ms, read)
		}
	}
}

// one is the only message among several.
func one(t *testing.T, ms []message) message {
	t.Helper()
	if len(ms) != 1 {
		t.Fatalf("there are %d such messages, want 1", len(ms))
	}
	return ms[0]
}

// message is a SIP message, read here by its grammar alone (RFC 3261 s7), so that a fault
// of our own parser shows.
type message struct {
	first   string
	headers [][2]string
	body    string
}

func readMessage(raw string) (message, error) {
	head, body, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		return message{}, fmt.Errorf("no empty line")
	}
	lines := strings.Split(head, "\r\n")
	m := message{first: lines[0], body: body}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return message{}, fmt.Errorf("%q is no header", line)
		}
		m.headers = append(m.headers, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return m, nil
}

func (m message) is(what string) bool {
	return strings.HasPrefix(m.first, what+" ") || strings.HasPrefix(m.first, "SIP/2.0 "+what+" ")
}

// all are the values of a header.
func (m message) all(name string) []string {
	var vs []string
	for _, h := range m.headers {
		if strings.EqualFold(h[0], name) {
			vs = append(vs, h[1])
		}
	}
	return vs
}

// header is the only value of a header, "" where it is missing.
func (m message) header(name string) string { return strings.Join(m.all(name), ", ") }

// uri is the request-URI.
func (m message) uri() string {
	_, rest, _ := strings.Cut(m.first, " ")
	uri, _, _ := strings.Cut(rest, " ")
	return uri
}
