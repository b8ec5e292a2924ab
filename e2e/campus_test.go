package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/examples"
)

// campus is a node that serves the example's organisation in a network of its own.
type campus struct {
	t       *testing.T
	network string // "127.x.y."
	dir     string
	config  string
	node    *process
}

// edit changes the campus file before it is applied.
type edit func(string) string

// instead replaces every occurrence in the campus file; there must be one.
func instead(t *testing.T, old, new string) edit {
	return func(s string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("examples/campus.yaml has no %q any more", old)
		}
		return strings.ReplaceAll(s, old, new)
	}
}

// startCampus applies the campus file, starts a node and waits until it is ready. The
// network's address .8 is one of the site hq's own: phones there need not be registered
// (R15 c). The guard with the telephone outside is not on duty.
func startCampus(t *testing.T, edits ...edit) *campus {
	t.Helper()
	c := &campus{t: t, network: fmt.Sprintf("127.%d.%d.", block, campuses.Add(1)), dir: t.TempDir()}
	file := string(examples.Campus)
	edits = append(edits, instead(t, "networks: [203.0.113.0/24,", "networks: [203.0.113.0/24, 127.0.0.8/32,"),
		instead(t, `, {sip: "sip:guard@127.0.0.1:5195", confirm: true}`, ""), instead(t, "127.0.0.", c.network))
	for _, e := range edits {
		file = e(file)
	}
	c.write("campus.yaml", file)
	c.config = c.write("node.yaml", fmt.Sprintf(`name: gw.e2e.example
sip: {listen: ["udp:%[1]s:5060", "tcp:%[1]s:5060"]}
media: {address: %[1]s, ports: 20000-21999}
http: {listen: "%[1]s:8080"}
data_dir: %[2]s
limits: {drain: 20s}
`, c.host(1), filepath.Join(c.dir, "node")))
	c.tocsin("apply", "campus.yaml")
	c.node = start(t, "tocsin-serve", c.dir, tocsin, "serve", "-c", c.config)
	eventually(t, 15*time.Second, "the node is ready", func() error {
		code, body, err := c.get("/readyz")
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%d %s", code, body)
		}
		return err
	})
	t.Cleanup(c.explainFailure)
	return c
}

// host is an address of the campus.
func (c *campus) host(n int) string { return c.network + fmt.Sprint(n) }

// gateway is where the node takes SIP.
func (c *campus) gateway() string { return c.host(1) + ":5060" }

func (c *campus) write(name, content string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// tocsin runs a subcommand against the node's database and returns what it printed.
func (c *campus) tocsin(args ...string) string {
	c.t.Helper()
	cmd := exec.Command(tocsin, append([]string{"--config", c.config}, args...)...)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("tocsin %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (c *campus) get(path string) (int, string, error) {
	resp, err := (&http.Client{Timeout: 3 * time.Second}).Get("http://" + c.host(1) + ":8080" + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// metric is a number of the node's.
func (c *campus) metric(name string) string {
	c.t.Helper()
	_, body, err := c.get("/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		c.t.Fatalf("there is no metric %s in\n%s", name, body)
	}
	return m[1]
}

// kept is a call as `tocsin calls --json` lists it.
type kept struct {
	ID        string    `json:"id"`
	Class     string    `json:"class"`
	Extension string    `json:"extension"`
	Dialled   string    `json:"dialled"`
	Outcome   string    `json:"outcome"`
	EndedAt   time.Time `json:"ended_at"`
}

// calls are those that were kept, the newest first.
func (c *campus) calls() []kept {
	c.t.Helper()
	var ks []kept
	out := c.tocsin("--json", "calls", "list", "--limit", "100")
	if err := json.Unmarshal([]byte(out), &ks); err != nil {
		c.t.Fatalf("calls: %v in\n%s", err, out)
	}
	return ks
}

// ended waits until n calls were kept and have ended.
func (c *campus) ended(n int) []kept {
	c.t.Helper()
	var ks []kept
	eventually(c.t, 10*time.Second, fmt.Sprintf("%d calls are on record", n), func() error {
		ks = c.calls()
		if len(ks) != n {
			return fmt.Errorf("there are %d", len(ks))
		}
		for _, k := range ks {
			if k.EndedAt.IsZero() {
				return fmt.Errorf("call %s goes on", k.ID)
			}
		}
		return nil
	})
	return ks
}

// explainFailure shows the record of each call where the test has failed.
func (c *campus) explainFailure() {
	if !c.t.Failed() {
		return
	}
	cmd := exec.Command(tocsin, "--config", c.config, "--json", "calls", "list", "--limit", "3")
	out, _ := cmd.Output()
	var ks []kept
	_ = json.Unmarshal(out, &ks)
	for _, k := range ks {
		out, _ := exec.Command(tocsin, "--config", c.config, "calls", "show", k.ID).CombinedOutput()
		c.t.Logf("--- the record of %s:\n%s", k.ID, out)
	}
}
