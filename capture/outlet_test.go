package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errGone = errors.New("gone")

func TestOutlet(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Outlet
		run  func(t *testing.T, c *Capture, k *taker)
	}{
		{"L1 a sink that is gone holds nobody up, and gets everything when it is back", Outlet{}, func(t *testing.T, c *Capture, k *taker) {
			attempts := 0
			k.failing(func([]Message) (int, error) { attempts++; return 0, errGone })
			began := time.Now()
			for i := range 1000 {
				in(c, "INVITE", "a"+fmt.Sprint(i%2))
			}
			if time.Since(began) != 0 {
				t.Errorf("it took %v", time.Since(began))
			}
			time.Sleep(time.Hour)
			s := c.Stats().Outlets[0]
			if s.Pending != 1000 || s.Failures != int64(attempts) || s.LastErr != "gone" {
				t.Errorf("stats are %+v", s)
			}
			if attempts < 710 || attempts > 730 { // every 5 s, after the first few
				t.Errorf("%d attempts in an hour", attempts)
			}
			k.failing(nil)
			time.Sleep(5 * time.Second)
			s = c.Stats().Outlets[0]
			if s.Pending != 0 || s.Bytes != 0 || s.Taken != 1000 || s.Dropped != 0 || s.LastErr != "" {
				t.Errorf("stats are %+v", s)
			}
			if slices.Max(k.batches) != 256 {
				t.Errorf("batches were %v", k.batches)
			}
		}},
		{"memory is bounded, the newest go", Outlet{MaxBytes: 3000}, func(t *testing.T, c *Capture, k *taker) {
			k.failing(func([]Message) (int, error) { return 0, errGone })
			for i := range 100 {
				in(c, fmt.Sprint("M", i), "a0")
			}
			s := c.Stats().Outlets[0]
			if s.Bytes > 3000 || s.Pending < 10 || s.Dropped+int64(s.Pending) != 100 {
				t.Errorf("stats are %+v", s)
			}
			k.failing(nil)
			time.Sleep(5 * time.Second)
			if !strings.HasPrefix(k.got(), "call M0, call M1, ") || len(k.calls) != s.Pending {
				t.Errorf("taken were %s", k.got())
			}
		}},
		{"what was taken is not offered again", Outlet{}, func(t *testing.T, c *Capture, k *taker) {
			k.failing(func(ms []Message) (int, error) { return 1, errGone })
			for i := range 3 {
				in(c, fmt.Sprint("M", i), "a0")
			}
			time.Sleep(5 * time.Second)
			expect(t, k, "call M0", "call M1", "call M2")
		}},
		{"the hopeless one is found and set aside", Outlet{Hopeless: func(err error) bool { return err == errGone }}, func(t *testing.T, c *Capture, k *taker) {
			k.failing(func(ms []Message) (int, error) {
				if slices.ContainsFunc(ms, func(m Message) bool { return strings.HasPrefix(string(m.Raw), "M5 ") }) {
					return 0, errGone
				}
				return len(ms), nil
			})
			var want []string
			for i := range 9 {
				in(c, fmt.Sprint("M", i), "a0")
				if i != 5 {
					want = append(want, fmt.Sprint("call M", i))
				}
			}
			expect(t, k, want...)
			if s := c.Stats().Outlets[0]; s.SetAside != 1 || s.Pending != 0 || s.Taken != 8 {
				t.Errorf("stats are %+v", s)
			}
		}},
		{"gathered for a while", Outlet{Gather: time.Second, Batch: 4}, func(t *testing.T, c *Capture, k *taker) {
			in(c, "M0", "a0")
			time.Sleep(999 * time.Millisecond)
			in(c, "M1", "a0")
			expect(t, k)
			time.Sleep(time.Millisecond)
			expect(t, k, "call M0", "call M1")
			for i := range 4 { // a full batch does not wait
				in(c, fmt.Sprint("M", i+2), "a0")
			}
			synctest.Wait()
			if !slices.Equal(k.batches, []int{2, 4}) {
				t.Errorf("batches were %v", k.batches)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			captured(t, Config{}, tc.o, func(t *testing.T, c *Capture, k *taker) {
				c.Belongs("a0", "call")
				c.Belongs("a1", "call")
				tc.run(t, c, k)
			})
		})
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	captured(t, Config{}, Outlet{Gather: time.Hour}, func(t *testing.T, c *Capture, k *taker) {
		c.Belongs("a", "call")
		in(c, "BYE", "a")
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		expect(t, k, "call BYE")
		in(c, "BYE", "a")
		if s := c.Stats().Outlets[0]; s.Dropped != 1 || s.Pending != 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}

func TestCloseSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &taker{fail: func([]Message) (int, error) { return 0, errGone }}
		c := New(Config{}, Outlet{Name: "database", Take: k.take})
		c.Belongs("a", "call")
		in(c, "BYE", "a")
		began := time.Now()
		ctx, done := context.WithTimeout(t.Context(), 3*time.Second)
		defer done()
		for range 2 {
			err := c.Close(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "database: 1 SIP messages") {
				t.Errorf("the error is %v", err)
			}
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestCloseDoesNotWaitForTheExpendable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, gone := &taker{}, &taker{fail: func([]Message) (int, error) { return 0, errGone }}
		c := New(Config{}, Outlet{Name: "hep", Take: gone.take, Expendable: true}, Outlet{Name: "test", Take: k.take, Expendable: true})
		c.Belongs("a", "call")
		in(c, "BYE", "a")
		time.Sleep(time.Minute)
		in(c, "BYE", "a")
		began := time.Now()
		if err := c.Close(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		expect(t, k, "call BYE", "call BYE")
	})
}

// One outlet that hangs does not keep another waiting.
func TestOutletsAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &taker{}
		hung := func(ctx context.Context, _ []Message) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		c := New(Config{}, Outlet{Name: "hung", Take: hung}, Outlet{Name: "test", Take: k.take})
		c.Belongs("a", "call")
		in(c, "BYE", "a")
		expect(t, k, "call BYE")
		ctx, done := context.WithTimeout(t.Context(), time.Second)
		defer done()
		if err := c.Close(ctx); err == nil || !strings.Contains(err.Error(), "hung") {
			t.Errorf("the error is %v", err)
		}
	})
}
