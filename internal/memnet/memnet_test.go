package memnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	alice = "192.0.2.1"
	bob   = "192.0.2.2"
)

// pair is a UDP socket on each of two hosts.
func pair(t *testing.T, n *Net) (a, b *PacketConn) {
	t.Helper()
	open := func(addr string) *PacketConn {
		c, err := n.Host(addr).ListenPacket(context.Background(), "udp", addr+":5060")
		if err != nil {
			t.Fatal(err)
		}
		return c.(*PacketConn)
	}
	return open(alice), open(bob)
}

func port(addr string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(addr), 5060) }

func send(t *testing.T, c *PacketConn, to, text string) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(text), port(to)); err != nil {
		t.Fatal(err)
	}
}

// receive returns what arrives before the deadline, joined by spaces.
func receive(t *testing.T, c *PacketConn, wait time.Duration) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(wait))
	var got []string
	for {
		b := make([]byte, 100)
		n, _, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return strings.Join(got, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b[:n]))
	}
}

func TestDatagrams(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault Fault
		early string // within the first second
		late  string // within a further minute
	}{
		{"no fault: in order of sending", nil, "1 2 3", ""},
		{"a dropped one is not seen", func(p Packet) Verdict { return Verdict{Drop: string(p.Payload) == "2"} }, "1 3", ""},
		{"a delayed one is overtaken", func(p Packet) Verdict {
			if string(p.Payload) == "1" {
				return Verdict{Delay: 5 * time.Second}
			}
			return Verdict{}
		}, "2 3", "1"},
		{"equal delays keep the order", func(p Packet) Verdict { return Verdict{Delay: 5 * time.Second} }, "", "1 2 3"},
		{"a copy arrives as well", func(p Packet) Verdict {
			if string(p.Payload) == "2" {
				return Verdict{Copies: 1}
			}
			return Verdict{}
		}, "1 2 2 3", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New()
				defer n.Close()
				a, b := pair(t, n)
				n.SetFault(row.fault)
				for _, s := range []string{"1", "2", "3"} {
					send(t, a, bob, s)
				}
				if got := receive(t, b, time.Second); got != row.early {
					t.Errorf("at once: %q, want %q", got, row.early)
				}
				if got := receive(t, b, time.Minute); got != row.late {
					t.Errorf("later: %q, want %q", got, row.late)
				}
			})
		})
	}
}

func TestBlackHoleSwallowsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		a, b := pair(t, n)
		n.BlackHole(bob, true)
		send(t, a, bob, "in")
		send(t, b, alice, "out")
		if got := receive(t, a, time.Second) + receive(t, b, time.Second); got != "" {
			t.Errorf("a black hole let %q through", got)
		}
		n.BlackHole(bob, false)
		send(t, a, bob, "again")
		if got := receive(t, b, time.Second); got != "again" {
			t.Errorf("after the hole is closed: %q", got)
		}
	})
}

func TestWildcardBindingAnswersFromItsOwnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		h, g := n.Host(alice, "2001:db8::1"), n.Host(bob, "2001:db8::2")
		for _, network := range []string{"udp4", "udp6"} {
			local := map[string]string{"udp4": "0.0.0.0:5060", "udp6": "[::]:5060"}[network]
			pc, err := h.ListenPacket(t.Context(), network, local)
			if err != nil {
				t.Fatal(err)
			}
			to := map[string]string{"udp4": alice + ":5060", "udp6": "[2001:db8::1]:5060"}[network]
			c, err := g.DialContext(t.Context(), network, to)
			if err != nil {
				t.Fatal(err)
			}
			c.Write([]byte("ping"))
			b := make([]byte, 10)
			_, from, err := pc.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			pc.WriteTo([]byte("pong"), from)
			// A dialled socket hears its peer only: this proves the source address.
			if k, err := c.Read(b); err != nil || string(b[:k]) != "pong" {
				t.Errorf("%s: read %q, %v", network, b[:k], err)
			}
			if from.String() != c.LocalAddr().String() {
				t.Errorf("%s: seen from %s, sent from %s", network, from, c.LocalAddr())
			}
		}
	})
}

// connect returns both ends of a TCP connection from alice to bob.
func connect(t *testing.T, n *Net) (near, far net.Conn) {
	t.Helper()
	h, g := n.Host(alice), n.Host(bob)
	l, err := g.Listen(t.Context(), "tcp", ":5060")
	if err != nil {
		t.Fatal(err)
	}
	if near, err = h.DialContext(t.Context(), "tcp", bob+":5060"); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestStreamKeepsOrderUnderUnevenDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		near, far := connect(t, n)
		delays := []time.Duration{3 * time.Second, 0, time.Second, 0}
		i := 0
		n.SetFault(func(Packet) Verdict { i++; return Verdict{Delay: delays[i-1]} })
		start := time.Now()
		for _, s := range []string{"a", "b", "c", "d"} {
			near.Write([]byte(s))
		}
		near.Close()
		got, err := io.ReadAll(far)
		if err != nil || string(got) != "abcd" {
			t.Fatalf("read %q, %v", got, err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("arrived after %s, want the 3s of the first", took)
		}
	})
}

func TestStreamBlocksAtItsWindowAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		near, far := connect(t, n)
		near.SetWriteDeadline(time.Now().Add(time.Second))
		sent, err := near.Write(make([]byte, 2*window))
		if !errors.Is(err, os.ErrDeadlineExceeded) || sent != window {
			t.Fatalf("wrote %d, %v; want %d and a deadline", sent, err, window)
		}
		near.SetWriteDeadline(time.Time{})
		done := make(chan error, 1)
		go func() { _, err := near.Write(make([]byte, window)); near.Close(); done <- err }()
		got, err := io.ReadAll(far)
		if err != nil || len(got) != 2*window {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestSegmentSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		n.SegmentSize(100)
		near, far := connect(t, n)
		near.Write(bytes.Repeat([]byte("x"), 250))
		var sizes []int
		for sum := 0; sum < 250; {
			k, err := far.Read(make([]byte, 4096))
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, k)
			sum += k
		}
		if len(sizes) != 3 || sizes[2] != 50 {
			t.Errorf("read in pieces of %v", sizes)
		}
	})
}

func TestDial(t *testing.T) {
	for _, row := range []struct {
		name  string
		given func(*Net, *Host)
		want  error
		after time.Duration
	}{
		{"nobody listens: refused", func(*Net, *Host) {}, syscall.ECONNREFUSED, 0},
		{"told to refuse", func(n *Net, h *Host) { n.RefuseTCP(bob, true); h.Listen(context.Background(), "tcp", ":5060") }, syscall.ECONNREFUSED, 0},
		{"black hole: the context ends it", func(n *Net, h *Host) { n.BlackHole(bob, true); h.Listen(context.Background(), "tcp", ":5060") }, context.DeadlineExceeded, 4 * time.Second},
		{"slow: connected late", func(n *Net, h *Host) {
			n.SetFault(func(Packet) Verdict { return Verdict{Delay: 3 * time.Second} })
			h.Listen(context.Background(), "tcp", ":5060")
		}, nil, 3 * time.Second},
		{"other family: unreachable", func(n *Net, h *Host) {}, syscall.ENETUNREACH, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New()
				defer n.Close()
				h, g := n.Host(alice), n.Host(bob)
				row.given(n, g)
				to := bob + ":5060"
				if row.want == syscall.ENETUNREACH {
					to = "[2001:db8::9]:5060"
				}
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				start := time.Now()
				_, err := h.DialContext(ctx, "tcp", to)
				if !errors.Is(err, row.want) {
					t.Errorf("dial: %v, want %v", err, row.want)
				}
				if took := time.Since(start); took != row.after {
					t.Errorf("after %s, want %s", took, row.after)
				}
			})
		})
	}
}

func TestEndOfConnection(t *testing.T) {
	for _, row := range []struct {
		name  string
		end   func(*Conn)
		read  string
		fails error
	}{
		{"closed: what was written arrives, then EOF", func(c *Conn) { c.Close() }, "last", nil},
		{"reset: the reader fails", func(c *Conn) { c.Reset() }, "", syscall.ECONNRESET},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New()
				defer n.Close()
				near, far := connect(t, n)
				near.Write([]byte("last"))
				row.end(near.(*Conn))
				got, err := io.ReadAll(far)
				if string(got) != row.read || !errors.Is(err, row.fails) {
					t.Errorf("read %q, %v", got, err)
				}
				if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("write to a closed peer: %v", err)
				}
				if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("read from a closed end: %v", err)
				}
			})
		})
	}
}

// synctest fails the test if a goroutine is still blocked when it ends, so these
// three blocked calls prove that Close ends them.
func TestCloseWakesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		near, far := connect(t, n)
		_ = near
		u, err := n.hosts[netip.MustParseAddr(alice)].ListenPacket(t.Context(), "udp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := n.hosts[netip.MustParseAddr(alice)].Listen(t.Context(), "tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 3)
		go func() { _, _, err := u.ReadFrom(make([]byte, 1)); errs <- err }()
		go func() { _, err := l.Accept(); errs <- err }()
		go func() { _, err := far.Read(make([]byte, 1)); errs <- err }()
		n.SetFault(func(Packet) Verdict { return Verdict{Delay: time.Hour} })
		near.Write([]byte("never arrives"))
		synctest.Wait()
		n.Close()
		for range 3 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) && err != io.EOF {
				t.Error(err)
			}
		}
		if err := n.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestNames(t *testing.T) {
	n := New()
	defer n.Close()
	n.Name("psap.example", bob, "2001:db8::2")
	got, err := n.LookupNetIP(t.Context(), "ip4", "psap.example")
	if err != nil || len(got) != 1 || got[0].String() != bob {
		t.Errorf("ip4: %v, %v", got, err)
	}
	n.Name("psap.example")
	var dns *net.DNSError
	if _, err = n.LookupNetIP(t.Context(), "ip", "psap.example"); !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("after the name is taken away: %v", err)
	}
}

func TestPortsAreTakenOnce(t *testing.T) {
	n := New()
	defer n.Close()
	h := n.Host(alice)
	if _, err := h.ListenPacket(t.Context(), "udp", alice+":5060"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ListenPacket(t.Context(), "udp", alice+":5060"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("twice: %v", err)
	}
	if _, err := h.ListenPacket(t.Context(), "udp", bob+":5060"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("another host's: %v", err)
	}
}
