package app

import (
	"log/slog"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/store"
)

// logNotifier tells the log, with everybody's numbers and addresses masked (L4).
type logNotifier struct{ log *slog.Logger }

func (n logNotifier) Tell(x gateway.Notice) {
	args := []any{"call", x.Header.ID}
	if d := x.Decided; d.Class != "" {
		args = append(args, "class", d.Class, "account", d.Account, "site", d.Site, "ext", d.Extension, "route", d.Route, "location", d.Location.Mask())
		for _, less := range d.Trace.Degradations {
			args = append(args, "degradation", less.Code)
		}
	}
	if x.Text != "" {
		args = append(args, "text", x.Text)
	}
	n.log.Warn("alert", args...)
}

// journal gives entries to the store and to whoever watches.
type journal struct {
	store *store.Journal
	watch func(cdr.Entry)
}

func (j journal) Append(e cdr.Entry) {
	if j.watch != nil {
		j.watch(e)
	}
	if j.store != nil {
		j.store.Append(e)
	}
}
