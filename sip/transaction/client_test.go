package transaction

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

func TestClient(t *testing.T) {
	for _, row := range []struct {
		name   string
		method string
		flow   transport.Flow
		acts   []act // "180 tag": a response; "cancel"; "lost": the connection ends
		want   string
		gone   time.Duration // when the last transaction was
	}{
		// Figure 5 of RFC 3261 as corrected by RFC 6026 figure 2.
		{"INVITE Calling, timer A doubles, timer B", "INVITE", udpFlow, nil,
			lines("0s > INVITE", times("INVITE again", 500*ms, 1500*ms, 3500*ms, 7500*ms, 15500*ms, 31500*ms), "32s ! timed out"), 32 * s},
		{"INVITE Calling over TCP, timer B alone", "INVITE", tcpFlow, nil, lines("0s > INVITE", "32s ! timed out"), 32 * s},
		{"INVITE Calling 1xx, no more A, no B", "INVITE", udpFlow, []act{{600 * ms, "180 t"}, {100 * s, "486 t"}},
			lines("0s > INVITE", "500ms > INVITE again", "600ms < provisional 180 t", "1m40s > ACK", "1m40s < failure 486 t"), 132 * s},
		{"INVITE Calling 2xx, Accepted, timer M", "INVITE", udpFlow, []act{{100 * ms, "200 t"}},
			lines("0s > INVITE", "100ms < success 200 t"), 32100 * ms},
		{"INVITE Calling 3xx, ACK, Completed, timer D", "INVITE", udpFlow, []act{{100 * ms, "302 t"}},
			lines("0s > INVITE", "100ms > ACK", "100ms < failure 302 t"), 32100 * ms},
		{"INVITE Completed over TCP ends at once", "INVITE", tcpFlow, []act{{100 * ms, "486 t"}},
			lines("0s > INVITE", "100ms > ACK", "100ms < failure 486 t"), 100 * ms},
		{"INVITE Proceeding every 1xx goes up", "INVITE", udpFlow, []act{{1 * ms, "100 "}, {2 * ms, "183 t"}, {3 * ms, "180 t"}, {4 * ms, "200 t"}},
			lines("0s > INVITE", "1ms < provisional 100 ", "2ms < provisional 183 t", "3ms < provisional 180 t", "4ms < success 200 t"), 32004 * ms},
		{"INVITE Accepted each 2xx of each fork goes up, the rest does not", "INVITE", udpFlow,
			[]act{{1 * s, "200 a"}, {2 * s, "200 a"}, {3 * s, "200 b"}, {4 * s, "180 c"}, {5 * s, "486 c"}},
			lines("0s > INVITE", "500ms > INVITE again", "1s < success 200 a", "2s < success 200 a", "3s < success 200 b"), 33 * s},
		{"INVITE after timer M a 2xx is a stray", "INVITE", udpFlow, []act{{0, "200 a"}, {33 * s, "200 b"}},
			lines("0s > INVITE", "0s < success 200 a", "33s < stray 200"), 33 * s},
		{"INVITE Completed a failure again is acknowledged again, not told again", "INVITE", udpFlow,
			[]act{{1 * ms, "486 t"}, {500 * ms, "486 t"}, {1500 * ms, "486 t"}},
			lines("0s > INVITE", "1ms > ACK", "1ms < failure 486 t", "500ms > ACK again", "1.5s > ACK again"), 32001 * ms},
		{"INVITE Completed a 2xx of another fork is a stray", "INVITE", udpFlow, []act{{1 * ms, "486 t"}, {2 * ms, "200 u"}},
			lines("0s > INVITE", "1ms > ACK", "1ms < failure 486 t", "2ms < stray 200"), 32001 * ms},
		{"INVITE Calling connection lost", "INVITE", tcpFlow, []act{{1 * s, "lost"}}, lines("0s > INVITE", "1s ! broken"), 1 * s},
		{"INVITE Proceeding connection lost: the peer may answer over another", "INVITE", tcpFlow,
			[]act{{1 * s, "180 t"}, {2 * s, "lost"}, {3 * s, "200 t"}},
			lines("0s > INVITE", "1s < provisional 180 t", "3s < success 200 t"), 35 * s},

		// s9.1.
		{"CANCEL Proceeding at once, with its Reason", "INVITE", udpFlow, []act{{1 * s, "180 t"}, {2 * s, "cancel"}, {2 * s, "C200"}, {2 * s, "487 t"}},
			lines("0s > INVITE", "500ms > INVITE again", "1s < provisional 180 t", "2s > CANCEL SIP;cause=200", "2s > ACK", "2s < failure 487 t"), 34 * s},
		{"CANCEL Calling waits for a provisional", "INVITE", udpFlow, []act{{100 * ms, "cancel"}, {1 * s, "100 "}, {1 * s, "C200"}, {2 * s, "487 t"}},
			lines("0s > INVITE", "500ms > INVITE again", "1s > CANCEL SIP;cause=200", "1s < provisional 100 ", "2s > ACK", "2s < failure 487 t"), 34 * s},
		{"CANCEL Calling answered first: not sent", "INVITE", udpFlow, []act{{100 * ms, "cancel"}, {200 * ms, "200 t"}},
			lines("0s > INVITE", "200ms < success 200 t"), 32200 * ms},
		{"CANCEL Calling no response at all: timer B", "INVITE", tcpFlow, []act{{100 * ms, "cancel"}},
			lines("0s > INVITE", "32s ! timed out"), 32 * s},
		{"CANCEL crosses the 200", "INVITE", tcpFlow, []act{{0, "180 t"}, {1 * s, "cancel"}, {1 * s, "200 t"}, {1 * s, "C481"}},
			lines("0s > INVITE", "0s < provisional 180 t", "1s > CANCEL SIP;cause=200", "1s < success 200 t"), 33 * s},
		{"CANCEL without final response for 64*T1 ends the INVITE", "INVITE", tcpFlow, []act{{0, "180 t"}, {1 * s, "cancel"}, {1 * s, "C200"}},
			lines("0s > INVITE", "0s < provisional 180 t", "1s > CANCEL SIP;cause=200", "33s ! timed out"), 33 * s},
		{"CANCEL twice is sent once", "INVITE", tcpFlow, []act{{0, "180 t"}, {0, "cancel"}, {0, "cancel"}, {0, "C200"}, {0, "487 t"}},
			lines("0s > INVITE", "0s < provisional 180 t", "0s > CANCEL SIP;cause=200", "0s > ACK", "0s < failure 487 t"), 0},
		{"CANCEL unanswered is retransmitted", "INVITE", udpFlow, []act{{0, "180 t"}, {0, "cancel"}, {2 * s, "487 t"}, {2 * s, "C200"}},
			lines("0s > INVITE", "0s < provisional 180 t", "0s > CANCEL SIP;cause=200", times("CANCEL again", 500*ms, 1500*ms),
				"2s > ACK", "2s < failure 487 t"), 34 * s},
		{"CANCEL of an OPTIONS is not a thing", "OPTIONS", tcpFlow, []act{{0, "cancel"}, {0, "200 t"}},
			lines("0s > OPTIONS", "0s < success 200 t"), 0},

		// Figure 6 of RFC 3261.
		{"OPTIONS Trying, timer E up to T2, timer F", "OPTIONS", udpFlow, nil,
			lines("0s > OPTIONS", times("OPTIONS again", 500*ms, 1500*ms, 3500*ms, 7500*ms, 11500*ms, 15500*ms, 19500*ms, 23500*ms, 27500*ms, 31500*ms),
				"32s ! timed out"), 32 * s},
		{"OPTIONS Trying over TCP, timer F alone", "OPTIONS", tcpFlow, nil, lines("0s > OPTIONS", "32s ! timed out"), 32 * s},
		{"OPTIONS Proceeding, timer E at T2, timer F", "OPTIONS", udpFlow, []act{{100 * ms, "100 "}},
			lines("0s > OPTIONS", "100ms < provisional 100 ", times("OPTIONS again", 500*ms, 4500*ms, 8500*ms, 12500*ms, 16500*ms, 20500*ms, 24500*ms, 28500*ms),
				"32s ! timed out"), 32 * s},
		{"OPTIONS Trying final, Completed, timer K absorbs", "OPTIONS", udpFlow, []act{{100 * ms, "200 t"}, {1 * s, "200 t"}},
			lines("0s > OPTIONS", "100ms < success 200 t"), 5100 * ms},
		{"OPTIONS Proceeding final", "OPTIONS", udpFlow, []act{{100 * ms, "100 "}, {200 * ms, "404 t"}},
			lines("0s > OPTIONS", "100ms < provisional 100 ", "200ms < failure 404 t"), 5200 * ms},
		{"OPTIONS over TCP, timer K is zero", "OPTIONS", tcpFlow, []act{{100 * ms, "200 t"}},
			lines("0s > OPTIONS", "100ms < success 200 t"), 100 * ms},
		{"OPTIONS Trying connection lost", "OPTIONS", tcpFlow, []act{{1 * s, "lost"}}, lines("0s > OPTIONS", "1s ! broken"), 1 * s},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(row.flow, Config{})
				tx := r.request(row.method)
				gone := r.run(t, row.acts, func(do string) {
					var status int
					var tag string
					switch {
					case do == "cancel":
						tx.Cancel(sip.NewHeader("Reason", "SIP;cause=200"))
					case do == "lost":
						r.layer.Closed(r.flow)
					case strings.HasPrefix(do, "C"):
						fmt.Sscanf(do, "C%d", &status)
						r.respond(tx, "CANCEL", status, "c")
					default:
						fmt.Sscanf(do, "%d %s", &status, &tag)
						r.respond(tx, row.method, status, tag)
					}
				})
				if diff := cmp.Diff(row.want, r.story()); diff != "" {
					t.Error(diff)
				}
				if gone < row.gone || gone > row.gone+50*ms {
					t.Errorf("over after %s, want %s", gone, row.gone)
				}
			})
		})
	}
}

func TestClientThatCannotSendIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(udpFlow, Config{})
		r.fail = errors.New("refused")
		r.request("INVITE")
		if got := r.story(); got != "0s ! broken" || r.layer.Stats().Clients.Load() != 0 {
			t.Errorf("%q, %d left", got, r.layer.Stats().Clients.Load())
		}
	})
}

// A user that acts from inside a callback sees its events in order all the same.
func TestCallingBackFromACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(tcpFlow, Config{})
		var tx *Client
		tx = r.layer.Request(outgoing("INVITE"), transport.To(transport.TCP, r.flow.Remote), func(e Event) {
			r.tell(e)
			if e.Kind == Provisional {
				tx.Cancel()
				r.respond(tx, "INVITE", 200, "t") // arrives before the CANCEL is sent
				r.note("callback returns")
			}
		})
		r.respond(tx, "INVITE", 180, "t")
		want := lines("0s > INVITE", "0s < provisional 180 t", "0s callback returns", "0s > CANCEL", "0s < success 200 t")
		if diff := cmp.Diff(want, r.story()); diff != "" {
			t.Error(diff)
		}
		r.layer.Close()
	})
}

// The whole CANCEL and ACK, by RFC 3261 s9.1 and s17.1.1.3.
func TestCancelAndAckRepeatTheInvite(t *testing.T) {
	inv := outgoing("INVITE")
	inv.AppendHeader(sip.NewHeader("Geolocation", "<cid:x>"))
	res := parse("SIP/2.0 486 Busy\nVia: SIP/2.0/UDP 192.0.2.1;branch=b\nFrom: <sip:a@b>;tag=f\nTo: <sip:911@b>;tag=t\nCall-ID: c\nCSeq: 5 INVITE").(*sip.Response)
	for _, row := range []struct {
		req  *sip.Request
		want string
	}{
		{cancelOf(inv, []sip.Header{sip.NewHeader("Reason", "SIP;cause=200")}),
			"CANCEL sip:911@192.0.2.1 SIP/2.0\nRoute: <sip:gw;lr>\nFrom: <sip:a@b>;tag=f\nTo: <sip:911@b>\nCall-ID: c\nCSeq: 5 CANCEL\nMax-Forwards: 70\nReason: SIP;cause=200\n\n"},
		{failureAck(inv, res),
			"ACK sip:911@192.0.2.1 SIP/2.0\nRoute: <sip:gw;lr>\nFrom: <sip:a@b>;tag=f\nCall-ID: c\nCSeq: 5 ACK\nMax-Forwards: 70\nTo: <sip:911@b>;tag=t\n\n"},
	} {
		if diff := cmp.Diff(row.want, strings.ReplaceAll(row.req.String(), "\r\n", "\n")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCloseBreaksWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(udpFlow, Config{})
		tx := r.request("INVITE")
		r.respond(tx, "INVITE", 180, "t")
		r.layer.Close()
		r.layer.Close()
		r.request("OPTIONS")
		time.Sleep(time.Hour) // no timer is left to say anything
		want := lines("0s > INVITE", "0s < provisional 180 t", "0s ! broken", "0s ! broken")
		if diff := cmp.Diff(want, r.story()); diff != "" {
			t.Error(diff)
		}
	})
}
