package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is USER_HZ, which is 100 on every Linux that Go runs on (proc(5), sysconf(3)).
const tick = 10 * time.Millisecond

// family is a process and its descendants.
func family(pid int) ([]int, error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || err != nil {
			continue // it has ended
		}
		if s, err := readStat(b); err == nil {
			parents[s.pid] = s.parent
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		for child, parent := range parents {
			if parent == all[i] {
				all = append(all, child)
			}
		}
	}
	return all, nil
}

// cpu is the time a process and its descendants have spent.
func cpu(pid int) (time.Duration, error) {
	pids, err := family(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			return 0, fmt.Errorf("CPU of %d: %w", p, err)
		}
		s, err := readStat(b)
		if err != nil {
			return 0, fmt.Errorf("CPU of %d: %w", p, err)
		}
		sum += s.spent
	}
	return sum, nil
}

type stat struct {
	pid, parent int
	spent       time.Duration
}

// readStat reads /proc/PID/stat: pid (name) state ppid ... utime stime, where the name may
// hold anything, parentheses too (proc(5)).
func readStat(b []byte) (stat, error) {
	before, _, ok := bytes.Cut(b, []byte(" ("))
	at := bytes.LastIndex(b, []byte(") "))
	if !ok || at < 0 {
		return stat{}, fmt.Errorf("%.40q is no stat of a process", b)
	}
	fields := strings.Fields(string(b[at+2:]))
	if len(fields) < 13 {
		return stat{}, fmt.Errorf("stat of a process has %d fields after its name", len(fields))
	}
	var ns [4]int
	for i, s := range []string{string(before), fields[1], fields[11], fields[12]} {
		n, err := strconv.Atoi(s)
		if err != nil {
			return stat{}, err
		}
		ns[i] = n
	}
	return stat{ns[0], ns[1], time.Duration(ns[2]+ns[3]) * tick}, nil
}

// memory is what a process and its descendants hold, pages that they share counted once.
func memory(pid int) (int64, error) {
	pids, err := family(pid)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			return 0, fmt.Errorf("memory of %d: %w", p, err)
		}
		n, err := readPss(b)
		if err != nil {
			return 0, fmt.Errorf("memory of %d: %w", p, err)
		}
		sum += n
	}
	return sum, nil
}

func readPss(b []byte) (int64, error) {
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * 1024, err
		}
	}
	return 0, errors.New("no Pss")
}

// machine is what the figures were taken on.
func machine() string {
	name := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				name = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores, %s, %s", runtime.NumCPU(), name, runtime.Version())
}
