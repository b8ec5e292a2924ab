package sipua

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/gateway"
)

// instead is an INVITE that is to take the place of the dialog a 200 of a PSAP made.
func (p *peer) instead(ok, body string, headers ...string) string {
	for _, h := range []string{"From: <sip:position4@psap.example.net>;tag=p4", "Call-ID: moved@" + p.ip, "CSeq: 1 INVITE", "Contact: <sip:position4@" + p.ip + ":5060>",
		"Replaces: " + value(ok, "Call-ID") + ";to-tag=" + tagOf(value(ok, "From")) + ";from-tag=" + tagOf(value(ok, "To"))} {
		if name, _, _ := strings.Cut(h, ":"); find(headers, name) == "" {
			headers = append(headers, h)
		}
	}
	return p.request("INVITE", "sip:tocsin@192.0.2.1:5060", body, headers...)
}

func TestTheFarSideMovesItsLeg(t *testing.T) {
	for _, tc := range []struct{ name, body, ack string }{
		{"RFC 3891 s3", offer, ""},
		{"without an offer: ours is answered in the ACK", "", offer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, leg, l, ok := r.up()
				position := r.peer(otherIP)
				for _, m := range []struct {
					replaces string
					moves    bool
				}{{"", true}, {"Replaces: x;to-tag=a;from-tag=b", false}, {"Replaces: -", false}} {
					var headers []string
					if m.replaces != "" {
						headers = append(headers, m.replaces)
					}
					if req, _ := parse(t, position.instead(ok, tc.body, headers...)); r.ua.Moves(req) != m.moves {
						t.Errorf("%q moves: %v", m.replaces, !m.moves)
					}
				}
				position.say(position.instead(ok, tc.body))
				res := position.next("SIP/2.0 200 OK")
				if bodyOf(res) != answer || tagOf(value(res, "To")) == "" || value(res, "Contact") == "" {
					t.Errorf("%s", res)
				}
				if asked := l.asked(); len(asked) != 1 || asked[0] != tc.body {
					t.Errorf("the media was asked %q", asked)
				}
				bye := p.next("BYE sip:psap@192.0.2.20:5060")
				p.say(reply(bye, 200, "", ""))
				position.say(position.inside("ACK", res, tc.ack, "CSeq: 1 ACK"))
				want := "answered psap 200 sdp"
				if tc.ack != "" {
					want += "; answered psap sdp"
				}
				l.want(t, want) // the leg goes on
				p.say(p.back("BYE", ok, ""))
				p.next("SIP/2.0 481") // the old dialog is over
				r.wait(time.Minute)
				position.silent()
				leg.Hangup("the caller hung up")
				bye = position.next("BYE sip:position4@192.0.2.21:5060")
				if value(bye, "Call-ID") != "moved@192.0.2.21" || tagOf(value(bye, "To")) != "p4" {
					t.Errorf("%s", bye)
				}
				position.say(reply(bye, 200, "", ""))
				p.silent()
				l.want(t, want)
			})
		})
	}
	t.Run("and again, and then it hangs up", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, _, l, ok := r.up()
			position, bridge := r.peer(otherIP), r.peer("192.0.2.22")
			position.say(position.instead(ok, offer))
			second := position.next("SIP/2.0 200")
			position.say(position.inside("ACK", second, "", "CSeq: 1 ACK"))
			p.say(reply(p.next("BYE"), 200, "", ""))
			bridge.say(bridge.instead(ok, offer, "Replaces: "+value(second, "Call-ID")+";from-tag="+tagOf(value(second, "From"))+";to-tag="+tagOf(value(second, "To"))))
			third := bridge.next("SIP/2.0 200")
			bridge.say(bridge.inside("ACK", third, "", "CSeq: 1 ACK"))
			position.say(reply(position.next("BYE"), 200, "", ""))
			bridge.say(bridge.inside("BYE", third, ""))
			bridge.next("SIP/2.0 200")
			l.want(t, "answered psap 200 sdp; hung-up psap")
		})
	})
}

func TestALegIsNotMoved(t *testing.T) {
	const dialog = "Replaces: %;to-tag=^;from-tag=b1"
	for _, tc := range []struct {
		name    string
		headers []string
		change  func(o *gateway.Outgoing)
		refuse  error
		want    string
	}{
		{"s3 no such dialog", []string{"Replaces: nobody@x;to-tag=a;from-tag=b"}, nil, nil, "481"},
		{"s3 the tags the other way round", []string{"Replaces: %;to-tag=b1;from-tag=^"}, nil, nil, "481"},
		{"s3 two headers", []string{dialog, dialog}, nil, nil, "400"},
		{"s3 no tags", []string{"Replaces: %"}, nil, nil, "400"},
		{"s3 early-only, and it is confirmed", []string{dialog + ";early-only"}, nil, nil, "486"},
		{"wC3 a leg that is not to public safety", []string{dialog}, func(o *gateway.Outgoing) { o.Invite.Emergency = false }, nil, "403"},
		{"an offer that cannot be answered", []string{dialog}, nil, errRefused, "488"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, l := r.peer(psapIP), &log{refuse: tc.refuse}
				o := to911("sip:" + psapIP)
				if tc.change != nil {
					tc.change(&o)
				}
				leg := r.ua.Dial(o, l)
				ok := reply(p.next("INVITE"), 200, "b1", answer, psapContact)
				p.say(ok)
				p.next("ACK")
				position := r.peer(otherIP)
				var headers []string
				for _, h := range tc.headers {
					headers = append(headers, strings.NewReplacer("%", value(ok, "Call-ID"), "^", tagOf(value(ok, "From"))).Replace(h))
				}
				invite := position.instead(ok, offer, headers...)
				position.say(invite)
				res := position.next("SIP/2.0 " + tc.want)
				position.say(position.request("ACK", "sip:tocsin@192.0.2.1:5060", "", "Via: "+value(invite, "Via"), "To: "+value(res, "To"), "From: "+value(res, "From"), "Call-ID: "+value(res, "Call-ID"), "CSeq: 1 ACK"))
				p.silent() // the call goes on as it was
				leg.Hangup("")
				p.say(reply(p.next("BYE"), 200, "", ""))
				l.want(t, "answered psap 200 sdp")
				if len(r.calls) != 0 {
					t.Error("it was taken for a call")
				}
			})
		})
	}
	t.Run("R15 by nobody we know", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, _, ok := r.up()
			position := r.peer(otherIP)
			position.say(position.instead(ok, offer))
			position.next("SIP/2.0 403")
			leg.Hangup("")
			p.say(reply(p.next("BYE"), 200, "", ""))
			r.wait(33 * time.Second)
			position.story()
		}, func(c *Config) {
			c.Known = func(p gateway.Peer) bool { return p.Source.Addr().String() != otherIP }
		})
	})
	t.Run("L1 who dials 911 with a Replaces that names nothing is a caller", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			p.say(p.request("INVITE", dialled911, offer, "Replaces: nobody@x;to-tag=a;from-tag=b"))
			r.arrived(1).caller.End(486, "")
			p.story()
		})
	})
	t.Run("a caller's own dialog is not for anybody to take", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, c, _, ok := r.talking()
			thief := r.peer(otherIP)
			thief.say(thief.instead(ok, offer, "Replaces: "+value(ok, "Call-ID")+";to-tag="+tagOf(value(ok, "To"))+";from-tag="+tagOf(value(ok, "From"))))
			thief.next("SIP/2.0 403")
			c.End(0, "")
			p.say(reply(p.next("BYE"), 200, "", ""))
		})
	})
	t.Run("the call has let go of the leg meanwhile", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, _, ok := r.up()
			leg.Hangup("")
			p.say(reply(p.next("BYE"), 200, "", ""))
			position := r.peer(otherIP)
			position.say(position.instead(ok, offer))
			position.next("SIP/2.0 481")
		})
	})
}
