package sipua

import (
	"strings"
	"testing"
	"time"
)

// after is what is heard in a time, with when.
func (p *peer) after(d time.Duration) string {
	p.r.wait(d)
	return p.story()
}

func TestSessionTimerIsGranted(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		want    string // Session-Expires and Require of the 200
	}{
		{"s9 the caller can: it refreshes", []string{"Session-Expires: 1800", "Supported: timer"}, "1800;refresher=uac timer"},
		{"s9 compact names", []string{"x: 1800", "k: timer"}, "1800;refresher=uac timer"},
		{"s9 it asks us", []string{"Session-Expires: 1800;refresher=uas", "Supported: timer, 100rel"}, "1800;refresher=uas "},
		{"s9 a proxy asked, the caller cannot: we do", []string{"Session-Expires: 1800"}, "1800;refresher=uas "},
		{"no timer is asked for: none", []string{"Supported: timer"}, " "},
		{"shorter than there is: as if timers were unknown", []string{"Session-Expires: 10", "Supported: timer"}, " "},
		{"nonsense", []string{"Session-Expires: soon", "Supported: timer"}, " "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, c, _, ok := r.talking(tc.headers...)
				if got := value(ok, "Session-Expires") + " " + value(ok, "Require"); got != tc.want {
					t.Errorf("%q, want %q", got, tc.want)
				}
				c.End(0, "")
				p.say(reply(p.next("BYE"), 200, "", ""))
			})
		})
	}
}

func TestWeRefreshTheCaller(t *testing.T) {
	for _, tc := range []struct {
		name, allow, method, body string
	}{
		{"s7.4 UPDATE where it is allowed", "INVITE, ACK, BYE, UPDATE", "UPDATE", ""},
		{"s7.4 else an INVITE with the same description", "INVITE, ACK, BYE", "INVITE", answer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, c, l, _ := r.talking("Session-Expires: 600;refresher=uas", "Supported: timer", "Allow: "+tc.allow)
				for range 3 {
					r.wait(299 * time.Second)
					p.silent()
					r.wait(time.Second)
					req := p.next(tc.method + " sip:2041@192.0.2.10:5060")
					if bodyOf(req) != tc.body || value(req, "Session-Expires") != "600;refresher=uac" || value(req, "Contact") == "" {
						t.Errorf("%s", req)
					}
					sdp := ""
					if tc.method == "INVITE" {
						sdp = offer
					}
					ok := reply(req, 200, "", sdp, "Session-Expires: 600;refresher=uac", "Require: timer", "Contact: <sip:2041@192.0.2.10:5060>")
					p.say(ok)
					if tc.method == "INVITE" {
						ack := p.next("ACK")
						p.say(ok)
						if again := p.next("ACK"); again != ack {
							t.Errorf("%s\nrepeated as\n%s", ack, again)
						}
					}
				}
				c.End(0, "")
				p.say(reply(p.next("BYE"), 200, "", ""))
				l.want(t, "")
			})
		})
	}
}

func TestTheCallerRefreshes(t *testing.T) {
	onRig(t, func(r *rig) {
		p, c, l, ok := r.talking("Session-Expires: 600", "Supported: timer", "Allow: UPDATE")
		r.wait(300 * time.Second)
		p.silent()
		p.say(p.inside("UPDATE", ok, "", "Session-Expires: 600;refresher=uac", "Supported: timer"))
		if res := p.next("SIP/2.0 200"); value(res, "Session-Expires") != "600;refresher=uac" {
			t.Errorf("%s", res)
		}
		r.wait(567 * time.Second)
		p.silent()
		r.wait(time.Second) // s10: 32 s before the end; it is asked, and not hung up on
		req := p.next("UPDATE")
		if value(req, "Session-Expires") != "600;refresher=uas" {
			t.Errorf("%s", req)
		}
		r.wait(11 * time.Minute) // it does not answer: the call goes on by its media
		if s := p.story(); strings.Contains(s, "BYE") {
			t.Errorf("heard %s", s)
		}
		l.want(t, "")
		// A refresh without an interval ends the timer (s9).
		p.say(p.inside("UPDATE", ok, "", "CSeq: 3 UPDATE"))
		p.story()
		r.wait(time.Hour)
		p.silent()
		c.End(0, "")
		p.say(reply(p.next("BYE"), 200, "", ""))
	})
}

func TestWeRefreshALeg(t *testing.T) {
	const timer = "Session-Expires: 180;refresher=uac\nRequire: timer\nAllow: INVITE, ACK, BYE, UPDATE"
	for _, tc := range []struct {
		name   string
		status int // 0: no answer
		header string
		member bool
		told   string
		then   string // heard within the minutes after the first answer
	}{
		{"200 with the next interval", 200, "Session-Expires: 1800;refresher=uac", false, "", ""},
		{"200 without: no timer any more", 200, "", false, "", ""},
		{"RFC 3261 s12.2.1.2 481: lost", 481, "", false, "; media-lost psap", ""},
		{"408: a PSAP is not given up for it", 408, "", false, "", "3m0s UPDATE"},
		{"408: a member is", 408, "", true, "; media-lost psap", ""},
		{"it answers at all, so it is there", 500, "", false, "", "3m0s UPDATE"},
		{"s7.3 422: with the interval it wants", 422, "Min-SE: 3600", false, "", "1m30s UPDATE"},
		{"405: by INVITE", 405, "", false, "", "1m30s INVITE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, l := r.peer(psapIP), &log{}
				o := to911("sip:" + psapIP)
				o.Invite.Emergency = !tc.member
				leg := r.ua.Dial(o, l)
				p.say(reply(p.next("INVITE"), 200, "b1", answer, psapContact, timer))
				p.next("ACK")
				r.wait(90 * time.Second)
				req := p.next("UPDATE sip:psap@192.0.2.20:5060")
				p.say(reply(req, tc.status, "", "", tc.header))
				l.want(t, "answered psap 200 sdp"+tc.told)
				got := p.after(91 * time.Second)
				got, _, _ = strings.Cut(got, ";")
				begin, _, _ := strings.Cut(got, " sip:")
				if begin != tc.then {
					t.Errorf("heard %q, want %q", begin, tc.then)
				}
				leg.Hangup("")
				p.story()
			})
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		for _, member := range []bool{true, false} {
			onRig(t, func(r *rig) {
				p, l := r.peer(psapIP), &log{}
				o := to911("sip:" + psapIP)
				o.Invite.Emergency = !member
				leg := r.ua.Dial(o, l)
				p.say(reply(p.next("INVITE"), 200, "b1", answer, psapContact, timer))
				r.wait(3 * time.Minute)
				want := "answered psap 200 sdp"
				if member {
					want += "; media-lost psap"
				}
				l.want(t, want)
				leg.Hangup("")
			})
		}
	})
	t.Run("100 and no more: cancelled, and the peer may offer again", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, l := r.peer(psapIP), &log{}
			leg := r.ua.Dial(to911("sip:"+psapIP), l)
			ok := reply(p.next("INVITE"), 200, "b1", answer, psapContact, "Session-Expires: 180;refresher=uac")
			p.say(ok)
			p.next("ACK")
			r.wait(90 * time.Second)
			p.say(reply(p.next("INVITE"), 100, "", ""))
			r.wait(32 * time.Second)
			p.say(reply(p.next("CANCEL"), 200, "", ""))
			r.wait(33 * time.Second) // and no 487 either
			p.story()
			p.say(p.back("INVITE", ok, offer, "CSeq: 1 INVITE"))
			p.next("SIP/2.0 200")
			p.say(p.back("ACK", ok, "", "CSeq: 1 ACK"))
			leg.Hangup("")
			p.say(reply(p.next("BYE"), 200, "", ""))
			l.want(t, "answered psap 200 sdp")
		})
	})
	t.Run("s14.1 glare: 491, and again after two seconds", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, l := r.peer(psapIP), &log{}
			leg := r.ua.Dial(to911("sip:"+psapIP), l)
			ok := reply(p.next("INVITE"), 200, "b1", answer, psapContact, "Session-Expires: 180;refresher=uac")
			p.say(ok)
			p.next("ACK")
			r.wait(90 * time.Second)
			mine := p.next("INVITE")
			if bodyOf(mine) != offer {
				t.Errorf("s7.4: %s", mine)
			}
			p.say(p.back("INVITE", ok, offer, "CSeq: 1 INVITE"))
			p.next("SIP/2.0 491")
			p.say(p.back("ACK", ok, "", "CSeq: 1 ACK"))
			p.say(reply(mine, 491, "", ""))
			p.next("ACK")
			r.wait(2 * time.Second)
			p.silent()
			r.wait(2100 * time.Millisecond)
			again := p.next("INVITE")
			p.story() // perhaps it was repeated
			p.say(reply(again, 200, "", answer, psapContact))
			p.next("ACK")
			leg.Hangup("")
			p.say(reply(p.next("BYE"), 200, "", ""))
			if len(l.asked()) != 0 {
				t.Error("the call was asked")
			}
		})
	})
}
