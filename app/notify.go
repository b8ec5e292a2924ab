package app

import (
	"log/slog"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
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

// journal is gateway.Journal: entries go to the store and to whoever watches, and none of
// them is waited for.
type journal struct{ *App }

func (j journal) Append(e cdr.Entry) {
	if j.cfg.Watch != nil {
		j.cfg.Watch(e)
	}
	j.captures.entry(e)
	j.tried.entry(e)
	if j.App.journal != nil {
		j.App.journal.Append(e)
	}
	j.degraded.count(e)
}
