package transaction

import (
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Server is a server transaction.
type Server struct {
	layer  *Layer
	key    string
	call   string // of an INVITE: callKey
	method sip.RequestMethod
	flow   transport.Flow

	steps steps
	// What follows belongs to the steps.
	state    State
	req      *sip.Request // nil after the final response
	invite   *Server      // of a CANCEL: what it cancels
	raw      []byte       // the last response, to repeat
	sentOver transport.Flow
	replies  int    // responses given to the transport: a late report must not replace a newer one
	tag      string // To tag of the final response to an INVITE
	interval time.Duration

	trying alarm // 100 for an INVITE
	resend alarm // G
	linger alarm // H, I, J, L
}

func newServer(l *Layer, key string, req *sip.Request, flow transport.Flow) *Server {
	tx := &Server{layer: l, key: key, method: req.Method, flow: flow}
	if req.Method == sip.INVITE {
		tx.call = callKey(req)
	}
	return tx
}

// Flow is where the request came from.
func (tx *Server) Flow() transport.Flow { return tx.flow }

// Method of the request.
func (tx *Server) Method() sip.RequestMethod { return tx.method }

// begin is the first step of every server transaction.
func (tx *Server) begin(req *sip.Request) {
	tx.req = req
	if tx.method != sip.INVITE {
		tx.state = Trying
		return
	}
	tx.state = Proceeding
	// s17.2.1: a 100 unless the user answers within 200 ms.
	tx.trying.set(&tx.steps, tx.layer.timers.Trying, func() {
		if tx.state == Proceeding {
			tx.send(Reply(tx.req, sip.StatusTrying, reason(sip.StatusTrying), ""))
		}
	})
}

// Respond sends a response. The Layer takes it over: the caller must not change it afterwards. A response that comes too late, after a final
// one, is not sent; after a 2xx to an INVITE further 2xx are, which is how the user
// retransmits it until its ACK is there (RFC 6026 s7.1).
func (tx *Server) Respond(res *sip.Response) {
	tx.steps.do(func() { tx.respond(res) })
}

func (tx *Server) respond(res *sip.Response) {
	timers := &tx.layer.timers
	switch {
	case tx.state == Accepted && res.IsSuccess():
		tx.layer.stats.Retransmitted.Add(1)
		tx.send(res)
		return
	case tx.state != Trying && tx.state != Proceeding:
		return
	case res.IsProvisional():
		tx.state = Proceeding
		tx.trying.stop()
		tx.send(res)
		return
	}
	tx.trying.stop()
	tx.req, tx.invite = nil, nil
	if tx.method != sip.INVITE {
		tx.state = Completed
		tx.send(res)
		tx.stay(timers.J)
		return
	}
	if to := res.To(); to != nil {
		tx.tag, _ = to.Params.Get("tag")
	}
	if res.IsSuccess() {
		tx.state = Accepted
		tx.send(res)
		tx.raw = nil // RFC 6026 s7.1: a repeated INVITE is absorbed in silence
		tx.linger.set(&tx.steps, timers.L, tx.terminate)
		return
	}
	tx.state = Completed
	tx.send(res)
	if !tx.flow.Protocol.Reliable() {
		tx.interval = timers.T1
		tx.resend.set(&tx.steps, tx.interval, tx.retransmit) // timer G
	}
	tx.linger.set(&tx.steps, timers.H, func() {
		tx.layer.stats.TimedOut.Add(1)
		tx.terminate()
		tx.layer.user.Failed(tx, ErrTimeout)
	})
}

// AnswerCancel answers a CANCEL: 200 if there is an INVITE it cancels, 481 otherwise (RFC 3261 s9.2). What the INVITE gets is the
// caller's next decision.
func (tx *Server) AnswerCancel() {
	tx.steps.do(func() {
		if tx.method != sip.CANCEL || tx.req == nil {
			return
		}
		status := sip.StatusOK
		if tx.invite == nil {
			status = sip.StatusCallTransactionDoesNotExists
		}
		// s9.2 would like the To tag of the INVITE's responses, which the user has; a client
		// matches the answer by its branch and does not look.
		tx.respond(refusal(tx.req, status, tx.key))
	})
}

func (tx *Server) send(res *sip.Response) {
	tx.replies++
	n := tx.replies
	tx.layer.transport.SendResponse(res, tx.flow, func(s transport.Sent) {
		tx.steps.do(func() {
			if s.Err != nil {
				tx.layer.stats.TransportErrors.Add(1)
				tx.layer.user.Failed(tx, s.Err)
				return
			}
			if n == tx.replies && (tx.state == Proceeding || tx.state == Completed) {
				tx.raw, tx.sentOver = s.Raw, s.Flow
			}
		})
	})
}

// repeated is a retransmission of the request: the last response again (s17.2.1, s17.2.2), if there is one.
func (tx *Server) repeated() {
	if tx.raw != nil && (tx.state == Proceeding || tx.state == Completed) {
		tx.repeat()
	}
}

func (tx *Server) repeat() {
	tx.layer.stats.Retransmitted.Add(1)
	tx.layer.transport.SendRaw(tx.raw, tx.sentOver, netip.AddrPort{}, nil)
}

// retransmit is timer G: doubling up to T2.
func (tx *Server) retransmit() {
	if tx.raw != nil {
		tx.repeat()
	}
	tx.interval = min(2*tx.interval, tx.layer.timers.T2)
	tx.resend.set(&tx.steps, tx.interval, tx.retransmit)
}

// ack is an ACK that led here.
func (tx *Server) ack(req *sip.Request, flow transport.Flow) {
	switch tx.state {
	case Completed:
		if to := req.To(); to != nil && !hasCookie(req) {
			// Found by its call: with the tag of another response it is not for us (s17.2.3).
			if tag, ok := to.Params.Get("tag"); ok && tag != tx.tag {
				return
			}
		}
		tx.resend.stop()
		tx.state = Confirmed
		tx.raw = nil
		tx.stay(tx.layer.timers.T4) // timer I
	case Accepted, Terminated:
		tx.layer.user.Ack(req, flow, tx)
	default: // repeated, or before any final response
		tx.layer.stats.Absorbed.Add(1)
	}
}

// stay keeps a finished transaction for a while, where the transport may repeat requests.
func (tx *Server) stay(d time.Duration) {
	if tx.flow.Protocol.Reliable() {
		tx.terminate()
		return
	}
	tx.linger.set(&tx.steps, d, tx.terminate)
}

func (tx *Server) terminate() {
	tx.state = Terminated
	tx.trying.stop()
	tx.resend.stop()
	tx.linger.stop()
	tx.req, tx.invite, tx.raw = nil, nil, nil
	tx.layer.dropServer(tx)
}
