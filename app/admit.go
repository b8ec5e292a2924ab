package app

import (
	"maps"
	"slices"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/overload"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/sipua"
)

// admit is asked about each request before a transaction is made for it (R13).
func (a *App) admit(req *sip.Request, flow transport.Flow) (status int) {
	kind := kindOf(req)
	if kind == overload.Within || kind == overload.Call && a.ua.Moves(req) {
		return 0
	}
	known := a.gateway.Knows(sipua.PeerOf(req, flow))
	return a.gate.Admit(kind, known, func() bool { return a.gateway.Emergency(sipua.Read(req, flow)) })
}

func kindOf(req *sip.Request) overload.Kind {
	switch req.Method {
	case sip.ACK, sip.BYE, sip.CANCEL, sip.PRACK:
		return overload.Within
	}
	if to := req.To(); to != nil && to.Params.GetOr("tag", "") != "" {
		return overload.Within
	}
	switch req.Method {
	case sip.INVITE, sip.MESSAGE:
		return overload.Call
	case sip.REGISTER:
		return overload.Register
	}
	return overload.Other
}

// shedSamples are what was turned away, for /metrics.
func shedSamples(s overload.Stats) []api.Sample {
	ss := []api.Sample{{Name: "overload_factor", Help: "Part of the configured budgets that is served; 1 in normal times.", Value: s.Factor}}
	for _, budget := range slices.Sorted(maps.Keys(s.Shed)) {
		ss = append(ss, api.Sample{Name: "shed_total", Help: "Requests turned away by overload, by the budget that was used up.", Counter: true,
			Labels: []api.Label{{Name: "budget", Value: budget}}, Value: float64(s.Shed[budget])})
	}
	return ss
}
