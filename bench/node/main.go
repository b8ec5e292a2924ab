package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/store"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: node NODE.yaml DIRECTORY-FOR-PROFILES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(settings, dir string) error {
	n, err := config.ReadNode(settings)
	if err != nil {
		return err
	}
	n = n.OrDefaults()
	if err := os.MkdirAll(n.DataDir, 0o750); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	open := func(ctx context.Context) (*store.Store, error) { return store.Open(ctx, string(n.Database)) }
	a, err := app.New(app.Config{Node: n, Open: open, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return err
	}
	defer cpu.Close()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	if err := a.Start(ctx); err != nil {
		return err
	}
	defer a.Close()
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGUSR1)
	for {
		select {
		case <-held: // the heap as it is now
			runtime.GC()
			if err := heap(filepath.Join(dir, "heap.pprof")); err != nil {
				return err
			}
		case <-ctx.Done():
			return a.Close()
		}
	}
}

func heap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.WriteHeapProfile(f)
}
