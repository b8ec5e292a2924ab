package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/org"
)

type explainCommand struct {
	From    string     `required:"" placeholder:"EXT" help:"Who dials: an extension, or who the trunk says is calling."`
	Dial    string     `required:"" placeholder:"DIGITS" help:"What is dialled: digits, or a sip:, tel: or urn: URI."`
	Device  string     `placeholder:"NAME" help:"Which device of the extension; its first, unless said."`
	Trunk   string     `placeholder:"NAME" help:"The call comes in on this trunk."`
	IP      netip.Addr `name:"ip" placeholder:"ADDRESS" help:"The call comes from this address, without a registration."`
	Account string     `placeholder:"NAME" help:"Which account, where there are several."`
	At      time.Time  `placeholder:"TIME" help:"When, as 2026-11-20T08:00:00Z; now, unless said."`
	File    string     `type:"path" placeholder:"FILE" help:"Ask a directory file instead of what is running."`
}

func (x explainCommand) Help() string {
	return "Example: tocsin explain --from 2041 --dial 911\n\nEvery device is taken to be reachable and every proxy to answer; no number is lent by asking."
}

func (x explainCommand) Run(c *command, w *world) error {
	d, err := x.directory(c, w)
	if err != nil {
		return err
	}
	at := x.At
	if at.IsZero() {
		at = time.Now()
	}
	decided, err := app.Explain(d, app.Question{Account: x.Account, From: x.From, Device: x.Device, Trunk: x.Trunk, IP: x.IP, Dial: x.Dial, At: at})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.out, decided)
	}
	fmt.Fprintf(w.out, "When %s dials %s:\n\n", x.From, x.Dial)
	printDecided(w.out, decided)
	return nil
}

func (x explainCommand) directory(c *command, w *world) (*org.Directory, error) {
	if x.File != "" {
		file, report, err := c.readFile(w, x.File)
		if err != nil {
			return nil, err
		}
		if len(report.Faults) > 0 {
			report.lines(w.err, x.File)
			return nil, errNo
		}
		return org.NewDirectory(0, file.Organisation), nil
	}
	s, err := c.openStore(w.ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Directory(w.ctx)
}
