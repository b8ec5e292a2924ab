package ladder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/callback"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/policy"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/trace"
)

// longest is how long a scenario may take until its last leg has ended.
const longest = 15 * time.Minute

// Pure runs a scenario against the gateway alone. It must be called inside a synctest
// bubble.
func Pure(s *Scenario) (Telling, error) {
	p := &pure{scenario: s, start: time.Now(), dir: org.NewDirectory(1, s.Given.Organisation), calls: map[string]int{}}
	g := gateway.New(gateway.Ports{Directory: p, Registrations: p, Trunks: p, Leaser: p, Dialer: p, Media: p, Journal: p, Notifier: p,
		Log: slog.New(slog.DiscardHandler)}, gateway.Config{Domain: nodeName, Node: nodeName})
	c := &pureCaller{over: make(chan struct{})}
	g.Handle(p.inbound(), c)
	p.work.Go(func() { c.act(s.When.Caller.Acts, p.start) })
	ctx, done := context.WithTimeout(context.Background(), longest)
	defer done()
	err := g.Settle(ctx)
	if err != nil {
		c.leave()
		_ = g.Settle(context.Background())
		err = fmt.Errorf("the call has not ended after %s: nobody hangs up", longest)
	}
	c.end() // of a call that was turned away
	p.work.Wait()
	if err != nil {
		return Telling{}, err
	}
	return p.telling()
}

// nodeName is the element's name in both runners.
const nodeName = "tocsin.example"

// pure is a gateway's surroundings in memory.
type pure struct {
	scenario *Scenario
	start    time.Time
	dir      *org.Directory
	work     sync.WaitGroup

	mu      sync.Mutex
	ledger  callback.Ledger
	calls   map[string]int // how often each party was called
	entries []cdr.Entry
	notices []notice
	errs    []error
}

func (p *pure) telling() (Telling, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(p.errs...); err != nil {
		return Telling{}, err
	}
	if err := cdr.Verify(p.entries); err != nil {
		return Telling{}, fmt.Errorf("the journal: %w", err)
	}
	r, err := cdr.Fold(p.entries)
	if err != nil {
		return Telling{}, fmt.Errorf("the journal: %w", err)
	}
	ls, err := journalFlow(p.entries, r)
	if err != nil {
		return Telling{}, err
	}
	return Telling{flow(ls), decided(r), told(p.notices)}, nil
}

func (p *pure) inbound() gateway.Inbound {
	c := p.scenario.When.Caller
	in := gateway.Inbound{At: p.start, SIPCallID: "ladder", RequestURI: requestURI(c.Dials), Dialled: dialled(c.Dials),
		Domain: domain, From: gateway.Peer{Source: c.Address}, Transport: "UDP", SDP: "v=0"}
	in.To = in.Dialled
	in.Claims = []gateway.Claim{{Header: "from", User: c.user(), Domain: domain}}
	if c.Trunk != "" {
		in.Claims = append(in.Claims, gateway.Claim{Header: "p-asserted-identity", User: c.user(), Domain: domain})
	}
	return in
}

// domain is the SIP domain of the campus.
const domain = "acme.example"

func dialled(text string) shortcode.Dialled {
	if rest, ok := strings.CutPrefix(text, "urn:"); ok {
		return shortcode.Dialled{Scheme: "urn", User: rest}
	}
	return shortcode.Dialled{Scheme: "sip", User: text}
}

func requestURI(dialled string) string {
	if strings.Contains(dialled, ":") {
		return dialled
	}
	return "sip:" + dialled + "@" + domain
}

func (p *pure) Current() *org.Directory { return p.dir }

func (p *pure) Owner(from gateway.Peer) (gateway.Registration, bool) {
	for _, r := range p.scenario.Given.Registered {
		if r.Address == from.Source {
			return gateway.Registration{Account: p.scenario.Given.Organisation.Name(), Extension: r.Extension, Device: r.Device}, true
		}
	}
	return gateway.Registration{}, false
}

func (p *pure) Contacts(_, extension string) []policy.Contact {
	var cs []policy.Contact
	for _, r := range p.scenario.Given.Registered {
		if r.Extension == extension {
			cs = append(cs, policy.Contact{Device: r.Device, URI: "sip:" + r.Username + "@" + r.Address.String()})
		}
	}
	return cs
}

func (p *pure) At(*org.Directory, netip.AddrPort) *org.Trunk { return nil }
func (p *pure) Order(t *org.Trunk) []string                  { return t.Proxies }

// Lend lends as a node without a database does: every lease is provisional.
func (p *pure) Lend(_ context.Context, pool callback.Pool, h callback.Holder, id string, at time.Time) (gateway.Loan, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, how, ok := p.ledger.Assign(pool, h, id, at)
	return gateway.Loan{Lease: l, Choice: how, Provisional: true}, ok
}

func (p *pure) Release(id string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Release(id, at)
}

func (p *pure) Append(e cdr.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(p.entries, e)
}

func (p *pure) Tell(n gateway.Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notices = append(p.notices, notice{time.Since(p.start), n})
}

// Dial begins a leg that follows its party's script.
func (p *pure) Dial(o gateway.Outgoing, r gateway.Reporter) gateway.Leg {
	name := party(string(o.Leg))
	p.mu.Lock()
	p.calls[name]++
	script, ok := p.scenario.When.script(name, p.calls[name])
	if !ok {
		p.errs = append(p.errs, fmt.Errorf("%s is called, and nothing is said of it", name))
		script = agent.Script{Steps: []agent.Step{{At: soonest, Do: agent.Refuse, Status: 404}}}
	}
	p.mu.Unlock()
	l := &pureLeg{script: script, reporter: r, over: make(chan struct{}), spawn: p.work.Go}
	p.work.Go(l.play)
	return l
}

// pureLeg is a script as the gateway's signalling would report it.
type pureLeg struct {
	script   agent.Script
	reporter gateway.Reporter
	spawn    func(func())

	mu    sync.Mutex
	up    bool
	ended bool
	over  chan struct{}
}

// timeout is how long an INVITE is waited for: timer B (RFC 3261 s17.1.1.2).
const timeout = 32 * time.Second

func (l *pureLeg) play() {
	begin := time.Now()
	if l.script.Dead {
		if l.wait(begin.Add(timeout)) {
			l.fail(call.Event{Kind: call.Failed, Code: 408, Text: unheard})
		}
		return
	}
	if !l.wait(begin.Add(l.script.TryingAt)) {
		return
	}
	l.reporter.Report(call.Event{Kind: call.Tried})
	for _, s := range l.script.Steps {
		if !l.wait(begin.Add(s.At)) {
			return
		}
		l.do(s)
	}
}

func (l *pureLeg) do(s agent.Step) {
	l.mu.Lock()
	up := l.up
	l.mu.Unlock()
	switch {
	case s.Do == agent.Ring && !up:
		l.reporter.Report(call.Event{Kind: call.Ringing, Code: 180})
	case s.Do == agent.Early && !up:
		l.reporter.Report(call.Event{Kind: call.Ringing, Code: 183, SDP: "v=0"})
	case s.Do == agent.Answer && !up:
		l.answer()
	case s.Do == agent.Refuse && !up:
		l.fail(call.Event{Kind: call.Failed, Code: s.Status})
	case s.Do == agent.HangUp && !up:
		l.fail(call.Event{Kind: call.Failed, Code: 603})
	case s.Do == agent.HangUp:
		l.fail(call.Event{Kind: call.HungUp})
	case s.Do == agent.Press && up:
		l.reporter.Report(call.Event{Kind: call.Pressed, Digit: string(s.Key)})
	}
}

func (l *pureLeg) answer() {
	l.mu.Lock()
	told := l.up || l.ended
	l.up = true
	l.mu.Unlock()
	if !told {
		l.reporter.Report(call.Event{Kind: call.Answered, Code: 200, SDP: "v=0"})
	}
}

// fail ends the leg from the far side.
func (l *pureLeg) fail(e call.Event) {
	if l.end() {
		l.reporter.Report(e)
	}
}

func (l *pureLeg) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.ended = true
	close(l.over)
	return true
}

// Cancel takes the time the script has for it.
func (l *pureLeg) Cancel(string) {
	if l.script.Dead {
		return
	}
	at := time.Now().Add(l.script.CancelAfter)
	l.spawn(func() {
		if !l.wait(at) {
			return
		}
		l.mu.Lock()
		up := l.up
		l.mu.Unlock()
		switch {
		case up:
		case l.script.OnCancel == agent.AnswerFirst:
			l.answer()
		default:
			l.fail(call.Event{Kind: call.Failed, Code: 487})
		}
	})
}

// Hangup ends the leg from our side.
func (l *pureLeg) Hangup(string) { l.end() }

func (l *pureLeg) wait(until time.Time) bool { return waited(until, l.over) }

func waited(until time.Time, over <-chan struct{}) bool {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-over:
		return false
	}
}

// pureCaller is the person who dials.
type pureCaller struct {
	mu       sync.Mutex
	reporter gateway.Reporter
	up       bool
	ended    bool
	over     chan struct{}
}

func (c *pureCaller) act(acts []Act, start time.Time) {
	for _, a := range acts {
		if !waited(start.Add(a.At), c.over) {
			return
		}
		c.mu.Lock()
		up := c.up
		c.mu.Unlock()
		if !up || !a.Cancel { // a CANCEL has no effect after the answer (RFC 3261 s9.1)
			c.leave()
		}
	}
}

// leave gives up or hangs up.
func (c *pureCaller) leave() {
	c.mu.Lock()
	up, ended, r := c.up, c.ended, c.reporter
	c.mu.Unlock()
	switch {
	case ended || r == nil:
	case !up:
		r.Report(call.Event{Kind: call.Cancelled, Leg: call.Caller})
	default:
		r.Report(call.Event{Kind: call.HungUp, Leg: call.Caller})
		c.end()
	}
}

func (c *pureCaller) ReportTo(r gateway.Reporter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reporter = r
}

func (c *pureCaller) Progress(int, string) {}

func (c *pureCaller) Answer(string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = true
}

func (c *pureCaller) End(int, string) { c.end() }

func (c *pureCaller) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		close(c.over)
	}
}

// Open is media that nobody hears.
func (p *pure) Open(string, string) gateway.Anchor { return mute{} }

type mute struct{}

func (mute) Offer(call.LegID, bool) (string, error)     { return "v=0", nil }
func (mute) Answered(call.LegID, string) error          { return nil }
func (mute) Answer(call.LegID) (string, error)          { return "v=0", nil }
func (mute) ReOffer(call.LegID, string) (string, error) { return "v=0", nil }
func (mute) Connect(call.LegID)                         {}
func (mute) Play(call.LegID, call.Prompt)               {}
func (mute) Silence(call.LegID)                         {}
func (mute) Listen(func(call.Event))                    {}
func (mute) Degradations() []trace.Degradation          { return nil }
func (mute) Release(call.LegID)                         {}
func (mute) Close()                                     {}
