package app_test

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/capture"
	"github.com/tocsin-sip/tocsin/config"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// firstLines are what begins the messages, each with its direction.
func firstLines(ms []capture.Message) []string {
	var all []string
	for _, m := range ms {
		line, _, _ := strings.Cut(string(m.Raw), "\r\n")
		method, rest, _ := strings.Cut(line, " ")
		if method != "SIP/2.0" {
			rest = method
		}
		all = append(all, m.Direction.String()+" "+rest)
	}
	return all
}

// messages waits until what is kept of the nth call ends with those of its end.
func (r *rig) messages(n int) []capture.Message {
	r.t.Helper()
	rec := r.record(n)
	s := r.store()
	defer s.Close()
	var ms []capture.Message
	until(r.t, "the messages of the call are kept", func() bool {
		var err error
		if ms, err = app.Messages(r.t.Context(), s, rec.ID); err != nil {
			r.t.Fatal(err)
		}
		lines := firstLines(ms)
		return slices.Contains(lines, "in BYE") && slices.Contains(lines, "out BYE") && strings.HasPrefix(lines[len(lines)-1], "in 2")
	})
	return ms
}

// A6: every message of every leg of a call, and of nothing else.
func TestA6MessagesOfACall(t *testing.T) {
	r := running(t, "")
	first, second := r.call(r.phone), r.call(r.dana) // at the same time
	second.Hangup()
	<-second.Done()
	r.hangUp(first)
	for n := range 2 {
		ms := r.messages(n + 1)
		ids := map[string]bool{}
		at := ms[0].At
		for _, m := range ms {
			_, id, _ := strings.Cut(string(m.Raw), "Call-ID: ")
			id, _, _ = strings.Cut(id, "\r\n")
			ids[id] = true
			if !m.Flow.Local.Addr().IsLoopback() || !m.Flow.Remote.Addr().IsLoopback() || m.At.Before(at) {
				t.Errorf("%s at %s: %.30q", m.Flow, m.At, m.Raw)
			}
			at = m.At
		}
		rec := r.record(n + 1)
		if !ids[rec.SIPCallID] || len(ids) != 3 { // the caller, the PSAP and the guard
			t.Errorf("call %d from %s has legs %v", n+1, rec.SIPCallID, ids)
		}
		lines := firstLines(ms)
		if lines[0] != "in INVITE" || slices.Contains(lines, "in REGISTER") || slices.Contains(lines, "out OPTIONS") {
			t.Errorf("the messages are\n%s", strings.Join(lines, "\n"))
		}
		for _, want := range []string{"out 180 Ringing", "out INVITE", "in 200 OK", "out ACK", "out 200 OK", "in ACK", "out CANCEL", "in 487 Request Terminated", "in BYE", "out BYE"} {
			if !slices.Contains(lines, want) {
				t.Errorf("there is no %s among\n%s", want, strings.Join(lines, "\n"))
			}
		}
		if err := capture.WritePCAP(&bytes.Buffer{}, ms); err != nil {
			t.Error(err)
		}
	}
	until(t, "it is counted", func() bool {
		_, text := r.get("/metrics")
		return strings.Contains(text, `tocsin_trunk_legs_total{account="acme",outcome="answered",trunk="psap-us"} 2`) &&
			strings.Contains(text, `tocsin_capture_pending{outlet="database"} 0`) && strings.Contains(text, `tocsin_capture_dropped_total{outlet="database"} 0`)
	})
}

// A6, L1: a HEP collector sees the call while it goes on, and one that is not there is
// nothing a call notices.
func TestA6HEP(t *testing.T) {
	collector, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	r := newRig(t, "")
	address := collector.LocalAddr().(*net.UDPAddr)
	r.node.HEP = config.HEP{Address: config.Collector{Transport: "udp", HostPort: config.HostPort{Host: "127.0.0.1", Port: uint16(address.Port)}}, NodeID: 7, Password: "the-key"}
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	c := r.call(r.phone)
	seen := map[string]string{} // packets by what they carry
	b := make([]byte, 65536)
	for seen["ACK sip:"] == "" {
		collector.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, _, err := collector.ReadFrom(b)
		if err != nil {
			t.Fatalf("%v after %d packets", err, len(seen))
		}
		for _, what := range []string{"INVITE sip:911@", "SIP/2.0 180 ", "SIP/2.0 200 ", "ACK sip:", "REGISTER sip:"} {
			if strings.Contains(string(b[:n]), what) {
				seen[what] = string(b[:n])
			}
		}
	}
	collector.Close()
	r.hangUp(c)
	rec := r.record(1)
	if len(seen) != 4 || seen["REGISTER sip:"] != "" {
		t.Errorf("%d kinds of packets", len(seen))
	}
	for what, packet := range seen {
		if !strings.HasPrefix(packet, "HEP3") || !strings.Contains(packet, rec.ID) || !strings.Contains(packet, "the-key") {
			t.Errorf("the packet of %q is %q", what, packet)
		}
	}
	r.hangUp(r.call(r.phone)) // with nobody listening
	if ms := r.messages(2); ms[0].Direction != transport.In {
		t.Errorf("the second call begins with %+v", ms[0])
	}
}

// A6, L1: what was on the wire while the database was gone is kept when it is back.
func TestA6MessagesWaitForTheDatabase(t *testing.T) {
	r := running(t, "")
	c := r.call(r.phone)
	back := movedAway(t, r)
	r.hangUp(c)
	back()
	r.messages(1)
}

// Captured messages go when they are old enough; the record of their call stays.
func TestOldMessagesAreForgotten(t *testing.T) {
	r := newRig(t, "")
	r.node.Limits.KeepMessages = org.Duration(3 * time.Second)
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	r.hangUp(r.call(r.phone))
	if len(r.messages(1)) == 0 {
		t.Fatal("nothing was kept")
	}
	id := r.record(1).ID
	s := r.store()
	defer s.Close()
	until(t, "the messages are gone", func() bool {
		ms, err := app.Messages(t.Context(), s, id)
		return err == nil && len(ms) == 0
	})
	if rec := r.record(1); rec.Class != "emergency" {
		t.Errorf("the record says %q", rec.Class)
	}
}
