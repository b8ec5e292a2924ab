package app

import (
	"context"
	"time"

	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/store"
)

// health is what the node says about itself.
func (a *App) health() []api.Check {
	d := a.Directory()
	checks := []api.Check{
		{Name: "sip", OK: a.listening.Load(), Needs: true, Text: "listening"},
		{Name: "configuration", OK: len(d.Accounts()) > 0, Needs: true, Text: plural(len(d.Accounts()), "account")},
		{Name: "draining", OK: !a.draining.Load(), Needs: true, Text: "no stop was asked for"},
	}
	if s := a.cfg.Store; s != nil {
		checks = append(checks, database(s))
	}
	return checks
}

func database(s *store.Store) api.Check {
	ctx, done := context.WithTimeout(context.Background(), time.Second)
	defer done()
	c := api.Check{Name: "database", OK: true, Text: s.Engine()}
	if err := s.Ping(ctx); err != nil {
		c.OK, c.Text = false, err.Error()
	}
	return c
}

// samples are the numbers of /metrics.
func (a *App) samples() []api.Sample {
	counts, live := a.gateway.Counts()
	t, x := a.transport.Stats(), a.ua.Stats()
	registered, ended := a.registrar.Count()
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
	return ss
}
