package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/media"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/overload"
	"github.com/tocsin-sip/tocsin/registrar"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/sipua"
	"github.com/tocsin-sip/tocsin/store"
	"github.com/tocsin-sip/tocsin/trunk"
)

// Config is what a node is started with.
type Config struct {
	Node          config.Node                                 // its zero value is usable
	Open          func(context.Context) (*store.Store, error) // the database; nil: nothing is kept, and Organisations is the configuration
	Organisations []org.Organisation                          // without a database
	Network       transport.Network                           // nil: the operating system's
	Lookup        transport.Lookup                            // nil: the operating system's
	Watch         func(cdr.Entry)                             // sees every entry of every call as it is made; must not block
	Notifier      gateway.Notifier                            // nil: the log
	NewID         func(string) string
	Version       string
	Log           *slog.Logger
}

// App is one node.
type App struct {
	cfg       Config
	log       *slog.Logger
	directory *directory
	database  *database // nil: nothing is kept
	transport *transport.Layer
	resolver  *transport.Resolver
	gate      *overload.Gate
	ua        *sipua.UA
	gateway   *gateway.Gateway
	registrar *registrar.Registrar
	trunks    *trunk.Monitor
	media     *media.Anchor
	journal   *store.Journal
	captures  captures
	leases    *leases
	degraded  degradations
	tried     tried
	http      *http.Server
	address   net.Addr
	draining  atomic.Bool
	listening atomic.Bool

	stop context.CancelFunc
	work sync.WaitGroup
	once sync.Once
}

// New wires a node. Nothing is opened before Start.
func New(cfg Config) (*App, error) {
	cfg.Node = cfg.Node.OrDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{cfg: cfg, log: cfg.Log, leases: &leases{}, directory: newDirectory(org.NewDirectory(0, cfg.Organisations...))}
	if err := a.wire(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *App) wire() error {
	n := a.cfg.Node
	listen, err := listeners(n)
	if err != nil {
		return err
	}
	m := media.Config{PortMin: n.Media.Ports.First, PortMax: n.Media.Ports.Last, Address: n.Media.Address, Advertise: n.Media.Advertise, Logger: a.log}
	if a.cfg.Network != nil {
		m.Network = a.cfg.Network
	}
	if a.media, err = media.New(m); err != nil {
		return fmt.Errorf("media: %w", err)
	}
	a.resolver = transport.NewResolver(a.cfg.Lookup)
	a.transport = transport.New(transport.Config{Listen: listen, Network: a.cfg.Network, Observer: a.observe, Log: a.log, PingInterval: pingEvery,
		TLS: transport.TLSConfig{Certificate: n.TLS.Certificate, Key: n.TLS.Key, ClientCA: n.TLS.ClientCA, Trouble: a.certificateTrouble}})
	a.gate = overload.New(overload.Config{PerSecond: n.Limits.OtherRequests})
	late := &lateCalls{}
	var keeper registrar.Keeper
	if a.cfg.Open != nil {
		a.database = &database{open: a.cfg.Open}
		if !n.Database.IsPostgres() {
			a.database.file = string(n.Database)
		}
		keeper = &bindings{database: a.database}
	}
	a.registrar = registrar.New(registrar.Config{Directory: a.directory.Current, Algorithms: digests(n), Keeper: keeper, Node: n.Name, Agent: agent(a.cfg.Version), Log: a.log})
	a.resolver.Favour(a.transport.Reaches)
	a.ua = sipua.New(sipua.Config{Transport: a.transport, Resolver: a.resolver, Calls: late, Register: a.registrar,
		Domain: n.Name, Agent: agent(a.cfg.Version), Credentials: a.credentials, Known: late.Knows, Dialled: a.dialled, Transaction: transaction.Config{Admit: a.admit}, Log: a.log})
	a.trunks = trunk.New(trunk.Config{Directory: a.directory.Current, Prober: a.ua, Resolver: addresses{a.resolver}, Log: a.log})
	notifier := a.cfg.Notifier
	if notifier == nil {
		notifier = logNotifier{a.log}
	}
	a.gateway = gateway.New(gateway.Ports{Directory: a.directory, Registrations: registrations{a.registrar}, Trunks: a.trunks,
		Leaser: a.leases, Dialer: a.ua, Media: anchors{a.media, a.log}, Journal: journal{a}, Notifier: notifier, Log: a.log},
		gateway.Config{Domain: n.Name, Node: n.Name, NewID: a.cfg.NewID})
	late.Store(a.gateway)
	return nil
}

// pingEvery keeps the connections we open alive (RFC 5626 s3.5.1: two minutes at the most
// for TCP, and most NATs forget sooner).
const pingEvery = 95 * time.Second

// certificateTrouble: a certificate that is not as it should be stops no call (L1), but
// somebody has to renew it.
func (a *App) certificateTrouble(t transport.Trouble) {
	a.log.Error("certificate", "trouble", t.Kind.String(), "name", t.Name, "peer", t.Remote.String(), "error", t.Err)
}

// digests: MD5 alone is the default, because telephones in the field read no further than
// the first challenge (SIPp 3.6) or give up at any they do not know (libre 1 and 2, so
// baresip 1), whatever their order; RFC 8760 s2.4 expects better of them. A phone that
// cannot register cannot be called back.
func digests(n config.Node) []registrar.Algorithm {
	var as []registrar.Algorithm
	for _, d := range n.SIP.Digest {
		as = append(as, registrar.Algorithm(d))
	}
	return as
}

// lateCalls breaks the ring between the gateway, which dials through the UA, and the UA,
// which hands calls to the gateway. It is set before anything is opened.
type lateCalls struct {
	atomic.Pointer[gateway.Gateway]
}

func (l *lateCalls) Handle(in gateway.Inbound, c gateway.Caller) { l.Load().Handle(in, c) }

func (l *lateCalls) Knows(p gateway.Peer) bool { return l.Load().Knows(p) }

func agent(version string) string {
	if version == "" {
		return "Tocsin"
	}
	return "Tocsin/" + version
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func listeners(n config.Node) ([]transport.Listen, error) {
	var ls []transport.Listen
	for _, l := range n.SIP.Listen {
		p, err := transport.ParseProtocol(l.Transport)
		if err != nil {
			return nil, fmt.Errorf("sip.listen %s: %w", l, err)
		}
		advertise := ""
		if n.SIP.Advertise.Host != "" {
			advertise = n.SIP.Advertise.String()
		}
		ls = append(ls, transport.Listen{Protocol: p, Addr: l.Address.String(), Advertise: advertise})
	}
	return ls, nil
}

// Start opens the node. After an error nothing is open.
func (a *App) Start(ctx context.Context) error {
	run, stop := context.WithCancel(context.Background())
	a.stop = stop
	if err := a.start(ctx, run); err != nil {
		return errors.Join(err, a.Close())
	}
	return nil
}

func (a *App) start(ctx, run context.Context) error {
	if err := a.loadConfiguration(ctx); err != nil {
		return err
	}
	if a.database != nil {
		a.journal = store.NewJournal(a.database.AppendEntries, store.JournalConfig{Log: a.log})
		a.loadRegistrations(ctx)
	}
	a.captures = a.openCaptures()
	if err := a.transport.Start(ctx, sink{a.ua, a.registrar}); err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	a.listening.Store(true)
	a.gate.Start()
	a.registrar.Start()
	a.trunks.Reload()
	if err := a.serveHTTP(ctx); err != nil {
		return err
	}
	if a.database != nil {
		a.work.Go(func() { a.watchConfiguration(run) })
		a.work.Go(func() { a.forgetMessages(run) })
	}
	return nil
}

// loadRegistrations finds the phones before the first call can come in: R15 asks whose
// flow it came over. Where it fails the registrar asks again, beside the calls.
func (a *App) loadRegistrations(ctx context.Context) {
	s, err := a.database.use()
	if err != nil {
		return
	}
	ctx, done := context.WithTimeout(ctx, openLimit)
	defer done()
	rs, err := Registered(ctx, s)
	if err != nil {
		a.log.Error("registrations cannot be read", "error", err)
	}
	a.registrar.Learn(rs...)
}

func (a *App) serveHTTP(ctx context.Context) error {
	if a.cfg.Node.HTTP.Listen == "off" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.cfg.Node.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	a.address = l.Addr()
	a.http = &http.Server{Handler: api.Handler(a.health, api.Metrics(a.samples)), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn)}
	a.work.Go(func() {
		if err := a.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("http ended", "error", err)
		}
	})
	return nil
}

// HTTPAddress is where HTTP is served, nil where it is not.
func (a *App) HTTPAddress() net.Addr { return a.address }

// SIPAddresses is where SIP is listened for.
func (a *App) SIPAddresses(p transport.Protocol) []netip.AddrPort { return a.transport.Listening(p) }

// Directory is the configuration as it is now.
func (a *App) Directory() *org.Directory { return a.directory.Current() }

// Gateway is the node's gateway.
func (a *App) Gateway() *gateway.Gateway { return a.gateway }

// Reload puts a configuration in place. Calls that run keep theirs (S2).
func (a *App) Reload(d *org.Directory) {
	a.directory.set(d)
	a.reloaded()
}

// reloaded tells everybody who keeps something of the configuration that it is new.
func (a *App) reloaded() {
	d := a.Directory()
	a.registrar.Apply(d)
	a.trunks.Reload()
	a.log.Info("configuration", "config", d.Version)
}

// lastWords is how long a drained node stays for the answers to its last requests.
const lastWords = time.Second

// Drain waits until no call goes on, or the context ends. Emergency calls that arrive
// meanwhile are taken: there may be nobody else to take them (L1).
func (a *App) Drain(ctx context.Context) error {
	a.draining.Store(true)
	_, live := a.gateway.Counts()
	if err := a.gateway.Drain(ctx); err != nil || live == 0 {
		return err
	}
	// The last BYEs are on their way: who closes now resets connections under their answers.
	select {
	case <-time.After(lastWords):
	case <-ctx.Done():
	}
	return nil
}

// Close ends the node at once: what answers and asks, then the calls, then what they stand
// on, and last what keeps their records. It can be called again.
func (a *App) Close() error {
	var errs []error
	a.once.Do(func() {
		if a.stop != nil {
			a.stop()
		}
		a.listening.Store(false)
		if a.http != nil {
			errs = append(errs, a.http.Close())
		}
		errs = append(errs, a.gate.Close(), a.trunks.Close(), a.transport.Close(), a.ua.Close(), a.gateway.Close(), a.registrar.Close(), a.media.Close(), a.resolver.Close())
		a.work.Wait()
		ctx, done := context.WithTimeout(context.Background(), writeLimit)
		defer done()
		if a.journal != nil {
			errs = append(errs, a.journal.Close(ctx))
		}
		errs = append(errs, a.captures.close(ctx))
		if a.database != nil {
			errs = append(errs, a.database.close())
		}
	})
	return errors.Join(errs...)
}

// writeLimit is how long the end of the process is held up for records that wait.
const writeLimit = 5 * time.Second
