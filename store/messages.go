package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Message is one SIP message of a call as it was on the wire.
type Message struct {
	Call      string    `json:"call"` // the record's id
	At        time.Time `json:"at"`
	Node      string    `json:"node,omitempty"`
	Seq       int64     `json:"seq"`       // counts those of the node
	Direction string    `json:"direction"` // in or out
	Flow      string    `json:"flow"`      // transport, local and remote address
	Raw       []byte    `json:"raw"`
}

// AppendMessages writes messages of calls. One that is there already stays as it is, so
// the same may be written again after a doubtful failure. The call's own entries need not
// have been written yet.
func (s *Store) AppendMessages(ctx context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	err := s.writing(ctx, func(tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, `INSERT INTO call_messages (call_id, at, node, seq, direction, flow, raw)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (call_id, at, node, seq) DO NOTHING`)
		if err != nil {
			return err
		}
		defer put.Close()
		row := s.eachRow(ctx)
		for _, m := range messages {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := put.ExecContext(row, m.Call, micros(m.At), m.Node, m.Seq, m.Direction, m.Flow, m.Raw); err != nil {
				return fmt.Errorf("message %d of call %s: %w", m.Seq, m.Call, err)
			}
		}
		return nil
	})
	switch {
	case err == nil:
		return nil
	case s.engine.permanent(err):
		return fmt.Errorf("write SIP messages: %w: %w", ErrRefused, err)
	}
	return fmt.Errorf("write SIP messages: %w", err)
}

// Messages reads the messages of one call, in the order of their time. A call may have
// none; whether there is such a call at all, Call says.
func (s *Store) Messages(ctx context.Context, call string) ([]Message, error) {
	var list []Message
	err := s.reading(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT at, node, seq, direction, flow, raw FROM call_messages WHERE call_id = $1 ORDER BY at, node, seq", call)
		return each(rows, err, func(rows *sql.Rows) error {
			m := Message{Call: call}
			var at int64
			if err := rows.Scan(&at, &m.Node, &m.Seq, &m.Direction, &m.Flow, &m.Raw); err != nil {
				return err
			}
			m.At = instant(at)
			list = append(list, m)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read SIP messages of call %s: %w", call, err)
	}
	return list, nil
}

// ForgetMessages removes the messages from before an instant. The records of their calls
// stay whole: messages are no link of the chain.
func (s *Store) ForgetMessages(ctx context.Context, before time.Time) (int64, error) {
	r, err := s.write.ExecContext(ctx, "DELETE FROM call_messages WHERE at < $1", micros(before))
	if err != nil {
		return 0, fmt.Errorf("forget SIP messages: %w", err)
	}
	return r.RowsAffected()
}
