package app_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/registrar"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/trace"
	"go.uber.org/goleak"
)

// S2: a change is live in under 2 s for the next call, and a call keeps what it began with.
func TestS2AChangeDuringACall(t *testing.T) {
	r := running(t, "")
	first := r.call(r.phone)
	r.org.Sites[0].Trunks = []string{"carrier-us"}
	changed := time.Now()
	r.apply()
	until(t, "the change is live", func() bool { return r.app.Directory().Version == 2 })
	if took := time.Since(changed); took > 2*time.Second {
		t.Errorf("the change took %s", took)
	}
	second, err := r.dana.Call(t.Context(), "sip:911@"+r.sip(), agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hears(t, second, otherVoice) // the carrier's
	hears(t, first, psapVoice)
	second.Hangup()
	<-second.Done()
	r.hangUp(first)
	for n, want := range []struct {
		config int64
		by     string
	}{{1, "psap-us/1"}, {2, "carrier-us/1"}} {
		if rec := r.record(n + 1); rec.Config != want.config || string(rec.AnsweredBy) != want.by {
			t.Errorf("call %d kept version %d and was answered by %s", n+1, rec.Config, rec.AnsweredBy)
		}
	}
}

// R15 (a), S3: a phone that registered before a restart calls, and is called, without
// registering again.
func TestRegistrationsSurviveARestart(t *testing.T) {
	r := running(t, "")
	// 7001 is on the safety team: whether it is rung shows where its binding leads.
	desk := r.agent("7001", transport.UDP, otherVoice, ringsOnly)
	r.register(desk, "7001")
	if err := r.app.Close(); err != nil {
		t.Fatal(err)
	}
	r.start()
	registers := len(r.phone.Messages())
	c := r.call(r.phone)
	ctx, done := context.WithTimeout(t.Context(), normal)
	defer done()
	if _, err := desk.AwaitCall(ctx, 1); err != nil {
		t.Errorf("the desk that registered before is not rung: %v", err)
	}
	r.hangUp(c)
	for _, m := range r.phone.Messages()[registers:] {
		if m.Method == "REGISTER" {
			t.Error("the phone registered again")
		}
	}
	if rec := r.record(1); rec.Origin != "registration of 2041" {
		t.Errorf("the call came from %q", rec.Origin)
	}
}

// S3: a graceful stop lets a call end by itself, and takes a 911 that comes meanwhile. At
// its limit it stops all the same.
func TestDrain(t *testing.T) {
	ignored := goleak.IgnoreCurrent()
	r := running(t, "")
	c := r.call(r.phone)
	short, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	if err := r.app.Drain(short); err == nil {
		t.Error("drained, with a call going on")
	}
	if word, _ := r.ready(); word != "not ready" {
		t.Errorf("a node that drains says that it is %s", word)
	}
	drained := make(chan error, 1)
	go func() { drained <- r.app.Drain(t.Context()) }()
	late := r.call(r.dana)
	hears(t, c, psapVoice)
	c.Hangup()
	<-c.Done()
	select {
	case err := <-drained:
		t.Fatalf("drained before the last call had ended: %v", err)
	default:
	}
	r.hangUp(late)
	if err := <-drained; err != nil {
		t.Errorf("drained with %v", err)
	}
	r.closed(ignored)
}

// Close with a call going on leaves no goroutine and no port behind.
func TestCloseDuringACall(t *testing.T) {
	ignored := goleak.IgnoreCurrent()
	r := running(t, "")
	r.call(r.phone)
	r.closed(ignored)
}

func (r *rig) closed(ignored goleak.Option) {
	r.t.Helper()
	sip, http := r.sip(), r.app.HTTPAddress().String()
	if err := r.app.Close(); err != nil {
		r.t.Error(err)
	}
	if err := r.app.Close(); err != nil {
		r.t.Errorf("the second time: %v", err)
	}
	p, err := net.ListenPacket("udp", sip)
	if err != nil {
		r.t.Errorf("the SIP port is not free: %v", err)
	} else {
		p.Close()
	}
	l, err := net.Listen("tcp", http)
	if err != nil {
		r.t.Errorf("the HTTP port is not free: %v", err)
	} else {
		l.Close()
	}
	for _, a := range []*agent.Agent{r.psap, r.carrier, r.guard, r.phone, r.dana} {
		a.Close()
	}
	goleak.VerifyNone(r.t, ignored, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// R8, R9: a proxy that does not answer OPTIONS is tried last, shown and warned of.
func TestTrunksAreWatched(t *testing.T) {
	r := newRig(t, "")
	r.org.Trunks[0].Proxies = []string{"sip:127.0.0.1:9;transport=tcp", r.psap.URI()}
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	const down = `tocsin_trunk_proxy_up{account="acme",proxy="sip:127.0.0.1:9;transport=tcp",trunk="psap-us"} 0`
	metrics := ""
	until(t, "the dead proxy is known", func() bool {
		_, metrics = r.get("/metrics")
		return strings.Contains(metrics, down)
	})
	if word, warnings := r.ready(); word != "ready" {
		t.Errorf("one of two proxies is down, and the node is %s: %v", word, warnings)
	}
	r.hangUp(r.call(r.phone))
	if rec := r.record(1); rec.AnsweredBy != "psap-us/2" || rec.Plan.Public[0][0].Name != "psap-us/2" {
		t.Errorf("answered by %s; the plan begins with %+v", rec.AnsweredBy, rec.Plan.Public[0])
	}
	_, metrics = r.get("/metrics")
	for _, want := range []string{"tocsin_degradations_total{code=\"not-recorded\"} 1", "tocsin_journal_dropped_total 0", "tocsin_registers_total{answer=\"registered\"} 1", `tocsin_calls_total{taken="emergency"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	r.org.Trunks[0].Proxies = r.org.Trunks[0].Proxies[:1]
	r.apply()
	r.warns("trunks acme US")
	c, err := r.phone.Call(t.Context(), "sip:911@"+r.sip(), agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hears(t, c, otherVoice) // the carrier's: the next trunk
	r.hangUp(c)
}

// L4: explain shows the trace that the record of the same call shows, but for which number
// was lent.
func TestL4ExplainSaysWhatTheRecordSays(t *testing.T) {
	r := running(t, "")
	s := r.store()
	var registered []registrar.Binding
	until(t, "the registrations are written", func() bool {
		var err error
		registered, err = app.Registered(t.Context(), s)
		return err == nil && len(registered) == 2
	})
	for n, x := range []struct {
		phone         *agent.Agent
		ext, dial, to string
	}{
		{r.phone, "2041", "911", "psap-us/1"},
		{r.dana, "2001", "911", "psap-us/1"},
		{r.phone, "2041", "9911", "psap-us/1"},
		{r.dana, "2001", "5551234", ""},
	} {
		t.Run(x.ext+" dials "+x.dial, func(t *testing.T) {
			e, err := app.Explain(r.app.Directory(), app.Question{From: x.ext, Dial: x.dial, At: time.Now(), Registered: registered})
			if err != nil {
				t.Fatal(err)
			}
			c, err := x.phone.Call(t.Context(), "sip:"+x.dial+"@"+r.sip(), agent.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if x.to != "" {
				hears(t, c, psapVoice)
			}
			r.hangUp(c)
			rec := r.record(n + 1)
			if string(rec.AnsweredBy) != x.to {
				t.Errorf("answered by %q", rec.AnsweredBy)
			}
			if want, got := said(rec.Trace), said(e.Trace); !slices.Equal(want, got) {
				t.Errorf("the record says\n%s\nand explain\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
			if e.Route != rec.Route || e.Label != rec.Label || e.Device != rec.Device || e.Origin != rec.Origin || e.Refused != rec.Refused || e.Location.OneLine() != rec.Location.OneLine() {
				t.Errorf("explain says %+v, the record %+v", e.Decided, rec.Decided)
			}
		})
	}
}

// said are the lines of a trace, without those on which number of a pool was lent.
func said(tr trace.Trace) []string {
	var lines []string
	for _, e := range tr.Entries {
		if e.Stage == trace.Assign && strings.Contains(e.Text, "is shown a number of the pool") {
			continue
		}
		lines = append(lines, e.String())
	}
	for _, d := range tr.Degradations {
		if d.Code != "lease-provisional" {
			lines = append(lines, d.String())
		}
	}
	return lines
}
