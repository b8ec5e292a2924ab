package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// ErrClosed is the answer of a session or an anchor that has ended.
var ErrClosed = errors.New("media session has ended")

// Config says where media is anchored. Its zero value is usable.
type Config struct {
	PortMin, PortMax uint16        // default rtp.DefaultPortMin..rtp.DefaultPortMax
	Address          netip.Addr    // to bind; default every IPv4 address
	Advertise        string        // what the SDP says, an address or a host name; default Address, or else an address of this host
	Drain            time.Duration // how long ports rest between calls; default rtp.DefaultDrain
	Network          rtp.Network   // default the system's
	Logger           *slog.Logger  // default slog.Default()
}

// Anchor lends ports and holds the sessions of all calls.
type Anchor struct {
	advertise string
	family    string // IP4 or IP6, of what we advertise
	bound     netip.Addr
	ports     *rtp.Ports
	log       *slog.Logger

	certificate certificate // for DTLS, made when it is first needed

	mu       sync.Mutex
	closed   bool
	sessions map[*Session]struct{}
	watch    *watch // begun by the first session that asks
}

// New makes an anchor. It opens no socket.
func New(cfg Config) (*Anchor, error) {
	ports, err := rtp.NewPorts(rtp.PortsConfig{Min: cfg.PortMin, Max: cfg.PortMax, Address: cfg.Address, Drain: cfg.Drain, Network: cfg.Network})
	if err != nil {
		return nil, fmt.Errorf("anchor media: %w", err)
	}
	a := &Anchor{advertise: cfg.Advertise, bound: ports.Address(), ports: ports, log: cfg.Logger, sessions: make(map[*Session]struct{})}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.advertise == "" {
		a.advertise = reachable(a.bound).String()
	}
	a.family = "IP4"
	if addr, err := netip.ParseAddr(a.advertise); err == nil && addr.Is6() || err != nil && a.bound.Is6() {
		a.family = "IP6"
	}
	return a, nil
}

// reachable turns "every address" into one that others may be able to send to.
func reachable(bound netip.Addr) netip.Addr {
	if !bound.IsUnspecified() {
		return bound
	}
	own, _ := net.InterfaceAddrs() // without them the loopback is all we know
	for _, o := range own {
		prefix, err := netip.ParsePrefix(o.String())
		if err == nil && prefix.Addr().IsGlobalUnicast() && prefix.Addr().Is4() == bound.Is4() {
			return prefix.Addr()
		}
	}
	if bound.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// Open begins the media of a call. It takes no port until a leg needs one.
func (a *Anchor) Open(callID string) *Session {
	s := &Session{anchor: a, log: a.log.With("call", callID), legs: make(map[LegID]*leg)}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.closed = a.closed
	if !a.closed {
		a.sessions[s] = struct{}{}
	}
	return s
}

// Load says how many sessions there are and how many port pairs they hold or drain.
func (a *Anchor) Load() (sessions, lent, draining int) {
	a.mu.Lock()
	sessions = len(a.sessions)
	a.mu.Unlock()
	lent, draining = a.ports.Lent()
	return sessions, lent, draining
}

// Close ends every session. It is idempotent.
func (a *Anchor) Close() error {
	a.mu.Lock()
	a.closed = true
	watching := a.watch
	a.watch = nil
	open := make([]*Session, 0, len(a.sessions))
	for s := range a.sessions {
		open = append(open, s)
	}
	a.mu.Unlock()
	if watching != nil {
		watching.end()
	}
	var errs []error
	for _, s := range open {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (a *Anchor) lend(ctx context.Context) (pair *rtp.Pair, early bool, err error) {
	pair, err = a.ports.Listen(ctx)
	if errors.Is(err, rtp.ErrNoPorts) {
		// L1: a stray packet of an earlier call is better than no call.
		if pair, err := a.ports.ListenDraining(ctx); err == nil {
			return pair, true, nil
		}
	}
	return pair, false, err
}
