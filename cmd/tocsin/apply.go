package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/orgcheck"
	"github.com/tocsin-sip/tocsin/store"
)

type applyCommand struct {
	File     string `arg:"" optional:"" help:"The directory file."`
	DryRun   bool   `help:"Say what would change, and change nothing."`
	Prune    bool   `help:"Remove also what the file does not name and no file created. Shown first with --dry-run."`
	Force    bool   `help:"The file wins over what was changed elsewhere since."`
	Reason   string `placeholder:"TEXT" help:"Why, for the history."`
	History  bool   `help:"Show the changes of the account instead."`
	Rollback int64  `placeholder:"VERSION" help:"Put the account back as it was at a version of its history."`
	Account  string `placeholder:"NAME" help:"Which account, for --history and --rollback."`
}

func (x applyCommand) Run(c *command, w *world) error {
	asked := 0
	for _, is := range []bool{x.File != "", x.History, x.Rollback != 0} {
		if is {
			asked++
		}
	}
	if asked != 1 {
		return usage("name the file to apply, or --history, or --rollback with a version: one of the three")
	}
	open := c.openStore
	if x.File != "" {
		open = c.makeStore
	}
	s, err := open(w.ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	switch {
	case x.History:
		return x.history(c, w, s)
	case x.Rollback != 0:
		return x.rollback(c, w, s)
	}
	return x.apply(c, w, s)
}

func (x applyCommand) apply(c *command, w *world, s *store.Store) error {
	file, err := config.Read(x.File)
	if fs, ok := err.(config.Faults); ok {
		return c.unreadable(w, file, fs).refuse(c, w, x.File)
	}
	if err != nil {
		return err
	}
	var found findings
	result, err := s.Apply(w.ctx, store.Apply{Organisation: file.Organisation, File: filepath.Base(x.File), By: whoami(), Reason: x.Reason,
		Prune: x.Prune, Force: x.Force, DryRun: x.DryRun, Check: c.checking(&found, file, x.File)})
	if len(found.Faults) > 0 {
		return found.refuse(c, w, x.File)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.out, struct {
			store.Result
			Warnings config.Faults `json:"warnings,omitempty"`
		}{result, found.Warnings})
	}
	printResult(w.out, result, x.DryRun)
	for _, f := range found.Warnings {
		fmt.Fprintln(w.out, "warning:", f)
	}
	if len(result.Conflicts) > 0 {
		return errNo
	}
	return nil
}

var errFaults = errors.New("the configuration has faults")

// checking is the check a write asks for inside its transaction: what is refused was
// refused for what would have been live.
func (c *command) checking(into *findings, file *config.File, name string) store.Check {
	return func(o org.Organisation, others []org.Organisation) error {
		into.add(file, name, orgcheck.Check(o, orgcheck.Installation{Others: others, Hosts: c.hosts(), Now: time.Now()}))
		if len(into.Faults) > 0 {
			return errFaults
		}
		return nil
	}
}

func printResult(out io.Writer, r store.Result, dry bool) {
	for _, d := range r.Differences {
		fmt.Fprintln(out, d)
	}
	for _, x := range r.Conflicts {
		fmt.Fprintln(out, x)
	}
	for _, p := range r.Elsewhere {
		fmt.Fprintf(out, "  %s: left alone, it was created by %s (%s); --prune removes it\n", p.ObjectKey, p.CreatedBy, p.CreatedFrom)
	}
	if n := len(r.Conflicts); n > 0 {
		fmt.Fprintf(out, "%s: look at who changed what, and put it into the file, or let the file win with --force\n", plural(n, "conflict"))
	}
	switch {
	case len(r.Differences) == 0 && len(r.Conflicts) > 0:
		fmt.Fprintf(out, "nothing was changed; version %d is current\n", r.Version)
	case len(r.Differences) == 0:
		fmt.Fprintf(out, "nothing to change; version %d is current\n", r.Version)
	case dry:
		fmt.Fprintf(out, "%s; nothing was changed (dry run)\n", plural(len(r.Differences), "change"))
	default:
		fmt.Fprintf(out, "%s; version %d is live in under two seconds\n", plural(len(r.Differences), "change"), r.Version)
	}
}

func (x applyCommand) history(c *command, w *world, s *store.Store) error {
	account, err := x.account(w, s)
	if err != nil {
		return err
	}
	revisions, err := s.History(w.ctx, account, 0, 50)
	if err != nil {
		return err
	}
	if len(revisions) == 0 {
		return fmt.Errorf("account %q has no history: nothing was ever applied to it", account)
	}
	if c.JSON {
		return printJSON(w.out, revisions)
	}
	t := tabwriter.NewWriter(w.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "VERSION\tAT\tBY\tFROM\tCHANGES\tREASON")
	for _, r := range revisions {
		fmt.Fprintln(t, strings.Join([]string{strconv.FormatInt(r.Version, 10), r.At.Local().Format(time.DateTime), r.By, cmp.Or(r.File, string(r.Origin)), strconv.Itoa(len(r.Changes)), r.Reason}, "\t"))
	}
	return t.Flush()
}

func (x applyCommand) rollback(c *command, w *world, s *store.Store) error {
	account, err := x.account(w, s)
	if err != nil {
		return err
	}
	latest, err := s.Version(w.ctx)
	if err != nil {
		return err
	}
	if x.Rollback < 0 || x.Rollback > latest {
		return fmt.Errorf("there is no version %d: the latest is %d, and --history lists those of %s", x.Rollback, latest, account)
	}
	var found findings
	result, err := s.Rollback(w.ctx, store.Rollback{Account: account, Version: x.Rollback, By: whoami(), Reason: x.Reason, DryRun: x.DryRun, Check: c.checking(&found, nil, account)})
	if len(found.Faults) > 0 {
		return found.refuse(c, w, account)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.out, result)
	}
	printResult(w.out, result, x.DryRun)
	return nil
}

func (x applyCommand) account(w *world, s *store.Store) (string, error) {
	if x.Account != "" {
		return x.Account, nil
	}
	d, err := s.Directory(w.ctx)
	if err != nil {
		return "", err
	}
	if vs := d.Accounts(); len(vs) == 1 {
		return vs[0].Name(), nil
	}
	return "", errors.New("there is not exactly one account: choose one with --account")
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
