package transport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// NAPTR is our own question: one real name server on loopback, beside one that is broken.
func TestNAPTRIsAskedOfTheSystemsNameServers(t *testing.T) {
	big := make([]dns.RR, 0, 60)
	for i := range 60 {
		rr, err := dns.NewRR(fmt.Sprintf(`big.example. 60 IN NAPTR %d 50 "s" "SIP+D2U" "" _sip._udp.big.example.`, i))
		if err != nil {
			t.Fatal(err)
		}
		big = append(big, rr)
	}
	var asked []string
	var mu sync.Mutex
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		network := w.LocalAddr().Network()
		mu.Lock()
		asked = append(asked, network+" "+q.Question[0].Name)
		mu.Unlock()
		host, _, _ := net.SplitHostPort(w.LocalAddr().String())
		switch {
		case host == "127.0.0.2":
			m.Rcode = dns.RcodeServerFailure
		case q.Question[0].Name == "big.example." && network == "udp":
			m.Truncated = true
		case q.Question[0].Name == "big.example.":
			m.Answer = big
		case q.Question[0].Name == "small.example.":
			m.Answer = big[:1]
		default:
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(m)
	})
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(pc.LocalAddr().String())
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := net.ListenPacket("udp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: answer}, {Listener: ln, Handler: answer}, {PacketConn: broken, Handler: answer}} {
		done := make(chan error, 1)
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { done <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			s.Shutdown()
			<-done
		})
	}
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := &SystemLookup{file: file, port: port}
	if _, err := l.LookupNAPTR(t.Context(), "small.example"); err == nil {
		t.Error("an answer without a resolver file")
	}
	write("nameserver 127.0.0.2\nnameserver 127.0.0.1\n")
	got, err := l.LookupNAPTR(t.Context(), "small.example")
	if err != nil || !slices.Equal(got, []NAPTR{{0, 50, "s", "SIP+D2U", "_sip._udp.big.example."}}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := l.LookupNAPTR(t.Context(), "big.example"); err != nil || len(got) != 60 {
		t.Errorf("%d records, %v", len(got), err)
	}
	mu.Lock()
	if !slices.Contains(asked, "tcp big.example.") {
		t.Errorf("asked %q", asked)
	}
	mu.Unlock()
	var missing *net.DNSError
	if _, err := l.LookupNAPTR(t.Context(), "nowhere.example"); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("no such name: %v", err)
	}
	write("nameserver 127.0.0.2\n")
	if _, err := l.LookupNAPTR(t.Context(), "small.example"); !errors.As(err, &missing) || missing.IsNotFound {
		t.Errorf("a broken server only: %v", err)
	}
}
