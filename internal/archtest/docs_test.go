package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/invariants.md relies on exists, in the package it names.
func TestInvariantsAreWatched(t *testing.T) {
	doc, err := os.ReadFile("../../docs/invariants.md")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string][]string{}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		folders[filepath.Base(name)] = append(folders[filepath.Base(name)], name)
	}
	named := regexp.MustCompile("`([a-z]+)\\.(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(doc), -1)
	if len(named) < 20 {
		t.Fatalf("docs/invariants.md names %d tests only", len(named))
	}
	for _, m := range named {
		found := false
		for _, folder := range folders[m[1]] {
			files, _ := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
			for _, f := range files {
				src, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				found = found || strings.Contains(string(src), "func "+m[2]+"(")
			}
		}
		if !found {
			t.Errorf("docs/invariants.md relies on %s.%s, which is not there", m[1], m[2])
		}
	}
}

// Links between documents lead somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "ls-files", "*.md").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, file := range strings.Fields(string(out)) {
		src, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			continue // deleted, not committed yet
		}
		for _, m := range link.FindAllStringSubmatch(string(src), -1) {
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}
