package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
)

type serveCommand struct{}

func (serveCommand) Run(c *command, w *world) error {
	n, err := c.node()
	if err != nil {
		return err
	}
	if err := makeDataDir(n); err != nil {
		return err
	}
	log := logger(w.err, n.Log)
	open := func(ctx context.Context) (*store.Store, error) { return store.Open(ctx, string(n.Database)) }
	a, err := app.New(app.Config{Node: n, Open: open, Version: version, Log: log})
	if err != nil {
		return err
	}
	if err := a.Start(w.ctx); err != nil {
		return err
	}
	defer a.Close()
	printAddresses(w.out, a)
	if len(a.Directory().Accounts()) == 0 {
		fmt.Fprintln(w.out, "There is no account yet: tocsin apply FILE makes one; it is live in under two seconds.")
	}
	<-w.ctx.Done()
	return drain(a, w.out, time.Duration(n.Limits.Drain))
}

// drain waits for the calls that go on. A second signal ends the waiting.
func drain(a *app.App, out io.Writer, limit time.Duration) error {
	ctx, again := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer again()
	ctx, done := context.WithTimeout(ctx, limit)
	defer done()
	if _, live := a.Gateway().Counts(); live > 0 {
		fmt.Fprintf(out, "stopping: waiting up to %s for %s that go on\n", limit, plural(live, "call"))
	}
	if err := a.Drain(ctx); err != nil {
		_, live := a.Gateway().Counts()
		fmt.Fprintf(out, "stopped with %s going on\n", plural(live, "call"))
	}
	return a.Close()
}

func printAddresses(out io.Writer, a *app.App) {
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		for _, addr := range a.SIPAddresses(p) {
			fmt.Fprintf(out, "sip   %s over %s\n", addr, p)
		}
	}
	if h := a.HTTPAddress(); h != nil {
		fmt.Fprintf(out, "http  http://%s\n", h)
	}
}

func makeDataDir(n config.Node) error {
	if err := os.MkdirAll(n.DataDir, 0o750); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	return nil
}

func logger(out io.Writer, l config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked when the settings were read
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}
