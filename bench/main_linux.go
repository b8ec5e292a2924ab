package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// plan is what a run of bench measures.
type plan struct {
	rates   []int
	turns   int
	lasting time.Duration // of each load at a rate
	step    int           // calls a second that the search for the highest rate begins with and adds
	most    int           // where the search ends
	held    int           // concurrent calls for the memory
	talking []int         // concurrent calls for the relay
	only    string
	profile bool
	out     string // JSON
}

func main() {
	var p plan
	var rates, talking string
	flag.StringVar(&rates, "rates", "100,400", "calls per second to measure CPU and delay at")
	flag.IntVar(&p.turns, "turns", 3, "how often each system has its turn")
	flag.DurationVar(&p.lasting, "lasting", 10*time.Second, "how long each rate is kept up")
	flag.IntVar(&p.step, "step", 200, "steps of the search for the highest rate, in calls per second; 0: no search")
	flag.IntVar(&p.most, "most", 2400, "where that search ends")
	flag.IntVar(&p.held, "held", 1000, "concurrent calls to measure memory with; 0: none")
	flag.StringVar(&talking, "talking", "100,500", "concurrent calls with G.711 both ways, for the relay; empty: none")
	flag.StringVar(&p.only, "only", "", "tocsin or kamailio: measure that one alone")
	flag.BoolVar(&p.profile, "profile", false, "write cpu.pprof and heap.pprof of Tocsin")
	flag.StringVar(&p.out, "out", "bench.json", "the figures, as JSON")
	flag.Parse()
	p.rates, p.talking = numbers(rates), numbers(talking)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func numbers(list string) []int {
	var ns []int
	for s := range strings.SplitSeq(list, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n > 0 {
			ns = append(ns, n)
		}
	}
	return ns
}

func run(ctx context.Context, p plan) error {
	dir, err := os.MkdirTemp("", "tocsin-bench-")
	if err != nil {
		return err
	}
	if !p.profile {
		defer os.RemoveAll(dir)
	} else {
		defer fmt.Fprintln(os.Stderr, "profiles are under", dir)
	}
	systems, err := systemsUnderTest(ctx, p, dir)
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("sipp"); err != nil {
		return fmt.Errorf("SIPp is missing (apt-get install sip-tester): %w", err)
	}
	var r report
	r.Machine, r.At = machine(), time.Now().UTC().Truncate(time.Second)
	for turn := range p.turns {
		for _, s := range systems {
			// Each turn has a fresh process and a fresh database.
			if err := measure(ctx, p, s, filepath.Join(dir, fmt.Sprintf("%s-%d", s.name, turn)), &r); err != nil {
				return fmt.Errorf("%s, turn %d: %w", s.name, turn+1, err)
			}
		}
	}
	r.print(os.Stdout)
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(p.out, append(b, '\n'), 0o644)
}

func systemsUnderTest(ctx context.Context, p plan, dir string) ([]system, error) {
	var ss []system
	if p.only != "kamailio" {
		s, err := tocsin(ctx, dir, p.profile)
		if err != nil {
			return nil, err
		}
		ss = append(ss, s)
	}
	if p.only != "tocsin" {
		s, err := kamailio()
		if err != nil {
			return nil, err
		}
		ss = append(ss, s)
	}
	return slices.Clip(ss), nil
}

// measure gives one system its turn.
func measure(ctx context.Context, p plan, s system, dir string, r *report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	running, err := s.start(ctx, dir)
	if err != nil {
		return err
	}
	defer running.end()
	add := func(what string, value float64, unit string) {
		r.add(s.name, what, value, unit)
		fmt.Fprintf(os.Stderr, "%-9s %-40s %10.3f %s\n", s.name, what, value, unit)
	}
	// The first calls pay for what is made once: connections, statements, pages.
	if err := warm(ctx, s, running, dir); err != nil {
		return fmt.Errorf("first calls: %w", err)
	}
	if p.held > 0 {
		if err := measureHeld(ctx, p, s, running, dir, add); err != nil {
			return fmt.Errorf("%d calls held: %w", p.held, err)
		}
	}
	for _, rate := range p.rates {
		if err := measureRate(ctx, p, s, running, dir, rate, add); err != nil {
			return fmt.Errorf("%d calls/s: %w", rate, err)
		}
	}
	if s.anchors {
		for _, n := range p.talking {
			if err := measureRelay(ctx, s, running, dir, n, add); err != nil {
				return fmt.Errorf("%d calls that talk: %w", n, err)
			}
		}
	}
	if p.step > 0 {
		return measureHighest(ctx, p, s, running, dir, add)
	}
	return nil
}

type adder func(what string, value float64, unit string)

func warm(ctx context.Context, s system, on *process, dir string) error {
	res, err := drive(ctx, load{target: s.address, calls: 200, rate: 50, hold: 200 * time.Millisecond, dir: dir})
	if err != nil {
		return err
	}
	return res.flawless(on)
}

// measureHeld is the growth of memory while calls are held. SIPp begins them at 200/s.
func measureHeld(ctx context.Context, p plan, s system, on *process, dir string, add adder) error {
	before, err := memory(on.pid())
	if err != nil {
		return err
	}
	begun := time.Duration(p.held) * time.Second / 200
	peak := make(chan int64, 1)
	watching, enough := context.WithCancel(ctx)
	go func() { peak <- highest(watching, on.pid(), before) }()
	res, err := drive(ctx, load{target: s.address, calls: p.held, rate: 200, hold: begun + 5*time.Second, dir: dir,
		during: func() {
			if s.profiled {
				on.signal(syscall.SIGUSR1)
			}
		}, after: begun + 2*time.Second})
	enough()
	most := <-peak
	if err == nil {
		err = res.flawless(on)
	}
	if err != nil {
		return err
	}
	add(fmt.Sprintf("memory per call, %d held", p.held), float64(most-before)/float64(p.held)/1024, "kB")
	return nil
}

func highest(ctx context.Context, pid int, most int64) int64 {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return most
		case <-tick.C:
			if m, err := memory(pid); err == nil {
				most = max(most, m)
			}
		}
	}
}

func measureRate(ctx context.Context, p plan, s system, on *process, dir string, rate int, add adder) error {
	seen := newPairing(s.address)
	wire, err := listen(seen.take)
	if err != nil {
		return err
	}
	before, err := cpu(on.pid())
	if err != nil {
		wire.Close()
		return err
	}
	calls := int(float64(rate) * p.lasting.Seconds())
	res, err := drive(ctx, load{target: s.address, calls: calls, rate: rate, hold: time.Second, dir: dir})
	wire.Close()
	delays := seen.delays
	if err == nil {
		err = res.flawless(on)
	}
	if err == nil {
		err = pause(ctx, 2*time.Second)
	}
	if err != nil {
		return err
	}
	after, err := cpu(on.pid())
	if err != nil {
		return err
	}
	at := fmt.Sprintf(" at %d/s", rate)
	add("CPU per 1000 calls"+at, (after-before).Seconds()*1000/float64(calls), "s")
	if n := len(delays.out); n < calls*9/10 {
		return fmt.Errorf("the wire shows %d of %d calls", n, calls)
	}
	add("INVITE to INVITE p50"+at, ms(quantile(delays.out, 0.5)), "ms")
	add("INVITE to INVITE p99"+at, ms(quantile(delays.out, 0.99)), "ms")
	add("INVITE to 18x p50"+at, ms(quantile(delays.ringing, 0.5)), "ms")
	add("INVITE to 18x p99"+at, ms(quantile(delays.ringing, 0.99)), "ms")
	add("retransmissions"+at, float64(res.retransmitted), "")
	return nil
}

// measureHighest raises the rate until a call fails, or the generator does not keep up.
func measureHighest(ctx context.Context, p plan, s system, on *process, dir string, add adder) error {
	best := 0
	for rate := p.step; rate <= p.most; rate += p.step {
		res, err := drive(ctx, load{target: s.address, calls: rate * 5, rate: rate, hold: time.Second, dir: dir})
		if err != nil {
			return err
		}
		if res.failed > 0 || res.succeeded < rate*5 || res.attained < 0.9*float64(rate) {
			fmt.Fprintf(os.Stderr, "%-9s %d/s: %d of %d failed, attained %.0f/s, %d retransmissions\n", s.name, rate, res.failed, rate*5, res.attained, res.retransmitted)
			break
		}
		fmt.Fprintf(os.Stderr, "%-9s %d/s: none of %d failed, attained %.0f/s, %d retransmissions\n", s.name, rate, rate*5, res.attained, res.retransmitted)
		best = rate
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	add("highest rate without a failed call", float64(best), "calls/s")
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
