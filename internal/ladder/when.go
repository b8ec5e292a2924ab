package ladder

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/org"
)

// When is what happens. Its first line is the caller's:
//
//	2041/lobby dials 911, hang up 20s             a registered phone
//	pbx as 4711 dials 911, cancel 3s              a trunk, which says who is calling
//	10.20.9.9 as 2001 dials 911, hang up 20s      an address, registered nowhere
//
// and each other line is a party's, with one script for each of its calls, the last one
// for all that follow:
//
//	psap-us/1: ring 1s, answer 5s, hang up 20s
//	psap-us/2: dead; busy 1s; answer 10ms
//
// Times count from the INVITE of the call. The words are
//
//	dead            nothing is ever answered
//	trying          100 after 10 ms, as everybody who is not dead, and no more
//	trying 500ms    100 after that time
//	ring            180
//	early media     183 with a description
//	answer          200
//	busy, decline   486, 603
//	refuse 503      any other final response
//	press 1         a key
//	hang up         BYE, or what there is before an answer
//	cancel          CANCEL; the caller's
//	answer on cancel, late on cancel      what a CANCEL gets that much later: 200, or 487
type When struct {
	Caller  Caller
	Scripts map[string][]agent.Script
}

// Caller is who dials.
type Caller struct {
	Phone   *Phone         // of a registered phone
	Trunk   string         // of a call that comes in on a trunk
	Address netip.AddrPort // where it comes from
	As      string         // who the From, or the trunk's identity header, says is calling
	Dials   string
	Acts    []Act
}

// Act is something the caller does, counted from its INVITE.
type Act struct {
	At     time.Duration
	Cancel bool // else hang up
}

// soonest is the quickest anybody reacts.
const soonest = 10 * time.Millisecond

func parseWhen(text string, g Given) (When, error) {
	w := When{Scripts: map[string][]agent.Script{}}
	parties, err := g.parties()
	if err != nil {
		return w, fmt.Errorf("given: %w", err)
	}
	for i, l := range lines(text) {
		if i == 0 {
			w.Caller, err = parseCaller(l, g)
		} else {
			err = w.parseParty(l, parties)
		}
		if err != nil {
			return w, fmt.Errorf("when: %q: %w", l, err)
		}
	}
	if w.Caller.Dials == "" {
		return w, errors.New("when: nobody dials")
	}
	return w, nil
}

func parseCaller(l string, g Given) (Caller, error) {
	var c Caller
	who, what, ok := strings.Cut(l, " dials ")
	if !ok {
		return c, errors.New("the first line says who dials what")
	}
	who, as, _ := strings.Cut(who, " as ")
	c.As = as
	if err := c.find(who, g); err != nil {
		return c, err
	}
	parts := strings.Split(what, ",")
	c.Dials = strings.TrimSpace(parts[0])
	for _, p := range parts[1:] {
		word, at, err := timed(p)
		if err != nil {
			return c, err
		}
		switch word {
		case "cancel":
			c.Acts = append(c.Acts, Act{at, true})
		case "hang up":
			c.Acts = append(c.Acts, Act{at, false})
		default:
			return c, fmt.Errorf("unknown word %q", word)
		}
	}
	return c, nil
}

func (c *Caller) find(who string, g Given) error {
	for i := range g.Registered {
		if p := &g.Registered[i]; p.name() == who {
			c.Phone, c.Address = p, p.Address
			return nil
		}
	}
	if addr, err := netip.ParseAddr(who); err == nil {
		c.Address = netip.AddrPortFrom(addr, phonePort)
		return nil
	}
	i := slices.IndexFunc(g.Organisation.Trunks, func(t org.Trunk) bool { return t.Name == who })
	if i < 0 {
		return fmt.Errorf("%q is no registered phone, trunk or address", who)
	}
	t := g.Organisation.Trunks[i]
	c.Trunk = t.Name
	switch {
	case len(t.Peers) > 0:
		c.Address = netip.AddrPortFrom(t.Peers[0].Addr(), phonePort)
	case len(t.Proxies) > 0:
		p, err := partyAt(who, t.Proxies[0])
		if err != nil {
			return err
		}
		c.Address = p.Address
	default:
		return fmt.Errorf("trunk %s has neither peers nor proxies", who)
	}
	return nil
}

func (w *When) parseParty(l string, parties map[string]Party) error {
	// A SIP member's name holds a colon, so the one that is followed by a space counts.
	name, what, ok := strings.Cut(l, ": ")
	if !ok {
		return errors.New("a line says who: what")
	}
	if _, ok := parties[name]; !ok {
		return fmt.Errorf("nobody is called %q", name)
	}
	if _, twice := w.Scripts[name]; twice {
		return fmt.Errorf("%s has two lines", name)
	}
	for _, one := range strings.Split(what, ";") {
		s, err := parseScript(one)
		if err != nil {
			return err
		}
		w.Scripts[name] = append(w.Scripts[name], s)
	}
	return nil
}

func parseScript(text string) (agent.Script, error) {
	s := agent.Script{TryingAt: soonest, OnCancel: agent.Obey, CancelAfter: soonest}
	switch strings.TrimSpace(text) {
	case "dead":
		return agent.Script{Dead: true}, nil
	case "trying":
		return s, nil
	}
	last := time.Duration(0)
	for _, p := range strings.Split(text, ",") {
		word, at, err := timed(p)
		if err != nil {
			return s, err
		}
		switch word {
		case "trying":
			s.TryingAt = at
			last = at
			continue
		case "answer on cancel":
			s.OnCancel, s.CancelAfter = agent.AnswerFirst, at
			continue
		case "late on cancel":
			s.CancelAfter = at
			continue
		}
		step, err := deed(word)
		if err != nil {
			return s, err
		}
		if step.At = at; at < last {
			return s, fmt.Errorf("%q comes before what stands before it", strings.TrimSpace(p))
		}
		last = at
		s.Steps = append(s.Steps, step)
	}
	return s, nil
}

func deed(word string) (agent.Step, error) {
	switch word {
	case "ring":
		return agent.Step{Do: agent.Ring}, nil
	case "early media":
		return agent.Step{Do: agent.Early}, nil
	case "answer":
		return agent.Step{Do: agent.Answer}, nil
	case "busy":
		return agent.Step{Do: agent.Refuse, Status: 486}, nil
	case "decline":
		return agent.Step{Do: agent.Refuse, Status: 603}, nil
	case "hang up":
		return agent.Step{Do: agent.HangUp}, nil
	}
	if code, ok := strings.CutPrefix(word, "refuse "); ok {
		n, err := strconv.Atoi(code)
		if err != nil || n < 300 || n > 699 {
			return agent.Step{}, fmt.Errorf("%q is no final response that refuses", code)
		}
		return agent.Step{Do: agent.Refuse, Status: n}, nil
	}
	if key, ok := strings.CutPrefix(word, "press "); ok && len(key) == 1 {
		return agent.Step{Do: agent.Press, Key: rune(key[0])}, nil
	}
	return agent.Step{}, fmt.Errorf("unknown word %q", word)
}

var timeAtEnd = regexp.MustCompile(`^(.+) ([0-9][0-9a-z.]*)$`)

// timed cuts the time off the end of what somebody does.
func timed(text string) (word string, at time.Duration, err error) {
	text = strings.TrimSpace(text)
	m := timeAtEnd.FindStringSubmatch(text)
	if m == nil {
		return "", 0, fmt.Errorf("%q has no time", text)
	}
	if at, err = time.ParseDuration(m[2]); err != nil {
		return "", 0, fmt.Errorf("%q has no time: %w", text, err)
	}
	if at < soonest {
		return "", 0, fmt.Errorf("%q: nobody does anything in less than %s", text, soonest)
	}
	return m[1], at, nil
}

// script is what a party does with its nth call, counted from 1.
func (w When) script(party string, n int) (agent.Script, bool) {
	ss := w.Scripts[party]
	if len(ss) == 0 {
		return agent.Script{}, false
	}
	return ss[min(n, len(ss))-1], true
}

// user is the user part of the caller's From.
func (c Caller) user() string {
	switch {
	case c.As != "":
		return c.As
	case c.Phone != nil:
		return c.Phone.Username
	}
	return "anonymous"
}
