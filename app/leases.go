package app

import (
	"context"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/callback"
	"github.com/tocsin-sip/tocsin/gateway"
)

// leases is the ledger of lent numbers, in memory. A restart forgets it: until leases are
// written to the database, each loan says that it is provisional.
type leases struct {
	mu     sync.Mutex
	ledger callback.Ledger
}

func (l *leases) Lend(_ context.Context, p callback.Pool, h callback.Holder, call string, at time.Time) (gateway.Loan, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lease, choice, ok := l.ledger.Assign(p, h, call, at)
	return gateway.Loan{Lease: lease, Choice: choice, Provisional: true}, ok
}

func (l *leases) Release(call string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ledger.Release(call, at)
}
