package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// network is where everything happens: .1 is Tocsin, .2 Kamailio, .3 the PBX that calls,
// .4 the PSAP; .5 and .6 are where those two have their media.
const network = "127.0.40."

var (
	//go:embed kamailio.cfg
	kamailioConfig string
	//go:embed campus.yaml
	campus string
)

// system is one that is measured.
type system struct {
	name     string
	address  string // where it takes SIP
	anchors  bool   // media goes through it
	profiled bool
	start    func(ctx context.Context, dir string) (*process, error)
}

// tocsin builds Tocsin and says how it is started.
func tocsin(ctx context.Context, dir string, profiled bool) (system, error) {
	program := filepath.Join(dir, "tocsin")
	if err := build(ctx, program, "./cmd/tocsin"); err != nil {
		return system{}, err
	}
	node := filepath.Join(dir, "node")
	if profiled {
		if err := build(ctx, node, "./bench/node"); err != nil {
			return system{}, err
		}
	}
	s := system{name: "tocsin", address: network + "1:5060", anchors: true, profiled: profiled}
	s.start = func(ctx context.Context, dir string) (*process, error) {
		settings, organisation := filepath.Join(dir, "node.yaml"), filepath.Join(dir, "campus.yaml")
		host := network + "1"
		text := fmt.Sprintf("name: gw.bench.example\nsip: {listen: [\"udp:%[1]s:5060\", \"tcp:%[1]s:5060\"]}\nmedia: {address: %[1]s, ports: 10000-64999}\n"+
			"http: {listen: \"%[1]s:8080\"}\ndata_dir: %[2]s\nlimits: {drain: 1s}\nlog: {level: warn}\n", host, filepath.Join(dir, "kept"))
		if err := errors.Join(os.WriteFile(settings, []byte(text), 0o600), os.WriteFile(organisation, []byte(placed(campus)), 0o600)); err != nil {
			return nil, err
		}
		if out, err := exec.CommandContext(ctx, program, "--config", settings, "apply", organisation).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("tocsin apply: %w\n%s", err, out)
		}
		var p *process
		var err error
		if profiled {
			p, err = start(dir, "tocsin", node, settings, ".")
		} else {
			p, err = start(dir, "tocsin", program, "serve", "-c", settings)
		}
		if err != nil {
			return nil, err
		}
		return p, p.ready(ctx, func() error {
			resp, err := (&http.Client{Timeout: time.Second}).Get("http://" + host + ":8080/livez")
			if err != nil {
				return err
			}
			return resp.Body.Close()
		})
	}
	return s, nil
}

func build(ctx context.Context, to, what string) error {
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", to, what).CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", what, err, out)
	}
	return nil
}

// callers is how many phones call in turns, so that numbers are lent as to a campus.
const callers = 200

// placed puts the addresses and the callers of the bench into a configuration.
func placed(s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(s, "NETWORK", network)) {
		if strings.HasPrefix(line, "#") || !strings.Contains(line, "EACH") {
			b.WriteString(line)
			continue
		}
		for i := range callers {
			b.WriteString(strings.ReplaceAll(line, "EACH", fmt.Sprintf("%03d", i)))
		}
	}
	return b.String()
}

func kamailio() (system, error) {
	program, err := exec.LookPath("kamailio")
	if err != nil {
		return system{}, fmt.Errorf("kamailio is missing (apt-get install kamailio; it need not run as a service): %w", err)
	}
	s := system{name: "kamailio", address: network + "2:5060"}
	s.start = func(ctx context.Context, dir string) (*process, error) {
		config := filepath.Join(dir, "kamailio.cfg")
		if err := os.WriteFile(config, []byte(placed(kamailioConfig)), 0o600); err != nil {
			return nil, err
		}
		// -DD: in the foreground, with its workers as children.
		p, err := start(dir, "kamailio", program, "-DD", "-E", "-m", "256", "-M", "16", "-Y", dir, "-f", config)
		if err != nil {
			return nil, err
		}
		return p, p.ready(ctx, func() error {
			c, err := net.DialTimeout("tcp", s.address, time.Second)
			if err != nil {
				return err
			}
			return c.Close()
		})
	}
	return s, nil
}

// process is one that bench started.
type process struct {
	name   string
	cmd    *exec.Cmd
	output string // a file
	ended  chan struct{}
	err    error // once it has ended
	once   sync.Once
}

func start(dir, name, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(program, args...), output: filepath.Join(dir, name+".out"), ended: make(chan struct{})}
	out, err := os.Create(p.output)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	// A bench that is killed leaves nothing behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// end asks the process to end, and ends it where it does not.
func (p *process) end() {
	p.once.Do(func() {
		p.signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			p.signal(syscall.SIGKILL)
			<-p.ended
		}
	})
}

// said is the end of what the process wrote.
func (p *process) said() string {
	b, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// ready asks until the answer is nil; a process that does not get there is ended.
func (p *process) ready(ctx context.Context, ask func() error) error {
	deadline := time.Now().Add(15 * time.Second)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w\n%s", p.name, p.err, p.said())
		default:
		}
		if err = errors.Join(err, pause(ctx, 50*time.Millisecond)); ctx.Err() != nil || time.Now().After(deadline) {
			p.end()
			return fmt.Errorf("%s is not ready: %w\n%s", p.name, err, p.said())
		}
	}
}
