package rtp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silent is a network whose sockets never hear anything. busy ports are refused.
type silent struct{ busy map[uint16]bool }

func (n silent) ListenPacket(_ context.Context, _, address string) (net.PacketConn, error) {
	at := netip.MustParseAddrPort(address)
	if n.busy[at.Port()] {
		return nil, errors.New("address already in use")
	}
	return &deaf{addr: net.UDPAddrFromAddrPort(at), end: make(chan struct{})}, nil
}

type deaf struct {
	net.PacketConn
	addr *net.UDPAddr
	end  chan struct{}
}

func (d *deaf) ReadFrom([]byte) (int, net.Addr, error) {
	<-d.end
	return 0, nil, net.ErrClosed
}
func (d *deaf) Close() error { close(d.end); return nil }

func TestPorts(t *testing.T) {
	lend := func(t *testing.T, p *Ports) *Pair {
		t.Helper()
		pair, err := p.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	for name, test := range map[string]func(t *testing.T){
		"pairs are even and odd": func(t *testing.T) {
			p, err := NewPorts(PortsConfig{Min: 5001, Max: 5007, Network: silent{}})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []uint16{5002, 5004, 5006} {
				if pair := lend(t, p); pair.RTP.Port() != want || pair.RTCP.Port() != want+1 {
					t.Errorf("lent %d and %d, want %d and %d", pair.RTP.Port(), pair.RTCP.Port(), want, want+1)
				}
			}
			_, err = p.Listen(t.Context())
			if !errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), "in 5001-5007: 3 lent, 0 draining") {
				t.Errorf("the fourth: %v", err)
			}
		},
		"a pair given back drains before it is lent again": func(t *testing.T) {
			p, _ := NewPorts(PortsConfig{Min: 5000, Max: 5001, Drain: 10 * time.Second, Network: silent{}})
			pair := lend(t, p)
			_ = pair.Close()
			_ = pair.Close() // idempotent: the pair is given back once
			if lent, draining := p.Lent(); lent != 0 || draining != 1 {
				t.Errorf("%d lent, %d draining", lent, draining)
			}
			time.Sleep(10*time.Second - time.Nanosecond)
			if _, err := p.Listen(t.Context()); !errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), "0 lent, 1 draining") {
				t.Errorf("before it has rested: %v", err)
			}
			time.Sleep(time.Nanosecond)
			lend(t, p)
		},
		"L1 an emergency takes a pair that has not rested": func(t *testing.T) {
			p, _ := NewPorts(PortsConfig{Min: 5000, Max: 5003, Network: silent{}})
			first, second := lend(t, p), lend(t, p)
			_ = second.Close()
			time.Sleep(time.Second)
			_ = first.Close()
			pair, err := p.ListenDraining(t.Context())
			if err != nil || pair.RTP.Port() != 5002 {
				t.Errorf("lent %+v, %v; 5002 has rested longest", pair, err)
			}
		},
		"a refused port is passed over": func(t *testing.T) {
			p, _ := NewPorts(PortsConfig{Min: 5000, Max: 5005, Network: silent{busy: map[uint16]bool{5000: true, 5003: true}}})
			if pair := lend(t, p); pair.RTP.Port() != 5004 {
				t.Errorf("lent %d", pair.RTP.Port())
			}
			if _, err := p.Listen(t.Context()); !errors.Is(err, ErrNoPorts) {
				t.Errorf("with the refused ones resting: %v", err)
			}
		},
		"all refused says so": func(t *testing.T) {
			p, _ := NewPorts(PortsConfig{Min: 5000, Max: 5003, Network: silent{busy: map[uint16]bool{5000: true, 5002: true}}})
			if _, err := p.Listen(t.Context()); !errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), "2 refused by the system") {
				t.Errorf("said: %v", err)
			}
		},
		"a restart takes its own ports again": func(t *testing.T) {
			p, _ := NewPorts(PortsConfig{Min: 5000, Max: 5003, Network: silent{}})
			pair, err := p.ListenAt(t.Context(), 5002)
			if err != nil || pair.RTP.Port() != 5002 {
				t.Fatalf("lent %+v, %v", pair, err)
			}
			if _, err := p.ListenAt(t.Context(), 5002); !errors.Is(err, ErrNoPorts) {
				t.Errorf("lent twice: %v", err)
			}
			if pair := lend(t, p); pair.RTP.Port() != 5000 {
				t.Errorf("then lent %d", pair.RTP.Port())
			}
		},
		"a range without a pair is refused": func(t *testing.T) {
			if _, err := NewPorts(PortsConfig{Min: 5001, Max: 5002, Network: silent{}}); err == nil {
				t.Error("accepted")
			}
		},
		"a closed socket says net.ErrClosed": func(t *testing.T) {
			p, _ := NewPorts(PortsConfig{Network: silent{}})
			pair := lend(t, p)
			_ = pair.Close()
			if _, _, err := pair.RTP.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("said: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

func TestSocketsOfTheSystem(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		p, err := NewPorts(PortsConfig{Min: 41000, Max: 41999, Address: netip.MustParseAddr(host)})
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := p.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		to := netip.AddrPortFrom(p.Address(), b.RTP.Port())
		if err := a.RTP.WriteTo([]byte("hello"), to); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 100)
		n, from, err := b.RTP.ReadFrom(got)
		if err != nil || string(got[:n]) != "hello" || from != netip.AddrPortFrom(p.Address(), a.RTP.Port()) {
			t.Errorf("heard %q from %s, %v", got[:n], from, err)
		}
		hello := []byte("hello")
		allocs := testing.AllocsPerRun(100, func() {
			_ = a.RTP.WriteTo(hello, to)
			_, _, _ = b.RTP.ReadFrom(got)
		})
		if allocs != 0 {
			t.Errorf("%v allocations for a packet there and back", allocs)
		}
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		Pace(t.Context(), func(now time.Time) bool {
			at = append(at, now.Sub(start))
			if len(at) == 3 {
				time.Sleep(50 * time.Millisecond) // the machine was busy; what is due is sent at once
			}
			return len(at) < 7
		})
		want := []time.Duration{0, 20, 40, 90, 90, 100, 120}
		for i := range want {
			if at[i] != want[i]*time.Millisecond {
				t.Fatalf("sent at %v", at)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		sent := 0
		Pace(ctx, func(time.Time) bool { sent++; return true })
		if sent < 179999 || sent > 180001 {
			t.Errorf("%d packets in an hour", sent)
		}
	})
}
