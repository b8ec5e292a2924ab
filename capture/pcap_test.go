package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

func flow(t testing.TB, s string) transport.Flow {
	t.Helper()
	f, err := transport.ParseFlow(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func written(t testing.TB, ms ...Message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePCAP(&b, ms); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The bytes of a file with one message, checked once by hand against RFC 791, 768 and the
// format of libpcap.
func TestPCAPBytes(t *testing.T) {
	for _, tc := range []struct {
		name, flow, want string
	}{
		{"IPv4, UDP", "UDP 192.0.2.1:5060-192.0.2.10:5062", `
			d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000
			c087016b 40e20100 1f000000 1f000000
			4500 001f 0000 4000 4011 b6c2 c0000201 c000020a
			13c4 13c6 000b cfff 414243`},
		{"IPv6, TCP", "TCP [2001:db8::1]:5060-[2001:db8::2]:5062#7", `
			d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000
			c087016b 40e20100 3f000000 3f000000
			60000000 0017 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002
			13c4 13c6 00000001 00000001 5018 ffff a886 0000 414243`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want, err := hex.DecodeString(strings.Join(strings.Fields(tc.want), ""))
			if err != nil {
				t.Fatal(err)
			}
			got := written(t, Message{At: noon, Direction: transport.Out, Flow: flow(t, tc.flow), Raw: []byte("ABC")})
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%x\nwant\n%x", got, want)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	for _, tc := range []struct{ flow, from, to string }{
		{"UDP 192.0.2.1:5060-192.0.2.10:5062", "192.0.2.1:5060", "192.0.2.10:5062"},
		{"UDP 0.0.0.0:5060-192.0.2.10:5062", "0.0.0.0:5060", "192.0.2.10:5062"},
		{"UDP [::]:5060-192.0.2.10:5062", "0.0.0.0:5060", "192.0.2.10:5062"},
		{"UDP 0.0.0.0:5060-[2001:db8::2]:5062", "[::]:5060", "[2001:db8::2]:5062"},
		{"UDP [::ffff:192.0.2.1]:5060-192.0.2.10:5062", "192.0.2.1:5060", "192.0.2.10:5062"},
	} {
		for _, d := range []transport.Direction{transport.Out, transport.In} {
			from, to := ends(Message{Flow: flow(t, tc.flow), Direction: d})
			if d == transport.In {
				from, to = to, from
			}
			if from.String() != tc.from || to.String() != tc.to {
				t.Errorf("%s %s: from %s to %s", tc.flow, d, from, to)
			}
		}
	}
	if from, to := ends(Message{Direction: transport.Out}); !from.Addr().Is4() || !to.Addr().Is4() {
		t.Errorf("without a flow: from %s to %s", from, to)
	}
}

func TestChecksumOfRFC1071(t *testing.T) {
	// The example of RFC 1071 s3: the sum is ddf2.
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0); got != 0x220d {
		t.Errorf("it is %x", got)
	}
	// RFC 768: a sum that comes out as zero is sent as all ones.
	for i := range 0x10000 {
		p := packet(netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("0.0.0.0"), protocolUDP, datagram(uint16(i), 0, nil))
		if binary.BigEndian.Uint16(p[26:]) == 0 {
			t.Fatalf("port %d has no checksum", i)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestPCAPToAFullDisk(t *testing.T) {
	if err := WritePCAP(full{}, nil); err == nil || err.Error() != "write pcap: disk full" {
		t.Errorf("the error is %v", err)
	}
}

// dialogue is a call over the flow, with a body of n bytes in its INVITE.
func dialogue(t testing.TB, flowText string, n int) []Message {
	f := flow(t, flowText)
	message := func(after time.Duration, d transport.Direction, first, method, body string) Message {
		return Message{Call: "call1", At: noon.Add(after), Direction: d, Flow: f, Raw: lines(first, "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1", "From: <sip:2041@h>;tag=1",
			"To: <sip:911@h>", "Call-ID: a@b", "CSeq: 1 "+method, fmt.Sprint("Content-Length: ", len(body)), "", body)}
	}
	return []Message{ // the order is that of time, not this
		message(300*time.Millisecond, transport.In, "ACK sip:911@h SIP/2.0", "ACK", ""),
		message(0, transport.In, "INVITE sip:911@h SIP/2.0", "INVITE", strings.Repeat("x", n)),
		message(100*time.Millisecond, transport.Out, "SIP/2.0 180 Ringing", "INVITE", ""),
		message(200*time.Millisecond, transport.Out, "SIP/2.0 200 OK", "INVITE", strings.Repeat("y", 100)),
	}
}

// tshark reads a file and prints fields of each packet, separated by bars.
func tshark(t *testing.T, file []byte, fields ...string) []string {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Fatal("tshark is not installed: apt-get install tshark, or make setup")
	}
	name := filepath.Join(t.TempDir(), "call.pcap")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", name, "-T", "fields", "-E", "separator=|", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &errs)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// Somebody else's reader finds the call in the file, and nothing wrong with the packets.
func TestTsharkReadsTheCall(t *testing.T) {
	for _, tc := range []struct {
		name, flow string
		body       int
		sums       string // that are right: of IPv4, UDP, TCP
		segments   int    // that are no end of a message
	}{
		{"UDP", "UDP 192.0.2.1:5060-192.0.2.10:5062", 0, "1|1|", 0},
		{"UDP, other ports", "UDP 192.0.2.1:15060-192.0.2.10:45062", 300, "1|1|", 0},
		{"UDP, 20 kB", "UDP 192.0.2.1:5060-192.0.2.10:5062", 20_000, "1|1|", 0},
		{"UDP, IPv6", "UDP [2001:db8::1]:5060-[2001:db8::2]:5062", 301, "|1|", 0},
		{"TCP", "TCP 192.0.2.1:5060-192.0.2.10:45062#1", 20_001, "1||1", 0},
		{"TCP, other ports, IPv6", "TCP [2001:db8::1]:15060-[2001:db8::2]:45062#1", 0, "||1", 0},
		{"TLS, as a datagram", "TLS 192.0.2.1:5061-192.0.2.10:45062#1", 0, "1|1|", 0},
		{"a message no packet holds", "TCP 192.0.2.1:5060-192.0.2.10:45062#1", 65_400, "1||1", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := written(t, dialogue(t, tc.flow, tc.body)...)
			got := tshark(t, file, "frame.time_epoch", "sip.Call-ID", "sip.Method", "sip.Status-Code", "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status",
				"tcp.analysis.flags", "_ws.malformed")
			var want []string
			for range tc.segments {
				want = append(want, "1795262400.123456000||||"+tc.sums+"||")
			}
			for _, m := range []string{"400.123456000|a@b|INVITE|", "400.223456000|a@b||180", "400.323456000|a@b||200", "400.423456000|a@b|ACK|"} {
				want = append(want, "1795262"+m+"|"+tc.sums+"||")
			}
			if !slices.Equal(got, want) {
				t.Errorf("read was\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
