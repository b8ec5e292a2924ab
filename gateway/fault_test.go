package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/callback"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/shortcode"
	"github.com/tocsin-sip/tocsin/trace"
)

// broken is every port of a gateway, each with a fault.
type broken struct {
	*campus
	mu      sync.Mutex
	journal []cdr.Entry
	legs    []call.LegID
	answers chan string
	report  gateway.Reporter
	stages  bool // the fault is in a stage
}

func (b *broken) Lend(context.Context, callback.Pool, callback.Holder, string, time.Time) (gateway.Loan, bool) {
	if b.stages {
		panic("lending")
	}
	return gateway.Loan{}, false
}
func (b *broken) Release(string, time.Time) { panic("releasing") }

func (b *broken) Dial(o gateway.Outgoing, r gateway.Reporter) gateway.Leg {
	b.legs = append(b.legs, o.Leg)
	if strings.HasPrefix(string(o.Leg), "psap-us/1") {
		panic("dialling")
	}
	if o.Leg == "psap-us/2" {
		time.AfterFunc(time.Second, func() { r.Report(call.Event{Kind: call.Answered, SDP: "v=0"}) })
	}
	return b
}
func (b *broken) Cancel(string) { panic("cancelling") }
func (b *broken) Hangup(string) {}

func (b *broken) Offer(call.LegID, bool) (string, error)     { return "v=0", nil }
func (b *broken) Answered(call.LegID, string) error          { panic("an answer") }
func (b *broken) Answer(call.LegID) (string, error)          { return "v=0", nil }
func (b *broken) ReOffer(call.LegID, string) (string, error) { return "", nil }
func (b *broken) Connect(call.LegID)                         { panic("connecting") }
func (b *broken) Play(call.LegID, call.Prompt)               {}
func (b *broken) Silence(call.LegID)                         {}
func (b *broken) Listen(func(call.Event))                    {}
func (b *broken) Degradations() []trace.Degradation          { return nil }
func (b *broken) Close()                                     {}
func (b *broken) Append(e cdr.Entry)                         { b.mu.Lock(); b.journal = append(b.journal, e); b.mu.Unlock() }

// anchor.Release and Leaser.Release have one name and two forms.
type brokenAnchor struct{ *broken }

func (brokenAnchor) Release(call.LegID) {}

type brokenMedia struct{ b *broken }

func (m brokenMedia) Open(string, string) gateway.Anchor { return brokenAnchor{m.b} }

type caller struct{ b *broken }

func (c caller) ReportTo(r gateway.Reporter) { c.b.report = r }
func (c caller) Progress(int, string)        {}
func (c caller) Answer(string)               { c.b.answers <- "200" }
func (c caller) End(code int, why string)    { c.b.answers <- why }

func TestL1AFaultOfOursIsNotTheEndOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{campus: newCampus(t, nil), answers: make(chan string, 8)}
		g := gateway.New(gateway.Ports{Directory: b, Registrations: b, Trunks: b, Leaser: b, Dialer: b, Media: brokenMedia{b}, Journal: b}, gateway.Config{})
		start := time.Now()
		g.Handle(gateway.Inbound{At: start, Dialled: shortcode.FromDigits("911"), From: gateway.Peer{Source: phone("2001")}}, caller{b})
		if got := <-b.answers; got != "200" || time.Since(start) > 2*time.Second {
			t.Fatalf("the caller got %q after %s", got, time.Since(start))
		}
		b.report.Report(call.Event{Kind: call.HungUp, Leg: call.Caller})
		synctest.Wait()
		r, err := cdr.Fold(b.journal)
		if err != nil || r.Live() || r.AnsweredBy != "psap-us/2" {
			t.Errorf("the record says answered by %q, live %v, %v", r.AnsweredBy, r.Live(), err)
		}
		faults := 0
		for _, d := range r.Degradations() {
			if d.Code == "internal-fault" {
				faults++
			}
		}
		if faults < 3 {
			t.Errorf("the record names %d faults, want those of dialling, the answer and connecting at least", faults)
		}
		g.Close()
	})
}

func TestAFaultInTheStagesTurnsTheCallerAway(t *testing.T) {
	b := &broken{campus: newCampus(t, nil), answers: make(chan string, 1), stages: true}
	g := gateway.New(gateway.Ports{Directory: b, Registrations: b, Trunks: b, Leaser: b, Dialer: b, Media: brokenMedia{b}, Journal: b}, gateway.Config{})
	g.Handle(gateway.Inbound{At: time.Now(), Dialled: shortcode.FromDigits("911"), From: gateway.Peer{Source: phone("2041")}}, caller{b})
	if got := <-b.answers; got != "a fault of ours" {
		t.Errorf("the caller got %q", got)
	}
}
