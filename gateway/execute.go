package gateway

import (
	"context"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/dialplan"
	"github.com/tocsin-sip/tocsin/trace"
)

// execute opens the media, starts the session and dials its first legs. The journal gets
// the call's beginning and what was decided before its first event.
func (g *Gateway) execute(a assigned, caller Caller) *run {
	r := g.newRun(a, caller)
	r.anchor = g.Media.Open(a.header.ID, a.in.SDP)
	a.trace.Degradations = append(a.trace.Degradations, r.anchor.Degradations()...)
	r.session = call.New(a.plan.Call)
	g.mu.Lock()
	g.live[a.header.ID] = r
	g.count.Emergency++
	g.mu.Unlock()
	r.open(a.in.At, a.record())
	r.step(call.Event{Kind: call.Started, Leg: call.Caller, At: time.Now()})
	r.anchor.Listen(r.happen)
	caller.ReportTo(reporter{r, call.Caller})
	g.runs.Go(r.loop)
	return r
}

func (g *Gateway) newRun(a assigned, caller Caller) *run {
	account := ""
	if v := a.origin.account; v != nil {
		account = v.Name()
	}
	return &run{g: g, header: a.header, account: account, caller: caller, place: a.place, carried: a.in.carried(),
		legs: map[call.LegID]Leg{}, timers: map[call.Timer]*time.Timer{}, seenSDP: map[call.LegID]bool{},
		chain: cdr.NewChain(a.header.ID, g.Salt), news: make(chan struct{}, 1)}
}

func (r *run) open(at time.Time, d cdr.Decided) {
	r.write(at, cdr.Content{Header: &r.header})
	r.write(at, cdr.Content{Decided: &d})
}

// refuse is the end of a call whose settings name nobody (R2).
func (g *Gateway) refuse(d decided, caller Caller) {
	no := d.answer()
	r := d.turnedAway(no)
	g.turnAway(d.header, r, caller, no)
	g.Notifier.Tell(Notice{Header: d.header, Decided: r, Text: "an emergency call was refused: " + no.why})
}

// answer is the response to a call that dials nobody, with the rule that says so.
type answer struct {
	code      int
	rule, why string
}

func (d decided) answer() answer { return answer{403, "R2", d.plan.Refuse} }

// answer says where calls go that are no emergencies, or come from nowhere we know.
func (c classified) answer() answer {
	switch {
	case c.stranger():
		return answer{403, "R15", "no registration, trunk or site network covers this address"}
	case c.in.Malformed != "":
		return answer{400, "", c.in.Malformed}
	case c.class.Kind == dialplan.Test:
		return answer{404, "", "test calls are not answered yet"}
	}
	// Tocsin is not a PBX: 404, or 302 to the site's PBX where one is named.
	if s := c.origin.site; s != nil && s.PBX != "" && c.origin.kind == fromRegistration {
		return answer{302, "", s.PBX}
	}
	return answer{404, "", "no such number"}
}

func (c classified) stranger() bool { return c.origin.kind == fromNowhere || c.origin.account == nil }

// turnedAway is the record of a call that dials nobody. The trace ends with the answer.
func (c classified) turnedAway(no answer) cdr.Decided {
	c.trace.Because(trace.Execute, no.rule, "", "", "answered %d: %s", no.code, no.why)
	r := c.record()
	r.Refused = no.code
	return r
}

func (d decided) turnedAway(no answer) cdr.Decided {
	d.trace.Because(trace.Execute, no.rule, "", "", "answered %d: %s", no.code, no.why)
	r := d.record()
	r.Refused = no.code
	return r
}

// aside takes the calls that leave at classify.
func (g *Gateway) aside(c classified, caller Caller) {
	no := c.answer()
	if !c.stranger() {
		g.turnAway(c.header, c.turnedAway(no), caller, no)
		return
	}
	// R15: counted, and the first of a burst is told.
	g.mu.Lock()
	g.count.Strangers++
	first := c.in.At.Sub(g.count.lastStranger) > strangerBurst
	g.count.lastStranger = c.in.At
	g.mu.Unlock()
	if !first {
		caller.End(no.code, no.why)
		return
	}
	r := c.turnedAway(no)
	g.turnAway(c.header, r, caller, no)
	g.Notifier.Tell(Notice{Header: c.header, Decided: r, Text: "calls from an address nobody vouches for: " + c.in.From.Source.String()})
}

// strangerBurst is how long it must have been quiet for the next stranger to be told of.
const strangerBurst = time.Minute

// turnAway ends a call that dials nobody, with a record.
func (g *Gateway) turnAway(h cdr.Header, d cdr.Decided, caller Caller, no answer) {
	caller.End(no.code, no.why)
	chain := cdr.NewChain(h.ID, g.Salt)
	end := call.Action{Kind: call.End, Outcome: call.Rejected, Text: no.why}
	reject := call.Action{Kind: call.Reject, Code: no.code, Text: no.why}
	for _, c := range []cdr.Content{{Header: &h}, {Decided: &d}, {Event: &call.Event{Kind: call.Started, Leg: call.Caller, At: h.ReceivedAt}}, {Action: &reject}, {Action: &end}} {
		if e, err := chain.Append(h.ReceivedAt, c); err == nil {
			g.Journal.Append(e)
		}
	}
	g.mu.Lock()
	g.count.Refused++
	g.mu.Unlock()
}

// notify begins the alerting: with the call, never before it (A2).
func (g *Gateway) notify(a assigned) {
	g.Notifier.Tell(Notice{Header: a.header, Decided: a.record()})
}

func (g *Gateway) tell(h cdr.Header, text string) {
	g.Notifier.Tell(Notice{Header: h, Text: text})
}

// log is the last stage: one line, without anybody's number or address.
func (g *Gateway) log(r *run) {
	g.Log.Info("emergency call", "call", r.header.ID, "config", r.header.Config, "setup", time.Since(r.header.ReceivedAt).String())
}

// released starts the window of the call's lease (C3): the caller is gone.
func (g *Gateway) released(id string) { g.Leaser.Release(id, time.Now()) }

func (g *Gateway) ended(r *run) {
	g.mu.Lock()
	delete(g.live, r.header.ID)
	if len(g.live) == 0 {
		g.empty.Broadcast()
	}
	g.mu.Unlock()
}

// Counts are how many calls were taken, since the start.
type Counts struct {
	Emergency    uint64 // through the stages to somebody
	Refused      uint64 // turned away with a record
	Strangers    uint64 // from addresses nobody vouches for
	lastStranger time.Time
}

// Counts gives the counts and the number of calls that are going on.
func (g *Gateway) Counts() (c Counts, live int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count, len(g.live)
}

// PSAPWanted is a member's wish to have the PSAP on the call (R7).
func (g *Gateway) PSAPWanted(id string) bool {
	g.mu.Lock()
	r := g.live[id]
	g.mu.Unlock()
	if r == nil {
		return false
	}
	r.happen(call.Event{Kind: call.PSAPWanted})
	return true
}

// Drain waits until no call goes on, or the context ends.
func (g *Gateway) Drain(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.empty.Broadcast()
	})
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.live) > 0 && ctx.Err() == nil {
		g.empty.Wait()
	}
	return ctx.Err()
}

// Close ends the calls that still go on, without a word to anybody: their journals hold
// what a restart needs (S3). Nobody may hand calls over any more. It can be called again.
func (g *Gateway) Close() error {
	g.end.Do(func() { close(g.ends) })
	g.runs.Wait()
	return nil
}

// Settle waits until every leg has ended, those too that were cancelled and still linger
// when their call is over, or the context ends.
func (g *Gateway) Settle(ctx context.Context) error {
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		g.runs.Wait()
	}()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
