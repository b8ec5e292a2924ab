package transport

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// A socket bound to all addresses, on a system whose loopback network has sixteen million of them.
func TestAMultihomedNodeAnswersFromTheAddressItWasAsked(t *testing.T) {
	for _, row := range []struct{ listen, asked, peer string }{
		{"0.0.0.0:0", "127.0.0.5", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.1", "127.0.0.9"},
		{"[::]:0", "::1", "::1"},
	} {
		t.Run(row.asked, func(t *testing.T) {
			l := New(Config{Listen: []Listen{{Protocol: UDP, Addr: row.listen}}})
			got := make(chan Inbound, 1)
			err := l.Start(t.Context(), sinkFunc(func(in Inbound) { got <- in }))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			local := netip.AddrPortFrom(netip.MustParseAddr(row.asked), l.Listening(UDP)[0].Port())
			// A connected socket hears nobody but whom it is connected to.
			c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(row.peer)}, net.UDPAddrFromAddrPort(local))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			heard := func(what string) string {
				t.Helper()
				c.SetReadDeadline(time.Now().Add(5 * time.Second))
				b := make([]byte, 1<<16)
				n, err := c.Read(b)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				return string(b[:n])
			}
			if _, err := c.Write([]byte("OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKo;rport\r\nFrom: <sip:a@b>;tag=1\r\n" +
				"To: <sip:b@c>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			in := <-got
			if in.Flow.Local != local {
				t.Fatalf("arrived over %s, want %s", in.Flow, local)
			}
			l.SendResponse(sip.NewResponseFromRequest(request(in.Message), 200, "OK", nil), in.Flow, func(s Sent) {
				if s.Err != nil || s.Flow != in.Flow {
					t.Errorf("answered over %s, %v", s.Flow, s.Err)
				}
			})
			if s := heard("the response"); !strings.HasPrefix(s, "SIP/2.0 200 ") {
				t.Errorf("%q", s)
			}
			// A request over the flow, kept as text meanwhile, leaves by it and says so.
			flow, err := ParseFlow(in.Flow.String())
			if err != nil {
				t.Fatal(err)
			}
			l.SendRequest(invite(10), "z9hG4bKx", Over(flow), nil)
			host := row.asked
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			if s := heard("the request"); !strings.HasPrefix(via(s), "SIP/2.0/UDP "+host+":") {
				t.Errorf("Via %q", via(s))
			}
			if name, port, err := l.SentBy(Over(flow)); err != nil || name != row.asked || port != int(local.Port()) {
				t.Errorf("sent by %s %d, %v", name, port, err)
			}
		})
	}
}

func TestAnAddressThatIsGoneDoesNotStopAnAnswer(t *testing.T) {
	l := New(Config{Listen: []Listen{{Protocol: UDP, Addr: "0.0.0.0:0"}}})
	if err := l.Start(t.Context(), new(recorder)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	remote, err := addrPort(c.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	// 192.0.2.77 is nobody's (RFC 5737).
	was := Flow{Protocol: UDP, Local: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.77"), l.Listening(UDP)[0].Port()), Remote: remote}
	l.SendRequest(invite(10), "z9hG4bKx", Over(was), func(s Sent) {
		if s.Err != nil || s.Flow.Local == was.Local {
			t.Errorf("sent over %s, %v", s.Flow, s.Err)
		}
	})
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1<<16)
	if n, _, err := c.ReadFrom(b); err != nil || !strings.HasPrefix(string(b[:n]), "INVITE ") {
		t.Errorf("%q, %v", b[:n], err)
	}
}
