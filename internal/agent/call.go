package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transaction"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// State is how far a call is.
type State int

const (
	Trying  State = iota + 1 // the INVITE is there, and nothing but a 100
	Ringing                  // a provisional response above 100
	Up                       // a 2xx
	Over
)

var stateNames = [...]string{Trying: "trying", Ringing: "ringing", Up: "up", Over: "over"}

func (s State) String() string {
	if s < Trying || s > Over {
		return fmt.Sprintf("state(%d)", int(s))
	}
	return stateNames[s]
}

// errState: what was asked for does not go with the state of the call.
var errState = errors.New("not in this state of the call")

// Call is one call of an agent, in either direction.
type Call struct {
	agent    *Agent
	id       string
	incoming bool
	number   int // of the calls that came in
	script   Script
	opts     Options
	says     Sound
	invite   *sip.Request        // as it came, or as it was sent
	tx       *transaction.Server // of a call that came in
	done     chan struct{}

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and renewed at each change of state
	status  int
	why     string
	voice   *voice
	theirs  *description // what the peer described last
	offered bool         // our 2xx carried an offer: the ACK answers it
	repeat  *time.Timer  // our 2xx, until its ACK is there

	// The dialog (RFC 3261 s12).
	localTag string
	local    string // our From in requests of ours
	remote   string // and To
	target   string
	routes   []string
	first    transport.Destination
	seq      uint32
	ack      func()              // repeats the last ACK
	client   *transaction.Client // of a call we place
	leave    bool                // to be cancelled as soon as there is a transaction
	proven   bool                // credentials were sent
}

func (a *Agent) newCall(id string) *Call {
	return &Call{agent: a, id: id, state: Trying, done: make(chan struct{}), changed: make(chan struct{}), localTag: newTag(), says: a.cfg.Says}
}

// ID is the call's Call-ID.
func (c *Call) ID() string { return c.id }

// Incoming says who began.
func (c *Call) Incoming() bool { return c.incoming }

// Number is the how-manieth call that came in this is, from 1; 0 for one we placed.
func (c *Call) Number() int { return c.number }

// Invite is the INVITE that began the call.
func (c *Call) Invite() *sip.Request { return c.invite }

// State is how far the call is.
func (c *Call) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Ended is the final status of a call that is over without having been up (0 where there
// was none), and in words why it is over.
func (c *Call) Ended() (status int, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.why
}

// Done is closed when the call is over.
func (c *Call) Done() <-chan struct{} { return c.done }

// Await waits until the call is in a state or past it.
func (c *Call) Await(ctx context.Context, s State) error {
	for {
		c.mu.Lock()
		now, changed := c.state, c.changed
		status, why := c.status, c.why
		c.mu.Unlock()
		switch {
		case now >= s && (s == Over || now != Over):
			return nil
		case now == Over:
			return fmt.Errorf("waiting until a call of %s is %s: it is over, with %d, %s: %w", c.agent.cfg.Name, s, status, why, errState)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting until a call of %s is %s, it is %s: %w", c.agent.cfg.Name, s, now, ctx.Err())
		}
	}
}

// enter changes the state, with the lock held. It never goes back.
func (c *Call) enter(s State) {
	if s <= c.state {
		return
	}
	c.state = s
	close(c.changed)
	c.changed = make(chan struct{})
	if s == Over {
		close(c.done)
	}
}

// over ends the call here; nothing is sent.
func (c *Call) over(status int, why string) {
	c.mu.Lock()
	if c.state == Over {
		c.mu.Unlock()
		return
	}
	c.status, c.why = status, why
	c.enter(Over)
	if c.repeat != nil {
		c.repeat.Stop()
	}
	v := c.voice
	c.mu.Unlock()
	if v != nil {
		v.close()
	}
}

// Say begins a sound in place of what is being said; nil is silence.
func (c *Call) Say(s Sound) {
	c.mu.Lock()
	c.says = s
	v := c.voice
	c.mu.Unlock()
	if v != nil {
		v.say(s)
	}
}

// Heard is all that was heard so far, at rtp.SampleRate. Silence in which the peer sent
// nothing takes no room in it.
func (c *Call) Heard() []int16 {
	c.mu.Lock()
	v := c.voice
	c.mu.Unlock()
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]int16(nil), v.heard...)
}

// Pressed are the keys that the peer pressed.
func (c *Call) Pressed() string {
	c.mu.Lock()
	v := c.voice
	c.mu.Unlock()
	if v == nil {
		return ""
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return string(v.pressed)
}

// Keys are the keys we pressed.
func (c *Call) Keys() []Key {
	c.mu.Lock()
	v := c.voice
	c.mu.Unlock()
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Key(nil), v.sent...)
}

// Press sends a key and returns when it is up again.
func (c *Call) Press(key rune) error {
	c.mu.Lock()
	v := c.voice
	c.mu.Unlock()
	if v == nil {
		return fmt.Errorf("pressing %c: %w", key, errState)
	}
	if err := v.press(v.ctx, key); err != nil {
		return fmt.Errorf("pressing %c: %w", key, err)
	}
	return nil
}

// Hangup ends the call as its state asks for: BYE, CANCEL, or a refusal.
func (c *Call) Hangup() {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	switch {
	case state == Over:
	case state == Up:
		c.bye()
	case c.incoming:
		c.Refuse(603)
	default:
		c.Cancel()
	}
}

// speak opens the voice, where there is none, and aims it at what the peer described;
// with the lock held.
func (c *Call) speak() error {
	if c.voice == nil {
		v, err := c.agent.newVoice()
		if err != nil {
			return err
		}
		c.voice = v
	}
	if c.theirs != nil {
		c.voice.aim(*c.theirs)
		if c.says != nil {
			c.voice.mu.Lock()
			speaking := c.voice.speaking
			c.voice.mu.Unlock()
			if !speaking {
				c.voice.say(c.says)
			}
		}
	}
	return nil
}

// described takes what the peer says about its media, with the lock held. What cannot be
// read leaves things as they are.
func (c *Call) described(sdp string) {
	if sdp == "" {
		return
	}
	d, err := readDescription(sdp)
	if err != nil {
		c.agent.log.Warn("peer's description not used", "error", err)
		return
	}
	c.theirs = &d
	if err := c.speak(); err != nil {
		c.agent.log.Warn("no voice", "error", err)
	}
}
