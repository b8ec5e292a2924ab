package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one that a test started.
type process struct {
	name   string
	cmd    *exec.Cmd
	output string // a file
	ended  chan struct{}
	err    error // once it has ended
	once   sync.Once
}

// start runs a program until it ends or the test does.
func start(t *testing.T, name, dir, program string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(program, args...), output: filepath.Join(dir, name+".out"), ended: make(chan struct{})}
	out, err := os.Create(p.output)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	// A test that is killed leaves nothing behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("--- %s said:\n%s", name, p.said(12_000))
		}
	})
	return p
}

// stop asks the process to end, and ends it where it does not.
func (p *process) stop() {
	p.once.Do(func() {
		p.signal(syscall.SIGTERM)
		if !p.within(8 * time.Second) {
			p.signal(syscall.SIGKILL)
		}
		<-p.ended
	})
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// within says whether the process has ended within a time.
func (p *process) within(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return false
	}
}

// finish waits for the process to end well.
func (p *process) finish(t *testing.T, limit time.Duration) {
	t.Helper()
	if !p.within(limit) {
		t.Fatalf("%s still runs after %s", p.name, limit)
	}
	if p.err != nil {
		t.Fatalf("%s: %v", p.name, p.err)
	}
}

// said is the end of what the process wrote.
func (p *process) said(most int) string {
	b, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return tail(string(b), most)
}

func tail(s string, most int) string {
	if len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}

// eventually asks until the answer is nil, and fails with the last answer.
func eventually(t *testing.T, limit time.Duration, what string, ask func() error) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not after %s: %v", what, limit, err)
		}
	}
}

// bound waits until somebody listens on an address, without connecting to it.
func bound(t *testing.T, protocol, address string, port int) {
	t.Helper()
	var a, b, c, d byte
	if _, err := fmt.Sscanf(address, "%d.%d.%d.%d", &a, &b, &c, &d); err != nil {
		t.Fatal(err)
	}
	// proc(5): the address is in the byte order of the machine.
	want := fmt.Sprintf(": %02X%02X%02X%02X:%04X ", d, c, b, a, port)
	eventually(t, 10*time.Second, fmt.Sprintf("%s listens on %s:%d", protocol, address, port), func() error {
		table, err := os.ReadFile("/proc/net/" + protocol)
		if err == nil && !strings.Contains(string(table), want) {
			err = errors.New("nobody does")
		}
		return err
	})
}
