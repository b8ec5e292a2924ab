package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Binding is a registration: where a device of an address-of-record can be reached (RFC
// 3261 s10, RFC 5626).
type Binding struct {
	AOR          string    `json:"aor"`
	ID           string    `json:"id"` // what tells the AOR's bindings apart: instance and reg-id, else the contact
	Contact      string    `json:"contact"`
	Instance     string    `json:"instance,omitempty"`
	RegID        int       `json:"reg_id,omitempty"`
	Node         string    `json:"node,omitempty"` // that holds the flow
	Flow         string    `json:"flow,omitempty"`
	Source       string    `json:"source,omitempty"`
	Transport    string    `json:"transport,omitempty"`
	Path         string    `json:"path,omitempty"`
	CallID       string    `json:"call_id,omitempty"`
	CSeq         int64     `json:"cseq,omitempty"`
	UserAgent    string    `json:"user_agent,omitempty"`
	Account      string    `json:"account,omitempty"`
	Extension    string    `json:"extension,omitempty"`
	Device       string    `json:"device,omitempty"`
	RegisteredAt time.Time `json:"registered_at"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// PutBindings writes bindings; one with the same AOR and ID is replaced.
func (s *Store) PutBindings(ctx context.Context, bindings ...Binding) error {
	err := s.writing(ctx, func(tx *sql.Tx) error {
		for _, b := range bindings {
			if _, err := tx.ExecContext(ctx, `INSERT INTO bindings (aor, id, contact, instance, reg_id, node, flow, source, transport, path, call_id, cseq,
					user_agent, account, extension, device, registered_at, expires_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
				ON CONFLICT (aor, id) DO UPDATE SET contact = excluded.contact, instance = excluded.instance, reg_id = excluded.reg_id, node = excluded.node,
					flow = excluded.flow, source = excluded.source, transport = excluded.transport, path = excluded.path, call_id = excluded.call_id,
					cseq = excluded.cseq, user_agent = excluded.user_agent, account = excluded.account, extension = excluded.extension,
					device = excluded.device, registered_at = excluded.registered_at, expires_at = excluded.expires_at`,
				b.AOR, b.ID, b.Contact, b.Instance, b.RegID, b.Node, b.Flow, b.Source, b.Transport, b.Path, b.CallID, b.CSeq,
				b.UserAgent, b.Account, b.Extension, b.Device, micros(b.RegisteredAt), micros(b.ExpiresAt)); err != nil {
				return fmt.Errorf("%s: %w", b.AOR, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write bindings: %w", err)
	}
	return nil
}

// DeleteBinding removes one binding; that it is not there is no error.
func (s *Store) DeleteBinding(ctx context.Context, aor, id string) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM bindings WHERE aor = $1 AND id = $2", aor, id); err != nil {
		return fmt.Errorf("remove binding of %s: %w", aor, err)
	}
	return nil
}

// ForgetBindings removes what expired before an instant. An expired binding still says
// whose flow it was (R15 a), so it is kept for a while.
func (s *Store) ForgetBindings(ctx context.Context, before time.Time) (int64, error) {
	r, err := s.write.ExecContext(ctx, "DELETE FROM bindings WHERE expires_at < $1", micros(before))
	if err != nil {
		return 0, fmt.Errorf("forget bindings: %w", err)
	}
	return r.RowsAffected()
}

// Bindings reads all bindings, by AOR; those that have expired too.
func (s *Store) Bindings(ctx context.Context) ([]Binding, error) {
	var list []Binding
	err := s.reading(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT aor, id, contact, instance, reg_id, node, flow, source, transport, path, call_id, cseq,
			user_agent, account, extension, device, registered_at, expires_at FROM bindings ORDER BY aor, id`)
		return each(rows, err, func(rows *sql.Rows) error {
			var b Binding
			var registered, expires int64
			if err := rows.Scan(&b.AOR, &b.ID, &b.Contact, &b.Instance, &b.RegID, &b.Node, &b.Flow, &b.Source, &b.Transport, &b.Path, &b.CallID, &b.CSeq,
				&b.UserAgent, &b.Account, &b.Extension, &b.Device, &registered, &expires); err != nil {
				return err
			}
			b.RegisteredAt, b.ExpiresAt = instant(registered), instant(expires)
			list = append(list, b)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read bindings: %w", err)
	}
	return list, nil
}
