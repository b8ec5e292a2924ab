package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/registrar"
)

type explainCommand struct {
	From    string     `required:"" placeholder:"EXT" help:"Who dials: an extension, or who the trunk says is calling."`
	Dial    string     `required:"" placeholder:"DIGITS" help:"What is dialled: digits, or a sip:, tel: or urn: URI."`
	Device  string     `placeholder:"NAME" help:"Which device of the extension; the one that registered last, unless said."`
	Trunk   string     `placeholder:"NAME" help:"The call comes in on this trunk."`
	IP      netip.Addr `name:"ip" placeholder:"ADDRESS" help:"The call comes from this address, without a registration."`
	Account string     `placeholder:"NAME" help:"Which account, where there are several."`
	At      time.Time  `placeholder:"TIME" help:"When, as 2026-11-20T08:00:00Z; now, unless said."`
	File    string     `placeholder:"FILE" help:"Ask a directory file instead of what is running."`
	Assume  bool       `name:"all-registered" help:"Take every device to be registered, instead of looking who is."`
}

func (x explainCommand) Help() string {
	return "Example: tocsin explain --from 2041 --dial 911\n\nThe answer is what a call would get now: the configuration that is live, and the phones that are registered. What had to be assumed stands at its end. No number is lent by asking."
}

func (x explainCommand) Run(c *command, w *world) error {
	d, registered, err := x.installation(c, w)
	if err != nil {
		return err
	}
	at := x.At
	if at.IsZero() {
		at = time.Now()
	}
	explained, err := app.Explain(d, app.Question{Account: x.Account, From: x.From, Device: x.Device, Trunk: x.Trunk, IP: x.IP, Dial: x.Dial, At: at, Registered: registered})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.out, explained)
	}
	fmt.Fprintf(w.out, "When %s dials %s:\n\n", x.From, x.Dial)
	printDecided(w.out, explained.Decided)
	section(w.out, "assumed")
	for _, a := range explained.Assumed {
		fmt.Fprintf(w.out, "  %s\n", a)
	}
	return nil
}

// installation is what is asked: a file, in which nobody is registered yet, or what is
// running. Before the first phone has registered there, the question is about the
// configuration and not about who is there.
func (x explainCommand) installation(c *command, w *world) (*org.Directory, []registrar.Binding, error) {
	if x.File != "" {
		file, report, err := c.readFile(w, x.File)
		if err != nil {
			return nil, nil, err
		}
		if len(report.Faults) > 0 {
			report.lines(w.err, x.File)
			return nil, nil, errNo
		}
		return org.NewDirectory(0, file.Organisation), nil, nil
	}
	s, err := c.openStore(w.ctx)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	d, err := s.Directory(w.ctx)
	if err != nil || x.Assume {
		return d, nil, err
	}
	registered, err := app.Registered(w.ctx, s)
	if len(registered) == 0 {
		registered = nil
	}
	return d, registered, err
}
