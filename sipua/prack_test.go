package sipua

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/gateway"
)

// rack is the RAck of a PRACK to a reliable response.
func rack(res string) string { return "RAck: " + value(res, "RSeq") + " " + value(res, "CSeq") }

// early is a caller whose 183 has a description.
func (r *rig) earlyMedia(body string, headers ...string) (p *peer, c gateway.Caller, l *log, res string) {
	r.Helper()
	p = r.peer(phoneIP)
	p.say(p.request("INVITE", dialled911, body, headers...))
	c, l = r.arrived(1).caller, &log{}
	c.ReportTo(l)
	c.Progress(183, answer)
	return p, c, l, p.next("SIP/2.0 183")
}

func TestReliableProvisional(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		code         int
		sdp          string
		reliable     bool
	}{
		{"s3 supported: with a description", "Supported: replaces, 100rel", 183, answer, true},
		{"supported: without one it is not worth it", "Supported: 100rel", 180, "", false},
		{"s3 required: every one", "Require: 100rel", 180, "", true},
		{"neither", "Supported: timer", 183, answer, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p := r.peer(phoneIP)
				p.say(p.request("INVITE", dialled911, offer, tc.header))
				c := r.arrived(1).caller
				c.ReportTo(&log{})
				c.Progress(tc.code, tc.sdp)
				res := p.next(fmt.Sprintf("SIP/2.0 %d", tc.code))
				if reliable := value(res, "Require") == "100rel" && value(res, "RSeq") != ""; reliable != tc.reliable || bodyOf(res) != tc.sdp {
					t.Errorf("%s", res)
				}
				c.End(486, "")
				p.next("SIP/2.0 486")
				p.say(p.inside("ACK", res, "", "CSeq: 1 ACK"))
				r.wait(time.Minute)
				if s := p.story(); strings.Contains(s, " 18") {
					t.Errorf("repeated after the end: %s", s)
				}
			})
		})
	}
}

func TestPrack(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, early := r.earlyMedia(offer, "Supported: 100rel")
		if got, want := p.after(4*time.Second), "500ms 183 Session Progress; 1.5s 183 Session Progress; 3.5s 183 Session Progress"; got != want {
			t.Errorf("s3: heard %s, want %s", got, want)
		}
		c.Progress(183, "") // not reliable: no need to wait
		p.next("SIP/2.0 183")
		p.say(p.inside("PRACK", early, "", "RAck: 1 1 INVITE", "CSeq: 2 PRACK"))
		p.next("SIP/2.0 481") // s3: no such response
		p.say(p.inside("PRACK", early, "", rack(early), "CSeq: 3 PRACK"))
		p.next("SIP/2.0 200")
		r.wait(time.Minute)
		p.silent()
		p.say(p.inside("UPDATE", early, offer, "CSeq: 4 UPDATE")) // the offer is answered: another may come (RFC 3311 s5.1)
		if res := p.next("SIP/2.0 200"); bodyOf(res) != answer {
			t.Errorf("%s", res)
		}
		c.Answer(answer)
		ok := p.next("SIP/2.0 200")
		if bodyOf(ok) != "" {
			t.Errorf("RFC 6337 s3.1.1: answered twice: %s", ok)
		}
		p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
		p.say(p.inside("BYE", ok, "", "CSeq: 5 BYE"))
		p.next("SIP/2.0 200")
		l.want(t, "hung-up caller")
	})
}

func TestOneReliableResponseAfterTheOther(t *testing.T) {
	onRig(t, func(r *rig) {
		p := r.peer(phoneIP)
		p.say(p.request("INVITE", dialled911, offer, "Require: 100rel"))
		c, l := r.arrived(1).caller, &log{}
		c.ReportTo(l)
		c.Progress(180, "")
		c.Progress(183, answer)
		first := p.next("SIP/2.0 180")
		p.silent() // s3: the second waits for the PRACK of the first
		p.say(p.inside("PRACK", first, "", rack(first), "CSeq: 2 PRACK"))
		second := p.next("SIP/2.0 183")
		p.next("SIP/2.0 200")
		var a, b int
		fmt.Sscan(value(first, "RSeq"), &a)
		fmt.Sscan(value(second, "RSeq"), &b)
		if b != a+1 || bodyOf(second) != answer {
			t.Errorf("RSeq %d after %d in %s", b, a, second)
		}
		c.Answer(answer)
		p.silent() // s3: no 2xx before the PRACK of a description
		p.say(p.inside("PRACK", second, "", rack(second), "CSeq: 3 PRACK"))
		ok := p.next("SIP/2.0 200")
		p.next("SIP/2.0 200")
		if value(ok, "CSeq") != "1 INVITE" {
			t.Errorf("%s", ok)
		}
		p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
		p.say(p.inside("BYE", ok, "", "CSeq: 5 BYE"))
		p.next("SIP/2.0 200")
		l.want(t, "hung-up caller")
	})
}

func TestAnswerDoesNotWaitForEverForAPrack(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, early := r.earlyMedia(offer, "Supported: 100rel")
		c.Answer(answer)
		c.Answer(answer)
		c.Progress(180, "")
		if got, want := p.after(1900*time.Millisecond), "500ms 183 Session Progress; 1.5s 183 Session Progress"; got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
		r.wait(100 * time.Millisecond)
		ok := p.next("SIP/2.0 200")
		if bodyOf(ok) != answer {
			t.Errorf("%s", ok)
		}
		p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
		p.say(p.inside("PRACK", early, "", rack(early), "CSeq: 2 PRACK")) // late, and answered all the same
		p.next("SIP/2.0 200")
		r.wait(time.Minute)
		p.silent()
		p.say(p.inside("BYE", ok, "", "CSeq: 5 BYE"))
		p.next("SIP/2.0 200")
		l.want(t, "hung-up caller")
	})
}

func TestNoPrackAtAll(t *testing.T) {
	// s3 would refuse the INVITE; an emergency goes on ringing.
	onRig(t, func(r *rig) {
		p, c, _, early := r.earlyMedia(offer, "Supported: 100rel")
		p.after(40 * time.Second)
		c.Progress(183, answer)
		if res := p.next("SIP/2.0 183"); value(res, "RSeq") != "" {
			t.Errorf("reliable again: %s", res)
		}
		c.End(486, "")
		p.next("SIP/2.0 486")
		p.say(p.inside("ACK", early, "", "CSeq: 1 ACK"))
	})
}

func TestOfferInAReliableResponse(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, early := r.earlyMedia("", "Supported: 100rel")
		if bodyOf(early) != answer {
			t.Errorf("s5: no offer in %s", early)
		}
		p.say(p.inside("PRACK", early, offer, rack(early), "CSeq: 2 PRACK"))
		if res := p.next("SIP/2.0 200"); bodyOf(res) != "" {
			t.Errorf("%s", res)
		}
		l.want(t, "answered caller sdp")
		p.say(p.inside("UPDATE", early, offer, "CSeq: 3 UPDATE"))
		p.next("SIP/2.0 200")
		c.Answer(answer)
		ok := p.next("SIP/2.0 200")
		if bodyOf(ok) != "" {
			t.Errorf("a second offer: %s", ok)
		}
		p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
		p.say(p.inside("BYE", ok, "", "CSeq: 5 BYE"))
		p.next("SIP/2.0 200")
	})
}

func TestOfferInAPrack(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, early := r.earlyMedia(offer, "Supported: 100rel")
		p.say(p.inside("PRACK", early, offer, rack(early), "CSeq: 2 PRACK"))
		if res := p.next("SIP/2.0 200"); bodyOf(res) != answer {
			t.Errorf("s5: %s", res)
		}
		if len(l.asked()) != 1 {
			t.Errorf("asked %q", l.asked())
		}
		c.End(486, "")
		p.next("SIP/2.0 486")
		p.say(p.inside("ACK", early, "", "CSeq: 1 ACK"))
	})
}

func TestWePrack(t *testing.T) {
	reliable := func(invite string, status, rseq int, tag, body string) string {
		return reply(invite, status, tag, body, psapContact, "Require: 100rel", fmt.Sprintf("RSeq: %d", rseq), "Record-Route: <sip:192.0.2.20;lr>")
	}
	onRig(t, func(r *rig) {
		p, leg, l, invite := r.dialled()
		if !strings.Contains(value(invite, "Supported"), "100rel") {
			t.Errorf("%s", invite)
		}
		p.say(reliable(invite, 180, 7, "b1", ""))
		prack := p.next("PRACK sip:psap@192.0.2.20:5060")
		for name, want := range map[string]string{"RAck": "7 1 INVITE", "CSeq": "2 PRACK", "Route": "<sip:192.0.2.20;lr>", "To": "<sip:911@192.0.2.20>;tag=b1"} {
			if value(prack, name) != want {
				t.Errorf("%s: %s, want %s", name, value(prack, name), want)
			}
		}
		p.say(reliable(invite, 180, 7, "b1", "")) // repeated
		p.say(reliable(invite, 183, 9, "b1", "")) // s4: out of order
		p.silent()
		p.say(reply(prack, 200, "", ""))
		p.say(reliable(invite, 183, 8, "b1", answer))
		p.say(reply(p.next("PRACK"), 200, "", ""))
		other := reliable(invite, 180, 40, "b2", "") // another fork counts for itself
		p.say(other)
		second := p.next("PRACK")
		if value(second, "RAck") != "40 1 INVITE" || value(second, "CSeq") != "2 PRACK" {
			t.Errorf("%s", second)
		}
		p.say(reply(second, 200, "", ""))
		l.want(t, "ringing psap 180; ringing psap 183 sdp; ringing psap 180")

		// RFC 3311 s5.1: our offer has its answer, so the far side may offer.
		p.say(p.back("UPDATE", other, offer, "CSeq: 1 UPDATE"))
		p.next("SIP/2.0 500")
		p.say(p.back("UPDATE", reliable(invite, 183, 8, "b1", answer), offer, "CSeq: 1 UPDATE"))
		p.next("SIP/2.0 200")
		p.say(p.back("BYE", reliable(invite, 183, 8, "b1", answer), "", "CSeq: 2 BYE")) // s15: not for it to send
		p.next("SIP/2.0 200")

		p.say(reply(invite, 200, "b1", "", psapContact))
		p.next("ACK")
		leg.Hangup("")
		bye := p.next("BYE")
		if value(bye, "CSeq") != "4 BYE" {
			t.Errorf("s12.2.1.1: after two PRACKs: %s", bye)
		}
		p.say(reply(bye, 200, "", ""))
		p.say(reply(invite, 200, "b2", answer, psapContact))
		p.next("ACK")
		bye = p.next("BYE")
		if value(bye, "CSeq") != "3 BYE" {
			t.Errorf("%s", bye)
		}
		p.say(reply(bye, 200, "", ""))
		l.want(t, "ringing psap 180; ringing psap 183 sdp; ringing psap 180; answered psap 200")
	})
}

func TestEarlyDialogsEndWithTheLeg(t *testing.T) {
	onRig(t, func(r *rig) {
		p, _, l, invite := r.dialled()
		early := reply(invite, 183, "b1", answer, psapContact, "Require: 100rel", "RSeq: 1")
		p.say(early)
		p.say(reply(p.next("PRACK"), 200, "", ""))
		p.say(reply(invite, 486, "b1", ""))
		p.next("ACK")
		p.say(p.back("UPDATE", early, offer))
		p.next("SIP/2.0 481")
		l.want(t, "ringing psap 183 sdp; failed psap 486 (Whatever)")
	})
}
