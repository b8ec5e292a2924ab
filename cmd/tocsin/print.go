package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
)

// printJSON writes a value as people and programs read JSON: indented, and without
// escaping what a URI is made of.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func section(w io.Writer, title string) { fmt.Fprintln(w, "\n"+title) }

// printDecided writes what was decided about a call: first what a person asks, then why.
func printDecided(w io.Writer, d cdr.Decided) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, value)
		}
	}
	row("class", d.Class)
	row("caller", callerOf(d))
	row("from", d.Origin)
	if d.Claimed != "" {
		row("claimed", d.Claimed+" (not believed)")
	}
	row("place", placeOf(d))
	row("route", d.Route)
	if d.Refused > 0 {
		row("answered", strconv.Itoa(d.Refused))
	}
	if d.Number != "" {
		row("calls", strings.TrimSpace(d.Number+"  "+d.Service+"  "+d.Country))
	}
	for _, p := range d.Presented {
		row("shows", p.Number+" to "+p.Trunk+": "+p.Why)
	}
	printPlan(w, d.Plan)
	if len(d.Trace.Degradations) > 0 {
		section(w, "degradations")
		for _, x := range d.Trace.Degradations {
			fmt.Fprintf(w, "  %s\n", x)
		}
	}
	section(w, "why")
	for _, e := range d.Trace.Entries {
		fmt.Fprintf(w, "  %s\n", e)
	}
}

func callerOf(d cdr.Decided) string {
	switch {
	case d.Extension == "":
		return d.Label
	case d.Device == "":
		return d.Extension + "  " + d.Label
	}
	return d.Extension + "  " + d.Label + ", on " + d.Device
}

func placeOf(d cdr.Decided) string {
	if d.Location.Source == 0 {
		return ""
	}
	return d.Location.OneLine() + "  (" + d.Location.Source.String() + ", " + d.Location.Confidence.String() + ")"
}

func printPlan(w io.Writer, p call.Plan) {
	if len(p.Team)+len(p.Public)+len(p.Resort) == 0 {
		return
	}
	section(w, "plan")
	at := "at once"
	for _, t := range p.Team {
		printTarget(w, t.Role.String(), at, t)
	}
	if p.TeamFirst {
		at = "after " + p.MaxHold.String()
	}
	for i, s := range p.Public {
		for _, t := range s {
			printTarget(w, t.Role.String(), at, t)
		}
		if i == 0 {
			at = "then"
		}
	}
	if len(p.Public) == 0 && len(p.Team) > 0 {
		at = "after " + p.MaxHold.String()
	}
	for _, s := range p.Resort {
		for _, t := range s {
			printTarget(w, t.Role.String(), at, t)
		}
		at = "then"
	}
}

func printTarget(w io.Writer, side, at string, t call.Target) {
	how := ""
	if t.Invite.Location != "" {
		how = "  location " + t.Invite.Location
	}
	if t.Confirm {
		how += "  confirms with 1"
	}
	fmt.Fprintf(w, "  %-11s %-10s %-24s %s%s\n", side, at, t.Name, t.Invite.RequestURI, how)
}

// printRecord writes a call with its ladder and its trace.
func printRecord(w io.Writer, r cdr.Record) {
	fmt.Fprintf(w, "call         %s\n", r.ID)
	fmt.Fprintf(w, "received     %s  %s from %s (%s)\n", r.ReceivedAt.Local().Format(time.RFC3339), r.Dialled, r.Source, r.Transport)
	switch {
	case r.Live():
		fmt.Fprintln(w, "state        going on")
	case r.AnsweredAt.IsZero():
		fmt.Fprintf(w, "ended        %s after %s: %s\n", r.Outcome, r.EndedAt.Sub(r.ReceivedAt).Round(time.Millisecond), r.Ending)
	default:
		fmt.Fprintf(w, "answered     by %s after %s\n", r.AnsweredBy, r.AnsweredAt.Sub(r.ReceivedAt).Round(time.Millisecond))
		fmt.Fprintf(w, "ended        %s after %s: %s\n", r.Outcome, r.EndedAt.Sub(r.ReceivedAt).Round(time.Millisecond), r.Ending)
	}
	if r.Recording != "" {
		fmt.Fprintf(w, "recording    %s\n", r.Recording)
	}
	fmt.Fprintf(w, "identifiers  %s\n             %s\n", r.CallID, r.IncidentID)
	d := r.Decided
	d.Trace.Degradations = r.Degradations()
	printDecided(w, d)
	if len(r.Notes) > 0 {
		section(w, "while it ran")
		for _, n := range r.Notes {
			fmt.Fprintf(w, "  %s\n", n)
		}
	}
	section(w, "ladder (seconds)")
	for _, l := range r.Flow {
		fmt.Fprintln(w, l)
	}
}
