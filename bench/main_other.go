//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench measures on Linux alone: it needs /proc and packet sockets")
	os.Exit(1)
}
