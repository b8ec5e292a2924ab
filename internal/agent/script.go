package agent

import (
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Invitation is a call that comes in, as a script is chosen for it.
type Invitation struct {
	Number  int // 1 for the first call the agent gets
	Request *sip.Request
}

// Deed is one thing an agent does in a call.
type Deed int

const (
	Ring   Deed = iota + 1 // 180
	Early                  // 183 with a description: what it says is heard before the answer
	Answer                 // 200
	Refuse                 // the final response Status
	HangUp                 // BYE
	Press                  // Key, as a telephone-event
	Hold                   // a re-INVITE that only sends
	Resume                 // a re-INVITE that takes Hold back
)

var deedNames = [...]string{Ring: "ring", Early: "early media", Answer: "answer", Refuse: "refuse", HangUp: "hang up", Press: "press",
	Hold: "hold", Resume: "resume"}

func (d Deed) String() string {
	if d < Ring || d > Resume {
		return fmt.Sprintf("deed(%d)", int(d))
	}
	return deedNames[d]
}

// Step is a deed at a time, counted from the INVITE.
type Step struct {
	At     time.Duration
	Do     Deed
	Status int  // of Refuse
	Key    rune // of Press
}

// CancelDeed is what an agent does about a CANCEL.
type CancelDeed int

const (
	Obey        CancelDeed = iota + 1 // 487 after CancelAfter
	AnswerFirst                       // 200 after CancelAfter: its answer has crossed the CANCEL
	Ignore                            // the CANCEL is answered, and the script goes on
)

// Script is what an agent does with a call that comes in. The zero Script says 100 and
// leaves the rest to the methods of Call.
type Script struct {
	Dead        bool // nothing is ever answered, not even a 100 nor the CANCEL
	TryingAt    time.Duration
	Steps       []Step
	OnCancel    CancelDeed // 0 is Obey
	CancelAfter time.Duration
	Says        Sound // nil: what Config.Says says
}

// DefaultScript rings at once and answers after a second.
var DefaultScript = Script{Steps: []Step{{Do: Ring}, {At: time.Second, Do: Answer}}}

// play does a script's steps at their times, until the call is over.
func (c *Call) play(s Script) {
	begin := time.Now()
	if s.TryingAt > 0 && !c.sleepUntil(begin.Add(s.TryingAt)) {
		return
	}
	c.provisional(100, false)
	for _, step := range s.Steps {
		if !c.sleepUntil(begin.Add(step.At)) {
			return
		}
		c.do(step)
	}
}

func (c *Call) do(s Step) {
	var err error
	switch s.Do {
	case Ring:
		c.provisional(180, false)
	case Early:
		c.provisional(183, true)
	case Answer:
		err = c.Answer()
	case Refuse:
		c.Refuse(s.Status)
	case HangUp:
		c.Hangup()
	case Press:
		err = c.Press(s.Key)
	case Hold:
		err = c.Hold(c.agent.ctx)
	case Resume:
		err = c.Resume(c.agent.ctx)
	}
	if err != nil {
		c.agent.log.Warn("deed not done", "deed", s.Do.String(), "error", err)
	}
}

// sleepUntil waits, and says whether the call is still there.
func (c *Call) sleepUntil(at time.Time) bool {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}
