package ladder

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test . -run TestLadders -update

const (
	dir  = "../../ladders"
	book = "../../docs/call-flows.md"
)

var update = flag.Bool("update", false, "write what the gateway does into the ladder files and docs/call-flows.md; the wire must still match")

func TestLadders(t *testing.T) {
	all, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Run("pure", func(t *testing.T) { pureRun(t, s) })
			t.Run("wire", func(t *testing.T) { wireRun(t, s) })
		})
	}
	t.Run("docs", func(t *testing.T) {
		want := Book(all)
		if *update {
			if err := os.WriteFile(book, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(book)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/call-flows.md is not current: go generate ./internal/ladder (-ladders +page):\n%s", diff)
		}
	})
}

func pureRun(t *testing.T, s *Scenario) {
	synctest.Test(t, func(t *testing.T) {
		got, err := Pure(s)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(filepath.Join(dir, s.Name+".txtar"), s.Format(got), 0o644); err != nil {
				t.Fatal(err)
			}
			s.Want = got
		}
		same(t, s.Want, got)
	})
}

func wireRun(t *testing.T, s *Scenario) {
	synctest.Test(t, func(t *testing.T) {
		got, err := Wire(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		same(t, s.Want, got)
	})
}

func same(t *testing.T, want, got Telling) {
	t.Helper()
	for _, x := range []struct{ section, want, got string }{{"flow", want.Flow, got.Flow}, {"decided", want.Decided, got.Decided}, {"told", want.Told, got.Told}} {
		if diff := cmp.Diff(lined(x.want), lined(x.got)); diff != "" {
			t.Errorf("%s (-file +run):\n%s", x.section, diff)
		}
	}
}

func lined(text string) []string { return strings.Split(strings.Trim(text, "\n"), "\n") }
