package main

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"
)

func TestStatOfAProcess(t *testing.T) {
	// proc(5): a name may hold blanks and parentheses.
	for text, want := range map[string]stat{
		"42 (tocsin) S 7 42 42 0 -1 4194304 9 0 0 0 150 50 3 4 20 0 9 0 1 2 3\n": {42, 7, 2 * time.Second},
		"43 (a) b) (c) R 42 42 42 0 -1 4194304 9 0 0 0 1 0 3 4 20 0 9 0 1 2 3\n": {43, 42, 10 * time.Millisecond},
	} {
		if got, err := readStat([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "42 tocsin S 7", "42 (tocsin) S 7"} {
		if got, err := readStat([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func TestMemoryOfAProcess(t *testing.T) {
	if n, err := readPss([]byte("00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss:  9 kB\nPss:     12 kB\nPss_Anon: 1 kB\n")); err != nil || n != 12*1024 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := readPss([]byte("Rss: 9 kB\n")); err == nil {
		t.Error("no Pss, and no error")
	}
}

func TestCountOfSIPp(t *testing.T) {
	text := "StartTime;SuccessfulCall(C);FailedCall(C);Retransmissions(C);\nx;0;0;0;\nx;90;10;7;\n"
	got, err := readStats(csv.NewReader(strings.NewReader(text)))
	if want := (result{succeeded: 90, failed: 10, retransmitted: 7}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := readStats(csv.NewReader(strings.NewReader("StartTime;\n"))); err == nil {
		t.Error("a count without a line is read")
	}
}

func TestQuantiles(t *testing.T) {
	var ds []time.Duration
	for i := range 100 {
		ds = append(ds, time.Duration(99-i))
	}
	for share, want := range map[float64]time.Duration{0: 0, 0.5: 50, 0.99: 99, 1: 99} {
		if got := quantile(ds, share); got != want {
			t.Errorf("%v: %d, want %d", share, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("nothing has a quantile")
	}
}

// ipv4 is a packet as packet(7) shows it.
func ipv4(protocol byte, transport []byte, payload string) []byte {
	b := make([]byte, 20, 20+len(transport)+len(payload))
	total := 20 + len(transport) + len(payload)
	b[0], b[2], b[3], b[9] = 0x45, byte(total>>8), byte(total), protocol
	copy(b[12:], []byte{127, 0, 40, 3, 127, 0, 40, 1})
	return append(append(b, transport...), payload...)
}

func TestPackets(t *testing.T) {
	ports := []byte{5060 >> 8, 5060 & 255, 8080 >> 8, 8080 & 255}
	tcp := append(append([]byte{}, ports...), make([]byte, 20)...) // with 4 bytes of options
	tcp[12] = 6 << 4
	for name, b := range map[string][]byte{
		"UDP": ipv4(17, append(append([]byte{}, ports...), 0, 0, 0, 0), "hello"),
		"TCP": ipv4(6, tcp, "hello"),
	} {
		p, ok := readPacket(append(b, "padding"...))
		if !ok || p.from != "127.0.40.3:5060" || p.to != "127.0.40.1:8080" || string(p.payload) != "hello" {
			t.Errorf("%s: %v %+v", name, ok, p)
		}
		for n := range len(b) {
			readPacket(b[:n]) // cut anywhere, it is not read beyond its end
		}
	}
	if _, ok := readPacket(ipv4(1, ports, "ping me, please")); ok {
		t.Error("ICMP is read")
	}
}

func TestDelaysOfCalls(t *testing.T) {
	const system = "127.0.40.1:5060"
	w := newPairing(system)
	t0 := time.Unix(1, 0)
	in := "INVITE sip:911@127.0.40.1 SIP/2.0\r\nCall-ID: a-1\r\nCall-Info: <urn:emergency:uid:callid:b1x1:bench.example>;purpose=x\r\n\r\n"
	out := strings.Replace(in, "a-1", "other", 1)
	for _, p := range []packet{
		{t0, "127.0.40.3:5060", system, []byte(in)},
		{t0.Add(100), "127.0.40.3:5060", system, []byte(in)}, // a retransmission
		{t0.Add(300), "127.0.0.1:4000", "127.0.40.4:5190", []byte("BYE sip:x SIP/2.0\r\n\r\n" + out)},
		{t0.Add(400), "127.0.0.1:4000", "127.0.40.4:5190", []byte(out)},
		{t0.Add(500), system, "127.0.40.3:5060", []byte("SIP/2.0 180 Ringing\r\nCall-ID: a-1\r\n\r\n")},
		{t0.Add(600), system, "127.0.40.3:5060", []byte("SIP/2.0 183 Progress\r\nCall-ID: a-1\r\n\r\n")},
	} {
		w.take(p)
	}
	if d := w.delays; len(d.out) != 1 || d.out[0] != 300 || len(d.ringing) != 1 || d.ringing[0] != 500 {
		t.Errorf("%+v", d)
	}
}

func TestConfigurationHasEveryCaller(t *testing.T) {
	if got := placed("# EACH is one\na: NETWORK1\n- 4EACH\n"); strings.Count(got, "\n") != 2+callers || !strings.Contains(got, "a: 127.0.40.1\n- 4000\n- 4001\n") {
		t.Errorf("%.80q", got)
	}
}

func TestPartiesOfACall(t *testing.T) {
	s := newSpeakers("127.0.40.1:5060")
	sdp := func(start, id, port string) []byte {
		return []byte(start + "\r\nCall-ID: " + id + "\r\n\r\nv=0\r\nm=audio " + port + " RTP/AVP 0\r\n")
	}
	s.take(packet{from: "127.0.40.3:5060", to: "127.0.40.1:5060", payload: sdp("INVITE sip:911@x SIP/2.0", "a", "6000")})
	s.take(packet{from: "127.0.0.1:4000", to: "127.0.40.4:5190", payload: sdp("INVITE sip:911@x SIP/2.0", "b", "10000")})
	s.take(packet{from: "127.0.40.4:5190", to: "127.0.0.1:4000", payload: sdp("SIP/2.0 200 OK", "b", "7000")})
	s.take(packet{from: "127.0.40.1:5060", to: "127.0.40.3:5060", payload: sdp("SIP/2.0 200 OK", "a", "10004")})
	if len(s.found) != 2 || s.found[0].own.String() != "127.0.40.6:7000" || s.found[0].to.String() != "127.0.40.1:10000" ||
		s.found[1].own.String() != "127.0.40.5:6000" || s.found[1].to.String() != "127.0.40.1:10004" {
		t.Errorf("%+v", s.found)
	}
}
