package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/orgcheck"
	"github.com/tocsin-sip/tocsin/store"
)

type checkCommand struct {
	File string `arg:"" optional:"" help:"A directory file. Without one, what is running is looked at."`
}

func (x checkCommand) Run(c *command, w *world) error {
	if x.File != "" {
		_, report, err := c.readFile(w, x.File)
		if err != nil {
			return err
		}
		return report.print(c, w, x.File)
	}
	s, err := c.openStore(w.ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.Directory(w.ctx)
	if err != nil {
		return err
	}
	var all findings
	for _, v := range d.Accounts() {
		r := orgcheck.Check(v.Organisation, orgcheck.Installation{Others: others(d, v.Name()), Hosts: c.hosts(), Now: time.Now()})
		all.add(nil, v.Name(), r)
	}
	return all.print(c, w, "the running configuration")
}

// findings are the faults and warnings of files or accounts, with their lines where there
// are any.
type findings struct {
	Faults   config.Faults `json:"faults"`
	Warnings config.Faults `json:"warnings"`
}

func (f *findings) add(file *config.File, name string, r orgcheck.Report) {
	place := func(in []orgcheck.Fault) (out config.Faults) {
		for _, x := range in {
			p := config.Fault{File: name, Path: x.Path, Rule: x.Rule, Text: x.Text, Fix: x.Fix}
			if file != nil {
				p.Line, p.Column = file.At(x.Path)
			}
			out = append(out, p)
		}
		return out
	}
	f.Faults = append(f.Faults, place(r.Faults)...)
	f.Warnings = append(f.Warnings, place(r.Warnings)...)
}

// print says what was found. Faults end the command with 1; warnings do not.
func (f findings) print(c *command, w *world, what string) error {
	if c.JSON {
		if err := printJSON(w.out, f); err != nil {
			return err
		}
	} else {
		f.lines(w.out, what)
	}
	if len(f.Faults) > 0 {
		return errNo
	}
	return nil
}

// refuse is print for a change that was asked for.
func (f findings) refuse(c *command, w *world, what string) error {
	err := f.print(c, w, what)
	if !c.JSON {
		fmt.Fprintln(w.out, "Nothing was changed.")
	}
	return err
}

func (f findings) lines(out io.Writer, what string) {
	for _, x := range f.Faults {
		fmt.Fprintln(out, x)
	}
	for _, x := range f.Warnings {
		fmt.Fprintln(out, "warning:", x)
	}
	switch {
	case len(f.Faults) > 0:
		fmt.Fprintf(out, "%s: %s, %s.\n", what, plural(len(f.Faults), "fault"), plural(len(f.Warnings), "warning"))
	case len(f.Warnings) > 0:
		fmt.Fprintf(out, "%s: no faults, %s.\n", what, plural(len(f.Warnings), "warning"))
	default:
		fmt.Fprintf(out, "%s: no faults, no warnings.\n", what)
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// readFile reads a directory file and checks it beside what is running already.
func (c *command) readFile(w *world, name string) (*config.File, findings, error) {
	file, err := config.Read(name)
	if fs, ok := err.(config.Faults); ok {
		return nil, c.unreadable(w, file, fs), nil
	}
	if err != nil {
		return nil, findings{}, err
	}
	var f findings
	f.Faults, f.Warnings = file.Check(c.installation(w, file))
	return file, f, nil
}

// unreadable is what is wrong with a file that could not be read as it is, and with the
// rest of it, so that everything is told at once.
func (c *command) unreadable(w *world, file *config.File, fs config.Faults) findings {
	if file == nil {
		return findings{Faults: fs}
	}
	faults, _ := file.Check(c.installation(w, file))
	return findings{Faults: faults}
}

// installation is what a file's account lives among, as far as it can be known.
func (c *command) installation(w *world, file *config.File) orgcheck.Installation {
	in := orgcheck.Installation{Hosts: c.hosts(), Now: time.Now()}
	s, err := c.openStore(w.ctx)
	if err != nil {
		return in
	}
	defer s.Close()
	if d, err := s.Directory(w.ctx); err == nil {
		in.Others = others(d, file.Organisation.Name())
	}
	return in
}

// others is the installation without one account.
func others(d *org.Directory, account string) []org.Organisation {
	var os []org.Organisation
	for _, v := range d.Accounts() {
		if v.Name() != account {
			os = append(os, v.Organisation)
		}
	}
	if account != org.SharedName {
		if shared := d.Shared(); len(shared) > 0 {
			os = append(os, org.Organisation{Trunks: shared})
		}
	}
	return os
}

// node is the node's settings.
func (c *command) node() (config.Node, error) {
	if c.Config == "" {
		return config.Node{}.OrDefaults(), nil
	}
	n, err := config.ReadNode(c.Config)
	if err != nil {
		return n, err
	}
	return n.OrDefaults(), nil
}

// hosts are the names our own listeners answer to (R16).
func (c *command) hosts() []string {
	n, err := c.node()
	if err != nil {
		return nil
	}
	hs := []string{n.Name}
	if n.SIP.Advertise.Host != "" {
		hs = append(hs, n.SIP.Advertise.Host)
	}
	return hs
}

// openStore opens the database that is there. None is made: an empty one would answer every
// question with "nothing", where the truth is that the settings name another place.
func (c *command) openStore(ctx context.Context) (*store.Store, error) {
	n, err := c.node()
	if err != nil {
		return nil, err
	}
	if !n.Database.IsPostgres() {
		if _, err := os.Stat(string(n.Database)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database at %s yet: tocsin apply FILE makes it, or choose the node's settings with --config", n.Database)
		}
	}
	return store.Open(ctx, string(n.Database))
}

// makeStore opens the database, and makes it where there is none.
func (c *command) makeStore(ctx context.Context) (*store.Store, error) {
	n, err := c.node()
	if err != nil {
		return nil, err
	}
	if err := makeDataDir(n); err != nil {
		return nil, err
	}
	return store.Open(ctx, string(n.Database))
}
