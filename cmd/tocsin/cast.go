package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// cast are the simulated people and elements of the demonstration. Each has a tone of its
// own for a voice, so that who hears whom can be told.
type cast struct {
	all    []*agent.Agent
	phones map[string]*agent.Agent // by extension
}

// voices, in hertz.
const (
	phoneVoice   = 440
	psapVoice    = 620
	guardVoice   = 850
	carrierVoice = 1100
)

// newCast opens everybody but the registrations. Where the port of a trunk or member is
// taken the organisation is changed to a free one.
func newCast(o *org.Organisation) (*cast, error) {
	c := &cast{phones: map[string]*agent.Agent{}}
	answers := func(after time.Duration) func(agent.Invitation) agent.Script {
		return func(agent.Invitation) agent.Script {
			return agent.Script{Steps: []agent.Step{{At: 300 * time.Millisecond, Do: agent.Ring}, {At: after, Do: agent.Answer}}}
		}
	}
	confirms := func(agent.Invitation) agent.Script {
		return agent.Script{Steps: []agent.Step{{At: 400 * time.Millisecond, Do: agent.Ring}, {At: 4 * time.Second, Do: agent.Answer}, {At: 7 * time.Second, Do: agent.Press, Key: '1'}}}
	}
	for _, p := range []struct {
		name     string
		port     uint16
		protocol transport.Protocol
		voice    float64
		take     func(agent.Invitation) agent.Script
	}{
		{"psap-1", 5190, transport.TCP, psapVoice, answers(2 * time.Second)},
		{"psap-2", 5191, transport.TCP, psapVoice, answers(2 * time.Second)},
		{"carrier-uk", 5192, transport.UDP, carrierVoice, answers(2 * time.Second)},
		{"carrier-us", 5193, transport.UDP, carrierVoice, answers(2 * time.Second)},
		{"guard", 5195, transport.UDP, guardVoice, confirms},
		{"dispatch", 5196, transport.UDP, guardVoice, answers(3 * time.Second)},
	} {
		a, err := place(o, p.name, netip.AddrPortFrom(loopback, p.port), p.protocol, p.voice, p.take)
		if err != nil {
			c.close()
			return nil, err
		}
		c.all = append(c.all, a)
	}
	for _, ext := range []string{"2001", "2041", "7001", "3090"} {
		take := answers(3 * time.Second)
		a, err := agent.New(agent.Config{Name: ext, Says: agent.Tone(phoneVoice), Take: take})
		if err != nil {
			c.close()
			return nil, fmt.Errorf("phone %s: %w", ext, err)
		}
		c.all = append(c.all, a)
		c.phones[ext] = a
	}
	return c, nil
}

func place(o *org.Organisation, name string, at netip.AddrPort, p transport.Protocol, voice float64, take func(agent.Invitation) agent.Script) (*agent.Agent, error) {
	open := func(a netip.AddrPort) (*agent.Agent, error) {
		return agent.New(agent.Config{Name: name, Listen: []transport.Listen{{Protocol: p, Addr: a.String()}}, Says: agent.Tone(voice), Take: take})
	}
	a, err := open(at)
	if err == nil {
		return a, nil
	}
	if a, err = open(netip.AddrPortFrom(loopback, 0)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	moved(o, at, a.Address(p))
	return a, nil
}

func (c *cast) register(ctx context.Context, server netip.AddrPort) error {
	limit, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	for ext, user := range map[string]string{"2001": "2001-desk", "2041": "2041", "7001": "7001", "3090": "3090"} {
		_, err := c.phones[ext].Register(limit, agent.Account{Username: user, Password: "change-me", Domain: "acme.example", Registrar: "sip:" + server.String()})
		if err != nil {
			return fmt.Errorf("registering %s: %w", user, err)
		}
	}
	return nil
}

func (c *cast) close() {
	if c == nil {
		return
	}
	for _, a := range c.all {
		a.Close()
	}
}

// hears says whose voice is in what was heard.
func hears(pcm []int16) string {
	tail := pcm[max(0, len(pcm)-rtp.SampleRate):]
	for _, v := range []struct {
		hertz float64
		who   string
	}{{psapVoice, "the PSAP"}, {guardVoice, "a guard"}, {carrierVoice, "the carrier"}, {phoneVoice, "a phone"}} {
		if len(tail) > 0 && audiotest.Level(tail, v.hertz) > 0.05 {
			return v.who
		}
	}
	return "nobody"
}
