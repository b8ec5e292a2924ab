package sipua

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/tocsin-sip/tocsin/gateway"
)

// proof is what one request answers the challenges of a trunk with (RFC 3261 s22).
type proof []credential

type credential struct {
	header, realm, value string
	stale                bool // it answers a nonce that had only grown old
}

// answer takes the challenges of a 401 or 407, and says whether there is anything new to
// say: each realm is answered once, and once more if all that was wrong is the age of its
// nonce (RFC 7616 s3.3). Of several challenges of a realm the first that we can answer
// counts (RFC 8760 s2.4).
func (p *proof) answer(res *sip.Response, req *sip.Request, user, password string) (news bool) {
	asks, gives := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		asks, gives = "Proxy-Authenticate", "Proxy-Authorization"
	}
	seen := map[string]bool{}
	for _, v := range headerValues(res, asks) {
		c, err := digest.ParseChallenge(v)
		if err != nil || seen[c.Realm] || !answerable(c) {
			continue
		}
		seen[c.Realm] = true
		at := slices.IndexFunc(*p, func(o credential) bool { return o.header == gives && o.realm == c.Realm })
		if at >= 0 && (!c.Stale || (*p)[at].stale) {
			continue // our password is wrong
		}
		made, err := digest.Digest(c, digest.Options{Method: string(req.Method), URI: req.Recipient.String(), Username: user, Password: password})
		if err != nil {
			continue
		}
		one := credential{header: gives, realm: c.Realm, value: made.String(), stale: at >= 0}
		if at >= 0 {
			(*p)[at] = one
		} else {
			*p = append(*p, one)
		}
		news = true
	}
	return news
}

// answerable says whether we know the algorithm and the quality of protection. auth-int
// alone is not answered: elements on the way may rewrite a body.
func answerable(c *digest.Challenge) bool {
	for i := range c.QOP {
		c.QOP[i] = strings.TrimSpace(c.QOP[i])
	}
	return digest.CanDigest(c) && (len(c.QOP) == 0 || c.SupportsQOP("auth"))
}

// headers are those of a request that carries the proof.
func (p proof) headers() []sip.Header {
	var hs []sip.Header
	for _, c := range p {
		hs = append(hs, sip.NewHeader(c.header, c.value))
	}
	return hs
}

func challenged(res *sip.Response) bool { return res.StatusCode == 401 || res.StatusCode == 407 }

// credentials are what the trunk of a leg knows us by.
func (u *UA) credentials(o gateway.Outgoing) (user, password string, ok bool) {
	if u.Credentials == nil || o.Invite.Trunk == "" {
		return "", "", false
	}
	return u.Credentials(o.Account, o.Invite.Trunk)
}

// authorise answers a challenge to the INVITE: with a new CSeq, in the same call (RFC 3261
// s22.2). Where we have no password, or the wrong one, the challenge is the leg's failure.
func (l *outLeg) authorise(res *sip.Response) bool {
	user, password, ok := l.ua.credentials(l.out)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || l.unwanted || !l.attempt.proof.answer(res, l.invite, user, password) {
		return false
	}
	l.attempt.seq++
	to := l.attempt.to
	return l.ua.spawn(func() { l.send(to) })
}
