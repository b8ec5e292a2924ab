package app_test

import (
	"context"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/agent"
)

// Calls that are cancelled, hung up on early or late, and held, many at once: none is lost,
// and ports, calls and goroutines return to the start.
func TestManyCallsLeaveNothingBehind(t *testing.T) {
	r := running(t, "")
	r.hangUp(r.call(r.phone)) // everything that is made once is made
	goroutines := runtime.NumGoroutine()
	const total, atOnce = 150, 15
	random := rand.New(rand.NewPCG(1, 2))
	var calls sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range total {
		slots <- struct{}{}
		leaves := time.Duration(random.IntN(400)) * time.Millisecond
		calls.Go(func() {
			defer func() { <-slots }()
			c, err := r.phone.Call(t.Context(), "sip:911@"+r.sip(), agent.Options{})
			if err != nil {
				t.Errorf("call %d: %v", i, err)
				return
			}
			up, done := context.WithTimeout(t.Context(), leaves)
			_ = c.Await(up, agent.Up)
			done()
			answered := c.State() == agent.Up
			c.Hangup()
			<-c.Done()
			if status, why := c.Ended(); !answered && status != 487 && status != 0 {
				t.Errorf("call %d ended with %d %s", i, status, why)
			}
		})
	}
	calls.Wait()
	gauge := func(name string) int {
		_, metrics := r.get("/metrics")
		m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)`).FindStringSubmatch(metrics)
		if m == nil {
			t.Fatalf("/metrics has no %s", name)
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	until(t, "no call goes on and no port is lent", func() bool {
		return gauge("tocsin_calls_live") == 0 && gauge(`tocsin_media_ports{state="lent"}`) == 0
	})
	// Each call left a member that rings and is cancelled; its transactions linger 32 s
	// without a goroutine.
	until(t, "the goroutines are back where they were", func() bool { return runtime.NumGoroutine() <= goroutines+30 })
	if n := gauge(`tocsin_calls_total{taken="emergency"}`); n != total+1 {
		t.Errorf("%d calls were taken, want %d", n, total+1)
	}
}
