package call

import (
	"fmt"
	"time"
)

// EventKind is what happened.
type EventKind int

const (
	Started    EventKind = iota + 1 // the call begins
	Tried                           // 100: the next element has the INVITE
	Ringing                         // 18x, perhaps with early media
	Answered                        // 2xx
	Failed                          // a final response that is not 2xx, a timeout, a transport error
	HungUp                          // BYE on a leg that was up, the caller's too
	Cancelled                       // the caller's CANCEL
	TimerFired                      //
	Pressed                         // a digit on a leg
	MediaLost                       // nothing is heard of the leg any more, and no BYE came
	MediaHeard                      // it is heard again
	PSAPWanted                      // a member asks for the PSAP (R7)
)

var eventNames = [...]string{Started: "started", Tried: "tried", Ringing: "ringing", Answered: "answered", Failed: "failed",
	HungUp: "hung-up", Cancelled: "cancelled", TimerFired: "timer", Pressed: "pressed", MediaLost: "media-lost", MediaHeard: "media-heard",
	PSAPWanted: "psap-wanted"}

func (k EventKind) String() string { return nameOf(eventNames[:], int(k), "event") }

// MarshalText makes the kind its name in the journal.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (k *EventKind) UnmarshalText(b []byte) error { return kindOf(eventNames[:], b, (*int)(k)) }

// Event is something that happened to a call, at an instant.
type Event struct {
	Kind    EventKind `json:"kind"`
	At      time.Time `json:"at"`
	Leg     LegID     `json:"leg,omitempty"`
	Code    int       `json:"code,omitempty"` // the SIP status of Ringing and Failed; 0 for a transport error
	Text    string    `json:"text,omitempty"`
	Timer   Timer     `json:"timer,omitzero"`
	Digit   string    `json:"digit,omitempty"`
	SDP     string    `json:"sdp,omitempty"`
	Payload []byte    `json:"payload,omitempty"` // content parts and headers on the pass list: moved, never read
}

func (e Event) String() string {
	s := e.Kind.String()
	if e.Leg != "" {
		s += " " + string(e.Leg)
	}
	if e.Code != 0 {
		s += fmt.Sprintf(" %d", e.Code)
	}
	if e.Timer != (Timer{}) {
		s += " " + e.Timer.String()
	}
	if e.Digit != "" {
		s += " " + e.Digit
	}
	if e.Text != "" {
		s += " (" + e.Text + ")"
	}
	return s
}

// Timer names a timer; a leg has its own.
type Timer struct {
	Kind TimerKind `json:"kind,omitempty"`
	Leg  LegID     `json:"leg,omitempty"`
}

func (t Timer) String() string {
	if t.Leg != "" {
		return t.Kind.String() + " of " + string(t.Leg)
	}
	return t.Kind.String()
}

// TimerKind is what a timer is for.
type TimerKind int

const (
	HoldTimer       TimerKind = iota + 1 // the team has had its time
	NoResponseTimer                      // not even a 100 (R8)
	NoProgressTimer                      // no 18x and no answer (R8)
	RoundTimer                           // the pause between two rounds of the public side
	TeamRoundTimer                       // the pause before the team is rung again
	AnnounceTimer                        // the caller is asked to stay on the line
	RingTimer                            // the caller's 180 is renewed
)

var timerNames = [...]string{HoldTimer: "hold", NoResponseTimer: "no-response", NoProgressTimer: "no-progress", RoundTimer: "round",
	TeamRoundTimer: "team-round", AnnounceTimer: "announce", RingTimer: "ring"}

func (k TimerKind) String() string { return nameOf(timerNames[:], int(k), "timer") }

// MarshalText makes the kind its name in the journal.
func (k TimerKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (k *TimerKind) UnmarshalText(b []byte) error { return kindOf(timerNames[:], b, (*int)(k)) }

func nameOf(names []string, k int, what string) string {
	if k < 1 || k >= len(names) {
		return fmt.Sprintf("%s(%d)", what, k)
	}
	return names[k]
}

func kindOf(names []string, b []byte, into *int) error {
	for i := 1; i < len(names); i++ {
		if names[i] == string(b) {
			*into = i
			return nil
		}
	}
	return fmt.Errorf("no such kind %q", b)
}
