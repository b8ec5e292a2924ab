package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/internal/memnet"
	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

const ms = time.Millisecond

// two are a caller and a callee on a network in memory.
type two struct {
	t        *testing.T
	net      *memnet.Net
	start    time.Time
	amy, bob *Agent
}

func newTwo(t *testing.T, p transport.Protocol, take Script) *two {
	t.Helper()
	w := &two{t: t, net: memnet.New(), start: time.Now()}
	w.amy = w.agent("amy", "10.0.0.1", p, nil)
	w.bob = w.agent("bob", "10.0.0.2", p, func(Invitation) Script { return take })
	return w
}

func (w *two) agent(name, addr string, p transport.Protocol, take func(Invitation) Script) *Agent {
	w.t.Helper()
	a, err := New(Config{Name: name, Network: w.net.Host(addr), Lookup: w.net, Listen: []transport.Listen{{Protocol: p, Addr: addr + ":5060"}}, Take: take})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *two) close() {
	for _, a := range []*Agent{w.amy, w.bob} {
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}
	if err := w.net.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *two) call(o Options) *Call {
	w.t.Helper()
	c, err := w.amy.Call(w.t.Context(), w.bob.URI(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// story is what the caller's messages were, retransmissions included. What is written is
// observed after it may have been answered, so messages of one instant are put into the
// order they can only have had.
func (w *two) story() string {
	synctest.Wait()
	messages := w.amy.Messages()
	slices.SortStableFunc(messages, func(a, b Message) int {
		return cmp.Or(a.At.Compare(b.At), rank(a)-rank(b))
	})
	var b strings.Builder
	for _, m := range messages {
		arrow, what := ">", m.Method
		if m.Direction == transport.In {
			arrow = "<"
		}
		if m.Status != 0 {
			what = fmt.Sprintf("%d %s", m.Status, m.Method)
		}
		if m.SDP() != "" {
			what += " sdp"
		}
		if m.Again {
			what += " again"
		}
		fmt.Fprintf(&b, "%.3f %s %s\n", m.At.Sub(w.start).Seconds(), arrow, what)
	}
	return b.String()
}

func rank(m Message) int {
	switch {
	case m.Method == "ACK":
		return 1000
	case m.Method == "BYE":
		return 2000 + m.Status
	}
	return m.Status
}

// act is something the caller does at a time.
type act struct {
	at time.Duration
	do func(*Call) error
}

func cancel(c *Call) error { c.Cancel(); return nil }
func hangup(c *Call) error { c.Hangup(); return nil }

func TestScripts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		p      transport.Protocol
		script Script
		opts   Options
		acts   []act
		until  time.Duration
		want   string
	}{
		{"rings, answers, the caller hangs up", transport.UDP, Script{Steps: []Step{{10 * ms, Ring, 0, 0}, {2 * time.Second, Answer, 0, 0}}}, Options{},
			[]act{{5 * time.Second, hangup}}, 6 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
0.010 < 180 INVITE
2.000 < 200 INVITE sdp
2.000 > ACK
5.000 > BYE
5.000 < 200 BYE
`},
		{"over a connection, and the callee hangs up", transport.TCP, Script{Steps: []Step{{time.Second, Answer, 0, 0}, {3 * time.Second, HangUp, 0, 0}}}, Options{},
			nil, 6 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
1.000 < 200 INVITE sdp
1.000 > ACK
3.000 < BYE
3.000 > 200 BYE
`},
		{"busy", transport.UDP, Script{Steps: []Step{{time.Second, Refuse, 486, 0}}}, Options{}, nil, 6 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
1.000 < 486 INVITE
1.000 > ACK
`},
		{"100 and nothing else, and the caller cancels", transport.UDP, Script{CancelAfter: 10 * ms}, Options{}, []act{{9 * time.Second, cancel}}, 10 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
9.000 > CANCEL
9.000 < 200 CANCEL
9.010 < 487 INVITE
9.010 > ACK
`},
		{"dead: not even a 100, and no answer to a CANCEL because none may be sent", transport.TCP, Script{Dead: true}, Options{}, []act{{3 * time.Second, cancel}},
			40 * time.Second, `
0.000 > INVITE sdp
`},
		{"dead on UDP: the INVITE is repeated", transport.UDP, Script{Dead: true}, Options{}, nil, 4 * time.Second, `
0.000 > INVITE sdp
0.500 > INVITE sdp again
1.500 > INVITE sdp again
3.500 > INVITE sdp again
`},
		{"the answer crosses the CANCEL", transport.UDP, Script{Steps: []Step{{10 * ms, Ring, 0, 0}}, OnCancel: AnswerFirst, CancelAfter: 10 * ms}, Options{},
			[]act{{2 * time.Second, cancel}}, 3 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
0.010 < 180 INVITE
2.000 > CANCEL
2.000 < 200 CANCEL
2.010 < 200 INVITE sdp
2.010 > ACK
2.010 > BYE
2.010 < 200 BYE
`},
		{"obeys a CANCEL late", transport.UDP, Script{CancelAfter: 4 * time.Second}, Options{}, []act{{time.Second, cancel}}, 6 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
1.000 > CANCEL
1.000 < 200 CANCEL
5.000 < 487 INVITE
5.000 > ACK
`},
		{"ignores a CANCEL", transport.UDP, Script{OnCancel: Ignore, Steps: []Step{{2 * time.Second, Refuse, 603, 0}}}, Options{}, []act{{time.Second, cancel}}, 6 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
1.000 > CANCEL
1.000 < 200 CANCEL
2.000 < 603 INVITE
2.000 > ACK
`},
		{"early media, then the answer, to an INVITE without an offer too late for it", transport.UDP, Script{TryingAt: 50 * ms, Steps: []Step{{time.Second, Early, 0, 0}, {2 * time.Second, Answer, 0, 0}}},
			Options{Delayed: true}, []act{{3 * time.Second, hangup}}, 4 * time.Second, `
0.000 > INVITE
0.050 < 100 INVITE
1.000 < 183 INVITE
2.000 < 200 INVITE sdp
2.000 > ACK sdp
3.000 > BYE
3.000 < 200 BYE
`},
		{"holds and resumes", transport.UDP, Script{Steps: []Step{{time.Second, Answer, 0, 0}, {2 * time.Second, Hold, 0, 0}, {3 * time.Second, Resume, 0, 0}}}, Options{},
			[]act{{4 * time.Second, hangup}}, 5 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
1.000 < 200 INVITE sdp
1.000 > ACK
2.000 < INVITE sdp
2.000 > 200 INVITE sdp
2.000 < ACK
3.000 < INVITE sdp
3.000 > 200 INVITE sdp
3.000 < ACK
4.000 > BYE
4.000 < 200 BYE
`},
		{"nothing in common", transport.UDP, Script{Steps: []Step{{time.Second, Answer, 0, 0}}},
			Options{SDP: "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n"}, nil, 4 * time.Second, `
0.000 > INVITE sdp
0.000 < 100 INVITE
1.000 < 488 INVITE
1.000 > ACK
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTwo(t, tt.p, tt.script)
				defer w.close()
				c := w.call(tt.opts)
				for _, a := range tt.acts {
					time.Sleep(time.Until(w.start.Add(a.at)))
					if err := a.do(c); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(time.Until(w.start.Add(tt.until)))
				if diff := gocmp.Diff(strings.TrimPrefix(tt.want, "\n"), w.story()); diff != "" {
					t.Errorf("the caller's messages (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestLostMessagesAreMadeGood(t *testing.T) {
	for _, lost := range []string{"SIP/2.0 200", "ACK", "BYE"} {
		t.Run(lost, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTwo(t, transport.UDP, Script{Steps: []Step{{time.Second, Answer, 0, 0}}})
				defer w.close()
				var dropped atomic.Bool
				w.net.SetFault(func(p memnet.Packet) memnet.Verdict {
					if strings.HasPrefix(string(p.Payload), lost) && dropped.CompareAndSwap(false, true) {
						return memnet.Verdict{Drop: true}
					}
					return memnet.Verdict{}
				})
				c := w.call(Options{})
				if err := c.Await(t.Context(), Up); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				b := w.bob.Calls()[0]
				if b.State() != Up {
					_, why := b.Ended()
					t.Fatalf("the callee is %s (%s) nine seconds after its answer", b.State(), why)
				}
				c.Hangup()
				if err := b.Await(t.Context(), Over); err != nil {
					t.Fatal(err)
				}
				if !dropped.Load() {
					t.Errorf("no %s was there to be lost", lost)
				}
			})
		})
	}
}

func TestAnswerIsNotRepeatedForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwo(t, transport.UDP, Script{Steps: []Step{{time.Second, Answer, 0, 0}}})
		defer w.close()
		w.net.SetFault(func(p memnet.Packet) memnet.Verdict {
			return memnet.Verdict{Drop: strings.HasPrefix(string(p.Payload), "ACK")}
		})
		c := w.call(Options{})
		if err := c.Await(t.Context(), Over); err != nil {
			t.Fatal(err)
		}
		// RFC 3261 s13.3.1.4: without an ACK for 64*T1 the session is ended with a BYE.
		if took := time.Since(w.start).Round(time.Second); took < 32*time.Second || took > 38*time.Second {
			t.Errorf("the callee gave up after %s", took)
		}
	})
}

func TestVoicesAndKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwo(t, transport.UDP, Script{Says: Tone(1000), Steps: []Step{{time.Second, Early, 0, 0}, {3 * time.Second, Answer, 0, 0}, {5 * time.Second, Press, 0, '7'}}})
		defer w.close()
		c := w.call(Options{Says: Tone(400)})
		time.Sleep(2900 * ms)
		if got := c.Heard(); audiotest.Level(got, 1000) < 0.1 {
			t.Errorf("early media is not heard before the answer: %d samples", len(got))
		}
		b := w.bob.Calls()[0]
		time.Sleep(4 * time.Second)
		if err := c.Press('1'); err != nil {
			t.Error(err)
		}
		if err := c.Press('#'); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := b.Pressed(); got != "1#" {
			t.Errorf("the callee heard the keys %q", got)
		}
		if got := c.Pressed(); got != "7" {
			t.Errorf("the caller heard the keys %q", got)
		}
		if got := b.Keys(); len(got) != 1 || got[0].Key != '7' || got[0].At.Sub(w.start) != 5*time.Second {
			t.Errorf("the callee pressed %v", got)
		}
		if l := audiotest.Level(b.Heard(), 400); l < 0.1 {
			t.Errorf("the callee hears the caller's tone at %.3f", l)
		}
		if l := audiotest.Level(b.Heard(), 1000); l > 0.01 {
			t.Errorf("the callee hears itself at %.3f", l)
		}
		before := len(b.Heard())
		if err := b.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := len(b.Heard()) - before; got > rtp.FrameSize {
			t.Errorf("%d samples were heard from a party on hold", got)
		}
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Say(Samples(audiotest.Sine(600, 500*ms)))
		time.Sleep(time.Second)
		heard := b.Heard()
		if l := audiotest.Level(heard[len(heard)-3000:], 600); l < 0.3 {
			t.Errorf("the new sound is heard at %.3f", l)
		}
		if n := len(heard) - before; n > 5000 {
			t.Errorf("%d samples after a sound of half a second: its end was missed", n)
		}
	})
}

func TestDeafAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwo(t, transport.UDP, DefaultScript)
		defer w.close()
		w.bob.SetDeaf(true)
		c := w.call(Options{})
		time.Sleep(time.Minute)
		if status, why := c.Ended(); status != 408 {
			t.Errorf("a call to a deaf agent ended with %d, %s", status, why)
		}
		if n := len(w.bob.Calls()); n != 0 {
			t.Errorf("the deaf agent has %d calls", n)
		}
		w.bob.SetDeaf(false)
		c = w.call(Options{})
		if err := c.Await(t.Context(), Up); err != nil {
			t.Error(err)
		}
	})
}

func TestBodyParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwo(t, transport.TCP, DefaultScript)
		defer w.close()
		part := Part{ContentType: "application/pidf+xml", ContentID: "here@amy", Content: []byte("<presence/>")}
		w.call(Options{Parts: []Part{part}, Headers: []string{"Geolocation: <cid:here@amy>"}, From: "sip:2041@acme.example", Display: `Lobby "A"`})
		b, err := w.bob.AwaitCall(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Await(t.Context(), Up); err != nil {
			t.Fatal(err)
		}
		got := w.bob.Messages()[0]
		if diff := gocmp.Diff([]Part{part}, got.Parts()); diff != "" {
			t.Errorf("parts (-want +got):\n%s", diff)
		}
		if g := got.Header("Geolocation"); g != "<cid:here@amy>" {
			t.Errorf("Geolocation %q", g)
		}
		if f := got.SIP.From(); f.Address.User != "2041" {
			t.Errorf("From %s", f.Value())
		}
	})
}

func TestAwaitSaysWhatWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwo(t, transport.UDP, Script{Steps: []Step{{time.Second, Refuse, 486, 0}}})
		defer w.close()
		c := w.call(Options{})
		if err := c.Await(t.Context(), Up); !errors.Is(err, errState) || !strings.Contains(err.Error(), "486") {
			t.Errorf("awaiting an answer that never comes: %v", err)
		}
		ctx, done := context.WithTimeout(t.Context(), time.Second)
		defer done()
		if _, err := w.bob.AwaitCall(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("awaiting a call that never comes: %v", err)
		}
	})
}

func TestOverTheLoopback(t *testing.T) {
	newAgent := func(name string, p transport.Protocol, take func(Invitation) Script) *Agent {
		a, err := New(Config{Name: name, Listen: []transport.Listen{{Protocol: p, Addr: "127.0.0.1:0"}}, Take: take})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
		return a
	}
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		t.Run(p.String(), func(t *testing.T) {
			ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
			defer done()
			amy := newAgent("amy", p, nil)
			bob := newAgent("bob", p, func(Invitation) Script {
				return Script{Says: Tone(900), Steps: []Step{{Do: Ring}, {At: 20 * ms, Do: Answer}}}
			})
			c, err := amy.Call(ctx, bob.URI(), Options{Says: Tone(500)})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Await(ctx, Up); err != nil {
				t.Fatal(err)
			}
			b, err := bob.AwaitCall(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			tick := time.NewTicker(20 * ms)
			defer tick.Stop()
			for len(c.Heard()) < 4000 || len(b.Heard()) < 4000 {
				select {
				case <-tick.C:
				case <-ctx.Done():
					t.Fatalf("the caller heard %d samples, the callee %d", len(c.Heard()), len(b.Heard()))
				}
			}
			for _, h := range []struct {
				who         string
				heard       []int16
				his, theirs float64
			}{{"caller", c.Heard(), 500, 900}, {"callee", b.Heard(), 900, 500}} {
				if l := audiotest.Level(h.heard, h.theirs); l < 0.1 {
					t.Errorf("the %s hears the other's tone at %.3f", h.who, l)
				}
				if l := audiotest.Level(h.heard, h.his); l > 0.02 {
					t.Errorf("the %s hears its own tone at %.3f", h.who, l)
				}
			}
			if err := c.Press('1'); err != nil {
				t.Fatal(err)
			}
			c.Hangup()
			if err := b.Await(ctx, Over); err != nil {
				t.Error(err)
			}
			if got := b.Pressed(); got != "1" {
				t.Errorf("the callee heard the keys %q", got)
			}
		})
	}
}
