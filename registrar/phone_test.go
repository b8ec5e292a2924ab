package registrar

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

var listening = netip.MustParseAddrPort("192.0.2.1:5060")

func udp(source string) transport.Flow {
	return transport.Flow{Protocol: transport.UDP, Local: listening, Remote: netip.MustParseAddrPort(source)}
}

func tcp(source string, conn uint64) transport.Flow {
	return transport.Flow{Protocol: transport.TCP, Local: listening, Remote: netip.MustParseAddrPort(source), ConnID: conn}
}

// campus has two accounts; of acme, extension 2001 has a desk phone and an app, and 2002 a
// desk phone.
func campus(change ...func(acme *org.Organisation)) *org.Directory {
	acme := org.Organisation{Account: &org.Account{Name: "acme", Domains: []string{"acme.example", "voice.acme.example"}},
		Sites: []org.Site{{Name: "hq", Country: "US"}},
		Extensions: []org.Extension{
			{Number: "2001", Site: "hq", Devices: []org.Device{{Name: "desk", Username: "dana", Password: "s3cret"}, {Name: "app", Username: "dana-app", Password: "t0ken"}}},
			{Number: "2002", Site: "hq", Devices: []org.Device{{Name: "desk", Username: "eli", Password: "pa55"}}},
			{Number: "2003", Site: "hq", Devices: []org.Device{{Name: "desk", Username: "open"}}},
		}}
	for _, f := range change {
		f(&acme)
	}
	other := org.Organisation{Account: &org.Account{Name: "other", Domains: []string{"other.example"}}, Sites: []org.Site{{Name: "o", Country: "GB"}},
		Extensions: []org.Extension{{Number: "2001", Site: "o", Devices: []org.Device{{Name: "desk", Username: "dana", Password: "another"}}}}}
	return org.NewDirectory(1, acme, other)
}

func registrarOf(d *org.Directory, cfg Config) *Registrar {
	cfg.Directory = func() *org.Directory { return d }
	return New(cfg)
}

// phone is a user agent that registers.
type phone struct {
	t         *testing.T
	r         *Registrar
	flow      transport.Flow
	username  string
	password  string
	to        string // user@host
	callID    string
	cseq      int
	via       string // parameters
	algorithm string // "" takes the first challenge
	challenge *digest.Challenge
	nc        int
}

func dana(t *testing.T, r *Registrar, flow transport.Flow) *phone {
	return &phone{t: t, r: r, flow: flow, username: "dana", password: "s3cret", to: "dana@acme.example", callID: "call-1", via: ";rport"}
}

// register sends a REGISTER with these headers and answers the challenge that comes.
func (p *phone) register(headers ...string) *sip.Response {
	p.t.Helper()
	res := p.send(headers...)
	if res.StatusCode != 401 {
		return res
	}
	p.accept(res)
	return p.send(headers...)
}

// accept takes the challenge of a response.
func (p *phone) accept(res *sip.Response) {
	p.t.Helper()
	for _, h := range res.GetHeaders("WWW-Authenticate") {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			p.t.Fatalf("challenge %q: %v", h.Value(), err)
		}
		if p.algorithm == "" || c.Algorithm == p.algorithm {
			p.challenge, p.nc = c, 0
			return
		}
	}
	p.t.Fatalf("no challenge of %q in\n%s", p.algorithm, res)
}

// send sends one REGISTER, with credentials once there is a challenge.
func (p *phone) send(headers ...string) *sip.Response {
	p.t.Helper()
	p.cseq++
	if p.challenge != nil {
		p.nc++
		headers = append(headers, "Authorization: "+p.credentials().String())
	}
	return p.deliver(p.cseq, headers...)
}

func (p *phone) credentials() *digest.Credentials {
	p.t.Helper()
	c, err := digest.Digest(p.challenge, digest.Options{Method: "REGISTER", URI: "sip:acme.example", Username: p.username, Password: p.password, Count: p.nc})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *phone) deliver(cseq int, headers ...string) *sip.Response {
	p.t.Helper()
	text := fmt.Sprintf("REGISTER sip:acme.example SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%d%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s>;tag=f\r\nTo: <sip:%s>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\nUser-Agent: phone 1.0\r\n%s\r\n",
		p.flow.Protocol, p.flow.Remote, cseq, p.via, p.to, p.to, p.callID, cseq, lines(headers))
	return p.r.Register(request(p.t, text), nil, p.flow)
}

func lines(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	return strings.Join(headers, "\r\n") + "\r\n"
}

func request(t *testing.T, text string) *sip.Request {
	t.Helper()
	m, _, err := transport.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m.(*sip.Request)
}

// contacts are the Contact headers of a response.
func contacts(res *sip.Response) []string {
	var vs []string
	for _, h := range res.GetHeaders("Contact") {
		vs = append(vs, h.Value())
	}
	return vs
}

func status(t *testing.T, res *sip.Response, want int) {
	t.Helper()
	if res.StatusCode != want {
		t.Fatalf("answered %d %s, want %d", res.StatusCode, res.Reason, want)
	}
}

func header(res *sip.Response, name string) string {
	if h := res.GetHeader(name); h != nil {
		return h.Value()
	}
	return ""
}
