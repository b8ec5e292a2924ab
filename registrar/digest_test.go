package registrar

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"
	"github.com/tocsin-sip/tocsin/org"
	"pgregory.net/rapid"
)

// TestVectors are the examples of RFC 7616 s3.9.1 and RFC 2617 s3.5.
func TestVectors(t *testing.T) {
	const seven = `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", ` +
		`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", ` +
		`qop=auth, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", `
	tests := []struct{ name, header, password string }{
		{"RFC 7616 MD5", seven + `algorithm=MD5, response="8ca523f5e9506fed4657c9700eebdbec"`, "Circle of Life"},
		{"RFC 7616 SHA-256", seven + `algorithm=SHA-256, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"`, "Circle of Life"},
		{"RFC 2617, no algorithm stated", `Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", ` +
			`qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"`, "Circle Of Life"},
		{"RFC 2069 form, no qop (RFC 2617 s3.2.2.1)", `Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", ` +
			`response="670fd8c2df070c60b045671b8b24ff02"`, "Circle Of Life"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := digest.ParseCredentials(tt.header)
			if err != nil {
				t.Fatal(err)
			}
			if !proves(c, "GET", tt.password) {
				t.Error("the right password is not believed")
			}
			if proves(c, "REGISTER", tt.password) || proves(c, "GET", tt.password+" ") {
				t.Error("another method or password is believed")
			}
		})
	}
}

const here = "Contact: <sip:dana@192.0.2.10>"

func TestChallenge(t *testing.T) {
	p := dana(t, registrarOf(campus(), Config{}), udp(home))
	res := p.send(here)
	status(t, res, 401)
	var algorithms []string
	for _, h := range res.GetHeaders("WWW-Authenticate") {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || c.Realm != "acme.example" || !c.SupportsQOP("auth") || c.Stale {
			t.Errorf("challenge %q (%v)", h.Value(), err)
		}
		algorithms = append(algorithms, c.Algorithm)
	}
	if got := fmt.Sprint(algorithms); got != "[SHA-256 MD5]" { // RFC 8760 s2.3: the preferred first
		t.Errorf("algorithms %s", got)
	}
	if res.GetHeader("Contact") != nil || res.To().Params.GetOr("tag", "") == "" {
		t.Errorf("a 401 without tag or with contacts:\n%s", res)
	}
}

func TestWhoIsBelieved(t *testing.T) {
	tests := []struct {
		name   string
		change func(p *phone)
		status int
	}{
		{"SHA-256", func(p *phone) { p.algorithm = "SHA-256" }, 200},
		{"MD5", func(p *phone) { p.algorithm = "MD5" }, 200},
		{"another password", func(p *phone) { p.password = "secret" }, 401},
		{"a name nobody has", func(p *phone) { p.username = "zoe" }, 401},
		{"another account's password for the same name", func(p *phone) { p.password = "another" }, 401},
		{"the other account by its domain", func(p *phone) { p.to, p.password = "dana@other.example", "another" }, 200},
		{"a second domain of the account", func(p *phone) { p.to = "dana@voice.acme.example" }, 200},
		{"a username with domain", func(p *phone) { p.username = "dana@acme.example" }, 200},
		{"a domain nobody has: an unique name", func(p *phone) { p.username, p.password, p.to = "eli", "pa55", "eli@10.0.0.1" }, 200},
		{"a device without a password cannot register", func(p *phone) { p.username, p.password, p.to = "open", "", "open@acme.example" }, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dana(t, registrarOf(campus(), Config{}), udp(home))
			tt.change(p)
			if strings.Contains(p.to, "10.0.0.1") { // no domain of it is anybody's
				text := "REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\nFrom: <sip:eli@10.0.0.1>;tag=f\r\nTo: <sip:eli@10.0.0.1>\r\nCall-ID: 1\r\nCSeq: %d REGISTER\r\n" + here + "\r\n%s\r\n"
				p.accept(p.r.Register(request(t, fmt.Sprintf(text, 1, "")), nil, p.flow))
				p.nc++
				status(t, p.r.Register(request(t, fmt.Sprintf(text, 2, "Authorization: "+p.credentials().String()+"\r\n")), nil, p.flow), tt.status)
				return
			}
			res := p.register(here)
			status(t, res, tt.status)
			if tt.status == 401 && strings.Contains(header(res, "WWW-Authenticate"), "stale") {
				t.Error("stale=true tells the phone that its password is right")
			}
		})
	}
}

func TestNonces(t *testing.T) {
	stale := func(t *testing.T, p *phone, headers ...string) {
		t.Helper()
		res := p.send(headers...)
		status(t, res, 401)
		if !strings.Contains(header(res, "WWW-Authenticate"), "stale=true") {
			t.Errorf("not stale: %q", header(res, "WWW-Authenticate"))
		}
		p.accept(res)
		status(t, p.send(headers...), 200)
	}
	tests := []struct {
		name string
		run  func(t *testing.T, p *phone)
	}{
		{"used again with the next count", func(t *testing.T, p *phone) {
			status(t, p.register(here), 200)
			status(t, p.send(here), 200)
		}},
		{"used again with the same count is a replay", func(t *testing.T, p *phone) {
			status(t, p.register(here), 200)
			p.nc = 0
			stale(t, p, here)
		}},
		{"a lower count is a replay", func(t *testing.T, p *phone) {
			status(t, p.register(here), 200)
			p.nc = 6
			status(t, p.send(here), 200)
			p.nc = 2
			stale(t, p, here)
		}},
		{"five minutes old is fresh", func(t *testing.T, p *phone) {
			p.accept(p.send())
			time.Sleep(5 * time.Minute)
			status(t, p.send(here), 200)
		}},
		{"older is stale", func(t *testing.T, p *phone) {
			p.accept(p.send())
			time.Sleep(5*time.Minute + time.Nanosecond)
			stale(t, p, here)
		}},
		{"of before a restart is stale", func(t *testing.T, p *phone) {
			p.accept(p.send())
			p.r = registrarOf(campus(), Config{})
			stale(t, p, here)
		}},
		{"of another node with the key is fresh", func(t *testing.T, p *phone) {
			key := []byte("known to both nodes")
			p.r = registrarOf(campus(), Config{NonceKey: key})
			p.accept(p.send())
			p.r = registrarOf(campus(), Config{NonceKey: key})
			status(t, p.send(here), 200)
		}},
		{"made up is stale for those who know the password", func(t *testing.T, p *phone) {
			p.accept(p.send())
			p.challenge.Nonce = "made-up"
			stale(t, p, here)
		}},
		{"without qop a nonce serves once", func(t *testing.T, p *phone) {
			p.accept(p.send())
			p.challenge.QOP = nil
			status(t, p.send(here), 200)
			res := p.send(here)
			status(t, res, 401)
		}},
		{"auth-int was not offered", func(t *testing.T, p *phone) {
			p.accept(p.send())
			p.challenge.QOP = []string{"auth-int"}
			status(t, p.send(here), 400)
		}},
		{"an algorithm that was not offered", func(t *testing.T, p *phone) {
			p.accept(p.send())
			p.challenge.Algorithm = "SHA-512-256"
			status(t, p.send(here), 401)
		}},
		{"credentials for another realm are none", func(t *testing.T, p *phone) {
			p.accept(p.send())
			p.challenge.Realm = "elsewhere.example"
			status(t, p.send(here), 401)
			if n := p.r.Stats().Failed.Load(); n != 0 {
				t.Errorf("%d failures counted", n)
			}
		}},
		{"credentials nobody can read", func(t *testing.T, p *phone) { status(t, p.send(`Authorization: Digest username="dana`), 400) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tt.run(t, dana(t, registrarOf(campus(), Config{}), udp(home))) })
		})
	}
}

// TestReplayNeverPasses: however little is remembered, no count of a nonce is taken twice.
func TestReplayNeverPasses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCounts(rapid.IntRange(1, 6).Draw(rt, "limit"))
		t0 := time.Unix(1e9, 0)
		type use struct{ nonce, nc int }
		taken := map[use]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "uses") {
			u := use{rapid.IntRange(0, 9).Draw(rt, "nonce"), rapid.IntRange(1, 3).Draw(rt, "nc")}
			if c.use(fmt.Sprint(u.nonce), t0.Add(time.Duration(u.nonce)*time.Second), u.nc) {
				if taken[u] {
					rt.Fatalf("%v taken twice", u)
				}
				taken[u] = true
			}
			if n := len(c.now.highest) + len(c.then.highest); n > max(2, 2*c.limit) {
				rt.Fatalf("%d nonces remembered with a limit of %d", n, c.limit)
			}
		}
	})
}

func TestGuessersAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{})
		good := dana(t, r, udp("198.51.100.1:5060"))
		status(t, good.register(here), 200)

		bad := dana(t, r, udp("198.51.100.1:9999"))
		bad.password = "guess"
		bad.accept(bad.send())
		for range 10 {
			status(t, bad.send(here), 401)
		}
		res := bad.send(here)
		status(t, res, 503)
		if got := header(res, "Retry-After"); got != "10" {
			t.Errorf("Retry-After %q, want 10", got)
		}
		bad.password = "s3cret"
		status(t, bad.send(here), 503)

		eli := dana(t, r, udp("198.51.100.1:7777"))
		eli.username, eli.password, eli.to, eli.callID = "eli", "pa55", "eli@acme.example", "eli"
		status(t, eli.register(here), 200) // another name at that address
		status(t, good.send(here), 200)    // the phone that is registered from there
		far := dana(t, r, udp("203.0.113.1:5060"))
		far.callID = "far"
		status(t, far.register("Contact: <sip:dana@203.0.113.1>"), 200) // the same name elsewhere
		if _, ok := r.Owner(netip.MustParseAddrPort("198.51.100.1:5060"), good.flow.String(), ""); !ok {
			t.Error("calls of the registered phone are not known")
		}

		time.Sleep(10 * time.Second)
		bad.callID = "bad"
		status(t, bad.register(here), 200)
		if n := r.Stats().Limited.Load(); n != 2 {
			t.Errorf("%d held back, want 2", n)
		}
	})
}

func TestManyNamesFromOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{})
		p := dana(t, r, udp(home))
		p.accept(p.send())
		for i := range 100 {
			p.username = fmt.Sprint("guess", i)
			status(t, p.send(), 401)
		}
		p.username = "one-more"
		status(t, p.send(), 503)
		time.Sleep(time.Second)
		p.challenge = nil
		status(t, p.register(), 401)
	})
}

func TestGuardForgetsTheOldest(t *testing.T) {
	g := newGuard[int](1, time.Hour, 100)
	at := time.Unix(1e9, 0)
	for i := range 10_000 {
		g.fail(i, at)
		if n := g.size(); n > 100 {
			t.Fatalf("%d keys remembered, limit 100", n)
		}
	}
	if g.wait(9_999, at) != time.Hour || g.wait(0, at) != 0 {
		t.Errorf("the last waits %v, the first %v", g.wait(9_999, at), g.wait(0, at))
	}
}

func TestRealmHasNoQuotes(t *testing.T) {
	d := campus(func(o *org.Organisation) { o.Account.Domains = nil })
	p := dana(t, registrarOf(d, Config{Realm: `the "realm"\`}), udp(home))
	p.username, p.password, p.to = "eli", "pa55", "eli@acme.example"
	status(t, p.register(here), 200)
	if p.challenge.Realm != "the realm" {
		t.Errorf("realm %q", p.challenge.Realm)
	}
}
