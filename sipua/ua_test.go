package sipua

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

func TestTheSameCallTwice(t *testing.T) {
	t.Run("s8.2.2.2 by another way: 482, the first is served", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, c, l, _ := r.called()
			p.say(p.request("INVITE", dialled911, offer)) // another branch
			res := p.next("SIP/2.0 482 Loop Detected")
			p.say(p.request("ACK", dialled911, "", "To: "+value(res, "To"), "Via: "+value(res, "Via")))
			r.arrived(1)
			c.End(404, "")
			p.next("SIP/2.0 404")
			l.want(t, "")
		})
	})
	t.Run("s17.2.3 repeated: absorbed", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			invite := p.request("INVITE", dialled911, offer)
			p.say(invite)
			p.say(invite)
			r.arrived(1).caller.End(404, "")
			p.next("SIP/2.0 404")
		})
	})
	t.Run("again after the first has ended: a new call", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			p.say(p.request("INVITE", dialled911, offer))
			r.arrived(1).caller.End(404, "")
			p.say(p.request("INVITE", dialled911, offer))
			r.arrived(2).caller.End(404, "")
			p.story()
		})
	})
	t.Run("R16 our own call comes back", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, _, l, invite := r.dialled()
			p.say(p.request("INVITE", dialled911, offer, "Call-ID: "+value(invite, "Call-ID")))
			p.next("SIP/2.0 482")
			p.say(reply(invite, 486, "b", ""))
			l.want(t, "failed psap 486 (Whatever)")
			// Now it is nobody's.
			p.say(p.request("INVITE", dialled911, offer, "Call-ID: "+value(invite, "Call-ID")))
			r.arrived(1).caller.End(404, "")
		})
	})
	t.Run("R16 our own call comes back through a B2BUA, known by its emergency call id", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, leg, _, ok := r.up()
			p.say(p.request("INVITE", dialled911, offer, "Call-Info: <"+to911("").CallID+">;purpose=emergency-CallId"))
			p.next("SIP/2.0 482")
			leg.Hangup("")
			p.say(reply(p.next("BYE"), 200, "", ""))
			_ = ok
		})
	})
	t.Run("an id that is not ours may come again", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, l := r.peer(psapIP), &log{}
			o := to911("sip:" + psapIP)
			o.CallID = "urn:emergency:uid:callid:AAAAAAAAAAAA:upstream.example.net"
			leg := r.ua.Dial(o, l)
			invite := p.next("INVITE")
			p.say(p.request("INVITE", dialled911, offer, "Call-Info: <"+o.CallID+">;purpose=emergency-CallId"))
			r.arrived(1).caller.End(404, "")
			leg.Cancel("")
			p.say(reply(invite, 486, "b", ""))
		})
	})
}

func TestOptions(t *testing.T) {
	type outcome struct {
		status int
		err    error
	}
	ask := func(r *rig, uri string, limit time.Duration) chan outcome {
		got := make(chan outcome, 1)
		go func() {
			ctx, done := context.WithTimeout(r.Context(), limit)
			defer done()
			status, err := r.ua.Options(ctx, uri)
			got <- outcome{status, err}
		}()
		synctest.Wait()
		return got
	}
	for _, status := range []int{200, 404, 503} {
		t.Run(reason(status), func(t *testing.T) {
			onRig(t, func(r *rig) {
				p := r.peer(psapIP)
				got := ask(r, "sip:192.0.2.20", time.Minute)
				req := p.next("OPTIONS sip:192.0.2.20 SIP/2.0")
				p.say(reply(req, 100, "", ""))
				p.say(reply(req, status, "b", ""))
				if o := <-got; o.status != status || o.err != nil {
					t.Errorf("%d %v", o.status, o.err)
				}
			})
		})
	}
	for name, uri := range map[string]string{"silence": "sip:192.0.2.20", "no such name": "sip:no.such.host", "refused": "sip:192.0.2.20;transport=tcp", "no URI": "x"} {
		for _, limit := range []time.Duration{time.Second, time.Minute} {
			t.Run(name+" "+limit.String(), func(t *testing.T) {
				onRig(t, func(r *rig) {
					r.peer(psapIP)
					if o := <-ask(r, uri, limit); o.status != 0 || o.err == nil {
						t.Errorf("%d %v", o.status, o.err)
					}
				})
			})
		}
	}
}

type registerPort struct{}

func (registerPort) Register(req *sip.Request, faults []transport.Fault, from transport.Flow) *sip.Response {
	return transaction.Reply(req, 200, "OK", "reg")
}

func TestRegister(t *testing.T) {
	onRig(t, func(r *rig) {
		p := r.peer(phoneIP)
		p.say(p.request("REGISTER", "sip:example.com", "", "To: <sip:2041@example.com>;tag=wrong"))
		p.next("SIP/2.0 200 OK")
		p.say(p.request("MESSAGE", "sip:example.com", ""))
		if allow := value(p.next("SIP/2.0 405"), "Allow"); allow != "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, REGISTER, UPDATE, INFO" {
			t.Errorf("Allow %s", allow)
		}
	}, func(c *Config) { c.Register = registerPort{} })
}
