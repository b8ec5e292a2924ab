package registrar

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Config is what a Registrar is told; Directory is required.
type Config struct {
	Directory func() *org.Directory // as it is now
	Keeper    Keeper                // nil: bindings end with the process
	Observe   func(Observation)     // told of every change; it must not block
	Node      string                // the node's name (S1)
	Realm     string                // of accounts without a domain; "tocsin"
	Agent     string                // the Server header; "" for none
	Log       *slog.Logger

	Algorithms []Algorithm   // the preferred first; SHA-256, MD5
	NonceKey   []byte        // what nodes share to take each other's nonces; nil makes one
	NonceLife  time.Duration // 5 min

	MinExpires  time.Duration // 60 s; RFC 3261 s10.3 allows it up to an hour
	MaxExpires  time.Duration // 1 h, which is also what holds where the phone says nothing
	Grace       time.Duration // how long a binding that has ended is known; 24 h (R15 a)
	MaxEnded    int           // how many of them; 100,000
	MaxContacts int           // of one device; 10
	MaxSources  int           // of failures remembered; 200,000
}

func (c Config) withDefaults() Config {
	c.NonceLife = orElse(c.NonceLife, 5*time.Minute)
	c.MinExpires = orElse(c.MinExpires, time.Minute)
	c.MaxExpires = orElse(c.MaxExpires, time.Hour)
	c.Grace = orElse(c.Grace, 24*time.Hour)
	c.MaxEnded = orElse(c.MaxEnded, 100_000)
	c.MaxContacts = orElse(c.MaxContacts, 10)
	c.MaxSources = orElse(c.MaxSources, 200_000)
	// RFC 3261 s10.3 step 7: an hour is never too brief.
	c.MinExpires = min(c.MinExpires, time.Hour)
	c.MaxExpires = max(c.MaxExpires, c.MinExpires)
	if c.Realm == "" {
		c.Realm = "tocsin"
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []Algorithm{SHA256, MD5}
	}
	if len(c.NonceKey) == 0 {
		c.NonceKey = make([]byte, 32)
		_, _ = rand.Read(c.NonceKey) // never fails
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Observation) {}
	}
	return c
}

func orElse[N int | time.Duration](n, standard N) N {
	if n > 0 {
		return n
	}
	return standard
}

// Stats counts since the Registrar was made. Read them with Load.
type Stats struct {
	Registered   atomic.Uint64 // REGISTERs answered with 200
	Challenged   atomic.Uint64 // without credentials: the ordinary first 401
	Stale        atomic.Uint64 // right, but by an old nonce
	Failed       atomic.Uint64 // wrong password or unknown name
	Limited      atomic.Uint64 // held back after failures
	Refused      atomic.Uint64 // every other refusal
	KeeperErrors atomic.Uint64
}

// Registrar answers REGISTERs and knows the bindings.
type Registrar struct {
	cfg    Config
	log    *slog.Logger
	table  *table
	nonces nonces
	counts *counts
	guards guards
	owed   *ledger
	loaded bool // belongs to keep
	stats  Stats

	start  sync.Once
	cancel context.CancelFunc
	ctx    context.Context
	work   sync.WaitGroup
}

// New is a Registrar without bindings. It answers at once; Start makes it keep and load.
func New(cfg Config) *Registrar {
	cfg = cfg.withDefaults()
	r := &Registrar{cfg: cfg, log: cfg.Log, table: newTable(cfg.Node), nonces: nonces{cfg.NonceKey},
		counts: newCounts(cfg.MaxSources), guards: newGuards(cfg.MaxSources), owed: newLedger()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Start begins to load, keep and forget.
func (r *Registrar) Start() {
	r.start.Do(func() { r.work.Go(func() { r.keep(r.ctx) }) })
}

// Close writes what is left to the Keeper and ends. Bindings still answer.
func (r *Registrar) Close() error {
	r.cancel()
	r.work.Wait()
	return nil
}

// Stats are the live counters.
func (r *Registrar) Stats() *Stats { return &r.stats }

// Count is how many bindings are rung, and how many have ended and are known (R15 a).
func (r *Registrar) Count() (live, ended int) { return r.table.counts(time.Now()) }

// Register answers a REGISTER. It does not block.
func (r *Registrar) Register(req *sip.Request, faults []transport.Fault, from transport.Flow) *sip.Response {
	q, bs, no := r.register(req, faults, from, time.Now())
	if no != nil {
		if no.status != sip.StatusUnauthorized {
			r.stats.Refused.Add(1)
		}
		res := r.reply(req, no.status, no.reason)
		for _, h := range no.headers {
			res.AppendHeader(h)
		}
		return res
	}
	r.stats.Registered.Add(1)
	return r.answer(q, bs, time.Now())
}

func (r *Registrar) register(req *sip.Request, faults []transport.Fault, from transport.Flow, at time.Time) (*question, []*Binding, *refusal) {
	q, no := read(req, faults, r.cfg.MaxExpires)
	if no != nil {
		return nil, nil, no
	}
	who, no := r.authenticate(q, from, at)
	if no != nil {
		return nil, nil, no
	}
	aor, no := authorise(r.cfg.Directory(), q, who)
	if no != nil {
		return nil, nil, no
	}
	bs, seen, no := r.change(aor, q, from, at)
	for _, o := range seen {
		r.cfg.Observe(o)
	}
	return q, bs, no
}

// answer is RFC 3261 s10.3 step 8.
func (r *Registrar) answer(q *question, bs []*Binding, at time.Time) *sip.Response {
	res := r.reply(q.req, sip.StatusOK, "OK")
	for _, b := range bs {
		left := strconv.Itoa(int(math.Ceil(b.Expires.Sub(at).Seconds())))
		v := "<" + b.Contact + ">"
		if b.Params != "" {
			v += ";" + b.Params
		}
		res.AppendHeader(sip.NewHeader("Contact", v+";expires="+left))
	}
	if q.wantsPath { // RFC 3327 s5.3
		for _, p := range q.path {
			res.AppendHeader(sip.NewHeader("Path", p))
		}
	}
	// A phone may set its clock by it (s10.2.8).
	res.AppendHeader(sip.NewHeader("Date", at.UTC().Format(http.TimeFormat)))
	return res
}

func (r *Registrar) reply(req *sip.Request, status int, reason string) *sip.Response {
	res := transaction.Reply(req, status, reason, rand.Text()[:16])
	if r.cfg.Agent != "" {
		res.AppendHeader(sip.NewHeader("Server", r.cfg.Agent))
	}
	return res
}

// Ownership is whose a request is, as far as registrations tell.
type Ownership struct {
	AOR
	Expired bool // by its time, or at the phone's own wish
}

// Owner is whose registration a request comes from: by its flow, else its source address
// and port, else its source address and Contact. A registration that has ended counts for
// Grace (R15 a). Behind one flow with several phones the contact tells them apart.
func (r *Registrar) Owner(source netip.AddrPort, flow, contact string) (Ownership, bool) {
	at := time.Now()
	b := r.table.owner(source, flow, contact, at)
	if b == nil || at.Sub(b.Expires) > r.cfg.Grace {
		return Ownership{}, false
	}
	return Ownership{b.AOR, !b.Live(at)}, true
}

// Contact is where a phone can be rung.
type Contact struct {
	Device string
	URI    string // the request-URI that reaches it
	Flow   string // to send it over; "" for none
	Node   string // which holds the flow
}

// Contacts are the live bindings of an extension, the newest first.
func (r *Registrar) Contacts(account, extension string) []Contact {
	at := time.Now()
	var cs []Contact
	for _, b := range r.table.all(account, extension) {
		if !b.Live(at) || !rings(b.Contact) {
			continue
		}
		uri, overFlow := reached(b)
		c := Contact{Device: b.AOR.Device, URI: uri, Node: b.Node}
		if overFlow && !b.Flow.IsZero() {
			c.Flow = b.Flow.String()
		}
		cs = append(cs, c)
	}
	return cs
}

// rings says whether a contact is one to send an INVITE to; RFC 3261 s10 lets a user
// register a mailto: too.
func rings(contact string) bool {
	scheme, _, _ := strings.Cut(contact, ":")
	return strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips")
}

// Bindings are all bindings of an extension, those that have ended too, the newest first.
func (r *Registrar) Bindings(account, extension string) []Binding {
	var bs []Binding
	for _, b := range r.table.all(account, extension) {
		bs = append(bs, *b)
	}
	return bs
}

// FlowNamed is the flow that Contacts gave the name of.
func (r *Registrar) FlowNamed(name string) (transport.Flow, bool) {
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	f, ok := r.table.names[name]
	return f, ok
}

// Closed takes the end of a connection: its bindings are tried at their contacts.
func (r *Registrar) Closed(flow transport.Flow) { r.table.closed(flow) }
