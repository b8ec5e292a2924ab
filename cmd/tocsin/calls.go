package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/store"
)

type callsCommand struct {
	List callsListCommand `cmd:"" default:"withargs" help:"List calls, the newest first."`
	Show callsShowCommand `cmd:"" help:"Show one call: its record, its trace and its ladder."`
	PCAP callsPCAPCommand `cmd:"" name:"pcap" help:"Write the SIP messages of one call as a capture file, for Wireshark."`
}

type callsListCommand struct {
	Account   string        `placeholder:"NAME" help:"Of one account."`
	Site      string        `placeholder:"NAME" help:"Of one site."`
	Extension string        `placeholder:"EXT" help:"Of one extension."`
	Class     string        `placeholder:"CLASS" help:"emergency, custom, callback, test or ordinary."`
	Since     time.Duration `placeholder:"DURATION" help:"Received in the last 24h, for example."`
	Live      bool          `help:"Only those that go on."`
	Limit     int           `default:"20" help:"How many at the most."`
}

func (x callsListCommand) Run(c *command, w *world) error {
	s, err := c.openStore(w.ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	f := store.CallFilter{Account: x.Account, Site: x.Site, Extension: x.Extension, Class: x.Class, Live: x.Live}
	if x.Since > 0 {
		f.From = time.Now().Add(-x.Since)
	}
	list, _, err := s.Calls(w.ctx, f, "", x.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(w.out, "no calls")
		return nil
	}
	t := tabwriter.NewWriter(w.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "RECEIVED\tCLASS\tFROM\tDIALLED\tROUTE\tOUTCOME\tLASTED\tCALL")
	for _, k := range list {
		outcome, lasted := k.Outcome, k.EndedAt.Sub(k.ReceivedAt).Round(time.Second).String()
		if k.EndedAt.IsZero() {
			outcome, lasted = "going on", ""
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ReceivedAt.Local().Format(time.DateTime), k.Class, k.Extension, k.Dialled, k.Route, outcome, lasted, k.ID)
	}
	return t.Flush()
}

type callsShowCommand struct {
	ID     string `arg:"" help:"The call, as the list names it."`
	Verify bool   `help:"Check the chain of the record's entries as well."`
}

func (x callsShowCommand) Run(c *command, w *world) error {
	s, err := c.openStore(w.ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	entries, err := s.Entries(w.ctx, x.ID)
	if err == nil && len(entries) == 0 {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return noCall(x.ID)
	}
	if err != nil {
		return err
	}
	r, err := cdr.Fold(entries)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(w.out, r)
	} else {
		printRecord(w.out, r)
	}
	if err != nil || !x.Verify {
		return err
	}
	if err := cdr.Verify(entries); err != nil {
		return err
	}
	fmt.Fprintf(w.err, "the chain of %s holds\n", plural(len(entries), "link"))
	return nil
}

func noCall(id string) error { return fmt.Errorf("there is no call %q: tocsin calls lists them", id) }
