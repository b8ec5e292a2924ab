package transaction

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// EventKind says what happened to a client transaction.
type EventKind int

const (
	Provisional EventKind = iota + 1 // a 1xx
	Success                          // a 2xx; to an INVITE each one, of each fork and each time
	Failure                          // 3xx to 6xx, once; an INVITE's is acknowledged
	TimedOut                         // no response: Err is ErrTimeout
	Broken                           // not sent, or the connection lost: Err says why
)

func (k EventKind) String() string {
	switch k {
	case Provisional:
		return "provisional"
	case Success:
		return "success"
	case Failure:
		return "failure"
	case TimedOut:
		return "timed out"
	case Broken:
		return "broken"
	}
	return fmt.Sprintf("EventKind(%d)", int(k))
}

// Event is what a client transaction tells its user.
type Event struct {
	Kind     EventKind
	Response *sip.Response  // of Provisional, Success and Failure
	Flow     transport.Flow // it came over
	Err      error          // of TimedOut and Broken
}

// Client is a client transaction.
type Client struct {
	layer  *Layer
	branch string
	key    string
	invite bool

	steps steps
	// What follows belongs to the steps.
	state    State
	req      *sip.Request // nil when it is no longer needed
	to       transport.Destination
	raw      []byte // what a retransmission, later a repeated ACK, sends
	flow     transport.Flow
	tell     func(Event)
	interval time.Duration
	cancel   *sip.Request // wanted, and waiting for a provisional

	resend alarm // A, E
	giveUp alarm // B, F, and after a CANCEL its 64*T1
	linger alarm // D, K, M
}

// Request sends a request, not ACK nor CANCEL, and tells what comes of it. It takes the request over: the
// caller must not change it afterwards. tell may be called before Request returns.
func (l *Layer) Request(req *sip.Request, to transport.Destination, tell func(Event)) *Client {
	return l.start(req, NewBranch(), to, tell)
}

func (l *Layer) start(req *sip.Request, branch string, to transport.Destination, tell func(Event)) *Client {
	tx := &Client{
		layer: l, branch: branch, key: clientKey(branch, req.Method), invite: req.Method == sip.INVITE,
		req: req, to: to, tell: tell,
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		tx.state = Terminated
		tell(Event{Kind: Broken, Err: ErrClosed})
		return tx
	}
	l.clients[tx.key] = tx
	l.mu.Unlock()
	l.stats.Clients.Add(1)
	l.stats.Started.Add(1)
	tx.steps.do(tx.begin)
	return tx
}

// Branch identifies the transaction on the wire.
func (tx *Client) Branch() string { return tx.branch }

func (tx *Client) begin() {
	t := &tx.layer.timers
	tx.interval = t.T1
	if tx.invite {
		tx.state = Calling
		tx.giveUp.set(&tx.steps, t.B, tx.timeout)
	} else {
		tx.state = Trying
		tx.giveUp.set(&tx.steps, t.F, tx.timeout)
	}
	tx.layer.transport.SendRequest(tx.req, tx.branch, tx.to, func(s transport.Sent) {
		tx.steps.do(func() { tx.sent(s) })
	})
}

// sent is the transport's word on the first transmission.
func (tx *Client) sent(s transport.Sent) {
	if s.Err != nil {
		if tx.state == Calling || tx.state == Trying {
			tx.broken(s.Err)
		}
		return
	}
	tx.flow = s.Flow
	if tx.state != Calling && tx.state != Trying {
		return // answered before we heard that it was sent
	}
	if tx.flow.Protocol.Reliable() {
		tx.layer.await(tx)
		return
	}
	tx.raw = s.Raw
	tx.resend.set(&tx.steps, tx.interval, tx.retransmit)
}

// retransmit is timer A (s17.1.1.2: doubling) or E (s17.1.2.2: doubling up to T2, and T2 after a provisional).
func (tx *Client) retransmit() {
	tx.layer.stats.Retransmitted.Add(1)
	tx.layer.transport.SendRaw(tx.raw, tx.flow, netip.AddrPort{}, nil)
	tx.interval *= 2
	if !tx.invite {
		tx.interval = min(tx.interval, tx.layer.timers.T2)
		if tx.state == Proceeding {
			tx.interval = tx.layer.timers.T2
		}
	}
	tx.resend.set(&tx.steps, tx.interval, tx.retransmit)
}

func (tx *Client) response(res *sip.Response, flow transport.Flow) {
	switch tx.state {
	case Calling, Trying, Proceeding:
		tx.layer.forgo(tx)
		switch {
		case res.IsProvisional():
			tx.provisional(res, flow)
		case res.IsSuccess() && tx.invite:
			tx.settle(Accepted)
			tx.linger.set(&tx.steps, tx.layer.timers.M, tx.terminate)
			tx.raw = nil
			tx.tell(Event{Kind: Success, Response: res, Flow: flow})
		case tx.invite:
			tx.fail(res, flow)
		default:
			tell := tx.tell
			tx.finish(tx.layer.timers.T4) // timer K
			kind := Failure
			if res.IsSuccess() {
				kind = Success
			}
			tell(Event{Kind: kind, Response: res, Flow: flow})
		}
	case Accepted:
		// RFC 6026 s7.2: every 2xx goes up; what another fork refuses does not matter any more.
		if res.IsSuccess() {
			tx.tell(Event{Kind: Success, Response: res, Flow: flow})
		} else {
			tx.layer.stats.Absorbed.Add(1)
		}
	case Completed:
		tx.layer.stats.Absorbed.Add(1)
		switch {
		case tx.invite && res.StatusCode >= 300 && tx.raw != nil:
			tx.layer.stats.Retransmitted.Add(1)
			tx.layer.transport.SendRaw(tx.raw, tx.flow, netip.AddrPort{}, nil)
		case tx.invite && res.IsSuccess():
			// A fork that answers after another was refused: not a retransmission, and nobody would hang it up.
			tx.layer.stray(res, flow)
		}
	case Terminated:
		tx.layer.stray(res, flow)
	}
}

func (tx *Client) provisional(res *sip.Response, flow transport.Flow) {
	if tx.state != Proceeding {
		tx.state = Proceeding
		if tx.invite {
			// s17.1.1.2: no more retransmissions, and from here on the time is the user's.
			tx.resend.stop()
			tx.giveUp.stop()
			tx.raw = nil
		}
		if tx.cancel != nil {
			tx.sendCancel()
		}
	}
	tx.tell(Event{Kind: Provisional, Response: res, Flow: flow})
}

// fail acknowledges a failure of an INVITE and tells the user.
func (tx *Client) fail(res *sip.Response, flow transport.Flow) {
	ack, tell := failureAck(tx.req, res), tx.tell
	tx.finish(tx.layer.timers.D)
	tx.layer.transport.SendRequest(ack, tx.branch, tx.path(), func(s transport.Sent) {
		if s.Err != nil {
			tx.layer.stats.TransportErrors.Add(1)
			tx.layer.log.Info("sending an ACK", "err", s.Err)
			return
		}
		tx.steps.do(func() {
			if tx.state == Completed {
				tx.raw, tx.flow = s.Raw, s.Flow
			}
		})
	})
	tell(Event{Kind: Failure, Response: res, Flow: flow})
}

// path is where the request went: its CANCEL and ACK go the same way (s9.1, s17.1.1.3).
func (tx *Client) path() transport.Destination {
	switch {
	case !tx.to.Flow.IsZero() || tx.flow.IsZero():
		return tx.to
	case tx.flow.Protocol.Reliable():
		to := transport.To(tx.flow.Protocol, tx.flow.Remote)
		to.Name, to.Verify = tx.to.Name, tx.to.Verify // which TLS connection it was
		return to
	}
	return transport.Destination{Protocol: tx.flow.Protocol, Addr: tx.flow.Remote, Local: tx.flow.Local}
}

// Cancel asks for an INVITE to be cancelled, now or when its first provisional is there: a CANCEL
// before one could overtake the INVITE (RFC 3261 s9.1). The headers, a Reason for one, are added to it. The
// INVITE's end is told as ever: 487, or 200 when the answer was faster, or TimedOut when nothing comes for 64*T1.
func (tx *Client) Cancel(headers ...sip.Header) {
	tx.steps.do(func() {
		if !tx.invite || tx.cancel != nil || tx.state != Calling && tx.state != Proceeding {
			return
		}
		tx.cancel = cancelOf(tx.req, headers)
		if tx.state == Proceeding {
			tx.sendCancel()
		}
	})
}

func (tx *Client) sendCancel() {
	// s9.1: without a final response the INVITE is given up 64*T1 after the CANCEL.
	tx.giveUp.set(&tx.steps, 64*tx.layer.timers.T1, tx.timeout)
	tx.layer.start(tx.cancel, tx.branch, tx.path(), func(e Event) {
		if e.Err != nil {
			tx.layer.log.Info("cancelling", "err", e.Err)
		}
	})
}

func (tx *Client) timeout() {
	tx.layer.stats.TimedOut.Add(1)
	tell := tx.tell
	tx.terminate()
	tell(Event{Kind: TimedOut, Err: ErrTimeout})
}

func (tx *Client) broken(err error) {
	open := tx.state == Calling || tx.state == Trying || tx.state == Proceeding
	tell := tx.tell
	tx.terminate()
	if open {
		tx.layer.stats.TransportErrors.Add(1)
		tell(Event{Kind: Broken, Err: err})
	}
}

// settle is what every final response ends.
func (tx *Client) settle(s State) {
	tx.state = s
	tx.resend.stop()
	tx.giveUp.stop()
	tx.req, tx.cancel = nil, nil
}

// finish enters Completed, and stays for the time given if the transport may repeat things.
func (tx *Client) finish(stay time.Duration) {
	reliable := tx.to.Protocol.Reliable()
	if !tx.flow.IsZero() {
		reliable = tx.flow.Protocol.Reliable()
	}
	tx.settle(Completed)
	tx.raw, tx.tell = nil, nil
	if reliable {
		tx.terminate()
		return
	}
	tx.linger.set(&tx.steps, stay, tx.terminate)
}

func (tx *Client) terminate() {
	if tx.state == Terminated {
		return
	}
	tx.layer.forgo(tx)
	tx.settle(Terminated)
	tx.linger.stop()
	tx.raw, tx.tell = nil, nil
	tx.layer.drop(tx)
}

// failureAck is the ACK to a 3xx to 6xx (s17.1.1.3); its Via is the transport's to add.
func failureAck(invite *sip.Request, res *sip.Response) *sip.Request {
	ack := inTransaction(invite, sip.ACK)
	// The To is the response's, with its tag.
	ack.RemoveHeader("To")
	sip.CopyHeaders("To", res, ack)
	return ack
}

// cancelOf is the CANCEL of an INVITE (s9.1).
func cancelOf(invite *sip.Request, headers []sip.Header) *sip.Request {
	cancel := inTransaction(invite, sip.CANCEL)
	for _, h := range headers {
		cancel.AppendHeader(h)
	}
	return cancel
}

// inTransaction is what ACK and CANCEL have in common: Request-URI, Route, From, To, Call-ID and CSeq number
// of the INVITE.
func inTransaction(invite *sip.Request, method sip.RequestMethod) *sip.Request {
	req := sip.NewRequest(method, invite.Recipient)
	for _, name := range []string{"Route", "From", "To", "Call-ID"} {
		sip.CopyHeaders(name, invite, req)
	}
	if cseq := invite.CSeq(); cseq != nil {
		req.AppendHeader(&sip.CSeqHeader{SeqNo: cseq.SeqNo, MethodName: method})
	}
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	return req
}
