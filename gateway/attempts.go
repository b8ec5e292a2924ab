package gateway

import (
	"slices"

	"github.com/tocsin-sip/tocsin/call"
)

// Attempt is an INVITE of a call towards public safety, and what became of it as far as
// is known: the next one says so (NENA-STA-010.3f s3.1.8).
type Attempt struct {
	RequestURI string
	Code       int // the SIP status; 0 for none
	Why        string
	leg        call.LegID
}

// attempts are those of one call, in their order.
type attempts []Attempt

// learn takes what an event says of an attempt.
func (as attempts) learn(e call.Event) {
	leg := e.Leg
	if e.Kind == call.TimerFired {
		leg = e.Timer.Leg
	}
	i := slices.IndexFunc(as, func(a Attempt) bool { return a.leg == leg })
	if i < 0 {
		return
	}
	a := &as[i]
	switch {
	case e.Kind == call.Failed:
		a.Code, a.Why = e.Code, e.Text
	case e.Kind == call.HungUp:
		a.Why = "hung up"
	case e.Kind == call.MediaLost:
		a.Why = "lost"
	case e.Kind == call.TimerFired && e.Timer.Kind == call.NoResponseTimer:
		a.Why = "no response"
	case e.Kind == call.TimerFired && e.Timer.Kind == call.NoProgressTimer:
		a.Why = "no progress"
	}
}

// next counts an attempt, and gives those before it.
func (as *attempts) next(leg call.LegID, t call.Target) (before []Attempt) {
	if t.Role != call.RolePSAP {
		return nil
	}
	before = slices.Clone(*as)
	*as = append(*as, Attempt{RequestURI: t.Invite.RequestURI, leg: leg})
	return before
}
