package main

import (
	"context"
	"embed"
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed scenarios
var scenarios embed.FS

// load is a number of calls by SIPp, with a SIPp that takes them.
type load struct {
	target string
	calls  int
	rate   int           // begun per second
	hold   time.Duration // of each call
	ring   time.Duration // before it is answered
	dir    string
	during func() // called once, after the time below
	after  time.Duration
}

// result is what the calling SIPp counted.
type result struct {
	succeeded, failed, retransmitted int
	attained                         float64 // calls begun per second
	faults                           string  // the first that SIPp wrote down
}

func (r result) flawless(on *process) error {
	if r.failed > 0 {
		return fmt.Errorf("%d of %d calls failed\n%s\n%s said:\n%s", r.failed, r.failed+r.succeeded, r.faults, on.name, on.said())
	}
	return nil
}

// drive runs the load to its end.
func drive(ctx context.Context, l load) (result, error) {
	for _, name := range []string{"caller", "psap"} {
		b, err := scenarios.ReadFile("scenarios/" + name + ".xml")
		if err == nil {
			err = os.WriteFile(filepath.Join(l.dir, name+".xml"), b, 0o600)
		}
		if err != nil {
			return result{}, err
		}
	}
	from := "SEQUENTIAL\n"
	for i := range callers {
		from += fmt.Sprintf("4%03d;\n", i)
	}
	if err := os.WriteFile(filepath.Join(l.dir, "callers.csv"), []byte(from), 0o600); err != nil {
		return result{}, err
	}
	stats := filepath.Join(l.dir, "caller.csv")
	_ = os.Remove(stats) // there is none the first time
	faults := filepath.Join(l.dir, "caller.faults")
	_ = os.Remove(faults)
	begun := time.Duration(float64(l.calls) / float64(l.rate) * float64(time.Second))
	limit := strconv.Itoa(int((begun + l.hold + 40*time.Second).Seconds()))
	common := []string{"-nostdin", "-nd", "-timeout", limit, "-l", "100000", "-max_socket", "2000", "-buff_size", "8388608"}
	psap, err := start(l.dir, "psap", "sipp", append([]string{"-sf", "psap.xml", "-i", network + "4", "-p", "5190", "-mi", network + "6",
		"-t", "t1", "-d", millis(l.ring)}, common...)...)
	if err != nil {
		return result{}, err
	}
	defer psap.kill()
	if err := listening(ctx, psap); err != nil {
		return result{}, err
	}
	caller, err := start(l.dir, "caller", "sipp", append([]string{"-sf", "caller.xml", "-inf", "callers.csv", "-i", network + "3", "-p", "5060", "-mi", network + "5",
		"-t", "u1", "-m", strconv.Itoa(l.calls), "-r", strconv.Itoa(l.rate), "-d", millis(l.hold), "-recv_timeout", "20000",
		"-trace_stat", "-stf", "caller.csv", "-fd", "1", "-trace_err", "-error_file", "caller.faults", l.target}, common...)...)
	if err != nil {
		return result{}, err
	}
	defer caller.kill()
	since := time.Now()
	if l.during != nil {
		late := time.AfterFunc(l.after, l.during)
		defer late.Stop()
	}
	select {
	case <-caller.ended:
	case <-ctx.Done():
		return result{}, ctx.Err()
	}
	f, err := os.Open(stats)
	if err != nil {
		return result{}, fmt.Errorf("SIPp ended without a count (%v): %w\n%s", caller.err, err, caller.said())
	}
	defer f.Close()
	r, err := readStats(csv.NewReader(f))
	if err != nil {
		return result{}, fmt.Errorf("count of SIPp: %w", err)
	}
	if b, err := os.ReadFile(faults); err == nil {
		r.faults = string(b[:min(len(b), 1500)])
	}
	r.failed = l.calls - r.succeeded
	// The last call ends when it was held, so what is left of the time is when calls began:
	// a SIPp that falls behind, or a system that answers late, shows as a lower rate.
	r.attained = float64(l.calls) / max(time.Since(since)-l.hold-l.ring, time.Millisecond).Seconds()
	return r, nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// kill ends a SIPp, which waits for its calls when it is asked to end.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

func listening(ctx context.Context, psap *process) error {
	return psap.ready(ctx, func() error {
		c, err := net.DialTimeout("tcp", network+"4:5190", time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// readStats reads what SIPp counted: the columns of the last line, all since the start.
func readStats(r *csv.Reader) (result, error) {
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	lines, err := r.ReadAll()
	if err != nil {
		return result{}, err
	}
	if len(lines) < 2 {
		return result{}, fmt.Errorf("%d lines", len(lines))
	}
	column := func(line []string, name string) (float64, error) {
		for i, n := range lines[0] {
			if n == name && i < len(line) {
				return strconv.ParseFloat(strings.TrimSpace(line[i]), 64)
			}
		}
		return 0, fmt.Errorf("no column %s", name)
	}
	var res result
	last := lines[len(lines)-1]
	for name, into := range map[string]*int{"SuccessfulCall(C)": &res.succeeded, "FailedCall(C)": &res.failed, "Retransmissions(C)": &res.retransmitted} {
		v, err := column(last, name)
		if err != nil {
			return result{}, err
		}
		*into = int(v)
	}
	return res, nil
}
