package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// tocsin is the binary under test.
var tocsin string

// block is the x of 127.x.y.0/24.
var block int

// campuses counts the y.
var campuses atomic.Int64

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tocsin-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tocsin = filepath.Join(dir, "tocsin")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", tocsin, "../cmd/tocsin")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building tocsin: %v\n%s", err, out)
		return 1
	}
	var held net.Listener
	block, held = claim()
	if held == nil {
		fmt.Fprintln(os.Stderr, "no free network of 127.0.0.0/8: are hundreds of these tests running?")
		return 1
	}
	defer held.Close()
	return m.Run()
}

// claim takes a block no other run on this machine has: whoever listens there owns it.
func claim() (int, net.Listener) {
	for i := range 250 {
		x := 1 + (os.Getpid()+i)%250
		if l, err := net.Listen("tcp", fmt.Sprintf("127.%d.0.1:5999", x)); err == nil {
			return x, l
		}
	}
	return 0, nil
}

// installed fails the test where a program is missing.
func installed(t *testing.T, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install %s, or make setup", program, debianPackage)
	}
	return path
}
