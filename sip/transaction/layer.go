package transaction

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

var (
	// ErrTimeout says that no response, or no ACK, came in time.
	ErrTimeout = errors.New("transaction timed out")
	// ErrClosed says that the Layer was closed.
	ErrClosed = errors.New("transaction layer is closed")
)

// Transport sends for the Layer; *transport.Layer does.
type Transport interface {
	SendRequest(req *sip.Request, branch string, to transport.Destination, report transport.Report)
	SendResponse(res *sip.Response, on transport.Flow, report transport.Report)
	SendRaw(raw []byte, on transport.Flow, fallback netip.AddrPort, report transport.Report)
}

// User is the transaction user: what sits above. Its methods must not block.
type User interface {
	// Request is a new request, not ACK nor CANCEL. The user answers it by tx.Respond.
	Request(tx *Server, req *sip.Request, faults []transport.Fault)
	// Cancel is a CANCEL; invite is what it cancels, nil if nothing. The user answers it
	// by tx.AnswerCancel and decides what becomes of the INVITE.
	Cancel(tx *Server, req *sip.Request, invite *Server)
	// Ack is an ACK to a 2xx, or to nothing known here: then invite is nil.
	Ack(req *sip.Request, flow transport.Flow, invite *Server)
	// Stray is a 2xx to an INVITE whose transaction is gone; it wants an ACK and a BYE.
	Stray(res *sip.Response, flow transport.Flow)
	// Failed says that a response could not be sent, or that a failure response to an INVITE
	// was not acknowledged (ErrTimeout). The transaction needs nothing more.
	Failed(tx *Server, err error)
}

// Config of a Layer; its zero value works.
type Config struct {
	Timers Timers
	// Admit is asked about a request before anything is kept for it; a status other than 0 refuses it, with
	// that status and without a transaction. It is where load is shed, and must let emergencies pass.
	Admit func(req *sip.Request, flow transport.Flow) (status int)
	Log   *slog.Logger // nil: silent
}

// Stats counts since the Layer was made. Read them with Load.
type Stats struct {
	Clients         atomic.Int64 // transactions now
	Servers         atomic.Int64
	Started         atomic.Uint64 // client transactions
	Accepted        atomic.Uint64 // server transactions
	Retransmitted   atomic.Uint64 // messages repeated by us
	Absorbed        atomic.Uint64 // messages repeated to us
	Refused         atomic.Uint64 // by Admit
	TimedOut        atomic.Uint64
	StrayAcks       atomic.Uint64
	StrayResponses  atomic.Uint64
	TransportErrors atomic.Uint64
}

// Layer is the transaction layer of one element. It is the transport's sink.
type Layer struct {
	transport Transport
	user      User
	timers    Timers
	admit     func(*sip.Request, transport.Flow) int
	log       *slog.Logger
	stats     Stats

	mu      sync.Mutex
	closed  bool
	clients map[string]*Client
	servers map[string]*Server
	invites map[string]*Server              // by call, for what comes without a usable branch
	waiting map[uint64]map[*Client]struct{} // by connection: sent over it, no response yet
}

var _ transport.Sink = (*Layer)(nil)

// New makes a Layer that sends by t and tells u.
func New(t Transport, u User, cfg Config) *Layer {
	cfg.Timers.defaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Layer{
		transport: t, user: u, timers: cfg.Timers, admit: cfg.Admit, log: cfg.Log,
		clients: make(map[string]*Client), servers: make(map[string]*Server), invites: make(map[string]*Server),
		waiting: make(map[uint64]map[*Client]struct{}),
	}
}

// Stats returns the live counters.
func (l *Layer) Stats() *Stats { return &l.stats }

// Close ends every transaction: clients are told Broken with ErrClosed, timers stopped. Close the transport first.
func (l *Layer) Close() error {
	l.mu.Lock()
	l.closed = true
	clients, servers := make([]*Client, 0, len(l.clients)), make([]*Server, 0, len(l.servers))
	for _, c := range l.clients {
		clients = append(clients, c)
	}
	for _, s := range l.servers {
		servers = append(servers, s)
	}
	l.mu.Unlock()
	for _, c := range clients {
		c.steps.do(func() { c.broken(ErrClosed) })
	}
	for _, s := range servers {
		s.steps.do(s.terminate)
	}
	return nil
}

// NewBranch is a branch that no other request has (RFC 3261 s8.1.1.7).
func NewBranch() string { return cookie + rand.Text() }

// Ack sends the ACK to a 2xx, which is not part of a transaction (RFC 3261 s13.2.2.4). Repeated for a repeated
// 2xx, it has the branch of the first.
func (l *Layer) Ack(req *sip.Request, branch string, to transport.Destination) {
	l.transport.SendRequest(req, branch, to, func(s transport.Sent) {
		if s.Err != nil {
			l.stats.TransportErrors.Add(1)
			l.log.Info("sending an ACK", "to", to, "err", s.Err)
		}
	})
}

// Receive takes a message from the transport.
func (l *Layer) Receive(in transport.Inbound) {
	switch m := in.Message.(type) {
	case *sip.Request:
		l.request(m, in)
	case *sip.Response:
		l.response(m, in.Flow)
	}
}

func (l *Layer) request(req *sip.Request, in transport.Inbound) {
	key := serverKey(req, req.Method)
	switch req.Method {
	case sip.ACK:
		l.ack(req, in.Flow)
		return
	case sip.CANCEL:
		// Never refused: it ends work, and belongs to something already let in.
		tx, isNew := l.serve(key, req, in.Flow)
		if !isNew {
			l.again(tx)
			return
		}
		tx.steps.do(func() {
			tx.begin(req)
			tx.invite = l.inviteOf(req)
			l.user.Cancel(tx, req, tx.invite)
		})
		return
	}
	l.mu.Lock()
	known := l.servers[key]
	l.mu.Unlock()
	if known == nil && l.admit != nil {
		if status := l.admit(req, in.Flow); status != 0 {
			l.stats.Refused.Add(1)
			l.transport.SendResponse(refusal(req, status, key), in.Flow, nil)
			return
		}
	}
	tx, isNew := l.serve(key, req, in.Flow)
	if !isNew {
		l.again(tx)
		return
	}
	tx.steps.do(func() {
		tx.begin(req)
		l.user.Request(tx, req, in.Faults)
	})
}

// again absorbs a repeated request; without a transaction the Layer is closed.
func (l *Layer) again(tx *Server) {
	if tx != nil {
		l.stats.Absorbed.Add(1)
		tx.steps.do(tx.repeated)
	}
}

// serve finds the transaction of a request, or makes it.
func (l *Layer) serve(key string, req *sip.Request, flow transport.Flow) (tx *Server, isNew bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tx = l.servers[key]; tx != nil {
		return tx, false
	}
	if l.closed {
		return nil, false
	}
	tx = newServer(l, key, req, flow)
	l.servers[key] = tx
	if req.Method == sip.INVITE {
		l.invites[tx.call] = tx
	}
	l.stats.Servers.Add(1)
	l.stats.Accepted.Add(1)
	return tx, true
}

// inviteOf finds the INVITE transaction that a CANCEL or ACK is for: by branch, or by the call
// where the branch does not lead anywhere: RFC 2543 peers have none, and some make up a new one for the ACK.
func (l *Layer) inviteOf(req *sip.Request) *Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tx := l.servers[serverKey(req, sip.INVITE)]; tx != nil {
		return tx
	}
	if req.Method == sip.CANCEL && hasCookie(req) {
		return nil // RFC 3261 s9.2: by branch and by nothing else
	}
	return l.invites[callKey(req)]
}

func (l *Layer) ack(req *sip.Request, flow transport.Flow) {
	tx := l.inviteOf(req)
	if tx == nil {
		l.stats.StrayAcks.Add(1)
		l.user.Ack(req, flow, nil)
		return
	}
	tx.steps.do(func() { tx.ack(req, flow) })
}

func (l *Layer) response(res *sip.Response, flow transport.Flow) {
	branch, _ := res.Via().Params.Get("branch")
	method := res.CSeq().MethodName
	l.mu.Lock()
	tx := l.clients[clientKey(branch, method)]
	l.mu.Unlock()
	if tx != nil {
		tx.steps.do(func() { tx.response(res, flow) })
		return
	}
	l.stray(res, flow)
}

func (l *Layer) stray(res *sip.Response, flow transport.Flow) {
	l.stats.StrayResponses.Add(1)
	if res.IsSuccess() && res.CSeq().MethodName == sip.INVITE {
		l.user.Stray(res, flow)
	}
}

// Closed takes the end of a connection from the transport. Whoever has sent a request over it and heard nothing will
// not hear anything: a peer that has begun to answer may go on over another connection (s18.2.2).
func (l *Layer) Closed(flow transport.Flow) {
	l.mu.Lock()
	list := l.waiting[flow.ConnID]
	delete(l.waiting, flow.ConnID)
	l.mu.Unlock()
	for tx := range list {
		tx.steps.do(func() {
			if tx.state == Calling || tx.state == Trying {
				tx.broken(transport.ErrFlowGone)
			}
		})
	}
}

// await remembers that a client sent over a connection and has no response yet.
func (l *Layer) await(tx *Client) {
	id := tx.flow.ConnID
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[id] == nil {
		l.waiting[id] = make(map[*Client]struct{})
	}
	l.waiting[id][tx] = struct{}{}
}

// forgo ends what await began; it may have ended already, or never begun.
func (l *Layer) forgo(tx *Client) {
	id := tx.flow.ConnID
	if id == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.waiting[id], tx); len(l.waiting[id]) == 0 {
		delete(l.waiting, id)
	}
}

func (l *Layer) drop(tx *Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clients[tx.key] == tx {
		delete(l.clients, tx.key)
		l.stats.Clients.Add(-1)
	}
}

func (l *Layer) dropServer(tx *Server) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.servers[tx.key] == tx {
		delete(l.servers, tx.key)
		l.stats.Servers.Add(-1)
	}
	if l.invites[tx.call] == tx {
		delete(l.invites, tx.call)
	}
}
