package ladder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/internal/memnet"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// nodeAddress is where the node of a wire run is.
const nodeAddress = "192.0.2.1"

const nodeURI = "sip:" + nodeAddress + ":5060;transport=udp"

// Wire runs a scenario against a whole node with real SIP around it. It must be called
// inside a synctest bubble.
func Wire(ctx context.Context, s *Scenario) (Telling, error) {
	w := &wire{scenario: s, net: memnet.New(), hosts: map[netip.Addr]*host{}, agents: map[netip.AddrPort]*endpoint{}}
	err := w.run(ctx)
	if closed := w.close(); err == nil {
		err = closed
	}
	if err != nil {
		return Telling{}, err
	}
	return w.telling()
}

// wire is a node and everybody around it on a network in memory.
type wire struct {
	scenario *Scenario
	net      *memnet.Net
	hosts    map[netip.Addr]*host
	agents   map[netip.AddrPort]*endpoint
	caller   *endpoint
	node     *app.App
	start    time.Time

	mu      sync.Mutex
	entries []cdr.Entry
	notices []notice
	errs    []error
}

// host is one machine; several agents may share it, and its ports.
type host struct {
	*memnet.Host
	ports *rtp.Ports
}

// endpoint is one agent and the party it plays, "" for nobody but the caller.
type endpoint struct {
	*agent.Agent
	party string
}

func (w *wire) run(ctx context.Context) error {
	// Who answers OPTIONS is there before it is asked: a proxy that was down at first would be tried later (R8).
	if err := w.startAgents(); err != nil {
		return err
	}
	if err := w.startNode(ctx); err != nil {
		return err
	}
	if err := w.register(ctx); err != nil {
		return err
	}
	c := w.scenario.When.Caller
	from := "sip:" + c.user() + "@" + domain
	o := agent.Options{Proxy: nodeURI, From: from}
	if c.Trunk != "" {
		o.Headers = []string{"P-Asserted-Identity: <" + from + ">"}
	}
	time.Sleep(time.Second) // whatever a node does when it has just begun is done
	w.start = time.Now()
	placed, err := w.caller.Call(ctx, requestURI(c.Dials), o)
	if err != nil {
		return err
	}
	synctest.Wait()
	var acts sync.WaitGroup
	acts.Go(func() {
		for _, a := range c.Acts {
			if !waited(w.start.Add(a.At), placed.Done()) {
				return
			}
			if a.Cancel {
				placed.Cancel()
			} else {
				placed.Hangup()
			}
		}
	})
	ctx, done := context.WithTimeout(ctx, longest)
	defer done()
	err = w.node.Gateway().Settle(ctx)
	if err != nil {
		placed.Hangup()
		_ = w.node.Gateway().Settle(context.Background())
		err = fmt.Errorf("the call has not ended after %s: nobody hangs up", longest)
	}
	acts.Wait()
	time.Sleep(time.Second) // the last responses
	return err
}

func (w *wire) startNode(ctx context.Context) error {
	n := config.Node{Name: nodeName, HTTP: config.HTTP{Listen: "off"}}
	addr := netip.MustParseAddr(nodeAddress)
	for _, t := range []string{"udp", "tcp"} {
		n.SIP.Listen = append(n.SIP.Listen, config.Listener{Transport: t, Address: netip.AddrPortFrom(addr, 5060)})
	}
	n.Media.Address = addr
	var err error
	w.node, err = app.New(app.Config{Node: n, Organisations: []org.Organisation{w.scenario.Given.Organisation}, Network: w.net.Host(nodeAddress),
		Lookup: w.net, Watch: w.watch, Notifier: w})
	if err != nil {
		return fmt.Errorf("making the node: %w", err)
	}
	if err := w.node.Start(ctx); err != nil {
		return fmt.Errorf("starting the node: %w", err)
	}
	return nil
}

// startAgents puts somebody at the address of every party, so that whoever is not spoken
// of is silent and not missing.
func (w *wire) startAgents() error {
	parties, err := w.scenario.Given.parties()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(parties)) {
		p := parties[name]
		user := "party"
		if p.Phone != nil {
			user = p.Phone.Username
		}
		if _, err := w.agent(p.Name, user, p.Transport, p.Address); err != nil {
			return err
		}
	}
	c := w.scenario.When.Caller
	w.caller = w.agents[c.Address]
	if w.caller == nil {
		w.caller, err = w.agent("", "caller", "udp", c.Address)
	}
	return err
}

func (w *wire) register(ctx context.Context) error {
	for _, p := range w.scenario.Given.Registered {
		_, err := w.agents[p.Address].Register(ctx, agent.Account{Username: p.Username, Password: p.Password, Domain: domain, Registrar: nodeURI})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *wire) agent(party, user, protocol string, at netip.AddrPort) (*endpoint, error) {
	p, err := transport.ParseProtocol(protocol)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", party, err)
	}
	h := w.hosts[at.Addr()]
	if h == nil {
		h = &host{Host: w.net.Host(at.Addr().String())}
		if h.ports, err = rtp.NewPorts(rtp.PortsConfig{Address: at.Addr(), Network: h}); err != nil {
			return nil, fmt.Errorf("%s: %w", party, err)
		}
		w.hosts[at.Addr()] = h
	}
	a, err := agent.New(agent.Config{Name: user, Network: h, Lookup: w.net, Ports: h.ports, Says: breath{},
		Listen: []transport.Listen{{Protocol: p, Addr: at.String()}},
		Take:   func(i agent.Invitation) agent.Script { return w.script(party, i.Number) }})
	if err != nil {
		return nil, err
	}
	e := &endpoint{a, party}
	w.agents[at] = e
	return e, nil
}

// breath is what everybody says: enough that nobody is taken for lost.
type breath struct{}

// Fill never ends.
func (breath) Fill(frame []int16, _ int) int {
	for i := range frame {
		frame[i] = int16(i % 64)
	}
	return len(frame)
}

func (w *wire) script(party string, n int) agent.Script {
	s, ok := w.scenario.When.script(party, n)
	if !ok {
		w.mu.Lock()
		w.errs = append(w.errs, fmt.Errorf("%s is called, and nothing is said of it", party))
		w.mu.Unlock()
		return agent.Script{Steps: []agent.Step{{At: soonest, Do: agent.Refuse, Status: 404}}}
	}
	return s
}

func (w *wire) watch(e cdr.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
}

// Tell takes what people are told.
func (w *wire) Tell(n gateway.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notices = append(w.notices, notice{time.Since(w.start), n})
}

func (w *wire) close() error {
	var errs []error
	for _, a := range w.agents {
		errs = append(errs, a.Close())
	}
	if w.node != nil {
		errs = append(errs, w.node.Close())
	}
	return errors.Join(append(errs, w.net.Close())...)
}

func (w *wire) telling() (Telling, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.errs...); err != nil {
		return Telling{}, err
	}
	r, err := cdr.Fold(w.entries)
	if err != nil {
		return Telling{}, fmt.Errorf("the journal: %w", err)
	}
	var ls []cdr.Line
	for _, e := range w.agents {
		ls = append(ls, w.seenBy(e)...)
	}
	return Telling{flow(ls), decided(r), told(w.notices)}, nil
}

// seenBy is the flow as one agent saw it.
func (w *wire) seenBy(e *endpoint) []cdr.Line {
	name := e.party
	if e == w.caller {
		name = string(call.Caller)
	}
	var ls []cdr.Line
	for _, m := range e.Messages() {
		text, ok := messageText(m, e == w.caller)
		if !ok || m.At.Before(w.start) {
			continue
		}
		l := cdr.Line{After: m.At.Sub(w.start), From: name, To: cdr.Us, Message: text}
		if m.Direction == transport.In {
			l.From, l.To = cdr.Us, name
		}
		ls = append(ls, l)
	}
	for _, c := range e.Calls() {
		for _, k := range c.Keys() {
			ls = append(ls, cdr.Line{After: k.At.Sub(w.start), From: name, To: cdr.Us, Message: "digit " + string(k.Key)})
		}
	}
	return ls
}

// messageText is a message as a flow has it, if it has it.
func messageText(m agent.Message, calling bool) (string, bool) {
	if m.Status != 0 {
		if m.Method != string(sip.INVITE) || m.Status == 100 {
			return "", false
		}
		text := strconv.Itoa(m.Status)
		if m.Status == 183 && m.SDP() != "" {
			text += " with media"
		}
		return text, true
	}
	if m.Again {
		return "", false // the far side was silent, and the transaction repeated it
	}
	switch sip.RequestMethod(m.Method) {
	case sip.CANCEL, sip.BYE:
		return m.Method, true
	case sip.INVITE:
		if calling {
			return "INVITE " + dialledUser(m.SIP.(*sip.Request).Recipient.String()), true
		}
		return invite(m.SIP.From().Address.User, carriesLocation(m)), true
	}
	return "", false
}

func carriesLocation(m agent.Message) bool {
	for _, p := range m.Parts() {
		if strings.HasPrefix(p.ContentType, "application/pidf+xml") {
			return true
		}
	}
	return false
}
