package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/internal/memnet"
)

const (
	usIP   = "192.0.2.1"
	peerIP = "192.0.2.2"
)

// recorder is a Sink that keeps everything, and answers if told to.
type recorder struct {
	mu     sync.Mutex
	got    []Inbound
	closed []Flow
	answer func(Inbound)
}

func (r *recorder) Receive(in Inbound) {
	r.mu.Lock()
	r.got = append(r.got, in)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(in)
	}
}

func (r *recorder) Closed(f Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, f)
}

func (r *recorder) messages() []Inbound {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Inbound(nil), r.got...)
}

func (r *recorder) ended() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.closed)
}

// rig is a Layer under test on one host and a bare peer on another.
type rig struct {
	*testing.T
	net  *memnet.Net
	peer *memnet.Host
	us   *Layer
	sink *recorder
}

func onRig(t *testing.T, cfg Config, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		r := &rig{T: t, net: n, peer: n.Host(peerIP), sink: new(recorder)}
		cfg.Network = n.Host(usIP)
		if cfg.Listen == nil {
			cfg.Listen = []Listen{{Protocol: UDP, Addr: usIP + ":5060"}, {Protocol: TCP, Addr: usIP + ":5060"}}
		}
		r.us = New(cfg)
		if err := r.us.Start(t.Context(), r.sink); err != nil {
			t.Fatal(err)
		}
		defer r.us.Close()
		f(r)
	})
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func invite(body int) *sip.Request {
	msg, faults, err := Parse([]byte("INVITE sip:911@" + peerIP + " SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n" +
		"To: <sip:911@b>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n" + strings.Repeat("x", body)))
	if err != nil || len(faults) != 1 { // no Via yet
		panic(fmt.Sprint(err, faults))
	}
	return msg.(*sip.Request)
}

// listenUDP and listenTCP give the peer a socket at port 5060.
func (r *rig) listenUDP() net.PacketConn {
	c, err := r.peer.ListenPacket(r.Context(), "udp", peerIP+":5060")
	if err != nil {
		r.Fatal(err)
	}
	return c
}

func (r *rig) listenTCP(port string) net.Listener {
	l, err := r.peer.Listen(r.Context(), "tcp", peerIP+":"+port)
	if err != nil {
		r.Fatal(err)
	}
	return l
}

func (r *rig) dial() net.Conn {
	c, err := r.peer.DialContext(r.Context(), "tcp", usIP+":5060")
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// datagram reads one, "" if none comes within the given time.
func (r *rig) datagram(c net.PacketConn, wait time.Duration) string {
	c.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 1<<16)
	n, _, err := c.ReadFrom(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// bytes reads what has arrived on a connection.
func (r *rig) bytes(c net.Conn) string {
	synctest.Wait()
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	var all strings.Builder
	b := make([]byte, 1<<16)
	for {
		n, err := c.Read(b)
		all.Write(b[:n])
		if err != nil {
			return all.String()
		}
	}
}

func via(raw string) string {
	_, after, _ := strings.Cut(raw, "Via: ")
	line, _, _ := strings.Cut(after, "\r\n")
	return line
}

func TestRequestByUDP(t *testing.T) {
	for _, row := range []struct{ name, listen, advertise, via string }{
		{"bound to an address", usIP + ":5060", "", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport"},
		{"bound to all: the route's address", "0.0.0.0:5070", "", "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKx;rport"},
		{"behind a NAT: the advertised host", usIP + ":5060", "203.0.113.9", "SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx;rport"},
		{"behind a NAT: the advertised host and port", usIP + ":5060", "gw.example:5062", "SIP/2.0/UDP gw.example:5062;branch=z9hG4bKx;rport"},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, Config{Listen: []Listen{{Protocol: UDP, Addr: row.listen, Advertise: row.advertise}}}, func(r *rig) {
				c := r.listenUDP()
				var sent Sent
				req := invite(10)
				before := req.String()
				r.us.SendRequest(req, "z9hG4bKx", To(UDP, at(peerIP+":5060")), func(s Sent) { sent = s })
				got := r.datagram(c, time.Second)
				if sent.Err != nil || string(sent.Raw) != got {
					t.Fatalf("sent %q, %v; received %q", sent.Raw, sent.Err, got)
				}
				if via(got) != row.via {
					t.Errorf("Via %q, want %q", via(got), row.via)
				}
				if !strings.HasSuffix(got, "Content-Length: 10\r\n\r\nxxxxxxxxxx") {
					t.Errorf("ends in %q", got[len(got)-40:])
				}
				if req.String() != before {
					t.Error("the request was changed")
				}
				host, port, err := r.us.SentBy(To(UDP, at(peerIP+":5060")))
				if err != nil || !strings.Contains(row.via, fmt.Sprintf(" %s:%d;", host, port)) {
					t.Errorf("SentBy %s %d, %v", host, port, err)
				}
			})
		})
	}
}

func TestLargeRequest(t *testing.T) {
	for _, row := range []struct {
		name   string
		body   int
		given  func(r *rig)
		listen bool
		via    string
		after  time.Duration
		again  time.Duration // the second request
	}{
		{"small: UDP even if TCP listens", 500, func(*rig) {}, true, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport", 0, 0},
		{"s18.1.1 large: TCP, and its Via says so", 1300, func(*rig) {}, true, "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx;rport", 0, 0},
		{"s18.1.1 TCP refused: back to UDP, and its Via says so", 1300, func(*rig) {}, false, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport", 0, 0},
		{"TCP silent: UDP after a second, at once the next time", 1300, func(r *rig) {
			r.net.SetFault(func(p memnet.Packet) memnet.Verdict { return memnet.Verdict{Drop: p.Kind == memnet.Connect} })
		}, true, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport", time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, Config{}, func(r *rig) {
				row.given(r)
				c := r.listenUDP()
				var far net.Conn
				if row.listen {
					l := r.listenTCP("5060")
					r.us.goes(func() { far, _ = l.Accept() })
					defer l.Close()
				}
				for i, want := range []time.Duration{row.after, row.again} {
					start := time.Now()
					done := make(chan Sent, 1)
					r.us.SendRequest(invite(row.body), "z9hG4bKx", To(UDP, at(peerIP+":5060")), func(s Sent) { done <- s })
					sent := <-done
					if sent.Err != nil {
						t.Fatal(sent.Err)
					}
					if took := time.Since(start); took != want {
						t.Errorf("request %d: after %s, want %s", i, took, want)
					}
					var got string
					if sent.Flow.Protocol == TCP {
						synctest.Wait()
						got = r.bytes(far)
					} else {
						got = r.datagram(c, time.Second)
					}
					if via(got) != row.via {
						t.Errorf("request %d: Via %q, want %q", i, via(got), row.via)
					}
				}
				if n := r.us.Stats().Opened.Load(); strings.Contains(row.via, "TCP") && n != 1 {
					t.Errorf("%d connections opened, want one used twice", n)
				}
			})
		})
	}
}

func TestLargeRequestOverAFlowStaysThere(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		r.listenTCP("5060")
		c := r.listenUDP()
		flow := Flow{Protocol: UDP, Local: at(usIP + ":5060"), Remote: at(peerIP + ":5060")}
		r.us.SendRequest(invite(3000), "z9hG4bKx", Over(flow), nil)
		if got := r.datagram(c, time.Second); !strings.HasPrefix(via(got), "SIP/2.0/UDP") {
			t.Errorf("received %q", got)
		}
	})
}

func TestWhereAResponseGoes(t *testing.T) {
	const from = peerIP + ":40000"
	for _, row := range []struct{ name, via, to string }{
		{"rport: back where it came from", peerIP + ":5090;rport;branch=z9hG4bK1", from},
		{"no rport: the port of the Via", peerIP + ":5090;branch=z9hG4bK1", peerIP + ":5090"},
		{"no port: 5060", "pbx.example;branch=z9hG4bK1", peerIP + ":5060"},
		{"a foreign host in the Via: received wins", "198.51.100.7:5090;branch=z9hG4bK1", peerIP + ":5090"},
		{"a forged received is not believed", peerIP + ":5090;branch=z9hG4bK1;received=198.51.100.7", peerIP + ":5090"},
		{"maddr", "pbx.example:5090;maddr=192.0.2.2;branch=z9hG4bK1", peerIP + ":5090"},
		{"RFC 2543, no branch", peerIP + ":5090", peerIP + ":5090"},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, Config{}, func(r *rig) {
				r.sink.answer = func(in Inbound) {
					r.us.SendResponse(sip.NewResponseFromRequest(request(in.Message), 180, "Ringing", nil), in.Flow, nil)
				}
				src, err := r.peer.ListenPacket(t.Context(), "udp", from)
				if err != nil {
					t.Fatal(err)
				}
				want := src
				if row.to != from {
					if want, err = r.peer.ListenPacket(t.Context(), "udp", row.to); err != nil {
						t.Fatal(err)
					}
				}
				raw := strings.Replace(minimal, "192.0.2.1;branch=z9hG4bK1", row.via, 1) + "\r\n"
				src.WriteTo([]byte(raw), net.UDPAddrFromAddrPort(at(usIP+":5060")))
				if got := r.datagram(want, time.Second); !strings.HasPrefix(got, "SIP/2.0 180") {
					t.Errorf("nothing at %s", row.to)
				}
			})
		})
	}
}

func TestSourceIsWrittenDown(t *testing.T) {
	for _, row := range []struct{ name, via, want string }{
		{"same address: nothing", "192.0.2.2;branch=b", "192.0.2.2;branch=b"},
		{"RFC 3581 rport: port and address", "192.0.2.2;rport;branch=b", "192.0.2.2;rport=40000;branch=b;received=192.0.2.2"},
		{"another address: received", "10.0.0.1;branch=b", "10.0.0.1;branch=b;received=192.0.2.2"},
		{"a name: received", "pc33.example;branch=b", "pc33.example;branch=b;received=192.0.2.2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, Config{}, func(r *rig) {
				src, _ := r.peer.ListenPacket(t.Context(), "udp", peerIP+":40000")
				src.WriteTo([]byte(strings.Replace(minimal, "192.0.2.1;branch=z9hG4bK1", row.via, 1)+"\r\n"), net.UDPAddrFromAddrPort(at(usIP+":5060")))
				got := r.sink.messages()
				if len(got) != 1 {
					t.Fatalf("%d messages", len(got))
				}
				if v := got[0].Message.Via().Value(); v != "SIP/2.0/UDP "+row.want {
					t.Errorf("Via %q", v)
				}
				if f := got[0].Flow; f != (Flow{UDP, at(usIP + ":5060"), at(peerIP + ":40000"), 0}) {
					t.Errorf("flow %s", f)
				}
			})
		})
	}
}

func TestARequestWithoutViaCanBeAnswered(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		c := r.listenUDP()
		r.sink.answer = func(in Inbound) {
			r.us.SendResponse(sip.NewResponseFromRequest(request(in.Message), in.Faults[0].Status(), "Bad Request", nil), in.Flow, nil)
		}
		c.WriteTo([]byte("INVITE sip:911@x SIP/2.0\r\n\r\n"), net.UDPAddrFromAddrPort(at(usIP+":5060")))
		if got := r.datagram(c, time.Second); !strings.HasPrefix(got, "SIP/2.0 400") {
			t.Errorf("received %q", got)
		}
	})
}

// What sipgo's own layer loses: a 180 with the 200 right behind it.
func TestArrivalOrder(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			onRig(t, Config{}, func(r *rig) {
				c, err := r.peer.DialContext(t.Context(), network, usIP+":5060")
				if err != nil {
					t.Fatal(err)
				}
				const n = 2000
				for i := range n {
					fmt.Fprintf(c, "%sX-Number: %d\r\nContent-Length: 0\r\n\r\n", minimal, i)
				}
				got := r.sink.messages()
				if len(got) != n {
					t.Fatalf("%d messages, want %d", len(got), n)
				}
				for i, in := range got {
					if h := request(in.Message).GetHeader("X-Number"); h.Value() != fmt.Sprint(i) {
						t.Fatalf("message %d is number %s", i, h.Value())
					}
				}
			})
		})
	}
}

func TestConnectionIsReadInAnyPieces(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		r.net.SegmentSize(100)
		c := r.dial()
		big := minimal + "Content-Length: 20000\r\n\r\n" + strings.Repeat("b", 20000)
		c.Write([]byte(big + "\r\n\r\n" + minimal + "l: 0\r\n\r\n" + big))
		got := r.sink.messages()
		if len(got) != 3 || len(got[0].Message.Body()) != 20000 || len(got[2].Message.Body()) != 20000 {
			t.Fatalf("%d messages", len(got))
		}
		if pongs := r.bytes(c); pongs != "\r\n" {
			t.Errorf("a ping was answered with %q", pongs)
		}
	})
}

func TestConnectionEnds(t *testing.T) {
	ok := minimal + "Content-Length: 0\r\n\r\n"
	for _, row := range []struct {
		name     string
		write    string
		after    time.Duration // 0: at once
		messages int
	}{
		{"idle for ten minutes", ok, 10 * time.Minute, 1},
		{"never a word", "", 10 * time.Minute, 0},
		{"half a message for thirty seconds", ok + "INVITE sip", 30 * time.Second, 1},
		{"a message over the limit", ok + minimal + "Content-Length: 70000\r\n\r\n", 0, 1},
		{"not SIP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, Config{}, func(r *rig) {
				c := r.dial()
				start := time.Now()
				c.Write([]byte(row.write))
				if _, err := c.Read(make([]byte, 1)); err == nil {
					t.Fatal("expected the end of the connection")
				}
				if took := time.Since(start); took != row.after {
					t.Errorf("ended after %s, want %s", took, row.after)
				}
				if n := len(r.sink.messages()); n != row.messages {
					t.Errorf("%d messages, want %d", n, row.messages)
				}
				if n := r.sink.ended(); n != 1 {
					t.Errorf("told of %d ends", n)
				}
				if n := r.us.Stats().Open.Load(); n != 0 {
					t.Errorf("%d connections counted as open", n)
				}
			})
		})
	}
}

func TestABrokenResponseDoesNotCostTheConnection(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		c := r.dial()
		c.Write([]byte("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n" + minimal + "Content-Length: 0\r\n\r\n"))
		if n := len(r.sink.messages()); n != 1 {
			t.Errorf("%d messages after it, want 1", n)
		}
	})
}

func TestAPingKeepsAConnectionOpen(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		c := r.dial()
		for range 10 {
			time.Sleep(9 * time.Minute)
			c.Write([]byte("\r\n\r\n"))
			if got := r.bytes(c); got != "\r\n" {
				t.Fatalf("pong %q", got)
			}
		}
	})
}

func TestUnframeableMessageIsAnsweredThenTheConnectionEnds(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		r.sink.answer = func(in Inbound) {
			r.us.SendResponse(sip.NewResponseFromRequest(request(in.Message), 400, "Bad Request", nil), in.Flow, nil)
		}
		c := r.dial()
		c.Write([]byte(minimal + "Content-Length: -5\r\n\r\n" + minimal))
		got := r.bytes(c)
		if !strings.HasPrefix(got, "SIP/2.0 400") {
			t.Errorf("received %q", got)
		}
		if n := r.sink.ended(); n != 1 {
			t.Error("the connection is still open")
		}
	})
}

func TestResponseAfterTheConnectionDied(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		l := r.listenTCP("5090")
		c := r.dial()
		c.Write([]byte(strings.Replace(minimal, "UDP 192.0.2.1", "TCP 192.0.2.2:5090", 1) + "Content-Length: 0\r\n\r\n"))
		in := r.sink.messages()[0]
		c.Close()
		synctest.Wait()
		r.us.SendResponse(sip.NewResponseFromRequest(request(in.Message), 200, "OK", nil), in.Flow, nil)
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := r.bytes(far); !strings.HasPrefix(got, "SIP/2.0 200") {
			t.Errorf("received %q", got)
		}
		done := make(chan Sent, 1)
		r.us.SendRequest(invite(0), "z9hG4bKx", Over(in.Flow), func(s Sent) { done <- s })
		if s := <-done; !errors.Is(s.Err, ErrFlowGone) {
			t.Errorf("a request over the dead flow: %v", s.Err)
		}
	})
}

func TestRequestOverAFlow(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		c := r.dial()
		c.Write([]byte(minimal + "Content-Length: 0\r\n\r\n"))
		in := r.sink.messages()[0]
		r.us.SendRequest(invite(0), "z9hG4bKx", Over(in.Flow), nil)
		if got := via(r.bytes(c)); got != "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx;rport" {
			t.Errorf("Via %q", got)
		}
	})
}

func TestSendErrorsAreReported(t *testing.T) {
	for _, row := range []struct {
		name  string
		given func(r *rig)
		to    Destination
		want  error
		after time.Duration
	}{
		{"TCP refused", func(*rig) {}, To(TCP, at(peerIP+":5060")), syscall.ECONNREFUSED, 0},
		{"TCP silent", func(r *rig) { r.net.BlackHole(peerIP, true) }, To(TCP, at(peerIP+":5060")), context.DeadlineExceeded, 5 * time.Second},
		{"no socket of that family", func(*rig) {}, To(UDP, at("[2001:db8::1]:5060")), ErrProtocol, 0},
		{"a protocol not spoken", func(*rig) {}, To(Protocol(9), at(peerIP+":5060")), ErrProtocol, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, Config{}, func(r *rig) {
				row.given(r)
				start, done := time.Now(), make(chan Sent, 2)
				r.us.SendRequest(invite(0), "z9hG4bKx", row.to, func(s Sent) { done <- s })
				if s := <-done; !errors.Is(s.Err, row.want) {
					t.Errorf("%v, want %v", s.Err, row.want)
				}
				if took := time.Since(start); took != row.after {
					t.Errorf("after %s, want %s", took, row.after)
				}
				synctest.Wait()
				if len(done) != 0 {
					t.Error("reported twice")
				}
			})
		})
	}
}

func TestAPeerThatDoesNotReadIsCutOff(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		l := r.listenTCP("5060")
		failed := 0
		for range queueLimit {
			r.us.SendRequest(invite(60000), "z9hG4bKx", To(TCP, at(peerIP+":5060")), func(s Sent) {
				if s.Err != nil {
					failed++
				}
			})
		}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if r.us.Stats().Open.Load() != 0 || failed < queueLimit-10 {
			t.Errorf("%d open, %d failed", r.us.Stats().Open.Load(), failed)
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	onRig(t, Config{MaxConns: 3}, func(r *rig) {
		phone := r.dial()
		phone.Write([]byte(minimal + "Content-Length: 0\r\n\r\n"))
		r.sink.messages()
		for range 10 {
			r.dial()
			synctest.Wait()
		}
		if n := r.us.Stats().Open.Load(); n != 3 {
			t.Errorf("%d open, want 3", n)
		}
		phone.Write([]byte(minimal + "Content-Length: 0\r\n\r\n"))
		if n := len(r.sink.messages()); n != 2 {
			t.Error("the connection that had proved itself was closed for ones that had not")
		}
	})
}

func TestStrayResponsesAndJunkAreDropped(t *testing.T) {
	onRig(t, Config{}, func(r *rig) {
		c := r.listenUDP()
		for _, raw := range []string{
			strings.Replace(minimal, "INVITE sip:911@gw.example SIP/2.0", "SIP/2.0 200 OK", 1) + "\r\n",
			"\r\n\r\n", "\x00\x00\x00\x00", "junk",
		} {
			c.WriteTo([]byte(raw), net.UDPAddrFromAddrPort(at(usIP+":5060")))
		}
		if got := r.sink.messages(); len(got) != 0 {
			t.Errorf("%d messages", len(got))
		}
		s := r.us.Stats()
		if s.Strays.Load() != 1 || s.Keepalives.Load() != 2 || s.Junk.Load() != 1 {
			t.Errorf("strays %d, keep-alives %d, junk %d", s.Strays.Load(), s.Keepalives.Load(), s.Junk.Load())
		}
	})
}

func TestObserverSeesBothWays(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	onRig(t, Config{Observer: func(o Observation) {
		mu.Lock()
		defer mu.Unlock()
		first, _, _ := strings.Cut(string(o.Raw), " ")
		seen = append(seen, o.Direction.String()+" "+first)
	}}, func(r *rig) {
		c := r.listenUDP()
		r.sink.answer = func(in Inbound) {
			r.us.SendResponse(sip.NewResponseFromRequest(request(in.Message), 180, "Ringing", nil), in.Flow, nil)
		}
		c.WriteTo([]byte(minimal+"\r\n"), net.UDPAddrFromAddrPort(at(usIP+":5060")))
		synctest.Wait()
	})
	if got := strings.Join(seen, ", "); got != "in INVITE, out SIP/2.0" {
		t.Error(got)
	}
}

func TestNothingIsKeptPerSource(t *testing.T) {
	l := New(Config{})
	l.sink = discard{}
	defer l.Close()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	raw := []byte(minimal + "\r\n")
	before := heap()
	for i := range uint32(200_000) {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		l.receive(raw, Flow{Protocol: UDP, Remote: netip.AddrPortFrom(a, 5060)}, nil)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("200,000 sources left %d bytes", grown)
	}
	if n := l.Stats().Received.Load(); n != 200_000 {
		t.Errorf("%d received", n)
	}
}

type discard struct{}

func (discard) Receive(Inbound) {}
func (discard) Closed(Flow)     {}

// The same on the operating system's sockets, IPv4 and IPv6.
func TestLoopback(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		for _, p := range []Protocol{UDP, TCP} {
			t.Run(host+" "+p.String(), func(t *testing.T) {
				got := make(chan Inbound, 2)
				open := func(answer bool) *Layer {
					l := New(Config{Listen: []Listen{{Protocol: p, Addr: host + ":0"}}})
					err := l.Start(t.Context(), sinkFunc(func(in Inbound) {
						got <- in
						if answer {
							l.SendResponse(sip.NewResponseFromRequest(request(in.Message), 200, "OK", nil), in.Flow, nil)
						}
					}))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { l.Close(); l.Close() })
					return l
				}
				a, b := open(false), open(true)
				a.SendRequest(invite(100), "z9hG4bKx", To(p, b.Listening(p)[0]), nil)
				for _, want := range []string{"INVITE sip:911@192.0.2.2 SIP/2.0", "SIP/2.0 200 OK"} {
					in := <-got
					if line, _, _ := strings.Cut(in.Message.String(), "\r\n"); line != want || len(in.Faults) != 0 {
						t.Errorf("%q (%v), want %q", line, in.Faults, want)
					}
				}
			})
		}
	}
}

type sinkFunc func(Inbound)

func (f sinkFunc) Receive(in Inbound) { f(in) }
func (f sinkFunc) Closed(Flow)        {}

func TestStartFailsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		h := n.Host(usIP)
		l := New(Config{Network: h, Listen: []Listen{{Protocol: UDP, Addr: usIP + ":5060"}, {Protocol: UDP, Addr: "192.0.2.77:5060"}}})
		if err := l.Start(t.Context(), discard{}); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("start: %v", err)
		}
		if _, err := h.ListenPacket(t.Context(), "udp", usIP+":5060"); err != nil {
			t.Errorf("the first socket was left open: %v", err)
		}
	})
}
