package app

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/media"
	"github.com/tocsin-sip/tocsin/trace"
)

// anchors is gateway.Media over the media adapter.
type anchors struct {
	*media.Anchor
	log *slog.Logger
}

const caller = media.LegID(call.Caller)

func (a anchors) Open(id, callerSDP string) gateway.Anchor {
	c := &callMedia{session: a.Anchor.Open(id), delayed: callerSDP == "", log: a.log.With("call", id)}
	if !c.delayed {
		ds, err := c.session.SetOffer(caller, []byte(callerSDP))
		c.note(ds, err)
	}
	return c
}

// callMedia is the media of one call.
type callMedia struct {
	session *media.Session
	delayed bool // the caller made no offer: it gets ours
	log     *slog.Logger

	mu   sync.Mutex
	less []trace.Degradation
}

func (c *callMedia) note(ds []trace.Degradation, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.less = append(c.less, ds...)
	if err != nil {
		c.less = append(c.less, trace.Degradation{Stage: trace.Execute, Code: "media", Text: err.Error()})
	}
}

func (c *callMedia) Degradations() []trace.Degradation {
	c.mu.Lock()
	defer c.mu.Unlock()
	ds := c.less
	c.less = nil
	return ds
}

func (c *callMedia) Offer(leg call.LegID, plain bool) (string, error) {
	id := media.LegID(leg)
	var b []byte
	var ds []trace.Degradation
	var err error
	if plain || c.delayed {
		b, ds, err = c.session.OfferG711(id)
	} else {
		b, ds, err = c.session.OfferFor(id, caller)
	}
	c.note(ds, nil)
	return string(b), err
}

func (c *callMedia) Answered(leg call.LegID, sdp string) error {
	ds, err := c.session.SetAnswer(media.LegID(leg), []byte(sdp))
	c.note(ds, nil)
	return err
}

func (c *callMedia) Answer(leg call.LegID) (string, error) {
	var b []byte
	var ds []trace.Degradation
	var err error
	switch {
	case c.delayed:
		b, ds, err = c.session.OfferG711(caller)
	case leg == "":
		b, ds, err = c.session.AnswerLocal(caller)
	default:
		b, ds, err = c.session.AnswerFor(caller, media.LegID(leg))
	}
	c.note(ds, nil)
	return string(b), err
}

func (c *callMedia) ReOffer(leg call.LegID, sdp string) (string, error) {
	var b []byte
	var ds []trace.Degradation
	var err error
	if sdp == "" { // a re-INVITE without an offer wants ours
		b, ds, err = c.session.OfferG711(media.LegID(leg))
	} else {
		b, ds, err = c.session.ReOffer(media.LegID(leg), []byte(sdp))
	}
	c.note(ds, nil)
	return string(b), err
}

func (c *callMedia) Connect(leg call.LegID) {
	c.session.Stop(caller)
	c.session.Stop(media.LegID(leg))
	c.warn("connecting", c.session.Connect(caller, media.LegID(leg)))
}

func (c *callMedia) Play(leg call.LegID, p call.Prompt) {
	_, err := c.session.Play(media.LegID(leg), soundOf(p))
	c.warn("playing", err)
}

func (c *callMedia) Silence(leg call.LegID) { c.session.Stop(media.LegID(leg)) }

func (c *callMedia) Release(leg call.LegID) { c.warn("releasing", c.session.Release(media.LegID(leg))) }

func (c *callMedia) Close() { c.warn("closing", c.session.Close()) }

func (c *callMedia) Listen(report func(call.Event)) {
	c.session.OnLost(0, func(leg media.LegID, lost bool) {
		e := call.Event{Kind: call.MediaHeard, Leg: call.LegID(leg), At: time.Now()}
		if lost {
			e.Kind = call.MediaLost
		}
		report(e)
	})
	c.session.OnKey(func(leg media.LegID, key rune) {
		report(call.Event{Kind: call.Pressed, Leg: call.LegID(leg), Digit: string(key), At: time.Now()})
	})
}

// warn: sounds that fail cost a sound, never the call (L1).
func (c *callMedia) warn(what string, err error) {
	if err != nil {
		c.log.Warn("media: "+what, "error", err)
	}
}

// soundOf is what a prompt sounds like.
func soundOf(p call.Prompt) media.Sound {
	switch p {
	case call.StayOnLine:
		return media.Repeat(media.Say(media.StayOnLine), 6*time.Second)
	case call.PressOne:
		return media.Repeat(media.Say(media.PressOne), 2*time.Second)
	case call.PSAPHasCall:
		return media.BothAnswered()
	case call.Ringback:
		return media.Ringback("US")
	}
	return media.Silence(time.Second)
}
