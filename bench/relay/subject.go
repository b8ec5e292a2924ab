package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tocsin-sip/tocsin/media"
)

// usage is what the measured process has used so far.
type usage struct {
	CPU     time.Duration `json:"cpu"`
	Mallocs uint64        `json:"mallocs"`
	Memory  uint64        `json:"memory"` // heap and stacks in use after a collection
}

func used() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("getrusage: %w", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	cpu := time.Duration(r.Utime.Nano() + r.Stime.Nano())
	return usage{CPU: cpu, Mallocs: m.Mallocs, Memory: m.HeapAlloc + m.StackInuse}, nil
}

// beSubject is the measured process: it prints the ports to send to, and then its usage
// for each line it reads.
func beSubject(kind, sink string, calls int) error {
	to, err := netip.ParseAddrPort(sink)
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	runtime.GC()
	before, err := used()
	if err != nil {
		return err
	}
	var ports []uint16
	var end func() error
	switch kind {
	case "forwarder":
		ports, end, err = forward(calls, to)
	case "anchor":
		ports, end, err = anchored(calls, to)
	default:
		err = fmt.Errorf("no such subject: %s", kind)
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(ports); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "collect" {
			runtime.GC()
		}
		u, err := used()
		if err != nil {
			return err
		}
		u.Memory -= before.Memory
		if err := out.Encode(u); err != nil {
			return err
		}
	}
	return end()
}

// forward is the least a relay can do: two sockets for each call, a goroutine for each,
// which reads and writes.
func forward(calls int, to netip.AddrPort) (ports []uint16, end func() error, err error) {
	var conns []*net.UDPConn
	var done sync.WaitGroup
	for range 2 * calls {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, nil, err
		}
		conns, ports = append(conns, c), append(ports, uint16(c.LocalAddr().(*net.UDPAddr).Port))
	}
	for i, c := range conns {
		other := conns[i^1]
		done.Go(func() {
			b := make([]byte, 1600)
			for {
				n, _, err := c.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				_, _ = other.WriteToUDPAddrPort(b[:n], to) // a lost packet is counted by the receiver
			}
		})
	}
	return ports, func() error {
		for _, c := range conns {
			_ = c.Close()
		}
		done.Wait()
		return nil
	}, nil
}

// anchored are calls of a caller and a PSAP, as the gateway makes them.
func anchored(calls int, to netip.AddrPort) (ports []uint16, end func() error, err error) {
	a, err := media.New(media.Config{Address: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	phone := fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", to.Addr(), to.Port())
	for i := range calls {
		s := a.Open(fmt.Sprint(i))
		if _, err := s.SetOffer("caller", phone); err != nil {
			return nil, nil, err
		}
		if _, _, err := s.OfferFor("psap", "caller"); err != nil {
			return nil, nil, err
		}
		if _, err := s.SetAnswer("psap", phone); err != nil {
			return nil, nil, err
		}
		if _, _, err := s.AnswerFor("caller", "psap"); err != nil {
			return nil, nil, err
		}
		if err := s.Connect("caller", "psap"); err != nil {
			return nil, nil, err
		}
		s.OnLost(0, func(media.LegID, bool) {})
		ports = append(ports, s.Stats("caller")[0].Port, s.Stats("psap")[0].Port)
	}
	return ports, a.Close, nil
}

// child is the measured process, from outside.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	ports []uint16
}

func start(kind string, sink netip.AddrPort, calls int) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, "-subject", kind, "-sink", sink.String(), "-calls", fmt.Sprint(calls))}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := c.out.Decode(&c.ports); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *child) used(how string) (u usage, err error) {
	if _, err = io.Copy(c.in, strings.NewReader(how+"\n")); err == nil {
		err = c.out.Decode(&u)
	}
	return u, err
}

func (c *child) stop() error {
	_ = c.in.Close() // it ends when there is nothing more to read
	return c.cmd.Wait()
}
