package transport

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	freshFor     = 60 * time.Second // the standard resolver does not tell a record's TTL
	retryAfter   = 10 * time.Second // a question that was not answered is asked again
	resolveLimit = 4096             // names remembered, of each kind of record
)

// answers remembers what was answered to one kind of question, by name.
//
//	never asked   wait for the answer
//	answered      at once; older than freshFor: at once, and asked again beside
//	failed        the error; after retryAfter it is asked again, and that is waited for
//	              unless without is set
//
// A failure, or the news that there are no such records, never replaces records: both are what
// a broken name server says as well, and a stale address beats none (R8).
type answers[V any] struct {
	ask   func(ctx context.Context, name string) (V, error)
	limit time.Duration // of one question
	// without says that one can do without these records, as with SRV and NAPTR: then
	// nobody waits twice for a server that does not know the type.
	without bool
	goes    func(func(context.Context)) bool

	mu    sync.Mutex
	known map[string]*answer[V]
}

type answer[V any] struct {
	value  V
	held   bool // value is an answer
	err    error
	due    time.Time     // to be asked again
	asking chan struct{} // closed when the question under way has been answered; nil if none is
}

// prime sees to it that name is asked for if it is due.
func (a *answers[V]) prime(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entry(name)
}

// get returns the records of name. Who is patient waits for a question under way whatever is known of the last.
func (a *answers[V]) get(ctx context.Context, name string, patient bool) (V, error) {
	a.mu.Lock()
	k := a.entry(name)
	for !k.held && k.asking != nil && (k.err == nil || !a.without || patient) {
		asking := k.asking
		a.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		a.mu.Lock()
	}
	defer a.mu.Unlock()
	if k.held {
		return k.value, nil
	}
	return k.value, k.err
}

// entry returns what is known of name, and has it asked for if due; a.mu is held.
func (a *answers[V]) entry(name string) *answer[V] {
	k := a.known[name]
	if k == nil {
		if len(a.known) >= resolveLimit {
			for other := range a.known { // any: names come from configuration, not from callers
				delete(a.known, other)
				break
			}
		}
		k = new(answer[V])
		a.known[name] = k
	}
	if k.asking == nil && !time.Now().Before(k.due) {
		asking := make(chan struct{})
		k.asking = asking
		if !a.goes(func(ctx context.Context) { a.renew(ctx, name, k) }) {
			k.asking = nil
			if k.err == nil {
				k.err = ErrClosed
			}
		}
	}
	return k
}

func (a *answers[V]) renew(ctx context.Context, name string, k *answer[V]) {
	ctx, cancel := context.WithTimeout(ctx, a.limit)
	defer cancel()
	value, err := a.ask(ctx, name)
	a.mu.Lock()
	defer a.mu.Unlock()
	wait := freshFor
	if k.err = err; err == nil {
		k.value, k.held = value, true
	} else if dns := new(net.DNSError); !a.without || !errors.As(err, &dns) || !dns.IsNotFound {
		wait = retryAfter
	}
	k.due = time.Now().Add(wait)
	close(k.asking)
	k.asking = nil
}
