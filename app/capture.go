package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tocsin-sip/tocsin/api"
	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/capture"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
)

// captures is the SIP messages of calls on their way to the database and to a HEP collector
// (A6), to either, or to neither: its zero value takes none.
type captures struct {
	*capture.Capture
	hep *capture.HEP
}

// openCaptures begins to take messages. It comes before the transport starts.
func (a *App) openCaptures() captures {
	var c captures
	var outlets []capture.Outlet
	if a.database != nil {
		outlets = append(outlets, capture.Outlet{Name: "database", Take: a.keepMessages, Gather: gatherMessages,
			Hopeless: func(err error) bool { return errors.Is(err, store.ErrRefused) }})
	}
	if h := a.cfg.Node.HEP; h.Address != (config.Collector{}) {
		to := capture.HEPConfig{Network: h.Address.Transport, Address: h.Address.HostPort.String(), NodeID: uint32(h.NodeID), Password: h.Password}
		if a.cfg.Network != nil {
			to.Dial = a.cfg.Network.DialContext
		}
		c.hep = capture.NewHEP(to)
		outlets = append(outlets, capture.Outlet{Name: "hep", Take: c.hep.Send, Expendable: true})
	}
	if len(outlets) > 0 {
		c.Capture = capture.New(capture.Config{Log: a.log}, outlets...)
	}
	return c
}

// gatherMessages is how late messages may be in the database: nobody looks at a capture
// in the second it is made, and one transaction then has the messages of many calls.
const gatherMessages = time.Second

func (a *App) keepMessages(ctx context.Context, ms []capture.Message) (int, error) {
	s, err := a.database.use()
	if err != nil {
		return 0, err
	}
	kept := make([]store.Message, len(ms))
	for i, m := range ms {
		kept[i] = store.Message{Call: m.Call, At: m.At, Node: a.cfg.Node.Name, Seq: m.Seq, Direction: m.Direction.String(), Flow: m.Flow.String(), Raw: m.Raw}
	}
	return 0, s.AppendMessages(ctx, kept)
}

// forgetMessages removes captured messages when they are old enough. The records of their
// calls stay as they are.
func (a *App) forgetMessages(ctx context.Context) {
	keep := time.Duration(a.cfg.Node.Limits.KeepMessages)
	tick := time.NewTicker(min(keep/2, time.Hour))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s, err := a.database.use()
		if err != nil {
			continue // it is said elsewhere that the database is gone
		}
		if _, err := s.ForgetMessages(ctx, time.Now().Add(-keep)); err != nil && ctx.Err() == nil {
			a.log.Warn("old SIP messages cannot be removed", "error", err)
		}
	}
}

// Messages reads the messages of a call back, for a pcap.
func Messages(ctx context.Context, s *store.Store, record string) ([]capture.Message, error) {
	kept, err := s.Messages(ctx, record)
	if err != nil {
		return nil, err
	}
	ms := make([]capture.Message, len(kept))
	for i, k := range kept {
		ms[i] = capture.Message{Call: k.Call, At: k.At, Seq: k.Seq, Direction: transport.In, Raw: k.Raw}
		if k.Direction == transport.Out.String() {
			ms[i].Direction = transport.Out
		}
		if ms[i].Flow, err = transport.ParseFlow(k.Flow); err != nil {
			return nil, err
		}
	}
	return ms, nil
}

// observe is the transport's observer.
func (a *App) observe(o transport.Observation) {
	if a.captures.Capture != nil {
		a.captures.Observe(o)
	}
}

// dialled is told of the Call-IDs of legs we place.
func (a *App) dialled(record, sipCallID string) {
	if a.captures.Capture != nil {
		a.captures.Belongs(sipCallID, record)
	}
}

// entry finds in the records the Call-IDs of callers, and the ends of calls.
func (c captures) entry(e cdr.Entry) {
	if c.Capture == nil || e.Kind != cdr.Opened && !e.MayBe(call.End) {
		return
	}
	var said cdr.Content
	switch {
	case json.Unmarshal(e.Content, &said) != nil:
	case said.Header != nil:
		c.Belongs(said.Header.SIPCallID, e.Call)
	case said.Action != nil && said.Action.Kind == call.End:
		c.End(e.Call)
	}
}

func (c captures) close(ctx context.Context) error {
	if c.Capture == nil {
		return nil
	}
	err := c.Capture.Close(ctx)
	if c.hep != nil {
		err = errors.Join(err, c.hep.Close())
	}
	return err
}

func (c captures) samples() []api.Sample {
	if c.Capture == nil {
		return nil
	}
	var ss []api.Sample
	for _, o := range c.Stats().Outlets {
		label := []api.Label{{Name: "outlet", Value: o.Name}}
		ss = append(ss,
			api.Sample{Name: "capture_pending", Help: "SIP messages of calls that wait for the database or the HEP collector.", Labels: label, Value: float64(o.Pending)},
			api.Sample{Name: "capture_taken_total", Help: "SIP messages of calls written or sent.", Counter: true, Labels: label, Value: float64(o.Taken)},
			api.Sample{Name: "capture_dropped_total", Help: "SIP messages of calls lost: memory was full, or the database refused them.", Counter: true, Labels: label,
				Value: float64(o.Dropped + o.SetAside)},
			api.Sample{Name: "capture_failures_total", Help: "Attempts to write or send them that failed.", Counter: true, Labels: label, Value: float64(o.Failures)})
	}
	return ss
}
