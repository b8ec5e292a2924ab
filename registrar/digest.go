package registrar

import (
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Algorithm is one of digest's.
type Algorithm string

const (
	SHA256 Algorithm = "SHA-256"
	MD5    Algorithm = "MD5"
)

// caller is who has proved to be a device.
type caller struct {
	view   *org.View
	owner  org.Owner
	domain string
}

// authenticate is RFC 3261 s10.3 step 3.
func (r *Registrar) authenticate(q *question, from transport.Flow, at time.Time) (caller, *refusal) {
	d := r.cfg.Directory()
	domain := domainOf(d, q)
	realm := r.realm(d, domain)
	creds, fault := credentials(q.req, realm)
	switch {
	case fault != nil:
		return caller{}, fault
	case creds == nil:
		r.stats.Challenged.Add(1)
		return caller{}, r.challenge(realm, false, at)
	case !r.offers(creds.Algorithm):
		// RFC 8760 s2.4: what was not offered is no answer.
		return caller{}, r.challenge(realm, false, at)
	}
	username := creds.Username
	if name, host, ok := strings.Cut(username, "@"); ok { // many phones are set up with user@domain
		username = name
		if d.ByDomain(host) != nil {
			domain = host
		}
	}
	who := r.guesser(from.Remote.Addr(), username)
	trusted := r.table.livesAt(from.Remote, at)
	if wait := r.guards.wait(who, at); wait > 0 && !trusted {
		r.stats.Limited.Add(1)
		retry := strconv.Itoa(int(math.Ceil(wait.Seconds())))
		return caller{}, refuse(sip.StatusServiceUnavailable, "Too Many Failures", "Retry-After", retry) // R13: a single endpoint's REGISTER
	}
	view, owner, known := d.Device(domain, username)
	password := rand.Text() // an unknown name takes as long as a wrong password
	if known && owner.Device.Password != "" {
		password = owner.Device.Password
	}
	if !proves(creds, string(q.req.Method), password) {
		r.stats.Failed.Add(1)
		if r.guards.fail(who, at) {
			r.log.Warn("registrations held back after failures", "source", from.Remote.Addr().String())
		}
		return caller{}, r.challenge(realm, false, at)
	}
	if !r.fresh(creds, at) {
		// RFC 7616 s3.3: the password was right; the client need not ask its user again.
		r.stats.Stale.Add(1)
		return caller{}, r.challenge(realm, true, at)
	}
	return caller{view: view, owner: owner, domain: domain}, nil
}

// fresh says whether the nonce is ours, recent, and not used with this count before.
// A client without qop (RFC 2617 s3.2.2) has no count, so it has one use of a nonce.
func (r *Registrar) fresh(c *digest.Credentials, at time.Time) bool {
	issued, ours := r.nonces.issued(c.Nonce)
	if !ours || at.Sub(issued) > r.cfg.NonceLife || issued.Sub(at) > r.cfg.NonceLife {
		return false
	}
	return r.counts.use(c.Nonce, issued, max(1, c.Nc))
}

// proves says whether the response was made with the password.
func proves(c *digest.Credentials, method, password string) bool {
	challenge := &digest.Challenge{Realm: c.Realm, Nonce: c.Nonce, Opaque: c.Opaque, Algorithm: c.Algorithm}
	if c.QOP != "" {
		challenge.QOP = []string{c.QOP}
	}
	want, err := digest.Digest(challenge, digest.Options{Method: method, URI: c.URI, Count: c.Nc,
		Username: c.Username, Password: password, Cnonce: c.Cnonce})
	return err == nil && hmac.Equal([]byte(want.Response), []byte(strings.ToLower(c.Response)))
}

// credentials are those for our realm; nil where there are none.
func credentials(req *sip.Request, realm string) (*digest.Credentials, *refusal) {
	for _, h := range req.GetHeaders("Authorization") {
		if !digest.IsDigest(h.Value()) {
			continue
		}
		c, err := digest.ParseCredentials(h.Value())
		if err != nil {
			return nil, refuse(sip.StatusBadRequest, "Bad Authorization")
		}
		if c.Realm != realm {
			continue
		}
		if c.QOP != "" && (c.QOP != "auth" || c.Nc < 1 || c.Cnonce == "") { // RFC 3261 s22.4
			return nil, refuse(sip.StatusBadRequest, "Bad Authorization")
		}
		return c, nil
	}
	return nil, nil
}

func (r *Registrar) offers(algorithm string) bool {
	if algorithm == "" {
		algorithm = string(MD5) // RFC 7616 s3.4
	}
	for _, a := range r.cfg.Algorithms {
		if strings.EqualFold(algorithm, string(a)) {
			return true
		}
	}
	return false
}

// challenge has one header for each algorithm, the preferred first (RFC 8760 s2.3).
func (r *Registrar) challenge(realm string, stale bool, at time.Time) *refusal {
	c := refuse(sip.StatusUnauthorized, "Unauthorized")
	nonce := r.nonces.issue(at)
	for _, a := range r.cfg.Algorithms {
		v := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, realm, nonce, a)
		if stale {
			v += ", stale=true"
		}
		c.with("WWW-Authenticate", v)
	}
	return c
}

// domainOf is the domain that says whose account it is: that of the To, else the From,
// else the Request-URI.
func domainOf(d *org.Directory, q *question) string {
	for _, domain := range []string{q.to.Host, q.from.Host, q.req.Recipient.Host} {
		if d.ByDomain(domain) != nil {
			return domain
		}
	}
	return q.to.Host
}

// realm is the same for all domains of an account.
func (r *Registrar) realm(d *org.Directory, domain string) string {
	realm := r.cfg.Realm
	if v := d.ByDomain(domain); v != nil && len(v.Account.Domains) > 0 {
		realm = v.Account.Domains[0]
	}
	return strings.NewReplacer(`"`, "", `\`, "").Replace(realm)
}

// guards hold back sources that fail: any name from one address, and, sooner, one name.
// Many phones share an address behind a NAT, and one with a wrong password must not keep
// the others out.
type guards struct {
	seed  maphash.Seed
	addrs *guard[netip.Prefix]
	names *guard[guesser]
}

type guesser struct {
	addr netip.Prefix
	name uint64 // a hash: what a stranger sends takes no memory
}

func newGuards(sources int) guards {
	return guards{seed: maphash.MakeSeed(), addrs: newGuard[netip.Prefix](100, time.Second, sources), names: newGuard[guesser](10, 10*time.Second, sources)}
}

func (r *Registrar) guesser(a netip.Addr, username string) guesser {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64 // what one customer has
	}
	p, _ := a.Prefix(bits)
	return guesser{p, maphash.String(r.guards.seed, username)}
}

func (g guards) wait(who guesser, at time.Time) time.Duration {
	return max(g.addrs.wait(who.addr, at), g.names.wait(who, at))
}

func (g guards) fail(who guesser, at time.Time) (held bool) {
	a, n := g.addrs.fail(who.addr, at), g.names.fail(who, at)
	return a || n
}
