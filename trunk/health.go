package trunk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// State is what is known of a proxy.
type State int

const (
	Unknown State = iota + 1 // not asked yet
	Alive
	Down
)

func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Alive:
		return "alive"
	case Down:
		return "down"
	}
	return "no state"
}

// MarshalText makes a state its name in JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ID names a trunk; a shared one has no account.
type ID struct {
	Account string `json:"account,omitempty"`
	Trunk   string `json:"trunk"`
}

func (i ID) String() string {
	if i.Account == "" {
		return i.Trunk
	}
	return i.Account + "/" + i.Trunk
}

// IDOf names a trunk of a directory.
func IDOf(d *org.Directory, t *org.Trunk) ID {
	id := ID{Trunk: t.Name}
	if v := d.TrunkOwner(t); v != nil {
		id.Account = v.Name()
	}
	return id
}

// Proxy is what is known of one proxy.
type Proxy struct {
	URI     string    `json:"uri"`
	Trunks  []ID      `json:"trunks"`
	State   State     `json:"state"`
	Since   time.Time `json:"since"`             // it has this state
	Checked time.Time `json:"checked,omitzero"`  // when it was last asked
	Status  int       `json:"status,omitempty"`  // of its last answer, 0 for none
	Reason  string    `json:"reason,omitempty"`  // why it is down
	Found   time.Time `json:"found,omitzero"`    // when its addresses were last looked up
	Lookup  string    `json:"lookup,omitempty"`  // why they could not be looked up again
	Address []string  `json:"address,omitempty"` // where it is

	addrs []netip.AddrPort
}

// Change is a proxy that has another state than before.
type Change struct {
	URI      string
	Trunks   []ID
	From, To State
	Status   int
	Reason   string
	At       time.Time
}

// Prober asks the element at a URI for its OPTIONS. It returns when ctx ends.
type Prober interface {
	Options(ctx context.Context, uri string) (status int, err error)
}

// Resolver finds the addresses a URI leads to. It returns when ctx ends.
type Resolver interface {
	Resolve(ctx context.Context, uri string) ([]netip.AddrPort, error)
}

// judge makes a state of what came of an OPTIONS.
func judge(status int, err error, timeout time.Duration) (State, string) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Down, fmt.Sprintf("no answer in %s", timeout)
	case err != nil:
		return Down, err.Error()
	case status == 503: // RFC 3261 s21.5.4
		return Down, "answers 503"
	}
	return Alive, ""
}
