package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report is every figure of a run.
type report struct {
	Machine string    `json:"machine"`
	At      time.Time `json:"at"`
	Figures []figure  `json:"figures"`
}

// figure is one thing measured of one system, once for each turn.
type figure struct {
	System string    `json:"system"`
	What   string    `json:"what"`
	Unit   string    `json:"unit,omitempty"`
	Turns  []float64 `json:"turns"`
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
}

func (r *report) add(system, what string, value float64, unit string) {
	i := slices.IndexFunc(r.Figures, func(f figure) bool { return f.System == system && f.What == what })
	if i < 0 {
		i = len(r.Figures)
		r.Figures = append(r.Figures, figure{System: system, What: what, Unit: unit})
	}
	f := &r.Figures[i]
	f.Turns = append(f.Turns, value)
	f.Median, f.Least = median(f.Turns), slices.Min(f.Turns)
}

func (r *report) find(system, what string) (figure, bool) {
	i := slices.IndexFunc(r.Figures, func(f figure) bool { return f.System == system && f.What == what })
	if i < 0 {
		return figure{}, false
	}
	return r.Figures[i], true
}

// print is the table for people: medians, and in brackets the least.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\nmedian of the turns (least)\n\n", r.At.Format(time.DateOnly), r.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "what\ttocsin\tkamailio\tratio\t")
	var seen []string
	for _, f := range r.Figures {
		if slices.Contains(seen, f.What) {
			continue
		}
		seen = append(seen, f.What)
		a, okA := r.find("tocsin", f.What)
		b, okB := r.find("kamailio", f.What)
		ratio := "-"
		if okA && okB && b.Median != 0 {
			ratio = fmt.Sprintf("%.2f", a.Median/b.Median)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t\n", f.What, shown(a, okA), shown(b, okB), ratio)
	}
	_ = t.Flush() // a report that cannot be shown is in the file
}

func shown(f figure, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.4g (%.4g) %s", f.Median, f.Least, f.Unit)
}

func median(vs []float64) float64 {
	s := slices.Sorted(slices.Values(vs))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// quantile is the smallest duration that a share of them does not exceed.
func quantile(ds []time.Duration, share float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(ds))
	return s[min(len(s)-1, int(share*float64(len(s))))]
}
