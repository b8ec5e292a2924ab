package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// handset is a baresip: what it says is a WAV file, what it hears becomes one.
type handset struct {
	*process
	t        *testing.T
	dir      string
	control  net.Conn
	readable sync.WaitGroup

	mu     sync.Mutex
	events []string
	more   chan struct{} // closed and renewed at each event
}

// line is how a handset is set up.
type line struct {
	host, port int
	account    string // as baresip writes it
	law        string // pcmu or pcma
	says       []int16
}

// handset starts a baresip. The account is added when its events can be seen.
func (c *campus) handset(name string, l line) *handset {
	c.t.Helper()
	program := installed(c.t, "baresip", "baresip-core")
	h := &handset{t: c.t, dir: filepath.Join(c.dir, name), more: make(chan struct{})}
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	const control = 4444
	files := map[string]string{"accounts": "", "contacts": "", "config": fmt.Sprintf(`net_interface %[1]s
sip_listen %[1]s:%[2]d
rtp_ports 12000-19998
audio_source aufile,%[3]s/says.wav
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
audio_channels 1
jitter_buffer_delay 1-10
snd_path %[3]s
ctrl_tcp_listen %[1]s:%[4]d
module_path %[5]s
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module ctrl_tcp.so
module uuid.so
module_app account.so
module_app menu.so
`, c.host(l.host), l.port, h.dir, control, modules(c.t))}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	wav, err := os.Create(filepath.Join(h.dir, "says.wav"))
	if err == nil {
		err = rtp.WriteWAV(wav, 1, l.says)
	}
	if err == nil {
		err = wav.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	h.process = start(c.t, name, c.dir, program, "-f", h.dir)
	bound(c.t, "tcp", c.host(l.host), control)
	if h.control, err = net.Dial("tcp", net.JoinHostPort(c.host(l.host), fmt.Sprint(control))); err != nil {
		c.t.Fatal(err)
	}
	h.readable.Go(h.listen)
	c.t.Cleanup(h.close)
	h.command("uanew", l.account+";audio_codecs="+l.law)
	return h
}

// modules is where the distribution keeps baresip's.
func modules(t *testing.T) string {
	t.Helper()
	for _, glob := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if dirs, _ := filepath.Glob(glob); len(dirs) > 0 {
			return dirs[0]
		}
	}
	t.Fatal("baresip's modules are not installed: apt-get install baresip-core, or make setup")
	return ""
}

// command has baresip do something; what comes of it is an event. The framing is a
// netstring around JSON.
func (h *handset) command(command, params string) {
	h.t.Helper()
	b, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err == nil {
		_, err = fmt.Fprintf(h.control, "%d:%s,", len(b), b)
	}
	if err != nil {
		h.t.Fatalf("%s: command %s: %v", h.name, command, err)
	}
}

func (h *handset) listen() {
	for r := bufio.NewReader(h.control); ; {
		size := 0
		if _, err := fmt.Fscanf(r, "%d:", &size); err != nil {
			return
		}
		frame := make([]byte, size+1) // and its comma
		if _, err := io.ReadFull(r, frame); err != nil {
			return
		}
		var e struct{ Type, Param string }
		if err := json.Unmarshal(frame[:size], &e); err != nil {
			continue
		}
		h.mu.Lock()
		h.events = append(h.events, strings.TrimSpace(e.Type+" "+e.Param))
		close(h.more)
		h.more = make(chan struct{})
		h.mu.Unlock()
	}
}

// await waits for an event.
func (h *handset) await(event string) {
	h.t.Helper()
	limit := time.NewTimer(15 * time.Second)
	defer limit.Stop()
	for {
		h.mu.Lock()
		events, more := strings.Join(h.events, "\n"), h.more
		h.mu.Unlock()
		if strings.Contains("\n"+events, "\n"+event) {
			return
		}
		select {
		case <-more:
		case <-limit.C:
			h.t.Fatalf("%s: no %s; there was\n%s", h.name, event, events)
		}
	}
}

func (h *handset) close() {
	_ = h.control.Close()
	h.readable.Wait()
}

// heard ends the handset and is what it has heard.
func (h *handset) heard() []int16 {
	h.t.Helper()
	h.stop() // the file is whole when its writer has gone
	names, _ := filepath.Glob(filepath.Join(h.dir, "dump-*-dec.wav"))
	if len(names) != 1 {
		h.t.Fatalf("%s: it recorded %d calls, want 1", h.name, len(names))
	}
	f, err := os.Open(names[0])
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	_, pcm, err := rtp.ReadWAV(f)
	if err != nil {
		h.t.Fatalf("%s: %v", names[0], err)
	}
	return pcm
}
