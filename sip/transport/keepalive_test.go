package transport

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pinged opens a connection from us to a bare peer and hands the peer's end to f, with the INVITE read.
func pinged(t *testing.T, every time.Duration, f func(r *rig, c net.Conn)) {
	onRig(t, Config{PingInterval: every, IdleTimeout: time.Hour}, func(r *rig) {
		l := r.listenTCP("5060")
		r.us.SendRequest(invite(10), "z9hG4bKx", To(TCP, at(peerIP+":5060")), nil)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := r.bytes(c); !strings.HasPrefix(got, "INVITE ") {
			t.Fatalf("%q", got)
		}
		f(r, c)
	})
}

// awaitPing reads one ping and says how long it took.
func awaitPing(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	c.SetReadDeadline(start.Add(time.Hour))
	b := make([]byte, len(ping))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != ping {
		t.Fatalf("%q, %v; want a ping", b, err)
	}
	return time.Since(start)
}

func TestPingsKeepAConnection(t *testing.T) {
	pinged(t, 2*time.Minute, func(r *rig, c net.Conn) {
		for i := range 20 {
			if took := awaitPing(t, c); took < 96*time.Second-time.Millisecond || took > 120*time.Second {
				t.Fatalf("ping %d after %s", i, took)
			}
			if _, err := io.WriteString(c, pong); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.sink.ended(); n != 0 || len(r.sink.messages()) != 0 {
			t.Errorf("%d flows ended", n)
		}
		// Nor were two pongs taken for a ping, which would be answered.
		if got := r.bytes(c); got != "" {
			t.Errorf("%q was sent", got)
		}
	})
}

func TestAFlowWhosePongIsMissedHasFailed(t *testing.T) {
	pinged(t, 2*time.Minute, func(r *rig, c net.Conn) {
		awaitPing(t, c)
		io.WriteString(c, pong)
		awaitPing(t, c)
		time.Sleep(9 * time.Second)
		if r.sink.ended() != 0 {
			t.Error("gone before 10 s")
		}
		time.Sleep(2 * time.Second)
		if r.sink.ended() != 1 || r.us.Stats().PongsMissed.Load() != 1 {
			t.Errorf("%d flows ended, %d pongs missed", r.sink.ended(), r.us.Stats().PongsMissed.Load())
		}
		var sent Sent
		r.us.SendRequest(invite(10), "z9hG4bKy", Over(r.sink.closed[0]), func(s Sent) { sent = s })
		if !errors.Is(sent.Err, ErrFlowGone) {
			t.Errorf("%v", sent.Err)
		}
	})
}

func TestAnythingReadIsAnAnswerToAPing(t *testing.T) {
	pinged(t, 2*time.Minute, func(r *rig, c net.Conn) {
		awaitPing(t, c)
		io.WriteString(c, pong)
		awaitPing(t, c)
		io.WriteString(c, "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKo\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n"+
			"Call-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
		awaitPing(t, c)
		if r.sink.ended() != 0 || len(r.sink.messages()) != 1 {
			t.Errorf("%d flows ended, %d messages", r.sink.ended(), len(r.sink.messages()))
		}
	})
}

func TestAPeerThatDoesNotKnowPingsIsNotCutOff(t *testing.T) {
	pinged(t, 2*time.Minute, func(r *rig, c net.Conn) {
		for range 10 {
			awaitPing(t, c)
		}
		if r.sink.ended() != 0 {
			t.Error("cut off")
		}
	})
}

func TestWithoutAnIntervalThereAreNoPings(t *testing.T) {
	pinged(t, 0, func(r *rig, c net.Conn) {
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		if got := r.bytes(c); got != "" {
			t.Errorf("%q was sent", got)
		}
	})
}
