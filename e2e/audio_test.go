package e2e

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/internal/audiotest"
	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// speech is something like a voice, another one for each seed: syllables of harmonics that
// never come twice, so that where a piece of it is found tells which piece it is.
func speech(seed uint64, length time.Duration) []int16 {
	r := rand.New(rand.NewPCG(seed, seed))
	pcm := make([]int16, int(length.Seconds()*rtp.SampleRate))
	for at := 0; at < len(pcm); {
		syllable := 800 + r.IntN(1600) // 0.1 s to 0.3 s
		from, to := 90+160*r.Float64(), 90+160*r.Float64()
		var strength [12]float64
		for i := range strength {
			strength[i] = r.Float64() / float64(i+2)
		}
		phase := 0.0
		for i := 0; i < syllable && at+i < len(pcm); i++ {
			along := float64(i) / float64(syllable)
			phase += 2 * math.Pi * (from + (to-from)*along) / rtp.SampleRate
			v := 0.0
			for k, s := range strength {
				v += s * math.Sin(float64(k+1)*phase)
			}
			pcm[at+i] = int16(9000 * v * math.Sin(math.Pi*along))
		}
		at += syllable
	}
	return pcm
}

// hears fails unless what was said was heard, in four pieces of a quarter of a second,
// each after the one before. One may be lost: it may have fallen into the beginning of the
// call, or the machine may have stumbled.
func hears(t *testing.T, who string, heard, said []int16) {
	t.Helper()
	const piece = rtp.SampleRate / 4
	found, last, report := 0, -1, ""
	for i := range 4 {
		from := rtp.SampleRate/2 + i*2*piece
		at, likeness := audiotest.Match(said[from:from+piece], heard)
		report += fmt.Sprintf(" %.2f at %d", likeness, at)
		if likeness > 0.95 && at > last {
			found, last = found+1, at
		}
	}
	if found < 3 {
		t.Errorf("%s heard %d samples, and in them what was said with a likeness of%s", who, len(heard), report)
	}
}

// hearsNot fails where somebody hears themselves.
func hearsNot(t *testing.T, who string, heard, said []int16) {
	t.Helper()
	const piece = rtp.SampleRate / 4
	if at, likeness := audiotest.Match(said[rtp.SampleRate:rtp.SampleRate+piece], heard); likeness > 0.8 {
		t.Errorf("%s heard an echo of %.2f at %d", who, likeness, at)
	}
}

const talk = 3500 * time.Millisecond

var (
	callerVoice = speech(2001, 12*time.Second)
	psapVoice   = speech(911, 12*time.Second)
)

// desk is the telephone of extension 2001.
func (c *campus) desk(transport, law string) line {
	return line{host: 9, port: 5060, law: law, says: callerVoice, account: fmt.Sprintf(
		`<sip:2001-desk@acme.example>;auth_user=2001-desk;auth_pass=change-me;outbound="sip:%s;transport=%s";regint=600`, c.gateway(), transport)}
}

// plain has the PSAP's trunk carry no location: baresip 1 answers 500 to a body that is more
// than SDP.
func plain(t *testing.T) edit { return instead(t, "location: by-value", "location: none") }

// answering is a baresip in the place of the PSAP.
func (c *campus) answering(law string) line {
	return line{host: 1, port: 5190, law: law, says: psapVoice, account: fmt.Sprintf("<sip:911@%s>;regint=0;answermode=auto", c.host(1))}
}

// agentPSAP is the PSAP by an agent of our own.
func (c *campus) agentPSAP() *agent.Agent {
	c.t.Helper()
	a, err := agent.New(agent.Config{Name: "psap", Listen: []transport.Listen{{Protocol: transport.TCP, Addr: c.host(1) + ":5190"}}, Says: agent.Samples(psapVoice),
		Take: func(agent.Invitation) agent.Script {
			return agent.Script{Steps: []agent.Step{{Do: agent.Ring}, {At: 300 * time.Millisecond, Do: agent.Answer}}}
		}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { a.Close() })
	return a
}

func TestBaresipTalksToThePSAP(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, transport, law string }{
		{"by UDP with mu-law", "udp", "pcmu"},
		{"by UDP with A-law", "udp", "pcma"},
		{"by TCP with mu-law", "tcp", "pcmu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := startCampus(t)
			p := c.agentPSAP()
			desk := c.handset("desk", c.desk(tc.transport, tc.law))
			desk.await("REGISTER_OK")
			desk.command("dial", "sip:911@"+c.gateway()+";transport="+tc.transport)
			desk.await("CALL_RINGING")
			desk.await("CALL_ESTABLISHED")
			pause(t, talk)
			desk.command("hangup", "")
			ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
			defer done()
			answered, err := p.AwaitCall(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := answered.Await(ctx, agent.Over); err != nil {
				t.Fatal(err)
			}
			hears(t, "the PSAP", answered.Heard(), callerVoice)
			hearsNot(t, "the PSAP", answered.Heard(), psapVoice)
			heard := desk.heard()
			hears(t, "the caller", heard, psapVoice)
			hearsNot(t, "the caller", heard, callerVoice)
			if k := c.ended(1)[0]; k.Extension != "2001" || k.Outcome != "completed" {
				t.Errorf("the record says %+v", k)
			}
		})
	}
}

func TestBaresipAnswersForThePSAP(t *testing.T) {
	t.Parallel()
	for _, law := range []string{"pcmu", "pcma"} {
		t.Run(law, func(t *testing.T) {
			t.Parallel()
			c := startCampus(t, plain(t))
			p := c.handset("psap", c.answering(law))
			phone, err := agent.New(agent.Config{Name: "desk", Listen: []transport.Listen{{Protocol: transport.UDP, Addr: c.host(9) + ":5060"}}, Says: agent.Samples(callerVoice)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { phone.Close() })
			ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
			defer done()
			_, err = phone.Register(ctx, agent.Account{Username: "2001-desk", Password: "change-me", Domain: "acme.example", Registrar: "sip:" + netip.MustParseAddrPort(c.gateway()).String()})
			if err != nil {
				t.Fatal(err)
			}
			call, err := phone.Call(ctx, "sip:911@"+c.gateway(), agent.Options{})
			if err == nil {
				err = call.Await(ctx, agent.Up)
			}
			if err != nil {
				t.Fatal(err)
			}
			p.await("CALL_ESTABLISHED")
			pause(t, talk)
			p.command("hangup", "") // this time it is the PSAP
			if err := call.Await(ctx, agent.Over); err != nil {
				t.Fatal(err)
			}
			hears(t, "the caller", call.Heard(), psapVoice)
			hearsNot(t, "the caller", call.Heard(), callerVoice)
			heard := p.heard()
			hears(t, "the PSAP", heard, callerVoice)
			hearsNot(t, "the PSAP", heard, psapVoice)
		})
	}
}

func TestTwoBaresipsThatHaveNoLawTogether(t *testing.T) { // wO8: one talks A-law only, the other mu-law only
	t.Parallel()
	c := startCampus(t, plain(t))
	p := c.handset("psap", c.answering("pcmu"))
	desk := c.handset("desk", c.desk("tcp", "pcma"))
	desk.await("REGISTER_OK")
	desk.command("dial", "sip:911@"+c.gateway()+";transport=tcp")
	desk.await("CALL_ESTABLISHED")
	p.await("CALL_ESTABLISHED")
	pause(t, talk)
	desk.command("hangup", "")
	p.await("CALL_CLOSED")
	hears(t, "the PSAP", p.heard(), callerVoice)
	hears(t, "the caller", desk.heard(), psapVoice)
}

// pause is the time in which people talk, or the test is over.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// The comparison itself can say no.
func TestTwoVoicesAreNotAlike(t *testing.T) {
	t.Parallel()
	const piece = rtp.SampleRate / 4
	for i := range 4 {
		from := rtp.SampleRate/2 + i*2*piece
		if _, likeness := audiotest.Match(callerVoice[from:from+piece], psapVoice[:4*rtp.SampleRate]); likeness > 0.8 {
			t.Errorf("piece %d of one voice is found in the other with a likeness of %.2f", i, likeness)
		}
	}
}
