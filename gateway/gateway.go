package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/tocsin-sip/tocsin/cdr"
)

// Ports are what a gateway stands on; all but Notifier and Log are required.
type Ports struct {
	Directory     Directory
	Registrations Registrations
	Trunks        Trunks
	Leaser        Leaser
	Dialer        Dialer
	Media         Media
	Journal       Journal
	Notifier      Notifier
	Log           *slog.Logger
}

// Config is what a gateway is told about itself.
type Config struct {
	Domain string                     // the element's name in call and incident ids (standards wO1)
	Node   string                     // the node's name in records
	Salt   func() [cdr.SaltSize]byte  // for the journal; nil is crypto/rand
	NewID  func(prefix string) string // for calls, incidents and locations; nil makes unguessable ones
}

// Gateway takes calls.
type Gateway struct {
	Ports
	Config
	mu    sync.Mutex
	live  map[string]*run
	empty *sync.Cond
	count Counts
	ends  chan struct{} // closed when runs are to end
	end   sync.Once
	runs  sync.WaitGroup
}

// New is a gateway over its ports.
func New(p Ports, c Config) *Gateway {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Notifier == nil {
		p.Notifier = silent{}
	}
	if c.Domain == "" {
		c.Domain = "tocsin.invalid"
	}
	if c.Salt == nil {
		c.Salt = randomSalt
	}
	if c.NewID == nil {
		c.NewID = randomID
	}
	g := &Gateway{Ports: p, Config: c, live: map[string]*run{}, ends: make(chan struct{})}
	g.empty = sync.NewCond(&g.mu)
	return g
}

// Handle takes one INVITE through the stages. It returns when the first legs have been
// dialled, or when the call was turned away; the call runs on by itself.
func (g *Gateway) Handle(in Inbound, caller Caller) {
	defer g.survive(in, caller)
	came := g.ingress(in)
	class := classify(came)
	if !class.toBeHelped() {
		g.aside(class, caller)
		return
	}
	who := identify(class)
	place := locate(who)
	plan := decide(place)
	if plan.refused() {
		g.refuse(plan, caller)
		return
	}
	ctx, done := context.WithTimeout(context.Background(), plan.budget())
	defer done()
	ready := g.assign(ctx, plan)
	going := g.execute(ready, caller)
	g.notify(ready)
	g.log(going)
}

// Explain takes a call through the same stages and calls nobody. No number is lent.
func (g *Gateway) Explain(in Inbound) cdr.Decided {
	class := classify(g.ingress(in))
	if !class.toBeHelped() {
		return class.turnedAway(class.answer())
	}
	plan := decide(locate(identify(class)))
	if plan.refused() {
		return plan.turnedAway(plan.answer())
	}
	return g.wouldAssign(plan).record()
}

// survive turns a fault of ours in the stages into a refusal that sends the caller's
// network elsewhere, instead of the end of the process and of every other call.
func (g *Gateway) survive(in Inbound, caller Caller) {
	if p := recover(); p != nil {
		g.Log.Error("fault survived", "dialled", in.Dialled.Scheme, "fault", fmt.Sprint(p), "stack", string(debug.Stack()))
		caller.End(500, "a fault of ours")
	}
}

type silent struct{}

func (silent) Tell(Notice) {}

func randomSalt() (s [cdr.SaltSize]byte) {
	_, _ = rand.Read(s[:]) // crypto/rand.Read never fails
	return s
}

// randomID has 26 characters of 5 random bits: [A-Za-z0-9]{10,32} is what call and
// incident identifiers may hold (standards wO1).
func randomID(string) string {
	return rand.Text()
}
