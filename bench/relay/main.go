package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// result is what one way cost.
type result struct {
	Way             string  `json:"way"`
	Calls           int     `json:"calls"`
	Sent            uint64  `json:"packets_sent"`
	Lost            uint64  `json:"packets_lost"`
	CorePercent100  float64 `json:"core_percent_per_100_calls,omitempty"`
	MicrosPerPacket float64 `json:"cpu_us_per_packet,omitempty"`
	Median          float64 `json:"latency_median_ms"`
	P99             float64 `json:"latency_p99_ms"`
	Longest         float64 `json:"latency_longest_ms"`
	Allocations     float64 `json:"allocations_per_packet"`
	BytesPerCall    int64   `json:"memory_bytes_per_call,omitempty"`
}

// report is what is printed.
type report struct {
	Seconds float64  `json:"seconds"`
	Ways    []result `json:"ways"`
	// The anchor's cost as a multiple of the forwarder's.
	Ratio float64 `json:"anchor_to_forwarder"`
	// What the anchor adds to the straight way, in milliseconds.
	AddedMedian float64 `json:"added_median_ms"`
	AddedP99    float64 `json:"added_p99_ms"`
}

func main() {
	calls := flag.Int("calls", 500, "calls at the same time")
	length := flag.Duration("for", 10*time.Second, "how long each way is measured")
	subject := flag.String("subject", "", "be the process that is measured: forwarder or anchor")
	sink := flag.String("sink", "", "where the subject sends")
	flag.Parse()
	err := error(nil)
	if *subject != "" {
		err = beSubject(*subject, *sink, *calls)
	} else {
		err = measure(*calls, *length)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func measure(calls int, length time.Duration) error {
	out := report{Seconds: length.Seconds()}
	for _, way := range []string{"straight", "forwarder", "anchor"} {
		r, err := run(way, calls, length)
		if err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
		out.Ways = append(out.Ways, r)
	}
	straight, forwarder, anchor := out.Ways[0], out.Ways[1], out.Ways[2]
	out.Ratio = anchor.CorePercent100 / forwarder.CorePercent100
	out.AddedMedian, out.AddedP99 = anchor.Median-straight.Median, anchor.P99-straight.P99
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	for _, r := range out.Ways {
		if r.Lost*1000 > r.Sent {
			return errors.New("more than a packet in a thousand was lost on the way " + r.Way)
		}
	}
	return nil
}
