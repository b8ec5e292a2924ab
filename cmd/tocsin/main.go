package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/tocsin-sip/tocsin/config"
)

// command is the whole command line.
type command struct {
	Config string `short:"c" placeholder:"FILE" env:"TOCSIN_CONFIG" help:"Node settings (YAML). Without a file the defaults are used."`
	JSON   bool   `name:"json" help:"Print JSON."`

	Serve   serveCommand   `cmd:"" help:"Run a node: take calls until stopped, then wait for those that are going on."`
	Demo    demoCommand    `cmd:"" help:"Show it: server, PSAP, safety team and phones on this machine, with real SIP and media."`
	Apply   applyCommand   `cmd:"" help:"Make the running system match a file. Nothing changes if the file has a fault."`
	Check   checkCommand   `cmd:"" help:"Look for faults and standing warnings in a file, or in what is running."`
	Explain explainCommand `cmd:"" help:"Say what would happen if somebody dialled something, and why. Calls nobody."`
	Calls   callsCommand   `cmd:"" help:"List calls, or show one with its ladder and its trace."`
	Version versionCommand `cmd:"" help:"Say which version this is."`
}

// world is what a command may touch besides its flags.
type world struct {
	out, err io.Writer
	ctx      context.Context
}

// errNo ends a command with 1 without another word: it has said what is wrong.
var errNo = errors.New("")

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments, for tests.
func run(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c command
	exit := -1
	parser, err := kong.New(&c, kong.Name("tocsin"), kong.Description("Tocsin routes emergency calls."),
		kong.Writers(out, errOut), kong.Exit(func(code int) { exit = code }), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(errOut, "tocsin:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // help was asked for
		return exit
	}
	if err != nil {
		fmt.Fprintln(errOut, "tocsin:", err)
		fmt.Fprintln(errOut, "Run \"tocsin --help\" for usage.")
		return 2
	}
	err = k.Run(&c, &world{out: out, err: errOut, ctx: ctx})
	var faults config.Faults
	var misused usage
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNo):
	case errors.As(err, &misused):
		fmt.Fprintf(errOut, "tocsin: %s\nRun \"tocsin %s --help\" for usage.\n", misused, k.Command())
		return 2
	case errors.As(err, &faults): // each has its file and line in front
		fmt.Fprintln(errOut, faults)
	default:
		fmt.Fprintln(errOut, "tocsin:", err)
	}
	return 1
}

// usage is a command line that can be read and makes no sense.
type usage string

func (u usage) Error() string { return string(u) }
