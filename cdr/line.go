package cdr

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-sip/tocsin/call"
)

// Us is how the ladder calls this element.
const Us = "tocsin"

// Line is one line of the ladder: a message between two parties, or, where To is empty,
// something that was done.
type Line struct {
	After   time.Duration `json:"after"` // since the call arrived, in nanoseconds
	From    string        `json:"from"`
	To      string        `json:"to,omitempty"`
	Message string        `json:"message"`
}

func (l Line) at(at, start time.Time) Line {
	l.After = max(0, at.Sub(start))
	return l
}

func (l Line) String() string {
	t := fmt.Sprintf("%8.3f  ", l.After.Seconds())
	if l.To == "" {
		return t + "   " + l.Message
	}
	return t + fmt.Sprintf("%s > %s  %s", l.From, l.To, l.Message)
}

// EventLine is an event as the message it came as.
func EventLine(e call.Event, dialled string) (Line, bool) {
	l := Line{From: string(e.Leg), To: Us}
	switch e.Kind {
	case call.Started:
		l.From, l.Message = string(call.Caller), "INVITE "+dialled
	case call.Ringing:
		l.Message = strconv.Itoa(e.Code)
		if e.SDP != "" {
			l.Message += " with early media"
		}
	case call.Answered:
		l.Message = "200"
	case call.Failed:
		l.Message = strconv.Itoa(e.Code)
		if e.Code == 0 {
			l.Message = "unreachable"
		}
	case call.HungUp:
		l.Message = "BYE"
	case call.Cancelled:
		l.From, l.Message = string(call.Caller), "CANCEL"
	case call.Pressed:
		l.Message = "digit " + e.Digit
	case call.MediaLost:
		l.To, l.Message = "", "nothing is heard of "+string(e.Leg)
	case call.MediaHeard:
		l.To, l.Message = "", string(e.Leg)+" is heard again"
	case call.PSAPWanted:
		l.To, l.Message = "", "a member asks for the PSAP"
	default:
		return l, false
	}
	return l, true
}

// ActionLine is an action as the message it leaves as.
func ActionLine(a call.Action) (Line, bool) {
	l := Line{From: Us, To: string(a.Leg)}
	switch a.Kind {
	case call.Dial:
		l.Message = "INVITE"
		if a.Plain {
			l.Message += " plain"
		}
		if a.Target != nil && a.Target.Invite.Number != "" {
			l.Message += " from " + a.Target.Invite.Number
		}
	case call.Cancel:
		l.Message = "CANCEL"
	case call.Hangup:
		l.Message = "BYE"
	case call.Progress:
		l.To, l.Message = string(call.Caller), strconv.Itoa(a.Code)
		switch {
		case a.Prompt != 0:
			l.Message += " " + a.Prompt.String()
		case a.From != "":
			l.Message += " with early media of " + string(a.From)
		}
	case call.Answer:
		l.To, l.Message = string(call.Caller), "200"
	case call.Reject:
		l.To, l.Message = string(call.Caller), strconv.Itoa(a.Code)
	case call.Connect:
		l.To, l.Message = "", "caller and "+string(a.Leg)+" talk"
	case call.Play:
		l.To, l.Message = "", string(a.Leg)+" hears "+a.Prompt.String()
	case call.Tell:
		l.To, l.Message = "", "told: "+a.Text
	case call.Note, call.Degrade:
		l.To, l.Message = "", a.Text
	default:
		return l, false
	}
	return l, true
}
