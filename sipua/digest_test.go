package sipua

import (
	"strings"
	"testing"

	"github.com/icholy/digest"

	"github.com/tocsin-sip/tocsin/gateway"
)

// known gives the trunk "carrier" of the account "acme" a name and a password.
func known(c *Config) {
	c.Credentials = func(account, trunk string) (string, string, bool) {
		return "tocsin", "secret", account == "acme" && trunk == "carrier"
	}
}

func overTrunk(name string) gateway.Outgoing {
	o := to911("sip:" + psapIP)
	o.Account, o.Invite.Trunk = "acme", name
	return o
}

// proves checks that a request carries the right answer to a challenge.
func (p *peer) proves(req, header, challenge string) {
	p.r.Helper()
	c, err := digest.ParseChallenge(challenge)
	if err != nil {
		p.r.Fatal(err)
	}
	if c.QOP != nil {
		c.QOP = []string{"auth"}
	}
	got, err := digest.ParseCredentials(value(req, header))
	if err != nil {
		p.r.Fatalf("%s: %v in\n%s", header, err, req)
	}
	method, rest, _ := strings.Cut(req, " ")
	uri, _, _ := strings.Cut(rest, " ")
	want, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Count: 1, Username: "tocsin", Password: "secret", Cnonce: got.Cnonce})
	if err != nil {
		p.r.Fatal(err)
	}
	if got.Response != want.Response || got.Nonce != c.Nonce || got.URI != uri || got.Algorithm != c.Algorithm {
		p.r.Errorf("%s: %s\nwant %s", header, value(req, header), want)
	}
}

func TestChallenged(t *testing.T) {
	const md5 = `Digest realm="trunk", nonce="n1", algorithm=MD5, qop="auth"`
	for _, tc := range []struct {
		name       string
		status     int
		ask, gives string
		challenges []string
		answered   int // which of the challenges
	}{
		{"s22.2 401", 401, "WWW-Authenticate", "Authorization", []string{md5}, 0},
		{"s22.3 407", 407, "Proxy-Authenticate", "Proxy-Authorization", []string{md5}, 0},
		{"RFC 2069 form: no qop, no algorithm", 407, "Proxy-Authenticate", "Proxy-Authorization", []string{`Digest realm="trunk", nonce="n1"`}, 0},
		{"RFC 8760 s2.4 the first that is known", 401, "WWW-Authenticate", "Authorization",
			[]string{`Digest realm="trunk", nonce="n0", algorithm=AKAv1-MD5`, `Digest realm="trunk", nonce="n1", algorithm=SHA-256, qop="auth-int, auth"`, md5}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, l := r.peer(psapIP), &log{}
				leg := r.ua.Dial(overTrunk("carrier"), l)
				invite := p.next("INVITE")
				var asks []string
				for _, c := range tc.challenges {
					asks = append(asks, tc.ask+": "+c)
				}
				p.say(reply(invite, tc.status, "b0", "", asks...))
				p.next("ACK")
				again := p.next("INVITE")
				p.proves(again, tc.gives, tc.challenges[tc.answered])
				if value(again, "CSeq") != "2 INVITE" || value(again, "Call-ID") != value(invite, "Call-ID") || value(again, "From") != value(invite, "From") {
					t.Errorf("s22.2: %s", again)
				}
				p.say(reply(again, 200, "b1", answer, psapContact))
				if ack := p.next("ACK"); value(ack, tc.gives) != value(again, tc.gives) {
					t.Errorf("s22.1: %s", ack)
				}
				leg.Hangup("")
				bye := p.next("BYE")
				p.say(reply(bye, tc.status, "b1", "", asks...))
				bye = p.next("BYE")
				p.proves(bye, tc.gives, tc.challenges[tc.answered])
				if value(bye, "CSeq") != "4 BYE" {
					t.Errorf("%s", bye)
				}
				p.say(reply(bye, 200, "b1", ""))
				p.silent()
				l.want(t, "answered psap 200 sdp")
			}, known)
		})
	}
}

func TestChallengesAreAnsweredOnce(t *testing.T) {
	const first, other = `WWW-Authenticate: Digest realm="trunk", nonce="n1", qop="auth"`, `WWW-Authenticate: Digest realm="trunk", nonce="n2", qop="auth"`
	for _, tc := range []struct {
		name   string
		second string
		tries  int // INVITEs in all
	}{
		{"the password is wrong: the leg has failed", other, 2},
		{"RFC 7616 s3.3 the nonce was stale: once more", other + ", stale=true", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onRig(t, func(r *rig) {
				p, l := r.peer(psapIP), &log{}
				r.ua.Dial(overTrunk("carrier"), l)
				challenge := first
				for range tc.tries {
					p.say(reply(p.next("INVITE"), 401, "b0", "", challenge))
					p.next("ACK")
					challenge = tc.second
				}
				p.silent()
				l.want(t, "failed psap 401 (Whatever)")
			}, known)
		})
	}
	t.Run("a trunk we have no password for", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, l := r.peer(psapIP), &log{}
			r.ua.Dial(overTrunk("another"), l)
			p.say(reply(p.next("INVITE"), 401, "b0", "", first))
			p.next("ACK")
			p.silent()
			l.want(t, "failed psap 401 (Whatever)")
		}, known)
	})
	t.Run("not once nobody wants the leg", func(t *testing.T) {
		onRig(t, func(r *rig) {
			p, l := r.peer(psapIP), &log{}
			leg := r.ua.Dial(overTrunk("carrier"), l)
			invite := p.next("INVITE")
			leg.Cancel("")
			p.say(reply(invite, 401, "b0", "", first))
			p.next("ACK")
			p.silent()
			l.want(t, "failed psap 401 (Whatever)")
		}, known)
	})
}
