package sipua

import (
	"strings"
	"testing"
	"time"
)

func TestInsideADialog(t *testing.T) {
	const relay, plain = "Content-Type: application/dtmf-relay", "Content-Type: application/dtmf"
	for _, tc := range []struct {
		name    string
		method  string
		body    string
		headers []string
		want    string // the response
		told    string
		offered string // what the call was asked to answer; "-" nothing
	}{
		{"s14 hold: answered from the anchor", "INVITE", offer + "a=sendonly\r\n", nil, "200 OK sdp", "", offer + "a=sendonly\r\n"},
		{"s14 no offer: ours, answered in the ACK", "INVITE", "", nil, "200 OK sdp", "", ""},
		{"RFC 3311 UPDATE with an offer", "UPDATE", offer, nil, "200 OK sdp", "", offer},
		{"RFC 3311 UPDATE without: nothing changes", "UPDATE", "", nil, "200 OK", "", "-"},
		{"s12.2.2 CSeq below the last", "UPDATE", offer, []string{"CSeq: 0 UPDATE"}, "500 Server Internal Error", "", "-"},
		{"INFO dtmf-relay", "INFO", "Signal=5\r\nDuration=160\r\n", []string{relay}, "200 OK", "pressed caller 5", "-"},
		{"INFO dtmf-relay with blanks, named by number", "INFO", "Signal= 11\r\nDuration= 160\r\n", []string{relay}, "200 OK", "pressed caller #", "-"},
		{"INFO dtmf", "INFO", "1", []string{plain}, "200 OK", "pressed caller 1", "-"},
		{"INFO with no digit", "INFO", "Signal=\r\n", []string{relay}, "200 OK", "", "-"},
		{"INFO without body", "INFO", "", nil, "200 OK", "", "-"},
		{"RFC 6086 s4.2.2 a package nobody knows", "INFO", "", []string{"Info-Package: foo"}, "469 Bad Info Package", "", "-"},
		{"INFO of another kind", "INFO", "<x/>", []string{"Content-Type: application/xml"}, "415 Unsupported Media Type", "", "-"},
		{"OPTIONS", "OPTIONS", "", nil, "200 OK", "", "-"},
		{"MESSAGE", "MESSAGE", "hello", []string{"Content-Type: text/plain"}, "405 Method Not Allowed", "", "-"},
		{"wC3 transfer by the caller", "REFER", "", []string{"Refer-To: <sip:x@y>"}, "405 Method Not Allowed", "", "-"},
		{"an unknown method", "DANCE", "", nil, "501 Not Implemented", "", "-"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, c, l, ok := r.talking()
				p.say(p.inside(tc.method, ok, tc.body, tc.headers...))
				res := p.next("SIP/2.0 ")
				line, _, _ := strings.Cut(res, "\r\n")
				got := strings.TrimPrefix(line, "SIP/2.0 ")
				if bodyOf(res) == answer {
					got += " sdp"
				}
				if got != tc.want {
					t.Errorf("%s, want %s", got, tc.want)
				}
				if tagOf(value(res, "To")) != tagOf(value(ok, "To")) || len(values(res, "To")) != 1 {
					t.Errorf("To %v", values(res, "To"))
				}
				if status := got[:3]; (status == "405" || status == "501") && value(res, "Allow") == "" {
					t.Error("s21.4.6: no Allow")
				}
				l.want(t, tc.told)
				if tc.offered == "-" && len(l.asked()) > 0 || tc.offered != "-" && (len(l.asked()) != 1 || l.asked()[0] != tc.offered) {
					t.Errorf("the call was asked to answer %q, want %q", l.asked(), tc.offered)
				}
				if tc.method == "INVITE" {
					r.wait(600 * time.Millisecond)
					p.next("SIP/2.0 200") // repeated: s13.3.1.4
					p.say(p.inside("ACK", ok, answerTo(tc.body), "CSeq: 2 ACK"))
				}
				r.wait(time.Minute)
				p.silent()
				if tc.body == "" && tc.method == "INVITE" {
					l.want(t, "answered caller sdp")
				}
				c.End(0, "")
				p.say(reply(p.next("BYE"), 200, "", ""))
			})
		})
	}
}

// answerTo is what an ACK carries: an answer if the INVITE had no offer.
func answerTo(body string) string {
	if body == "" {
		return offer
	}
	return ""
}

func TestReInviteRefused(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, ok := r.talking()
		l.refuse = errRefused
		p.say(p.inside("INVITE", ok, offer, "Contact: <sip:2041@192.0.2.20:5060>"))
		p.next("SIP/2.0 488 Not Acceptable Here")
		p.say(p.inside("ACK", ok, "", "CSeq: 2 ACK"))
		c.End(0, "")
		// What was refused has changed nothing (s14.2): the call went on, to the old target.
		p.say(reply(p.next("BYE sip:2041@192.0.2.10:5060"), 200, "", ""))
	})
}

func TestTargetRefreshed(t *testing.T) {
	t.Run("s12.2.2 a new Contact", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, c, _, ok := r.talking()
			p.say(p.inside("UPDATE", ok, "", "Contact: <sip:2041@192.0.2.10:6666>"))
			p.next("SIP/2.0 200")
			c.End(0, "")
			p.say(reply(p.next("BYE sip:2041@192.0.2.10:6666"), 200, "", ""))
		})
	})
	t.Run("a telephone that has changed its network is called there", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, c, l, ok := r.talking()
			moved := r.peer(otherIP)
			moved.say(moved.inside("INVITE", ok, offer, "Contact: <sip:2041@10.0.0.7>"))
			moved.next("SIP/2.0 200")
			moved.say(moved.inside("ACK", ok, "", "CSeq: 2 ACK"))
			c.End(0, "")
			moved.say(reply(moved.next("BYE sip:2041@10.0.0.7"), 200, "", ""))
			p.silent()
			l.want(t, "")
		})
	})
}

func TestInsideAnEarlyDialog(t *testing.T) {
	for _, tc := range []struct{ name, method, body, want string }{
		{"RFC 3311 s5.2 UPDATE with an offer, before the first is answered", "UPDATE", offer, "500"},
		{"UPDATE without", "UPDATE", "", "200"},
		{"s14.2 INVITE before the first is answered", "INVITE", offer, "500"},
		{"RFC 3262 s3 PRACK: nothing of ours is reliable", "PRACK", "", "481"},
		{"INFO", "INFO", "", "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, c, l, ringing := r.called()
				p.say(p.inside(tc.method, ringing, tc.body))
				res := p.next("SIP/2.0 " + tc.want)
				if tc.want == "500" && value(res, "Retry-After") == "" {
					t.Error("no Retry-After")
				}
				if len(l.asked()) != 0 {
					t.Error("the call was asked")
				}
				if tc.method == "INVITE" {
					p.say(p.inside("ACK", ringing, "", "CSeq: 2 ACK"))
				}
				c.Answer(answer)
				ok := p.next("SIP/2.0 200")
				p.say(p.inside("ACK", ok, "", "CSeq: 1 ACK"))
				p.say(p.inside("BYE", ok, "", "CSeq: 3 BYE"))
				p.next("SIP/2.0 200")
				l.want(t, "hung-up caller")
			})
		})
	}
}

func TestInsideALegsDialog(t *testing.T) {
	onRig(t, func(r *rig) {
		p, leg, l, ok := r.up()
		p.say(p.back("INVITE", ok, offer, "CSeq: 1 INVITE")) // the far side moves its media
		res := p.next("SIP/2.0 200")
		if bodyOf(res) != answer {
			t.Errorf("%s", res)
		}
		p.say(p.back("ACK", ok, "", "CSeq: 1 ACK"))
		p.say(p.back("INFO", ok, "Signal=1\r\n", "CSeq: 2 INFO", "Content-Type: application/dtmf-relay"))
		p.next("SIP/2.0 200")
		p.say(p.back("BYE", ok, "", "CSeq: 3 BYE"))
		p.next("SIP/2.0 200")
		p.say(p.back("BYE", ok, "", "CSeq: 4 BYE"))
		p.next("SIP/2.0 481")
		leg.Hangup("")
		p.silent()
		l.want(t, "answered psap 200 sdp; pressed psap 1; hung-up psap")
	})
}

func TestOutsideAnyDialog(t *testing.T) {
	for _, tc := range []struct {
		method string
		header string
		want   string
	}{
		{"INVITE", "To: <sip:911@192.0.2.1>;tag=nobody", "481 Call/Transaction Does Not Exist"},
		{"BYE", "To: <sip:911@192.0.2.1>;tag=nobody", "481 Call/Transaction Does Not Exist"},
		{"BYE", "", "481 Call/Transaction Does Not Exist"},
		{"UPDATE", "", "481 Call/Transaction Does Not Exist"},
		{"INFO", "", "481 Call/Transaction Does Not Exist"},
		{"OPTIONS", "", "200 OK"},
		{"OPTIONS", "Max-Forwards: 999", "400 Bad Request"},
		{"REGISTER", "", "405 Method Not Allowed"},
		{"MESSAGE", "", "405 Method Not Allowed"},
		{"SUBSCRIBE", "", "405 Method Not Allowed"},
		{"PUBLISH", "", "405 Method Not Allowed"},
		{"NOTIFY", "", "405 Method Not Allowed"},
		{"REFER", "", "405 Method Not Allowed"},
		{"DANCE", "", "501 Not Implemented"},
	} {
		t.Run(strings.TrimSpace(tc.method+" "+tc.header), func(t *testing.T) {
			onRig(t, func(r *rig) {
				p := r.peer(phoneIP)
				var headers []string
				if tc.header != "" {
					headers = append(headers, tc.header)
				}
				p.say(p.request(tc.method, dialled911, "", headers...))
				res := p.next("SIP/2.0 " + tc.want)
				if tagOf(value(res, "To")) == "" {
					t.Error("no tag")
				}
				if strings.HasPrefix(tc.want, "405") || strings.HasPrefix(tc.want, "501") {
					if value(res, "Allow") != "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO" {
						t.Errorf("Allow %s", value(res, "Allow"))
					}
				}
				if tc.want == "200 OK" { // wO12
					for _, h := range []string{"Allow", "Accept", "Supported"} {
						if value(res, h) == "" {
							t.Errorf("no %s", h)
						}
					}
				}
				if len(r.calls) != 0 {
					t.Error("it was taken for a call")
				}
			})
		})
	}
}
