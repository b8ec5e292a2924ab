package rtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Defaults of PortsConfig.
const (
	DefaultPortMin = 20000
	DefaultPortMax = 29999
	DefaultDrain   = 10 * time.Second
)

// ErrNoPorts is why a pair could not be lent: raise the range or drop load.
var ErrNoPorts = errors.New("no RTP port pair free")

// PortsConfig says where pairs come from. Its zero value is usable.
type PortsConfig struct {
	Min, Max uint16        // both inclusive; default DefaultPortMin..DefaultPortMax
	Address  netip.Addr    // to bind; default every IPv4 address
	Drain    time.Duration // how long a pair rests after use; default DefaultDrain, negative for none
	Network  Network       // default the system's
}

// Ports lends pairs of an even port for RTP and the next odd one for RTCP.
//
// A pair given back rests for Drain before it is lent again: the far side may send for
// a while after its BYE, and would be heard in another call. Pairs are lent in a round,
// so in practice they rest far longer. A pair that the system refuses (another process
// has it) rests too, and the next is tried.
type Ports struct {
	cfg PortsConfig

	mu    sync.Mutex
	queue []resting // in the order of being given back
	lent  int
}

type resting struct {
	port  uint16
	until time.Time
}

// NewPorts makes a pool. It fails when the range holds no pair.
func NewPorts(cfg PortsConfig) (*Ports, error) {
	if cfg.Min == 0 && cfg.Max == 0 {
		cfg.Min, cfg.Max = DefaultPortMin, DefaultPortMax
	}
	if !cfg.Address.IsValid() {
		cfg.Address = netip.IPv4Unspecified()
	}
	if cfg.Drain == 0 {
		cfg.Drain = DefaultDrain
	}
	if cfg.Network == nil {
		cfg.Network = &net.ListenConfig{}
	}
	p := &Ports{cfg: cfg}
	// RFC 3550 s11: RTP should use an even port and RTCP the next odd one.
	for port := (int(cfg.Min) + 1) &^ 1; port > 0 && port+1 <= int(cfg.Max); port += 2 {
		p.queue = append(p.queue, resting{port: uint16(port)})
	}
	if len(p.queue) == 0 {
		return nil, fmt.Errorf("rtp port range %d-%d holds no pair of an even and an odd port", cfg.Min, cfg.Max)
	}
	return p, nil
}

// Address is what pairs are bound to.
func (p *Ports) Address() netip.Addr { return p.cfg.Address }

// Listen lends a pair that has rested. Without one it fails with ErrNoPorts at once.
func (p *Ports) Listen(ctx context.Context) (*Pair, error) { return p.listen(ctx, false) }

// ListenDraining is Listen for a call that must not fail: when no pair has rested, it
// takes the one that has rested longest.
func (p *Ports) ListenDraining(ctx context.Context) (*Pair, error) { return p.listen(ctx, true) }

func (p *Ports) listen(ctx context.Context, early bool) (*Pair, error) {
	var refused int
	var last error
	for range p.pairs() {
		port, ok := p.take(early)
		if !ok {
			break
		}
		pair, err := p.bind(ctx, port)
		if err == nil {
			return pair, nil
		}
		refused, last = refused+1, err
		p.giveBack(port)
		if ctx.Err() != nil {
			break
		}
	}
	lent, draining := p.Lent()
	err := fmt.Errorf("%w in %d-%d: %d lent, %d draining", ErrNoPorts, p.cfg.Min, p.cfg.Max, lent, draining)
	if last != nil {
		return nil, fmt.Errorf("%w, %d refused by the system: %w", err, refused, last)
	}
	return nil, err
}

// ListenAt lends the pair that begins at one port, which need not have rested: a call
// that a restart interrupted takes its own ports again.
func (p *Ports) ListenAt(ctx context.Context, port uint16) (*Pair, error) {
	p.mu.Lock()
	at := -1
	for i, r := range p.queue {
		if r.port == port {
			at = i
		}
	}
	if at < 0 {
		p.mu.Unlock()
		return nil, fmt.Errorf("%w: %d is lent or not in %d-%d", ErrNoPorts, port, p.cfg.Min, p.cfg.Max)
	}
	p.queue = append(p.queue[:at], p.queue[at+1:]...)
	p.lent++
	p.mu.Unlock()
	pair, err := p.bind(ctx, port)
	if err != nil {
		p.giveBack(port)
		return nil, fmt.Errorf("take port pair %d again: %w", port, err)
	}
	return pair, nil
}

// Lent says how many pairs are in use and how many rest.
func (p *Ports) Lent() (lent, draining int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, r := range p.queue {
		if r.until.After(now) {
			draining++
		}
	}
	return p.lent, draining
}

func (p *Ports) pairs() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// take moves the pair that has rested longest from the queue to the lent ones. The
// queue is in the order of being given back, so the first is always that pair.
func (p *Ports) take(early bool) (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 || !early && p.queue[0].until.After(time.Now()) {
		return 0, false
	}
	port := p.queue[0].port
	p.queue = p.queue[1:]
	p.lent++
	return port, true
}

func (p *Ports) giveBack(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent--
	r := resting{port: port}
	if p.cfg.Drain > 0 {
		r.until = time.Now().Add(p.cfg.Drain)
	}
	p.queue = append(p.queue, r)
}

func (p *Ports) bind(ctx context.Context, port uint16) (*Pair, error) {
	media, err := p.open(ctx, port)
	if err != nil {
		return nil, err
	}
	control, err := p.open(ctx, port+1)
	if err != nil {
		_ = media.Close() // nothing was read from it yet
		return nil, err
	}
	return &Pair{RTP: media, RTCP: control, pool: p}, nil
}

func (p *Ports) open(ctx context.Context, port uint16) (*Socket, error) {
	at := netip.AddrPortFrom(p.cfg.Address, port)
	network := "udp4" // "udp" on 0.0.0.0 would listen on IPv6 too
	if p.cfg.Address.Is6() {
		network = "udp6"
	}
	conn, err := p.cfg.Network.ListenPacket(ctx, network, at.String())
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", at, err)
	}
	return newSocket(conn, port), nil
}

// Pair is a lent pair of sockets.
type Pair struct {
	RTP, RTCP *Socket

	pool *Ports
	once sync.Once
}

// Close ends both sockets and lets the ports drain. It is idempotent.
func (p *Pair) Close() error {
	var err error
	p.once.Do(func() {
		err = errors.Join(p.RTP.Close(), p.RTCP.Close())
		p.pool.giveBack(p.RTP.port)
	})
	return err
}
