package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
	"github.com/tocsin-sip/tocsin/store"
)

type demoCommand struct {
	SIP   uint16 `name:"sip-port" default:"5060" help:"Port of the server for SIP, UDP and TCP; 0 for a free one."`
	HTTP  uint16 `name:"http-port" default:"8080" help:"Port of the server for HTTP; 0 for a free one."`
	Once  bool   `help:"End after the two calls instead of staying up."`
	Quick bool   `help:"Do not wait for anybody to read."`
	Keep  string `placeholder:"DIR" help:"Keep the data directory there, to look at the calls with the other commands."`
}

func (demoCommand) Help() string {
	return "Nothing has to be installed or configured, and nothing is kept: the data directory is temporary unless --keep names one."
}

func (x demoCommand) Run(_ *command, w *world) error {
	dir, end, err := x.directory()
	if err != nil {
		return err
	}
	defer end()
	d, err := x.begin(w, dir)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.show(w.ctx); err != nil {
		return err
	}
	if x.Once {
		return nil
	}
	d.invite()
	<-w.ctx.Done()
	fmt.Fprintln(w.out, "\nstopped")
	return nil
}

// directory is where the demonstration keeps its things, with a file of the settings that
// lead the other commands there.
func (x demoCommand) directory() (dir string, end func(), err error) {
	end = func() {}
	if x.Keep == "" {
		if dir, err = os.MkdirTemp("", "tocsin-demo-"); err != nil {
			return "", nil, err
		}
		end = func() { _ = os.RemoveAll(dir) }
	} else if dir, err = filepath.Abs(x.Keep); err != nil {
		return "", nil, err
	}
	if err = os.MkdirAll(dir, 0o750); err == nil {
		err = os.WriteFile(settings(dir), fmt.Appendf(nil, "data_dir: %q\n", dir), 0o600)
	}
	if err != nil {
		end()
		return "", nil, err
	}
	return dir, end, nil
}

func settings(dir string) string { return filepath.Join(dir, "node.yaml") }

// demo is the whole thing on one machine.
type demo struct {
	out    io.Writer
	pause  time.Duration
	dir    string
	store  *store.Store
	app    *app.App
	cast   *cast
	ladder *liveLadder
}

func (x demoCommand) begin(w *world, dir string) (*demo, error) {
	file, faults := config.Parse("campus.yaml", examples.Campus)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	d := &demo{out: w.out, dir: dir, pause: 2 * time.Second, ladder: newLiveLadder(w.out)}
	if x.Quick {
		d.pause = 0
	}
	fmt.Fprintln(w.out, "Tocsin demo: a server with examples/campus.yaml, a PSAP, a safety team and phones, with real SIP and RTP.")
	c, err := newCast(&file.Organisation)
	if err != nil {
		return nil, err
	}
	d.cast = c
	node := config.Node{Name: "demo.tocsin.example", DataDir: dir}.OrDefaults()
	if d.store, err = store.Open(w.ctx, string(node.Database)); err != nil {
		d.close()
		return nil, err
	}
	if _, err := d.store.Apply(w.ctx, store.Apply{Organisation: file.Organisation, File: "campus.yaml", By: "demo"}); err != nil {
		d.close()
		return nil, err
	}
	node.SIP.Listen = nil
	for _, t := range []string{"udp", "tcp"} {
		node.SIP.Listen = append(node.SIP.Listen, config.Listener{Transport: t, Address: netip.AddrPortFrom(loopback, x.SIP)})
	}
	node.Media.Address = loopback
	node.HTTP.Listen = netip.AddrPortFrom(loopback, x.HTTP).String()
	if d.app, err = app.New(app.Config{Node: node, Open: d.opened, Version: version, Watch: d.ladder.entry, Log: logger(io.Discard, config.Log{})}); err == nil {
		err = d.app.Start(w.ctx)
	}
	if err != nil {
		d.close()
		return nil, fmt.Errorf("%w\nIs another server running? Choose ports with --sip-port and --http-port, 0 for free ones", err)
	}
	if err := c.register(w.ctx, d.sip(transport.UDP)); err != nil {
		d.close()
		return nil, err
	}
	printAddresses(w.out, d.app)
	return d, nil
}

// opened gives the node the demonstration's store, which it closes in the end.
func (d *demo) opened(context.Context) (*store.Store, error) { return d.store, nil }

func (d *demo) sip(p transport.Protocol) netip.AddrPort { return d.app.SIPAddresses(p)[0] }

func (d *demo) close() {
	d.cast.close()
	if d.app != nil {
		d.app.Close()
	}
	if d.store != nil {
		d.store.Close()
	}
}

// show plays the two calls of the demonstration.
func (d *demo) show(ctx context.Context) error {
	for _, scene := range []struct{ ext, title string }{
		{"2001", "Dana Reed (2001) has a number of her own and dials 911. Team and PSAP are rung at once; the PSAP answers first."},
		{"2041", "The lobby phone (2041) has no number of its own: it borrows one from the emergency number pool."},
	} {
		fmt.Fprintf(d.out, "\n=== %s\n\n", scene.title)
		id, err := d.call(ctx, scene.ext)
		if err != nil {
			return err
		}
		if err := d.record(ctx, id); err != nil {
			return err
		}
		if !sleep(ctx, d.pause) {
			return nil
		}
	}
	return nil
}

// call has a phone dial 911, talk for a while and hang up.
func (d *demo) call(ctx context.Context, ext string) (string, error) {
	phone := d.cast.phones[ext]
	c, err := phone.Call(ctx, "sip:911@"+d.sip(transport.UDP).String(), agent.Options{})
	if err != nil {
		return "", fmt.Errorf("calling 911 from %s: %w", ext, err)
	}
	limit, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	if err := c.Await(limit, agent.Up); err != nil {
		return "", fmt.Errorf("911 from %s was not answered: %w", ext, err)
	}
	sleep(ctx, 4*time.Second)
	heard := hears(c.Heard())
	c.Hangup()
	<-c.Done()
	id, err := d.ladder.ended(limit)
	fmt.Fprintf(d.out, "\n%s heard %s.\n", ext, heard)
	return id, err
}

func (d *demo) record(ctx context.Context, id string) error {
	deadline, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	for {
		r, err := d.store.Call(deadline, id)
		if err == nil && !r.Live() {
			fmt.Fprintf(d.out, "\n--- the record: tocsin calls show --config %s %s\n\n", settings(d.dir), id)
			printRecord(d.out, r)
			return nil
		}
		if !sleep(deadline, 50*time.Millisecond) {
			return fmt.Errorf("the record of call %s was not written: %w", id, err)
		}
	}
}

// invite says how a person can try.
func (d *demo) invite() {
	sip := d.sip(transport.UDP)
	fmt.Fprintf(d.out, `
=== Now you. Register a phone and dial 911, 9911, 112, 711, 811 or 7200:

  server    %s over UDP or TCP
  user      2001-desk     password  change-me     (or 2041, 7001; the simulated ones stay registered too)
  domain    %s

The PSAP and the guards of this demonstration answer it, and every ladder is printed here. Ctrl-C ends it.
Look at them from another terminal: tocsin calls --config %s
`, sip, sip.Addr(), settings(d.dir))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// liveLadder prints each line of each call when it happens.
type liveLadder struct {
	out      io.Writer
	finished chan string // calls that have ended; those that nobody asks for are let go

	mu    sync.Mutex
	calls map[string]*cdr.Record
}

func newLiveLadder(out io.Writer) *liveLadder {
	return &liveLadder{out: out, finished: make(chan string, 8), calls: map[string]*cdr.Record{}}
}

func (l *liveLadder) entry(e cdr.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.calls[e.Call]
	if r == nil {
		r = &cdr.Record{}
		l.calls[e.Call] = r
	}
	before := len(r.Flow)
	if err := r.Add(e); err != nil {
		return
	}
	for _, line := range r.Flow[before:] {
		fmt.Fprintln(l.out, line)
	}
	if !r.Live() {
		delete(l.calls, e.Call)
		select {
		case l.finished <- e.Call:
		default:
		}
	}
}

// ended waits for a call to end and says which it was.
func (l *liveLadder) ended(ctx context.Context) (string, error) {
	select {
	case id := <-l.finished:
		return id, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// moved rewrites an address everywhere in an organisation, where its port is taken.
func moved(o *org.Organisation, from, to netip.AddrPort) {
	swap := func(s *string) { *s = strings.ReplaceAll(*s, from.String(), to.String()) }
	for i := range o.Trunks {
		for j := range o.Trunks[i].Proxies {
			swap(&o.Trunks[i].Proxies[j])
		}
	}
	for i := range o.Queues {
		for j := range o.Queues[i].Members {
			swap(&o.Queues[i].Members[j].SIP)
		}
	}
	for i := range o.SIPGroups {
		for j := range o.SIPGroups[i].Targets {
			swap(&o.SIPGroups[i].Targets[j])
		}
	}
}
