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

func TestServer(t *testing.T) {
	const via = "192.0.2.2;branch=" + branch
	for _, row := range []struct {
		name   string
		method string
		flow   transport.Flow
		acts   []act // "again": the request; "ack"; "cancel"; a number: the user's response
		want   string
		gone   time.Duration
	}{
		// Figure 7 of RFC 3261 as corrected by RFC 6026 figure 1.
		{"INVITE 100 by itself after 200 ms", "INVITE", udpFlow, []act{{1 * s, "again"}, {2 * s, "180"}, {3 * s, "again"}, {4 * s, "200"}},
			lines("0s < INVITE", "200ms > 100", "1s > 100 again", "2s > 180", "3s > 180 again", "4s > 200"), 36 * s},
		{"INVITE no 100 when the user was faster", "INVITE", udpFlow, []act{{199 * ms, "183"}, {1 * s, "200"}},
			lines("0s < INVITE", "199ms > 183", "1s > 200"), 33 * s},
		{"B5 a repeated INVITE is one call", "INVITE", udpFlow, []act{{50 * ms, "again"}, {100 * ms, "again"}, {150 * ms, "200"}},
			lines("0s < INVITE", "150ms > 200"), 32150 * ms},
		{"INVITE Accepted: repeated INVITE absorbed, 2xx and ACK are the user's", "INVITE", udpFlow,
			[]act{{0, "200"}, {500 * ms, "again"}, {500 * ms, "200"}, {1 * s, "ack"}, {2 * s, "ack"}, {3 * s, "486"}},
			lines("0s < INVITE", "0s > 200", "500ms > 200", "1s < ACK", "2s < ACK"), 32 * s},
		{"INVITE Accepted lasts as long over TCP", "INVITE", tcpFlow, []act{{0, "200"}, {1 * s, "ack"}},
			lines("0s < INVITE", "0s > 200", "1s < ACK"), 32 * s},
		{"INVITE Completed: timer G up to T2, timer H", "INVITE", udpFlow, []act{{0, "486"}},
			lines("0s < INVITE", "0s > 486", times("486 again", 500*ms, 1500*ms, 3500*ms, 7500*ms, 11500*ms, 15500*ms, 19500*ms, 23500*ms, 27500*ms, 31500*ms),
				"32s ! transaction timed out"), 32 * s},
		{"INVITE Completed over TCP: timer H alone", "INVITE", tcpFlow, []act{{0, "486"}},
			lines("0s < INVITE", "0s > 486", "32s ! transaction timed out"), 32 * s},
		{"INVITE Completed: repeated INVITE repeats the response", "INVITE", udpFlow, []act{{0, "486"}, {100 * ms, "again"}, {200 * ms, "ack"}},
			lines("0s < INVITE", "0s > 486", "100ms > 486 again"), 5200 * ms},
		{"INVITE Confirmed: ACKs absorbed until timer I", "INVITE", udpFlow, []act{{0, "486"}, {600 * ms, "ack"}, {700 * ms, "ack"}, {800 * ms, "again"}},
			lines("0s < INVITE", "0s > 486", "500ms > 486 again"), 5600 * ms},
		{"INVITE Confirmed over TCP: timer I is zero", "INVITE", tcpFlow, []act{{0, "486"}, {1 * s, "ack"}},
			lines("0s < INVITE", "0s > 486"), 1 * s},
		{"INVITE a second final response is not sent", "INVITE", tcpFlow, []act{{0, "486"}, {0, "200"}, {1 * s, "ack"}},
			lines("0s < INVITE", "0s > 486"), 1 * s},

		// s9.2: CANCEL is told with its INVITE, answered by itself, and changes nothing about the INVITE.
		{"CANCEL handed up with its INVITE", "INVITE", tcpFlow, []act{{100 * ms, "180"}, {1 * s, "cancel"}, {1 * s, "487"}, {1 * s, "ack"}},
			lines("0s < INVITE", "100ms > 180", "1s < CANCEL of INVITE", "1s > 200", "1s > 487"), 1 * s},
		{"CANCEL against an answer already given", "INVITE", tcpFlow, []act{{0, "200"}, {1 * s, "cancel"}},
			lines("0s < INVITE", "0s > 200", "1s < CANCEL of INVITE", "1s > 200"), 32 * s},
		{"CANCEL repeated is answered again, told once", "INVITE", udpFlow, []act{{0, "180"}, {1 * s, "cancel"}, {2 * s, "cancel"}, {3 * s, "487"}, {3 * s, "ack"}},
			lines("0s < INVITE", "0s > 180", "1s < CANCEL of INVITE", "1s > 200", "2s > 200 again", "3s > 487"), 33 * s},

		// Figure 8 of RFC 3261.
		{"OPTIONS Trying: a repeated request is absorbed", "OPTIONS", udpFlow, []act{{1 * s, "again"}, {2 * s, "200"}},
			lines("0s < OPTIONS", "2s > 200"), 34 * s},
		{"OPTIONS Proceeding: the last provisional again", "OPTIONS", udpFlow, []act{{1 * s, "182"}, {2 * s, "again"}, {3 * s, "404"}},
			lines("0s < OPTIONS", "1s > 182", "2s > 182 again", "3s > 404"), 35 * s},
		{"OPTIONS Completed: the final response again, until timer J", "OPTIONS", udpFlow, []act{{0, "200"}, {1 * s, "again"}, {31 * s, "again"}, {31 * s, "404"}},
			lines("0s < OPTIONS", "0s > 200", "1s > 200 again", "31s > 200 again"), 32 * s},
		{"OPTIONS over TCP: timer J is zero", "OPTIONS", tcpFlow, []act{{0, "200"}}, lines("0s < OPTIONS", "0s > 200"), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(row.flow, Config{})
				r.receiveText(requestText(row.method, via))
				tx := r.last
				gone := r.run(t, row.acts, func(do string) {
					switch do {
					case "again":
						r.receiveText(requestText(row.method, via))
					case "ack":
						r.receiveText(requestText("ACK", via))
					case "cancel":
						r.receiveText(requestText("CANCEL", via))
					default:
						var status int
						fmt.Sscan(do, &status)
						tx.Respond(Reply(r.req, status, "X", "tag"))
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

// What RFC 3261 s17.2.3 calls a match, and what standards older and worse than it need.
func TestMatching(t *testing.T) {
	const cookieVia, plainVia = "192.0.2.2;branch=" + branch, "192.0.2.2"
	change := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for _, row := range []struct {
		name   string
		invite string
		status int
		then   string
		want   string // what the second message brings, after the response
	}{
		{"same branch: a retransmission", requestText("INVITE", cookieVia), 0, requestText("INVITE", cookieVia), ""},
		{"another branch: another call", requestText("INVITE", cookieVia), 0, requestText("INVITE", "192.0.2.2;branch=z9hG4bK2"), "< INVITE"},
		{"same branch, another sent-by: another call", requestText("INVITE", cookieVia), 0, requestText("INVITE", "192.0.2.3;branch="+branch), "< INVITE"},
		{"sent-by with the default port written out: the same", requestText("INVITE", cookieVia), 0, requestText("INVITE", "192.0.2.2:5060;branch="+branch), ""},
		{"sent-by host in other case: the same", requestText("INVITE", "gw.example;branch="+branch), 0, requestText("INVITE", "GW.example;branch="+branch), ""},
		{"same branch, another method: another transaction", requestText("INVITE", cookieVia), 0, requestText("OPTIONS", cookieVia), "< OPTIONS"},
		{"RFC 2543: same call without branch", requestText("INVITE", plainVia), 0, requestText("INVITE", plainVia), ""},
		{"RFC 2543: a re-INVITE has another CSeq", requestText("INVITE", plainVia), 0, change(requestText("INVITE", plainVia), "CSeq: 5", "CSeq: 6"), "< INVITE"},
		{"RFC 4475 s3.2.1: the bare cookie is no branch", requestText("INVITE", "192.0.2.2;branch=z9hG4bK"), 0,
			change(requestText("INVITE", "192.0.2.2;branch=z9hG4bK"), "Call-ID: c", "Call-ID: d"), "< INVITE"},
		{"ACK to a failure", requestText("INVITE", cookieVia), 486, requestText("ACK", cookieVia), ""},
		{"RFC 2543: ACK to a failure", requestText("INVITE", plainVia), 486, requestText("ACK", plainVia), ""},
		{"ACK to a 2xx with a branch of its own", requestText("INVITE", cookieVia), 200, requestText("ACK", "192.0.2.2;branch=z9hG4bK9"), "< ACK"},
		{"wB2 ACK to a 2xx without Route or branch, to the original Request-URI", requestText("INVITE", cookieVia), 200,
			change(requestText("ACK", plainVia), "To: <sip:911@b>", "To: <sip:911@b>;tag=tag"), "< ACK"},
		{"wB2 ACK to a failure without branch", requestText("INVITE", cookieVia), 486,
			change(requestText("ACK", plainVia), "To: <sip:911@b>", "To: <sip:911@b>;tag=tag"), ""},
		{"ACK of an unknown call", requestText("INVITE", cookieVia), 486,
			change(requestText("ACK", "192.0.2.2;branch=z9hG4bK9"), "Call-ID: c", "Call-ID: d"), "< stray ACK"},
		{"CANCEL by branch", requestText("INVITE", cookieVia), 180, requestText("CANCEL", cookieVia), "< CANCEL of INVITE, > 200"},
		{"CANCEL with another branch is of nothing", requestText("INVITE", cookieVia), 180, requestText("CANCEL", "192.0.2.2;branch=z9hG4bK9"), "< CANCEL of nothing, > 481"},
		{"RFC 2543: CANCEL by call", requestText("INVITE", plainVia), 180, requestText("CANCEL", plainVia), "< CANCEL of INVITE, > 200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(udpFlow, Config{})
				r.receiveText(row.invite)
				if row.status != 0 {
					r.last.Respond(Reply(r.req, row.status, "X", "tag"))
				}
				r.story()
				r.log = nil
				r.receiveText(row.then)
				if got := strings.ReplaceAll(strings.ReplaceAll(r.story(), "0s ", ""), "\n", ", "); got != row.want {
					t.Errorf("%q, want %q", got, row.want)
				}
				// An ACK that was found ends the retransmissions.
				time.Sleep(time.Second)
				if row.status == 486 && row.want == "" && strings.Contains(r.story(), "again") {
					t.Errorf("the response is still repeated: %s", r.story())
				}
				r.layer.Close()
			})
		})
	}
}

func TestAckWithTheTagOfAnotherResponseIsNotForUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(udpFlow, Config{})
		r.receiveText(requestText("INVITE", "192.0.2.2"))
		r.last.Respond(Reply(r.req, 486, "Busy Here", "tag"))
		r.receiveText(strings.Replace(requestText("ACK", "192.0.2.2"), "To: <sip:911@b>", "To: <sip:911@b>;tag=other", 1))
		time.Sleep(time.Second)
		if got := r.story(); !strings.Contains(got, "500ms > 486 again") {
			t.Error(got)
		}
		r.layer.Close()
	})
}

func TestResponseThatCannotBeSentIsToldAndTheTransactionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(udpFlow, Config{})
		r.receiveText(requestText("INVITE", "192.0.2.2;branch="+branch))
		r.fail = errors.New("no route")
		r.last.Respond(Reply(r.req, 180, "Ringing", "tag"))
		r.fail = nil
		r.last.Respond(Reply(r.req, 200, "OK", "tag"))
		if diff := cmp.Diff(lines("0s < INVITE", "0s ! no route", "0s > 200"), r.story()); diff != "" {
			t.Error(diff)
		}
		r.layer.Close()
	})
}

func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(udpFlow, Config{Admit: func(req *sip.Request, flow transport.Flow) int {
			if req.Method == sip.OPTIONS {
				return 503
			}
			return 0
		}})
		for range 2 {
			r.receiveText(requestText("OPTIONS", "192.0.2.2;branch="+branch))
		}
		if n := r.layer.Stats().Servers.Load(); n != 0 {
			t.Errorf("%d transactions kept for refused requests", n)
		}
		r.receiveText(requestText("INVITE", "192.0.2.2;branch="+branch))
		r.receiveText(requestText("CANCEL", "192.0.2.2;branch="+branch))
		want := lines("0s > 503", "0s > 503", "0s < INVITE", "0s < CANCEL of INVITE", "0s > 200")
		if diff := cmp.Diff(want, r.story()); diff != "" {
			t.Error(diff)
		}
		if n := r.layer.Stats().Refused.Load(); n != 2 {
			t.Errorf("%d refused", n)
		}
		r.layer.Close()
	})
}

// RFC 3261 s8.2.7: a stateless response has the same tag each time. RFC 3261 s21.5.4: and no Retry-After here.
func TestARefusalIsTheSameEachTime(t *testing.T) {
	req := parse(requestText("OPTIONS", "192.0.2.2;branch="+branch)).(*sip.Request)
	a, b := refusal(req, 503, "k").String(), refusal(req, 503, "k").String()
	if a != b || !strings.Contains(a, ";tag=") || strings.Contains(a, "Retry-After") {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestAReplyRepeatsWhatCouldNotBeRead(t *testing.T) {
	req := parse(strings.Replace(requestText("OPTIONS", "192.0.2.2;branch="+branch), "From: <sip:a@b>", "From: <sip:a@b", 1)).(*sip.Request)
	if got := Reply(req, 400, "Bad Request", "x").String(); !strings.Contains(got, "From: <sip:a@b;tag=f\r\n") {
		t.Error(got)
	}
}
