package archtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tocsin-sip/tocsin/"

// ring is where a package stands. Arrows point to the same ring or inward.
type ring int

const (
	protocol   ring = iota + 1 // knows RFCs, not Tocsin
	vocabulary                 // values
	decisions                  // values to values and reasons
	record                     // what was decided and done
	order                      // the order of things
	adapters                   // the outside; never import each other
	process                    // flags, wiring, lifecycle
)

var rings = map[ring][]string{
	protocol:   {"sip/transport", "sip/transaction", "rtp"},
	vocabulary: {"e164", "shortcode", "trace", "org", "location", "pidflo"},
	decisions:  {"call", "policy", "callback", "dialplan", "orgcheck", "stir"},
	record:     {"cdr"},
	order:      {"gateway"},
	adapters:   {"overload", "sipua", "registrar", "trunk", "media", "store", "config", "api", "capture", "stir/fetch"},
	process:    {"app", "cmd/tocsin"},
}

// pure packages take values and an instant. What they may not import says why.
var impure = map[string]string{
	"context":  "a function of ring 0 has nothing to wait for",
	"log/slog": "a function of ring 0 returns its reasons instead of logging them",
	"log":      "a function of ring 0 returns its reasons instead of logging them",
	"net":      "ring 0 has no sockets",
	"net/http": "ring 0 has no sockets",
	"os":       "ring 0 has no files",
	"sync":     "ring 0 has no goroutines to keep apart",
}

// pureExceptions: initialising embedded tables once is not state.
var pureExceptions = map[string][]string{"sync": {"shortcode", "e164"}}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	for d := json.NewDecoder(bufio.NewReader(bytes.NewReader(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	if len(ps) < 10 {
		t.Fatalf("go list found %d packages only", len(ps))
	}
	return ps
}

func ringOf(path string) ring {
	for r, names := range rings {
		if slices.Contains(names, strings.TrimPrefix(path, module)) {
			return r
		}
	}
	return 0
}

func TestArrowsPointInward(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		from := ringOf(p.ImportPath)
		if from == 0 {
			if !free(name) {
				t.Errorf("%s stands in no ring: put it into internal/archtest and docs/architecture.md", name)
			}
			continue
		}
		for _, imp := range p.Imports {
			why, bad := impure[imp]
			if bad && (from == vocabulary || from == decisions || from == record) && !slices.Contains(pureExceptions[imp], name) {
				t.Errorf("%s imports %s: %s", name, imp, why)
			}
			if !strings.HasPrefix(imp, module) {
				continue
			}
			to := ringOf(imp)
			target := strings.TrimPrefix(imp, module)
			switch {
			case to > from:
				t.Errorf("%s imports %s, which stands further out: let %s declare the port it needs", name, target, name)
			case from == adapters && to == adapters:
				t.Errorf("adapter %s imports adapter %s: they meet in app, through a port of the one that needs it", name, target)
			case from == protocol && to != protocol && to != 0:
				t.Errorf("%s imports %s: the protocol packages know RFCs, not Tocsin", name, target)
			case from != protocol && from < adapters && to == protocol:
				t.Errorf("%s imports %s: decisions do not speak SIP or RTP", name, target)
			}
		}
	}
}

// free packages are beside the rings: tests, tools, and what belongs to one other package.
func free(name string) bool {
	return strings.HasPrefix(name, "internal/") || strings.HasPrefix(name, "e2e") || strings.HasPrefix(name, "bench") ||
		strings.HasSuffix(name, "/gen") || name == "examples" || strings.HasPrefix(name, "store/") || strings.HasPrefix(name, "ladders")
}

func TestEveryPackageArguesItsCase(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		file := filepath.Join("..", "..", name, "doc.go")
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Errorf("%s has no doc.go: %v", name, err)
			continue
		}
		if f.Doc == nil || len(f.Doc.Text()) < 80 {
			t.Errorf("%s: the package comment in doc.go says too little", name)
		}
	}
}

// words that name nothing: the field has better ones.
var empty = []string{"manager", "helper", "util", "processor", "common"}

func TestNamesAreTheFieldsOwn(t *testing.T) {
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			for _, name := range declared(decl) {
				for _, w := range empty {
					if strings.Contains(strings.ToLower(name), w) {
						t.Errorf("%s: %s says %q: say what it is in the field's words", path, name, w)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func declared(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return []string{d.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, s := range d.Specs {
			if ts, ok := s.(*ast.TypeSpec); ok {
				names = append(names, ts.Name.Name)
			}
		}
		return names
	}
	return nil
}
