package call

import (
	"fmt"
	"time"
)

// ActionKind is what is to be done.
type ActionKind int

const (
	Dial       ActionKind = iota + 1 // place a leg to Target
	Cancel                           // CANCEL a leg that has been heard from
	Hangup                           // BYE a leg that is up
	Progress                         // 180 or 183 to the caller; with From, that leg's early media
	Answer                           // 200 to the caller, with what From answered
	Reject                           // a final error to the caller
	Connect                          // the caller and Leg hear each other
	Play                             // a prompt or tone to Leg
	Silence                          // stop what Play began on Leg
	StartTimer                       //
	StopTimer                        //
	Tell                             // alert again, with what happened
	Note                             // nothing to do: why something was done, for the trace
	Degrade                          // nothing to do: something was had less well than it should be
	End                              // the call is over; legs that still linger are released as they answer
)

var actionNames = [...]string{Dial: "dial", Cancel: "cancel", Hangup: "hang-up", Progress: "progress", Answer: "answer",
	Reject: "reject", Connect: "connect", Play: "play", Silence: "silence", StartTimer: "start-timer", StopTimer: "stop-timer",
	Tell: "tell", Note: "note", Degrade: "degrade", End: "end"}

func (k ActionKind) String() string { return nameOf(actionNames[:], int(k), "action") }

// MarshalText makes the kind its name in the journal.
func (k ActionKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (k *ActionKind) UnmarshalText(b []byte) error { return kindOf(actionNames[:], b, (*int)(k)) }

// Action is something the runner is to do.
type Action struct {
	Kind    ActionKind    `json:"kind"`
	Leg     LegID         `json:"leg,omitempty"`
	From    LegID         `json:"from,omitempty"`
	Target  *Target       `json:"target,omitempty"`
	Plain   bool          `json:"plain,omitempty"` // Dial: no location body, plain G.711 (R8)
	Code    int           `json:"code,omitempty"`
	Prompt  Prompt        `json:"prompt,omitempty"`
	Timer   Timer         `json:"timer,omitzero"`
	After   time.Duration `json:"after,omitempty"`
	Rule    string        `json:"rule,omitempty"`
	Text    string        `json:"text,omitempty"`
	Outcome Outcome       `json:"outcome,omitempty"`
}

func (a Action) String() string {
	s := a.Kind.String()
	if a.Leg != "" {
		s += " " + string(a.Leg)
	}
	if a.From != "" {
		s += " from " + string(a.From)
	}
	if a.Plain {
		s += " plain"
	}
	if a.Code != 0 {
		s += fmt.Sprintf(" %d", a.Code)
	}
	if a.Prompt != 0 {
		s += " " + a.Prompt.String()
	}
	if a.Timer != (Timer{}) {
		s += " " + a.Timer.String()
	}
	if a.After != 0 {
		s += " " + a.After.String()
	}
	if a.Outcome != 0 {
		s += " " + a.Outcome.String()
	}
	if a.Text != "" {
		s += " (" + a.Text + ")"
	}
	return s
}

// Prompt is something a leg hears that no person says.
type Prompt int

const (
	StayOnLine  Prompt = iota + 1 // to the caller, while nobody has answered
	PressOne                      // to a member who must confirm
	PSAPHasCall                   // the tone a member hears while caller and PSAP talk
	Ringback                      // to a caller who is answered and waits again
)

var promptNames = [...]string{StayOnLine: "stay-on-line", PressOne: "press-1", PSAPHasCall: "psap-has-call", Ringback: "ringback"}

func (p Prompt) String() string { return nameOf(promptNames[:], int(p), "prompt") }

// MarshalText makes the prompt its name in the journal.
func (p Prompt) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (p *Prompt) UnmarshalText(b []byte) error { return kindOf(promptNames[:], b, (*int)(p)) }

// Outcome is how a call ended.
type Outcome int

const (
	Completed Outcome = iota + 1 // somebody was talked to and somebody hung up
	Abandoned                    // the caller left before anybody answered
	Rejected                     // refused, with a reason, before anybody was dialled
)

var outcomeNames = [...]string{Completed: "completed", Abandoned: "abandoned", Rejected: "rejected"}

func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o), "outcome") }

// MarshalText makes the outcome its name in the record.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (o *Outcome) UnmarshalText(b []byte) error { return kindOf(outcomeNames[:], b, (*int)(o)) }
