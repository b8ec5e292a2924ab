package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/store"
	"github.com/tocsin-sip/tocsin/trunk"
)

// health is what the node says about itself. Only what calls need makes it unready.
func (a *App) health() []api.Check {
	d := a.Directory()
	checks := []api.Check{
		{Name: "sip", OK: a.listening.Load(), Needs: true, Text: "listening"},
		{Name: "configuration", OK: len(d.Accounts()) > 0, Needs: true, Text: fmt.Sprintf("%s, version %d", plural(len(d.Accounts()), "account"), d.Version)},
		{Name: "draining", OK: !a.draining.Load(), Needs: true, Text: "no stop was asked for"},
	}
	if a.database != nil {
		checks = append(checks, a.databaseCheck(), recordsCheck(a.journal.Stats()))
	}
	return append(checks, silentTrunks(d, a.trunks.Snapshot())...)
}

func (a *App) databaseCheck() api.Check {
	engine, err := a.database.ping()
	if err != nil {
		return api.Check{Name: "database", Text: err.Error()}
	}
	return api.Check{Name: "database", OK: true, Text: engine}
}

// recordsCheck warns of records that wait longer than a working database lets them, and of
// any that are lost.
func recordsCheck(s store.JournalStats) api.Check {
	c := api.Check{Name: "records", OK: s.Oldest < lateRecords && s.Dropped == 0 && s.SetAside == 0, Text: "written"}
	if !c.OK {
		c.Text = fmt.Sprintf("%d entries wait in memory, %d were dropped, %d refused; the last error: %s", s.Pending, s.Dropped, s.SetAside, s.LastErr)
	}
	return c
}

// lateRecords is when a record is late.
const lateRecords = 2 * time.Second

// samples are the numbers of /metrics.
func (a *App) samples() []api.Sample {
	counts, live := a.gateway.Counts()
	t, x := a.transport.Stats(), a.ua.Stats()
	registered, ended := a.registrar.Count()
	r := a.registrar.Stats()
	sessions, ports, draining := a.media.Load()
	ss := []api.Sample{
		{Name: "calls_live", Help: "Calls that go on.", Value: float64(live)},
		{Name: "calls_total", Help: "Calls taken, by what became of them.", Counter: true, Labels: []api.Label{{Name: "taken", Value: "emergency"}}, Value: float64(counts.Emergency)},
		{Name: "calls_total", Help: "Calls taken, by what became of them.", Counter: true, Labels: []api.Label{{Name: "taken", Value: "refused"}}, Value: float64(counts.Refused)},
		{Name: "calls_total", Help: "Calls taken, by what became of them.", Counter: true, Labels: []api.Label{{Name: "taken", Value: "stranger"}}, Value: float64(counts.Strangers)},
		{Name: "config_version", Help: "Version of the configuration that is current.", Value: float64(a.Directory().Version)},
		{Name: "bindings", Help: "Bindings of registered devices.", Labels: []api.Label{{Name: "state", Value: "live"}}, Value: float64(registered)},
		{Name: "bindings", Help: "Bindings of registered devices.", Labels: []api.Label{{Name: "state", Value: "ended"}}, Value: float64(ended)},
		{Name: "media_sessions", Help: "Calls whose media is anchored.", Value: float64(sessions)},
		{Name: "media_ports", Help: "RTP port pairs.", Labels: []api.Label{{Name: "state", Value: "lent"}}, Value: float64(ports)},
		{Name: "media_ports", Help: "RTP port pairs.", Labels: []api.Label{{Name: "state", Value: "draining"}}, Value: float64(draining)},
		{Name: "sip_transactions", Help: "SIP transactions.", Labels: []api.Label{{Name: "side", Value: "client"}}, Value: float64(x.Clients.Load())},
		{Name: "sip_transactions", Help: "SIP transactions.", Labels: []api.Label{{Name: "side", Value: "server"}}, Value: float64(x.Servers.Load())},
		{Name: "sip_retransmitted_total", Help: "SIP messages repeated by this node.", Counter: true, Value: float64(x.Retransmitted.Load())},
		{Name: "sip_timed_out_total", Help: "SIP requests nobody answered.", Counter: true, Value: float64(x.TimedOut.Load())},
		{Name: "sip_received_total", Help: "SIP messages received.", Counter: true, Value: float64(t.Received.Load())},
		{Name: "sip_sent_total", Help: "SIP messages sent.", Counter: true, Value: float64(t.Sent.Load())},
	}
	for _, x := range []struct {
		answer string
		value  uint64
	}{{"registered", r.Registered.Load()}, {"challenged", r.Challenged.Load()}, {"stale", r.Stale.Load()},
		{"failed", r.Failed.Load()}, {"limited", r.Limited.Load()}, {"refused", r.Refused.Load()}} {
		ss = append(ss, api.Sample{Name: "registers_total", Help: "REGISTER requests, by what was answered; failed is a wrong password or an unknown name.",
			Counter: true, Labels: []api.Label{{Name: "answer", Value: x.answer}}, Value: float64(x.value)})
	}
	ss = append(ss, api.Sample{Name: "registrations_not_kept_total", Help: "Times the database did not take a registration.", Counter: true, Value: float64(r.KeeperErrors.Load())})
	if a.journal != nil {
		ss = append(ss, journalSamples(a.journal.Stats())...)
	}
	ss = append(ss, shedSamples(a.gate.Stats())...)
	ss = append(ss, a.captures.samples()...)
	ss = append(ss, a.tried.samples()...)
	ss = append(ss, proxySamples(a.trunks.Snapshot())...)
	return append(ss, a.degraded.samples()...)
}

func journalSamples(j store.JournalStats) []api.Sample {
	return []api.Sample{
		{Name: "journal_pending", Help: "Entries of records that wait to be written.", Value: float64(j.Pending)},
		{Name: "journal_pending_bytes", Help: "Their size.", Value: float64(j.Bytes)},
		{Name: "journal_oldest_seconds", Help: "How long the oldest of them has waited.", Value: j.Oldest.Seconds()},
		{Name: "journal_written_total", Help: "Entries written.", Counter: true, Value: float64(j.Written)},
		{Name: "journal_dropped_total", Help: "Entries lost because memory was full.", Counter: true, Value: float64(j.Dropped)},
		{Name: "journal_set_aside_total", Help: "Entries the database refused for what they say.", Counter: true, Value: float64(j.SetAside)},
		{Name: "journal_failures_total", Help: "Attempts to write that failed.", Counter: true, Value: float64(j.Failures)},
	}
}

// proxySamples has one sample for each trunk and proxy. One that was not asked yet has
// none: it is neither up nor down.
func proxySamples(proxies []trunk.Proxy) []api.Sample {
	var ss []api.Sample
	for _, p := range proxies {
		if p.State == trunk.Unknown {
			continue
		}
		up := 0.0
		if p.State == trunk.Alive {
			up = 1
		}
		for _, t := range p.Trunks {
			ss = append(ss, api.Sample{Name: "trunk_proxy_up", Help: "Whether a proxy of a trunk answers OPTIONS.", Value: up,
				Labels: []api.Label{{Name: "account", Value: t.Account}, {Name: "trunk", Value: t.Trunk}, {Name: "proxy", Value: p.URI}}})
		}
	}
	return ss
}

// degradations counts what calls had to do less well (L1), by code. Its zero value counts.
type degradations struct {
	mu     sync.Mutex
	byCode map[string]uint64
}

func (d *degradations) count(e cdr.Entry) {
	// Most calls have none, and what was decided is long.
	if e.Kind != cdr.Degraded && (e.Kind != cdr.Stages || !bytes.Contains(e.Content, []byte(`"degradations":`))) {
		return
	}
	var said struct {
		Decided struct {
			Trace struct {
				Degradations []struct{ Code string }
			}
		}
		Degradation struct{ Code string }
	}
	if json.Unmarshal(e.Content, &said) != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byCode == nil {
		d.byCode = map[string]uint64{}
	}
	for _, x := range append(said.Decided.Trace.Degradations, said.Degradation) {
		if x.Code != "" {
			d.byCode[x.Code]++
		}
	}
}

func (d *degradations) samples() []api.Sample {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ss []api.Sample
	for _, code := range slices.Sorted(maps.Keys(d.byCode)) {
		ss = append(ss, api.Sample{Name: "degradations_total", Help: "What calls had to do less well, by code.", Counter: true,
			Labels: []api.Label{{Name: "code", Value: code}}, Value: float64(d.byCode[code])})
	}
	return ss
}
