package e2e

import (
	"io"
	"mime"
	"mime/multipart"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// part is one part of a body.
type part struct {
	kind, id string
	content  string
}

// parts takes a body apart as RFC 2046 has it.
func (m message) parts(t *testing.T) []part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.header("Content-Type"))
	if err != nil {
		t.Fatalf("Content-Type %q: %v", m.header("Content-Type"), err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return []part{{kind: kind, content: m.body}}
	}
	var ps []part
	for r := multipart.NewReader(strings.NewReader(m.body), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return ps
		}
		if err != nil {
			t.Fatalf("part %d: %v in\n%s", len(ps)+1, err, m.body)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		ps = append(ps, part{kind: kind, id: strings.Trim(p.Header.Get("Content-Id"), "<>"), content: string(b)})
	}
}

// partOf is the only part of a kind.
func (m message) partOf(t *testing.T, kind string) part {
	t.Helper()
	var found []part
	for _, p := range m.parts(t) {
		if p.kind == kind {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d parts of %s, want 1, in\n%s", len(found), kind, m.body)
	}
	return found[0]
}

// valid hands a PIDF-LO to xmllint with the schemas of the RFCs.
func valid(t *testing.T, document string) {
	t.Helper()
	lint := installed(t, "xmllint", "libxml2-utils")
	path := filepath.Join(t.TempDir(), "location.xml")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(lint, "--nonet", "--noout", "--schema", "../pidflo/testdata/schemas/all.xsd", path).CombinedOutput()
	if err != nil {
		t.Errorf("the location is not valid: %v\n%s\n%s", err, out, document)
	}
}
