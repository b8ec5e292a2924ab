package store

import (
	"fmt"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// Origin is the door by which an object came in or was changed (D8).
type Origin string

const (
	FromFile     Origin = "file"
	FromAPI      Origin = "api"
	FromConsole  Origin = "console"
	FromApproval Origin = "approval"
	FromUser     Origin = "user"
)

// Provenance is where an object came from, and who changed it last.
type Provenance struct {
	org.ObjectKey
	CreatedFrom Origin    `json:"created_from"`
	CreatedBy   string    `json:"created_by,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	ChangedFrom Origin    `json:"changed_from"`
	ChangedBy   string    `json:"changed_by,omitempty"`
	ChangedAt   time.Time `json:"changed_at"`
	Version     int64     `json:"version"` // of the configuration that last changed it
}

// Conflict is an object that a file and somebody else want differently. It is left alone.
type Conflict struct {
	Provenance
	Wanted org.Difference `json:"wanted"` // what the file would do to it
}

func (c Conflict) String() string {
	verb := "changed"
	if c.Wanted.Change == org.Added {
		verb = "removed"
	}
	return fmt.Sprintf("! %s: left alone, it was %s by %s (%s) at %s", c.ObjectKey, verb, c.ChangedBy, c.ChangedFrom, c.ChangedAt.Format(time.RFC3339))
}

// Revision is one change of an account's configuration.
type Revision struct {
	Version int64            `json:"version"`
	Account string           `json:"account"`
	At      time.Time        `json:"at"`
	Origin  Origin           `json:"origin"`
	By      string           `json:"by"`
	File    string           `json:"file,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	Changes []org.Difference `json:"changes"`
}
