package sipua

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// to911 is a leg to the PSAP at an address.
func to911(hop string) gateway.Outgoing {
	return gateway.Outgoing{Call: "k1", CallID: "urn:emergency:uid:callid:AAAAAAAAAAAA:gw.example.com",
		IncidentID: "urn:emergency:uid:incidentid:BBBBBBBBBBBB:gw.example.com", Leg: "psap", SDP: offer,
		Invite: call.Invite{RequestURI: "sip:911@" + psapIP, NextHop: hop, Number: "+15125550100", Asserted: true, Headers: "p-asserted-identity,from",
			Location: "none", Emergency: true}}
}

// ringingLeg is a leg whose INVITE has arrived.
func (r *rig) dialled() (p *peer, leg gateway.Leg, l *log, invite string) {
	r.Helper()
	p, l = r.peer(psapIP), &log{}
	leg = r.ua.Dial(to911("sip:"+psapIP), l)
	return p, leg, l, p.next("INVITE")
}

const psapContact = "Contact: <sip:psap@" + psapIP + ":5060>"

// up is a leg that has been answered and acknowledged.
func (r *rig) up(headers ...string) (p *peer, leg gateway.Leg, l *log, ok string) {
	r.Helper()
	p, leg, l, invite := r.dialled()
	ok = reply(invite, 200, "b1", answer, append(headers, psapContact)...)
	p.say(ok)
	p.next("ACK")
	return p, leg, l, ok
}

// back is a request of the peer in the dialog that its 200 made.
func (p *peer) back(method, ok, body string, headers ...string) string {
	for _, h := range []string{"From: " + value(ok, "To"), "To: " + value(ok, "From"), "Call-ID: " + value(ok, "Call-ID"), "CSeq: 1 " + method, "Contact: <sip:psap@" + p.ip + ":5060>"} {
		if name, _, _ := strings.Cut(h, ":"); find(headers, name) == "" {
			headers = append(headers, h)
		}
	}
	return p.request(method, "sip:tocsin@192.0.2.1:5060", body, headers...)
}

func TestWhoseLegItIsIsToldBeforeItIsSent(t *testing.T) {
	var told []string
	onRig(t, func(r *rig) {
		p := r.peer(psapIP)
		r.ua.Dial(to911("sip:"+psapIP), &log{})
		early := strings.Join(told, ", ") // nothing of it can be on the wire before Dial has told
		invite := p.next("INVITE")
		if want := "k1 " + value(invite, "Call-ID"); early != want || len(told) != 1 {
			t.Errorf("told was %q, want %q once", told, want)
		}
	}, func(c *Config) {
		c.Dialled = func(record, sipCallID string) { told = append(told, record+" "+sipCallID) }
	})
}

func TestLegAnswered(t *testing.T) {
	onRig(t, func(r *rig) {
		p, leg, l, invite := r.dialled()
		p.say(reply(invite, 100, "", ""))
		p.say(reply(invite, 180, "b1", ""))
		p.say(reply(invite, 183, "b1", answer))
		ok := reply(invite, 200, "b1", answer, psapContact)
		p.say(ok)
		ack := p.next("ACK sip:psap@192.0.2.20:5060 SIP/2.0")
		if value(ack, "CSeq") != "1 ACK" || value(ack, "To") != value(ok, "To") || value(ack, "From") != value(invite, "From") || value(ack, "Call-ID") != value(invite, "Call-ID") {
			t.Errorf("RFC 3261 s13.2.2.4: %s", ack)
		}
		if value(ack, "Via") == value(invite, "Via") {
			t.Error("RFC 3261 s17.1.1.3: the ACK to a 2xx has a branch of its own")
		}
		p.silent()
		p.say(ok) // the ACK was lost
		if again := p.next("ACK"); again != ack {
			t.Errorf("the ACK was repeated as\n%s\nand was\n%s", again, ack)
		}
		r.wait(40 * time.Second) // longer than the transaction lasts
		p.say(ok)
		p.next("ACK")
		p.silent()
		p.say(p.back("BYE", ok, ""))
		p.next("SIP/2.0 200 OK")
		leg.Hangup("late")
		leg.Cancel("late")
		p.silent()
		l.want(t, "tried psap; ringing psap 180; ringing psap 183 sdp; answered psap 200 sdp; hung-up psap")
	})
}

func TestHangup(t *testing.T) {
	onRig(t, func(r *rig) {
		p, leg, l, ok := r.up()
		leg.Hangup("the caller hung up")
		leg.Hangup("again")
		bye := p.next("BYE sip:psap@192.0.2.20:5060 SIP/2.0")
		if value(bye, "CSeq") != "2 BYE" || value(bye, "Reason") != `SIP;cause=200;text="the caller hung up"` {
			t.Errorf("%s", bye)
		}
		p.say(p.back("BYE", ok, "")) // the two have crossed
		p.next("SIP/2.0 481")
		p.say(reply(bye, 200, "", ""))
		p.say(ok)
		p.next("ACK")
		p.silent()
		l.want(t, "answered psap 200 sdp")
	})
}

func TestLegRoutes(t *testing.T) {
	for _, tc := range []struct {
		name, recorded, uri, want string
	}{
		{"s12.1.2 the route set is reversed", "Record-Route: <sip:192.0.2.30;lr>, <sip:192.0.2.21;lr>", "sip:psap@192.0.2.20:5060", "<sip:192.0.2.21;lr>,<sip:192.0.2.30;lr>"},
		{"s12.2.1.1 strict", "Record-Route: <sip:192.0.2.30;lr>\nRecord-Route: <sip:192.0.2.21>", "sip:192.0.2.21", "<sip:192.0.2.30;lr>,<sip:psap@192.0.2.20:5060>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				proxy := r.peer(otherIP)
				p, leg, _, invite := r.dialled()
				p.say(reply(invite, 200, "b1", answer, psapContact, tc.recorded))
				p.silent()
				ack := proxy.next("ACK " + tc.uri + " SIP/2.0")
				leg.Hangup("")
				bye := proxy.next("BYE " + tc.uri + " SIP/2.0")
				for _, req := range []string{ack, bye} {
					if got := strings.Join(values(req, "Route"), ","); got != tc.want {
						t.Errorf("Route %s, want %s", got, tc.want)
					}
				}
				proxy.say(reply(bye, 200, "", ""))
			})
		})
	}
}

func TestForkedAnswersAreReleased(t *testing.T) {
	onRig(t, func(r *rig) {
		other := r.peer(otherIP)
		p, leg, l, invite := r.dialled()
		p.say(reply(invite, 200, "b1", answer, psapContact))
		p.next("ACK")
		second := reply(invite, 200, "b2", answer, "Contact: <sip:psap@192.0.2.21>")
		p.say(second)
		// s13.2.2.4: acknowledged where it is, and ended.
		ack, bye := other.next("ACK sip:psap@192.0.2.21 SIP/2.0"), other.next("BYE sip:psap@192.0.2.21 SIP/2.0")
		if tagOf(value(ack, "To")) != "b2" || tagOf(value(bye, "To")) != "b2" || value(bye, "CSeq") != "2 BYE" {
			t.Errorf("%s\n%s", ack, bye)
		}
		other.say(reply(bye, 200, "", ""))
		p.say(second) // repeated: acknowledged again, ended once
		other.next("ACK")
		other.silent()
		p.silent()
		leg.Hangup("")
		p.say(reply(p.next("BYE"), 200, "", ""))
		l.want(t, "answered psap 200 sdp")
	})
}

func TestLegCancelled(t *testing.T) {
	t.Run("s9.1 after a provisional: CANCEL, and its end is the 487", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, l, invite := r.dialled()
			p.say(reply(invite, 180, "b1", ""))
			leg.Cancel("another attempt was answered first")
			leg.Cancel("again")
			cancel := p.next("CANCEL sip:911@192.0.2.20 SIP/2.0")
			if value(cancel, "Via") != value(invite, "Via") || value(cancel, "Reason") != `SIP;cause=200;text="another attempt was answered first"` {
				t.Errorf("%s", cancel)
			}
			p.say(reply(cancel, 200, "b1", ""))
			p.say(reply(invite, 487, "b1", ""))
			p.next("ACK")
			p.silent()
			l.want(t, "ringing psap 180; failed psap 487 (Whatever)")
		})
	})
	t.Run("s9.1 not before a provisional", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, l, invite := r.dialled()
			leg.Cancel("the caller hung up")
			p.silent()
			p.say(reply(invite, 100, "", ""))
			cancel := p.next("CANCEL")
			if value(cancel, "Reason") != `SIP;cause=487;text="the caller hung up"` {
				t.Errorf("%s", cancel)
			}
			p.say(reply(cancel, 200, "b1", ""))
			p.say(reply(invite, 487, "b1", ""))
			p.next("ACK")
			l.want(t, "tried psap; failed psap 487 (Whatever)")
		})
	})
	t.Run("a 200 crosses the CANCEL: told, acknowledged, and the call lets it go", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, l, invite := r.dialled()
			p.say(reply(invite, 180, "b1", ""))
			leg.Cancel("")
			p.next("CANCEL")
			p.say(reply(invite, 200, "b1", answer, psapContact))
			p.next("ACK")
			l.want(t, "ringing psap 180; answered psap 200 sdp")
			leg.Hangup("")
			story := p.story()
			if !strings.Contains(story, "BYE") {
				t.Errorf("heard %s", story)
			}
		})
	})
	t.Run("nobody answers the CANCEL: given up after 64*T1, and a 200 after that is released", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, l, invite := r.dialled()
			p.say(reply(invite, 180, "b1", ""))
			leg.Cancel("")
			r.wait(32 * time.Second)
			l.want(t, "ringing psap 180; failed psap 408 (no response)")
			p.story()
			late := reply(invite, 200, "b1", answer, psapContact)
			p.say(late)
			p.next("ACK sip:psap@192.0.2.20:5060")
			bye := p.next("BYE sip:psap@192.0.2.20:5060")
			p.say(reply(bye, 200, "", ""))
			p.say(late)
			p.next("ACK")
			p.silent()
			l.want(t, "ringing psap 180; failed psap 408 (no response)")
		})
	})
	t.Run("hung up before the answer: cancelled, and released if it is answered after all", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, l, invite := r.dialled()
			p.say(reply(invite, 180, "b1", ""))
			leg.Hangup("over")
			p.next("CANCEL")
			p.say(reply(invite, 200, "b1", answer, psapContact))
			p.next("ACK")
			p.say(reply(p.next("BYE"), 200, "", ""))
			l.want(t, "ringing psap 180; failed psap 487 (hung up before it was answered)")
		})
	})
}

func TestStrayAnswersToNobody(t *testing.T) {
	// A 2xx to no call of ours makes us send nothing to the place it names.
	onRig(t, func(r *rig) {
		p, victim := r.peer(psapIP), r.peer(otherIP)
		p.say(message("SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: made-up\nCSeq: 1 INVITE\nContact: <sip:x@192.0.2.21>", ""))
		p.silent()
		victim.silent()
	})
}

func TestLegFails(t *testing.T) {
	for _, tc := range []struct {
		name, status string
		want         string
	}{
		{"busy", "486 Busy Here", "failed psap 486 (Busy Here)"},
		{"R8 400 is for the call to retry plainly", "400 Bad Request", "failed psap 400 (Bad Request)"},
		{"R8 503 with a Retry-After holds nothing back", "503 Overload\nRetry-After: 3600", "failed psap 503 (Overload)"},
		{"6xx", "603 Decline", "failed psap 603 (Decline)"},
		{"a challenge that cannot be answered", "407 Proxy Authentication Required", "failed psap 407 (Proxy Authentication Required)"},
		{"3xx that names nothing to dial", "302 Moved\nContact: <tel:911>, <sips:911@192.0.2.21>, *", "failed psap 302 (Moved)"},
		{"422 that names no interval", "422 Session Interval Too Small", "failed psap 422 (Session Interval Too Small)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, _, l, invite := r.dialled()
				status, header, _ := strings.Cut(tc.status, "\n")
				p.say(strings.Replace(reply(invite, 999, "b1", "", header), "999 Whatever", status, 1))
				p.next("ACK")
				p.silent()
				l.want(t, tc.want)
				// It may be dialled again at once.
				leg := r.ua.Dial(to911("sip:"+psapIP), &log{})
				again := p.next("INVITE")
				if value(again, "Call-ID") == value(invite, "Call-ID") {
					t.Error("another leg with the same Call-ID")
				}
				p.say(reply(again, 486, "b1", ""))
				leg.Cancel("")
			})
		})
	}
}

func TestRedirectedOnce(t *testing.T) {
	onRig(t, func(r *rig) {
		other := r.peer(otherIP)
		p, _, l, invite := r.dialled()
		p.say(reply(invite, 302, "b1", "", "Contact: <sip:911@192.0.2.31>;q=0.3, <sip:psap@192.0.2.21>;q=0.7"))
		p.next("ACK")
		again := other.next("INVITE sip:psap@192.0.2.21 SIP/2.0")
		// s8.1.3.4: To, From and Call-ID stay, the CSeq goes on.
		for _, h := range []string{"To", "From", "Call-ID"} {
			if value(again, h) != value(invite, h) {
				t.Errorf("%s: %s, was %s", h, value(again, h), value(invite, h))
			}
		}
		if value(again, "CSeq") != "2 INVITE" || value(again, "Route") != "" {
			t.Errorf("%s", again)
		}
		other.say(reply(again, 302, "b2", "", "Contact: <sip:911@192.0.2.20>"))
		other.next("ACK")
		p.silent()
		l.want(t, "failed psap 302 (Whatever)")
	})
}

func TestRedirectionIsNotFollowed(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(o *gateway.Outgoing)
		then func(leg gateway.Leg)
	}{
		{"C4 a call-back", func(o *gateway.Outgoing) { o.Invite.Callback, o.Invite.Emergency = true, false }, func(gateway.Leg) {}},
		{"a leg nobody wants any more", func(*gateway.Outgoing) {}, func(l gateway.Leg) { l.Cancel("") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, other, l := r.peer(psapIP), r.peer(otherIP), &log{}
				o := to911("sip:" + psapIP)
				tc.make(&o)
				leg := r.ua.Dial(o, l)
				invite := p.next("INVITE")
				tc.then(leg)
				p.say(reply(invite, 302, "b1", "", "Contact: <sip:psap@192.0.2.21>"))
				p.next("ACK")
				other.silent()
				l.want(t, "failed psap 302 (Whatever)")
			})
		})
	}
}

func TestLongerSessionInterval(t *testing.T) {
	onRig(t, func(r *rig) {
		p, _, l, invite := r.dialled()
		p.say(reply(invite, 422, "b1", "", "Min-SE: 1800"))
		p.next("ACK")
		again := p.next("INVITE")
		if value(again, "Min-SE") != "1800" || value(again, "Session-Expires") != "1800;refresher=uas" || value(again, "CSeq") != "2 INVITE" {
			t.Errorf("RFC 4028 s7.3: %s", again)
		}
		p.say(reply(again, 422, "b2", "", "Min-SE: 3600"))
		p.next("ACK")
		p.silent()
		l.want(t, "failed psap 422 (Whatever)")
	})
}

func TestSeveralAddresses(t *testing.T) {
	dial := func(r *rig, hop string) (l *log, other *peer) {
		r.net.Name("psap.example.net", psapIP, otherIP)
		l, other = &log{}, r.peer(otherIP)
		r.ua.Dial(to911(hop), l)
		return l, other
	}
	finish := func(other *peer) {
		invite := other.next("INVITE")
		other.say(reply(invite, 486, "b", ""))
		other.next("ACK")
	}
	t.Run("RFC 3263 s4.3 503: the next address", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(psapIP)
			l, other := dial(r, "sip:psap.example.net")
			p.say(reply(p.next("INVITE"), 503, "b", ""))
			finish(other)
			l.want(t, "failed psap 486 (Whatever)")
		})
	})
	t.Run("RFC 3263 s4.3 silence: the next address", func(t *testing.T) {
		onRig(t, func(r *rig) {
			l, other := dial(r, "sip:psap.example.net")
			r.wait(32*time.Second + 100*time.Millisecond)
			finish(other)
			l.want(t, "failed psap 486 (Whatever)")
		})
	})
	t.Run("another leg meanwhile begins with the address that is not silent", func(t *testing.T) {
		onRig(t, func(r *rig) {
			l, other := dial(r, "sip:psap.example.net")
			r.wait(2 * time.Second)
			other.silent()
			second := &log{}
			r.ua.Dial(to911("sip:psap.example.net"), second)
			finish(other)
			second.want(t, "failed psap 486 (Whatever)")
			r.wait(30*time.Second + 100*time.Millisecond)
			finish(other)
			l.want(t, "failed psap 486 (Whatever)")
		})
	})
	t.Run("nobody is there: 408, once", func(t *testing.T) {
		onRig(t, func(r *rig) {
			l, other := dial(r, "sip:"+psapIP)
			r.wait(33 * time.Second)
			other.silent()
			l.want(t, "failed psap 408 (no response)")
		})
	})
	t.Run("refused by all: a transport error", func(t *testing.T) {
		onRig(t, func(r *rig) {
			l, _ := dial(r, "sip:psap.example.net;transport=tcp")
			r.wait(time.Second)
			if got := l.story(); !strings.HasPrefix(got, "failed psap (") || l.ended() != 1 {
				t.Errorf("told %s", got)
			}
		})
	})
	t.Run("refused by one: the next", func(t *testing.T) {
		onRig(t, func(r *rig) {
			listener, err := r.host(otherIP).Listen(t.Context(), "tcp", otherIP+":5060")
			if err != nil {
				t.Fatal(err)
			}
			accepted := make(chan net.Conn, 1)
			go func() {
				if c, err := listener.Accept(); err == nil {
					accepted <- c
				}
			}()
			l, _ := dial(r, "sip:psap.example.net;transport=tcp")
			c := <-accepted
			b := make([]byte, 1<<16)
			n, _ := c.Read(b)
			if _, err := c.Write([]byte(reply(string(b[:n]), 486, "b", ""))); err != nil {
				t.Fatal(err)
			}
			l.want(t, "failed psap 486 (Whatever)")
		})
	})
	t.Run("a name nobody knows", func(t *testing.T) {
		onRig(t, func(r *rig) {
			l, _ := dial(r, "sip:no.such.host")
			if got := l.story(); !strings.HasPrefix(got, "failed psap (") || l.ended() != 1 {
				t.Errorf("told %s", got)
			}
		})
	})
	for _, uri := range []string{"sip:", "urn:service:sos", "sips:psap@192.0.2.20", ""} {
		t.Run("nowhere to go: "+uri, func(t *testing.T) {
			onRig(t, func(r *rig) {
				o := to911(uri)
				o.Invite.RequestURI = uri
				l := &log{}
				r.ua.Dial(o, l)
				if got := l.story(); !strings.HasPrefix(got, "failed psap (") || l.ended() != 1 {
					t.Errorf("told %s", got)
				}
			})
		})
	}
}

func TestUnansweredForTooLong(t *testing.T) {
	onRig(t, func(r *rig) {
		p, _, l, invite := r.dialled()
		p.say(reply(invite, 100, "", ""))
		r.wait(3 * time.Minute)
		p.say(reply(invite, 180, "b1", "")) // s16.7: begins the time anew
		r.wait(3 * time.Minute)
		p.silent()
		r.wait(6 * time.Second)
		p.next("CANCEL")
		p.say(reply(invite, 487, "b1", ""))
		l.want(t, "tried psap; ringing psap 180; failed psap 487 (Whatever)")
	})
}

func TestLegOverAFlow(t *testing.T) {
	// A telephone that registered over a connection: RFC 5626 s5.3.
	connect := func(r *rig) (c net.Conn, flow string) {
		c, err := r.host(phoneIP).DialContext(t.Context(), "tcp", usIP+":5060")
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(strings.ReplaceAll((&peer{ip: phoneIP}).request("INVITE", dialled911, offer), "/UDP", "/TCP")))
		a := r.arrived(1)
		a.caller.End(404, "")
		synctest.Wait()
		read(c)
		return c, a.in.From.Flow
	}
	out := func(flow string) gateway.Outgoing {
		o := to911("sip:2041@" + phoneIP)
		o.Invite.RequestURI, o.Invite.Flow, o.Invite.Emergency = "sip:2041@"+phoneIP, flow, false
		return o
	}
	t.Run("over it and nowhere else", func(t *testing.T) {
		onRig(t, func(r *rig) {
			c, flow := connect(r)
			udp, l := r.peer(phoneIP), &log{}
			leg := r.ua.Dial(out(flow), l)
			synctest.Wait()
			invite := read(c)
			if !strings.HasPrefix(invite, "INVITE sip:2041@192.0.2.10 SIP/2.0") || value(invite, "Contact") != "<sip:tocsin@192.0.2.1:5060;transport=tcp>" {
				t.Errorf("%s", invite)
			}
			c.Write([]byte(reply(invite, 200, "b1", answer, "Contact: <sip:2041@10.0.0.7:5060>")))
			synctest.Wait()
			if ack := read(c); !strings.HasPrefix(ack, "ACK sip:2041@10.0.0.7:5060 SIP/2.0") {
				t.Errorf("heard %q", ack)
			}
			leg.Hangup("")
			synctest.Wait()
			bye := read(c)
			if !strings.HasPrefix(bye, "BYE sip:2041@10.0.0.7:5060 SIP/2.0") {
				t.Errorf("heard %q", bye)
			}
			c.Write([]byte(reply(bye, 200, "", "")))
			udp.silent()
			l.want(t, "answered psap 200 sdp")
		})
	})
	t.Run("it is gone: the BYE goes to the remote target", func(t *testing.T) {
		onRig(t, func(r *rig) {
			c, flow := connect(r)
			udp, l := r.peer(phoneIP), &log{}
			leg := r.ua.Dial(out(flow), l)
			synctest.Wait()
			invite := read(c)
			c.Write([]byte(reply(invite, 200, "b1", answer, "Contact: <sip:2041@192.0.2.10:5060>")))
			synctest.Wait()
			read(c)
			c.Close()
			synctest.Wait()
			leg.Hangup("")
			bye := udp.next("BYE sip:2041@192.0.2.10:5060 SIP/2.0")
			udp.say(reply(bye, 200, "", ""))
			l.want(t, "answered psap 200 sdp")
		})
	})
	t.Run("it ends before any response: failed at once", func(t *testing.T) {
		onRig(t, func(r *rig) {
			c, flow := connect(r)
			l := &log{}
			r.ua.Dial(out(flow), l)
			synctest.Wait()
			read(c)
			c.Close()
			if got := l.story(); !strings.HasPrefix(got, "failed psap (") {
				t.Errorf("told %s", got)
			}
		})
	})
	t.Run("it was gone: failed at once, so that somebody else is rung", func(t *testing.T) {
		onRig(t, func(r *rig) {
			c, flow := connect(r)
			c.Close()
			synctest.Wait()
			l := &log{}
			r.ua.Dial(out(flow), l)
			if got := l.story(); !strings.HasPrefix(got, "failed psap (") {
				t.Errorf("told %s", got)
			}
		})
	})
}

// read is what has arrived on a connection.
func read(c net.Conn) string {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	b := make([]byte, 1<<16)
	n, _ := c.Read(b)
	return string(b[:n])
}

// slowNames is a name server that takes its time.
type slowNames struct{ Resolver }

func (s slowNames) Resolve(ctx context.Context, uri sip.Uri) ([]transport.Destination, error) {
	select {
	case <-time.After(time.Second):
		return s.Resolver.Resolve(ctx, uri)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestCancelledWhileTheNameIsLookedUp(t *testing.T) {
	onRig(t, func(r *rig) {
		p, l := r.peer(psapIP), &log{}
		leg := r.ua.Dial(to911("sip:"+psapIP), l)
		r.wait(100 * time.Millisecond)
		leg.Cancel("the caller hung up")
		r.wait(2 * time.Second)
		p.silent()
		l.want(t, "failed psap 487 (cancelled before it was sent)")
	}, func(c *Config) { c.Resolver = slowNames{c.Resolver} })
}

func TestByeWaitsForTheACK(t *testing.T) {
	// Both wait for a name server, on which no order depends.
	onRig(t, func(r *rig) {
		p, l := r.peer(psapIP), &log{}
		leg := r.ua.Dial(to911("sip:"+psapIP), l)
		r.wait(time.Second)
		p.say(reply(p.next("INVITE"), 200, "b1", answer, psapContact))
		l.want(t, "answered psap 200 sdp")
		leg.Hangup("")
		r.wait(3 * time.Second)
		p.next("ACK")
		p.say(reply(p.next("BYE"), 200, "", ""))
	}, func(c *Config) { c.Resolver = slowNames{c.Resolver} })
}

func TestSilenceIsCountedOncePerInvite(t *testing.T) {
	onRig(t, func(r *rig) {
		p, leg, _, invite := r.dialled()
		second := r.ua.Dial(to911("sip:"+psapIP), &log{})
		other := p.next("INVITE")
		p.say(reply(invite, 100, "", ""))
		p.say(reply(invite, 180, "b1", ""))
		r.ua.mu.Lock()
		n := r.ua.silent[netip.MustParseAddrPort(psapIP+":5060")]
		r.ua.mu.Unlock()
		if n != 1 {
			t.Errorf("%d INVITEs without response, want the second one", n)
		}
		p.say(reply(invite, 486, "b1", ""))
		p.say(reply(other, 486, "b1", ""))
		leg.Cancel("")
		second.Cancel("")
	})
}

func TestClosing(t *testing.T) {
	onRig(t, func(r *rig) {
		p, leg, l, invite := r.dialled()
		p.say(reply(invite, 180, "b1", ""))
		caller := r.peer(phoneIP)
		caller.say(caller.request("INVITE", dialled911, offer))
		c := r.arrived(1).caller
		r.trans.Close()
		r.ua.Close()
		if got := l.story(); !strings.HasPrefix(got, "ringing psap 180; failed psap (") || l.ended() != 1 {
			t.Errorf("told %s", got)
		}
		leg.Cancel("")
		leg.Hangup("")
		c.Answer(answer)
		c.End(0, "")
		late := &log{}
		r.ua.Dial(to911("sip:"+psapIP), late)
		late.want(t, "failed psap (closing)")
	})
}

var _ transport.Sink = (*UA)(nil)
