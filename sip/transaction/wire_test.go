package transaction_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-sip/tocsin/internal/memnet"
	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// element is a whole stack on a host of a memnet.
type element struct {
	*transport.Layer
	tx *transaction.Layer

	mu    sync.Mutex
	story []string
	// What the element does as a user agent server; nil does nothing.
	onRequest func(tx *transaction.Server, req *sip.Request)
	onCancel  func(tx, invite *transaction.Server)
	onAck     func(req *sip.Request)
}

func (e *element) note(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.story = append(e.story, fmt.Sprintf(format, args...))
}

func (e *element) told() string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.story, " ")
}

func (e *element) Request(tx *transaction.Server, req *sip.Request, faults []transport.Fault) {
	e.note("%s", req.Method)
	if e.onRequest != nil {
		e.onRequest(tx, req)
	}
}

func (e *element) Cancel(tx *transaction.Server, req *sip.Request, invite *transaction.Server) {
	e.note("CANCEL")
	if e.onCancel != nil {
		e.onCancel(tx, invite)
	}
}

func (e *element) Ack(req *sip.Request, flow transport.Flow, invite *transaction.Server) {
	e.note("ACK")
	if e.onAck != nil {
		e.onAck(req)
	}
}

func (e *element) Stray(res *sip.Response, flow transport.Flow) { e.note("stray%d", res.StatusCode) }
func (e *element) Failed(tx *transaction.Server, err error)     { e.note("failed") }

func (e *element) tell(ev transaction.Event) {
	if ev.Response != nil {
		e.note("%d", ev.Response.StatusCode)
	} else {
		e.note("%s", ev.Kind)
	}
}

const (
	usIP   = "192.0.2.1"
	psapIP = "192.0.2.2"
)

// between runs f with two elements, us and a PSAP, listening on UDP and TCP.
func between(t *testing.T, f func(n *memnet.Net, us, psap *element)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		open := func(ip string) *element {
			e := &element{Layer: transport.New(transport.Config{Network: n.Host(ip), Listen: []transport.Listen{
				{Protocol: transport.UDP, Addr: ip + ":5060"}, {Protocol: transport.TCP, Addr: ip + ":5060"}}})}
			e.tx = transaction.New(e.Layer, e, transaction.Config{})
			if err := e.Start(t.Context(), e.tx); err != nil {
				t.Fatal(err)
			}
			return e
		}
		us, psap := open(usIP), open(psapIP)
		f(n, us, psap)
		for _, e := range []*element{us, psap} {
			e.Close()
			e.tx.Close()
		}
	})
}

func request(method string, body int) *sip.Request {
	msg, _, err := transport.Parse([]byte(method + " sip:911@" + psapIP + " SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n" +
		"To: <sip:911@b>\r\nCall-ID: c1\r\nCSeq: 1 " + method + "\r\n\r\n" + strings.Repeat("x", body)))
	if err != nil {
		panic(err)
	}
	return msg.(*sip.Request)
}

func to(p transport.Protocol) transport.Destination {
	return transport.To(p, netip.MustParseAddrPort(psapIP+":5060"))
}

func TestCallOverTheWire(t *testing.T) {
	for _, row := range []struct {
		name     string
		protocol transport.Protocol
		body     int
		fault    memnet.Fault
		refuse   bool
		want     string
	}{
		{"UDP", transport.UDP, 100, nil, false, "180 200"},
		{"TCP", transport.TCP, 100, nil, false, "180 200"},
		{"UDP, 20 kB, by TCP", transport.UDP, 20000, nil, false, "180 200"},
		{"UDP, 20 kB, TCP refused", transport.UDP, 20000, nil, true, "180 200"},
		{"UDP, every third datagram lost", transport.UDP, 100, everyThird(), false, "180 200"},
		{"UDP, every datagram twice", transport.UDP, 100, func(memnet.Packet) memnet.Verdict { return memnet.Verdict{Copies: 1} }, false, "180 180 200 200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			between(t, func(n *memnet.Net, us, psap *element) {
				n.SetFault(row.fault)
				n.RefuseTCP(psapIP, row.refuse)
				var heard atomic.Bool
				psap.onAck = func(*sip.Request) { heard.Store(true) }
				psap.onRequest = func(tx *transaction.Server, req *sip.Request) {
					tx.Respond(transaction.Reply(req, 180, "Ringing", "psap"))
					// The 2xx is its user's to repeat until the ACK is there.
					var answer func()
					answer = func() {
						if !heard.Load() {
							tx.Respond(transaction.Reply(req, 200, "OK", "psap"))
							time.AfterFunc(500*time.Millisecond, answer)
						}
					}
					answer()
				}
				us.tx.Request(request("INVITE", row.body), to(row.protocol), func(e transaction.Event) {
					us.tell(e)
					if e.Kind == transaction.Success {
						us.tx.Ack(request("ACK", 0), transaction.NewBranch(), to(row.protocol))
					}
				})
				time.Sleep(10 * time.Second)
				if got := us.told(); got != row.want {
					t.Errorf("told %q, want %q", got, row.want)
				}
				if got := psap.told(); !strings.HasPrefix(got, "INVITE ACK") || strings.Count(got, "INVITE") != 1 {
					t.Errorf("the PSAP was told %q", got)
				}
			})
		})
	}
}

// everyThird loses the first datagram and each third one after it.
func everyThird() memnet.Fault {
	var mu sync.Mutex
	i := 0
	return func(memnet.Packet) memnet.Verdict {
		mu.Lock()
		defer mu.Unlock()
		i++
		return memnet.Verdict{Drop: i%3 == 1}
	}
}

// The three races that sipgo's own layers lose, many times over.
func TestRacesOnTheWire(t *testing.T) {
	const calls = 500
	t.Run("a 180 with the 200 right behind it", func(t *testing.T) {
		between(t, func(n *memnet.Net, us, psap *element) {
			psap.onRequest = func(tx *transaction.Server, req *sip.Request) {
				tx.Respond(transaction.Reply(req, 180, "Ringing", "psap"))
				tx.Respond(transaction.Reply(req, 200, "OK", "psap"))
			}
			for range calls {
				us.tx.Request(request("INVITE", 0), to(transport.UDP), us.tell)
			}
			want := strings.TrimSpace(strings.Repeat("180 200 ", calls))
			if got := us.told(); got != want {
				t.Errorf("%d of %d 180s", strings.Count(got, "180"), calls)
			}
		})
	})
	t.Run("a CANCEL right behind its INVITE", func(t *testing.T) {
		between(t, func(n *memnet.Net, us, psap *element) {
			matched := 0
			psap.onCancel = func(tx, invite *transaction.Server) {
				tx.AnswerCancel()
				if invite != nil {
					matched++
				}
			}
			caller, err := n.Host("192.0.2.9").DialContext(t.Context(), "udp", psapIP+":5060")
			if err != nil {
				t.Fatal(err)
			}
			for i := range calls {
				for _, method := range []string{"INVITE", "CANCEL"} {
					fmt.Fprintf(caller, "%s sip:911@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\n"+
						"To: <sip:911@x>\r\nCall-ID: c%d\r\nCSeq: 1 %s\r\n\r\n", method, i, i, method)
				}
			}
			want := strings.TrimSpace(strings.Repeat("INVITE CANCEL ", calls))
			if got := psap.told(); got != want || matched != calls {
				t.Errorf("%d of %d CANCELs found their INVITE", matched, calls)
			}
		})
	})
}

func TestFailureIsAcknowledgedOverTheWire(t *testing.T) {
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		t.Run(p.String(), func(t *testing.T) {
			between(t, func(n *memnet.Net, us, psap *element) {
				psap.onRequest = func(tx *transaction.Server, req *sip.Request) {
					tx.Respond(transaction.Reply(req, 486, "Busy Here", "psap"))
				}
				us.tx.Request(request("INVITE", 0), to(p), us.tell)
				time.Sleep(time.Minute)
				if diff := cmp.Diff([]string{"486", "INVITE"}, []string{us.told(), psap.told()}); diff != "" {
					t.Error(diff)
				}
				if left := us.tx.Stats().Clients.Load() + psap.tx.Stats().Servers.Load(); left != 0 {
					t.Errorf("%d transactions left", left)
				}
			})
		})
	}
}

// However the network loses, repeats and delays: an INVITE transaction tells exactly one end, a
// server is told of one INVITE, and nothing is left.
func TestAnyNetworkEndsEveryTransactionOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fates := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(rt, "fates")
		status := rapid.SampledFrom([]int{200, 302, 486, 0}).Draw(rt, "status")
		cancelAt := rapid.SampledFrom([]time.Duration{0, 300 * time.Millisecond, 5 * time.Second, time.Hour}).Draw(rt, "cancel")
		var problem string
		between(t, func(n *memnet.Net, us, psap *element) {
			var mu sync.Mutex
			i := 0
			n.SetFault(func(memnet.Packet) memnet.Verdict {
				mu.Lock()
				defer mu.Unlock()
				f := fates[i%len(fates)]
				i++
				switch {
				case f < 3:
					return memnet.Verdict{Drop: true}
				case f < 5:
					return memnet.Verdict{Delay: time.Duration(f) * 700 * time.Millisecond}
				case f == 5:
					return memnet.Verdict{Copies: 1}
				}
				return memnet.Verdict{}
			})
			var invite *transaction.Server
			var asked *sip.Request
			psap.onRequest = func(tx *transaction.Server, req *sip.Request) {
				invite, asked = tx, req
				tx.Respond(transaction.Reply(req, 180, "Ringing", "psap"))
				if status != 0 {
					time.AfterFunc(2*time.Second, func() { tx.Respond(transaction.Reply(req, status, "X", "psap")) })
				}
			}
			psap.onCancel = func(tx, _ *transaction.Server) {
				tx.AnswerCancel()
				if invite != nil {
					invite.Respond(transaction.Reply(asked, 487, "Request Terminated", "psap"))
				}
			}
			ends := 0
			tx := us.tx.Request(request("INVITE", 0), to(transport.UDP), func(e transaction.Event) {
				if e.Kind != transaction.Provisional && e.Kind != transaction.Success {
					ends++
				}
				if e.Kind == transaction.Success && ends == 0 {
					ends++
				}
			})
			time.Sleep(cancelAt)
			tx.Cancel()
			time.Sleep(5 * time.Minute)
			tx.Cancel()
			time.Sleep(5 * time.Minute)
			story := psap.told()
			if strings.Count(story, "INVITE") > 1 {
				problem = "the PSAP was told " + story
			}
			left := us.tx.Stats().Clients.Load()
			// Ringing for ever without a final response is the caller's to end; here the CANCEL did.
			if ends != 1 || left != 0 {
				problem = fmt.Sprintf("%d ends, %d clients left", ends, left)
			}
		})
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// BenchmarkFinished is what a finished transaction keeps while it lingers for 32 s: B/tx has to stay
// below 2048. Sent and received messages are of the size of a call.
func BenchmarkFinished(b *testing.B) {
	for _, row := range []struct {
		name   string
		method string
		status int
	}{{"INVITE200", "INVITE", 200}, {"INVITE486", "INVITE", 486}, {"OPTIONS200", "OPTIONS", 200}} {
		b.Run("client/"+row.name, func(b *testing.B) { benchmarkFinished(b, row.method, row.status, true) })
		b.Run("server/"+row.name, func(b *testing.B) { benchmarkFinished(b, row.method, row.status, false) })
	}
}

func benchmarkFinished(b *testing.B, method string, status int, client bool) {
	const n = 5000
	for b.Loop() {
		if kept := finished(n, method, status, client); kept > 0 {
			b.ReportMetric(float64(kept)/n, "B/tx")
		}
	}
}

func TestFinishedTransactionsAreSmall(t *testing.T) {
	for _, method := range []string{"INVITE", "OPTIONS"} {
		for _, status := range []int{200, 486} {
			for _, client := range []bool{true, false} {
				if kept := finished(2000, method, status, client) / 2000; kept > 2048 {
					t.Errorf("%s %d client=%v: %d bytes each", method, status, client, kept)
				}
			}
		}
	}
}

// finished lets n transactions reach their last state and says how many bytes they keep.
func finished(n int, method string, status int, client bool) int64 {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	null := new(nowhere)
	l := transaction.New(null, null, transaction.Config{})
	defer l.Close()
	body := strings.Repeat("m", 1200)
	before := heap()
	for i := range n {
		text := fmt.Sprintf("From: \"Extension 2041\" <sip:2041@campus.example.com>;tag=%d\r\nTo: <sip:911@campus.example.com>\r\n"+
			"Call-ID: %d-a84b4c76e66710@campus.example.com\r\nCSeq: 1 %s\r\nContact: <sip:2041@192.0.2.2>\r\nUser-Agent: phone 1.0\r\n", i, i, method)
		start := method + " sip:911@192.0.2.1 SIP/2.0\r\n"
		end := fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		via := func(branch string) string {
			return "Via: SIP/2.0/UDP 192.0.2.2:5060;rport;branch=" + branch + "\r\n"
		}
		receive := func(raw string) {
			msg, _, err := transport.Parse([]byte(raw))
			if err != nil {
				panic(err)
			}
			l.Receive(transport.Inbound{Message: msg, Flow: transport.Flow{Protocol: transport.UDP}})
		}
		if client {
			msg, _, _ := transport.Parse([]byte(start + text + end))
			tx := l.Request(msg.(*sip.Request), transport.Destination{Protocol: transport.UDP}, func(transaction.Event) {})
			receive(fmt.Sprintf("SIP/2.0 %d X\r\n", status) + via(tx.Branch()) + text + end)
		} else {
			receive(start + via(fmt.Sprintf("z9hG4bK%032d", i)) + text + end)
			null.tx.Respond(transaction.Reply(null.req, status, "X", "tag"))
			null.tx, null.req = nil, nil
		}
	}
	kept := heap() - before
	if s := l.Stats(); s.Clients.Load()+s.Servers.Load() != int64(n) {
		panic("transactions ended early")
	}
	return kept
}

// nowhere sends nothing and keeps nothing but the last request.
type nowhere struct {
	tx  *transaction.Server
	req *sip.Request
}

func (*nowhere) SendRequest(req *sip.Request, _ string, to transport.Destination, report transport.Report) {
	report(transport.Sent{Flow: transport.Flow{Protocol: transport.UDP}, Raw: []byte(req.String())})
}

func (*nowhere) SendResponse(res *sip.Response, on transport.Flow, report transport.Report) {
	report(transport.Sent{Flow: on, Raw: []byte(res.String())})
}
func (*nowhere) SendRaw([]byte, transport.Flow, netip.AddrPort, transport.Report) {}
func (n *nowhere) Request(tx *transaction.Server, req *sip.Request, _ []transport.Fault) {
	n.tx, n.req = tx, req
}
func (*nowhere) Cancel(*transaction.Server, *sip.Request, *transaction.Server) {}
func (*nowhere) Ack(*sip.Request, transport.Flow, *transaction.Server)         {}
func (*nowhere) Stray(*sip.Response, transport.Flow)                           {}
func (*nowhere) Failed(*transaction.Server, error)                             {}
