package sipua

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-sip/tocsin/gateway"
)

const dialled911 = "sip:911@192.0.2.1"

// called is a call that has come in from a telephone and rings.
func (r *rig) called(headers ...string) (p *peer, c gateway.Caller, l *log, ringing string) {
	r.Helper()
	p = r.peer(phoneIP)
	p.say(p.request("INVITE", dialled911, offer, headers...))
	c, l = r.arrived(1).caller, &log{}
	c.ReportTo(l)
	c.Progress(180, "")
	return p, c, l, p.next("SIP/2.0 180 Ringing")
}

// talking is a call that has been answered and acknowledged.
func (r *rig) talking(headers ...string) (p *peer, c gateway.Caller, l *log, ok string) {
	r.Helper()
	p, c, l, _ = r.called(headers...)
	c.Answer(answer)
	ok = p.next("SIP/2.0 200 OK")
	p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
	return p, c, l, ok
}

// inside is a request of the telephone in the dialog that a response of ours made.
func (p *peer) inside(method, res, body string, headers ...string) string {
	for _, h := range []string{"From: " + value(res, "From"), "To: " + value(res, "To"), "Call-ID: " + value(res, "Call-ID"), "CSeq: 2 " + method} {
		if name, _, _ := strings.Cut(h, ":"); find(headers, name) == "" {
			headers = append(headers, h)
		}
	}
	return p.request(method, uriOf(value(res, "Contact")), body, headers...)
}

func TestCallerAnswered(t *testing.T) {
	onRig(t, func(r *rig) {
		p := r.peer(phoneIP)
		p.say(p.request("INVITE", dialled911, offer, "Record-Route: <sip:192.0.2.30;lr>, <sip:192.0.2.31;lr>", "Record-Route: <sip:192.0.2.32;lr>"))
		r.wait(250 * time.Millisecond)
		c, l := r.arrived(1).caller, &log{}
		c.ReportTo(l)
		if tag := tagOf(value(p.next("SIP/2.0 100 Trying"), "To")); tag != "" {
			t.Errorf("100 has the tag %q", tag)
		}
		c.Progress(180, "")
		ringing := p.next("SIP/2.0 180 Ringing")
		c.Progress(183, answer)
		early := p.next("SIP/2.0 183 Session Progress")
		c.Answer(answer)
		ok := p.next("SIP/2.0 200 OK")
		c.Progress(180, "")
		c.Answer(answer)
		p.silent() // RFC 3261 s13.3.1: nothing follows the answer

		for _, res := range []string{ringing, early, ok} {
			if got, want := strings.Join(values(res, "Record-Route"), ","), "<sip:192.0.2.30;lr>,<sip:192.0.2.31;lr>,<sip:192.0.2.32;lr>"; got != want {
				t.Errorf("Record-Route %s, want %s (RFC 3261 s12.1.1)", got, want)
			}
			if value(res, "Contact") != "<sip:tocsin@192.0.2.1:5060;transport=udp>" || value(res, "Allow") == "" {
				t.Errorf("no usable Contact or Allow in\n%s", res)
			}
			if tagOf(value(res, "To")) == "" || tagOf(value(res, "To")) != tagOf(value(ok, "To")) {
				t.Errorf("To %s, but the answer has %s", value(res, "To"), value(ok, "To"))
			}
		}
		if bodyOf(ringing) != "" || bodyOf(early) != answer || bodyOf(ok) != answer {
			t.Error("the descriptions are not where they belong")
		}
		p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
		p.say(p.inside("BYE", ok, ""))
		p.next("SIP/2.0 200 OK")
		r.wait(time.Minute)
		p.silent()
		l.want(t, "hung-up caller")
		c.End(0, "over") // as the session does
		p.silent()
	})
}

func TestAnswerIsRepeatedUntilItsACK(t *testing.T) {
	const noACK = "0s 200 OK; 500ms 200 OK; 1.5s 200 OK; 3.5s 200 OK; 7.5s 200 OK; 11.5s 200 OK; 15.5s 200 OK; 19.5s 200 OK; 23.5s 200 OK; 27.5s 200 OK; 31.5s 200 OK"
	for _, tc := range []struct {
		name string
		ack  string // headers replaced in the ACK; "-" is no ACK at all
		at   time.Duration
		want string
	}{
		{"s13.3.1.4 lost ACK: for 64*T1, and the call goes on", "-", 0, noACK},
		{"s13.3.1.4 acknowledged", "", time.Second, "0s 200 OK; 500ms 200 OK"},
		{"ACK of another CSeq settles nothing", "CSeq: 7 ACK", time.Second, noACK},
		{"wB2 no branch", "Via: SIP/2.0/UDP 192.0.2.10:5060", time.Second, "0s 200 OK; 500ms 200 OK"},
		{"wB2 without our tag", "To: <sip:911@192.0.2.1>|Via: SIP/2.0/UDP 192.0.2.10:5060", time.Second, "0s 200 OK; 500ms 200 OK"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, c, l, _ := r.called()
				c.Answer(answer)
				synctest.Wait()
				p.mu.Lock()
				ok := p.got[p.read].text
				p.mu.Unlock()
				r.wait(tc.at)
				if tc.ack != "-" {
					p.say(p.inside("ACK", ok, "", append([]string{"CSeq: 1 ACK"}[:btoi(!strings.Contains(tc.ack, "CSeq"))], strings.FieldsFunc(tc.ack, func(c rune) bool { return c == '|' })...)...))
				}
				r.wait(2*time.Minute - tc.at)
				if got := p.story(); got != tc.want {
					t.Errorf("heard %s\nwant  %s", got, tc.want)
				}
				l.want(t, "")
				c.End(0, "over")
				bye := p.next("BYE sip:2041@192.0.2.10:5060 SIP/2.0")
				p.say(reply(bye, 200, "", ""))
			})
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestCallerByeFromUs(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, ok := r.talking()
		c.End(0, `the PSAP "hung up"`)
		c.End(0, "again")
		bye := p.next("BYE sip:2041@192.0.2.10:5060 SIP/2.0")
		for name, want := range map[string]string{"From": value(ok, "To"), "To": value(ok, "From"), "CSeq": "1 BYE",
			"Call-ID": value(ok, "Call-ID"), "Reason": `SIP;cause=200;text="the PSAP \"hung up\""`} {
			if got := value(bye, name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		p.say(p.inside("BYE", ok, "")) // the two have crossed
		p.next("SIP/2.0 481")
		p.say(reply(bye, 200, "", ""))
		p.silent()
		l.want(t, "") // who ended the leg needs no telling
	})
}

func TestDelayedOffer(t *testing.T) {
	onRig(t, func(r *rig) {
		p := r.peer(phoneIP)
		p.say(p.request("INVITE", dialled911, ""))
		a := r.arrived(1)
		if a.in.SDP != "" {
			t.Errorf("SDP %q", a.in.SDP)
		}
		l := &log{}
		a.caller.ReportTo(l)
		a.caller.Progress(183, answer)
		if early := p.next("SIP/2.0 183"); bodyOf(early) != "" {
			t.Errorf("RFC 3261 s13.2.1: an offer in an unreliable response: %s", early)
		}
		a.caller.Answer(answer)
		ok := p.next("SIP/2.0 200")
		if bodyOf(ok) != answer {
			t.Errorf("no offer in the 200")
		}
		p.say(p.inside("INVITE", ok, offer)) // before the answer: RFC 3261 s14.2
		p.next("SIP/2.0 491 Request Pending")
		p.say(p.inside("ACK", ok, offer, "CSeq: 1 ACK"))
		p.say(p.inside("ACK", ok, offer, "CSeq: 1 ACK")) // repeated
		l.want(t, "answered caller sdp")
		if l.described()[0] != offer {
			t.Errorf("answer %q", l.described()[0])
		}
		p.say(p.inside("UPDATE", ok, offer, "CSeq: 3 UPDATE")) // after it
		p.next("SIP/2.0 200")
		p.say(p.inside("BYE", ok, "", "CSeq: 9 BYE"))
		p.next("SIP/2.0 200")
	})
}

func TestDelayedOfferWithoutACK(t *testing.T) {
	onRig(t, func(r *rig) {
		p := r.peer(phoneIP)
		p.say(p.request("INVITE", dialled911, ""))
		c, l := r.arrived(1).caller, &log{}
		c.ReportTo(l)
		c.Answer(answer)
		ok := p.next("SIP/2.0 200")
		r.wait(time.Minute)
		p.story()
		// The answer never came; the caller may offer something itself now.
		p.say(p.inside("UPDATE", ok, offer))
		p.next("SIP/2.0 200")
		p.say(p.inside("BYE", ok, "", "CSeq: 3 BYE"))
		p.next("SIP/2.0 200")
		l.want(t, "hung-up caller")
	})
}

func TestCancel(t *testing.T) {
	cancel := func(p *peer, invite string) string {
		return p.request("CANCEL", dialled911, "", "Via: "+value(invite, "Via"))
	}
	t.Run("s9.2 before the answer: 200 to it, 487 to the INVITE when the call says so", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			invite := p.request("INVITE", dialled911, offer)
			p.say(invite)
			c, l := r.arrived(1).caller, &log{}
			p.say(cancel(p, invite))
			p.next("SIP/2.0 200 OK")
			l.want(t, "")
			c.ReportTo(l) // told late: what happened is told then
			l.want(t, "cancelled caller")
			c.End(487, "")
			res := p.next("SIP/2.0 487 Request Terminated")
			p.say(p.request("ACK", dialled911, "", "Via: "+value(invite, "Via"), "To: "+value(res, "To"), "CSeq: 1 ACK"))
			r.wait(time.Minute)
			p.silent()
		})
	})
	t.Run("s9.2 after the answer: it changes nothing", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			invite := p.request("INVITE", dialled911, offer)
			p.say(invite)
			c, l := r.arrived(1).caller, &log{}
			c.ReportTo(l)
			c.Answer(answer)
			ok := p.next("SIP/2.0 200 OK")
			p.say(cancel(p, invite))
			p.next("SIP/2.0 200 OK")
			p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
			l.want(t, "")
			c.End(0, "")
			p.say(reply(p.next("BYE"), 200, "", ""))
		})
	})
	t.Run("races: cancelled is told, the answer was already decided", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			invite := p.request("INVITE", dialled911, offer)
			p.say(invite)
			c, l := r.arrived(1).caller, &log{}
			c.ReportTo(l)
			p.say(cancel(p, invite))
			p.next("SIP/2.0 200 OK")
			c.Answer(answer) // the call took the events in this order
			ok := p.next("SIP/2.0 200 OK")
			p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
			p.say(p.inside("BYE", ok, ""))
			p.next("SIP/2.0 200 OK")
			l.want(t, "cancelled caller; hung-up caller")
		})
	})
	t.Run("s9.2 of nothing: 481", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			p.say(p.request("CANCEL", dialled911, ""))
			p.next("SIP/2.0 481")
		})
	})
	t.Run("s15 BYE in an early dialog is a cancel", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, c, l, ringing := r.called()
			p.say(p.inside("BYE", ringing, ""))
			p.next("SIP/2.0 200 OK")
			l.want(t, "cancelled caller")
			c.End(487, "")
			p.next("SIP/2.0 487")
		})
	})
}

func TestCallerRejected(t *testing.T) {
	for _, tc := range []struct {
		name    string
		code    int
		why     string
		status  string
		header  string
		content string
	}{
		{"a refusal says why to people", 403, "nobody \"vouches\"\r\nfor you", "403 Forbidden", "Warning", `399 gw.example.com "nobody \"vouches\" for you"`},
		{"a redirection says where", 302, "sip:911@192.0.2.99", "302 Moved Temporarily", "Contact", "<sip:911@192.0.2.99>"},
		{"no code", 0, "", "480 Temporarily Unavailable", "Warning", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, c, l, _ := r.called()
				c.End(tc.code, tc.why)
				c.End(500, "again")
				c.Answer(answer)
				c.Progress(180, "")
				res := p.next("SIP/2.0 " + tc.status)
				if got := value(res, tc.header); got != tc.content {
					t.Errorf("%s: %s, want %s", tc.header, got, tc.content)
				}
				p.say(p.request("ACK", dialled911, "", "To: "+value(res, "To"), "CSeq: 1 ACK"))
				l.want(t, "")
			})
		})
	}
}

func TestCallerRoutes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		routes []string
		uri    string
		want   string // Route of our BYE
		at     string // who hears it
	}{
		{"s12.2.1.1 loose routes in their order", []string{"<sip:192.0.2.20;lr>", "<sip:192.0.2.31;lr>"},
			"sip:2041@192.0.2.10:5060", "<sip:192.0.2.20;lr>,<sip:192.0.2.31;lr>", psapIP},
		{"s12.2.1.1 a strict router takes the request-URI", []string{"<sip:192.0.2.20>", "<sip:192.0.2.31;lr>"},
			"sip:192.0.2.20", "<sip:192.0.2.31;lr>,<sip:2041@192.0.2.10:5060>", psapIP},
		{"a route that leads nowhere: back to where the call came from", []string{"<sip:no.such.host;lr>"},
			"sip:2041@192.0.2.10:5060", "<sip:no.such.host;lr>", phoneIP},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				proxy := r.peer(psapIP)
				var headers []string
				for _, route := range tc.routes {
					headers = append(headers, "Record-Route: "+route)
				}
				p, c, _, _ := r.talking(headers...)
				c.End(0, "")
				if tc.at == psapIP {
					p.silent()
					p = proxy
				}
				bye := p.next("BYE " + tc.uri + " SIP/2.0")
				if got := strings.Join(values(bye, "Route"), ","); got != tc.want {
					t.Errorf("Route %s, want %s", got, tc.want)
				}
				p.say(reply(bye, 200, "", ""))
			})
		})
	}
}

func TestReporterMayCallBack(t *testing.T) {
	// No lock is held while a call is told: it may answer from inside.
	onRig(t, func(r *rig) {
		p, c, l, ringing := r.called()
		l.touched = func() { c.End(487, "") }
		p.say(p.inside("BYE", ringing, ""))
		// The answer to the BYE leaves when its step is done, behind what was said inside it.
		p.next("SIP/2.0 487")
		p.next("SIP/2.0 200")
	})
}
