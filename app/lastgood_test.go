package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/examples"
	"github.com/tocsin-sip/tocsin/org"
)

func TestWhatWasKeptIsWhatIsRead(t *testing.T) {
	file, faults := config.Parse("campus.yaml", examples.Campus)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	shared := org.Organisation{Trunks: []org.Trunk{{Name: "shared-us", Role: org.RoleCarrier, Proxies: []string{"sip:192.0.2.1"}}}}
	l := lastGood(filepath.Join(t.TempDir(), lastGoodFile))
	if k, err := l.read(); k != nil || err != nil {
		t.Fatalf("before anything was kept: %v %v", k, err)
	}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for v := int64(1); v <= 2; v++ { // the second in place of the first
		if err := l.write(org.NewDirectory(v, file.Organisation, shared), noon); err != nil {
			t.Fatal(err)
		}
	}
	k, err := l.read()
	if err != nil {
		t.Fatal(err)
	}
	if k.Version != 2 || !k.KeptAt.Equal(noon) || len(k.Organisations) != 2 {
		t.Fatalf("read as %+v", k)
	}
	for i, want := range []org.Organisation{file.Organisation, shared} {
		for _, d := range org.Differences(&want, &k.Organisations[i]) {
			t.Error(d)
		}
	}
	info, err := os.Stat(string(l))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it holds passwords, and its mode is %v (%v)", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(string(l)), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A file that is cut short is an error to tell of, and no configuration.
func TestAKeptConfigurationThatIsCutShort(t *testing.T) {
	l := lastGood(filepath.Join(t.TempDir(), lastGoodFile))
	if err := os.WriteFile(string(l), []byte(`{"version": 3, "organisations": [{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := l.read(); k != nil || err == nil {
		t.Errorf("read as %v, %v", k, err)
	}
}

// Where the file cannot be written nothing of it stays behind.
func TestAConfigurationThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	l := lastGood(filepath.Join(dir, lastGoodFile))
	if err := os.Mkdir(string(l), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.write(org.NewDirectory(1), time.Now()); err == nil {
		t.Error("a file took the place of a directory")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
