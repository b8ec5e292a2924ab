package app_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// RFC 4475: after each of its messages, and after each of them cut short, a 911 call is up
// in normal time.
func TestTortureMessagesStopNoEmergency(t *testing.T) {
	files, err := filepath.Glob("../sip/transport/testdata/rfc4475/*.dat")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d messages of RFC 4475, %v", len(files), err)
	}
	r := running(t, "")
	junk, err := net.Dial("udp", r.sip())
	if err != nil {
		t.Fatal(err)
	}
	defer junk.Close()
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{len(raw), len(raw) / 2, len(raw) - 1} {
			if _, err := junk.Write(raw[:size]); err != nil {
				t.Fatalf("%s: %v", filepath.Base(f), err)
			}
		}
		r.hangUp(r.call(r.phone))
	}
}
