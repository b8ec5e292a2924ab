package fetch

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// web answers requests without a network.
type web func(*http.Request) (*http.Response, error)

func (w web) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func answer(code int, body []byte, cacheControl string) *http.Response {
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{"Cache-Control": {cacheControl}}, Body: io.NopCloser(bytes.NewReader(body))}
}

// certificate is that of a test server: any will do, none is verified here.
var certificate = sync.OnceValue(func() *x509.Certificate {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.Certificate()
})

func pemOf(cs ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range cs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

const address = "https://cert.example.org/a.pem"

func TestKeepsForAsLongAsItMay(t *testing.T) {
	c := certificate()
	for _, row := range []struct {
		name         string
		code         int
		cacheControl string
		keeps        time.Duration
	}{
		{"nothing said: an hour", 200, "", time.Hour},
		{"max-age", 200, "public, max-age=7200", 2 * time.Hour},
		{"a day at most", 200, "max-age=31536000", 24 * time.Hour},
		{"a minute at least", 200, "max-age=0", time.Minute},
		{"no-store", 200, "no-store", time.Minute},
		{"a max-age that is none", 200, "max-age=soon", time.Hour},
		{"a failure", 404, "max-age=7200", time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				f := New(Config{Transport: web(func(*http.Request) (*http.Response, error) {
					asked++
					return answer(row.code, pemOf(c), row.cacheControl), nil
				})})
				defer f.Close()
				get := func() {
					got := f.Get(t.Context(), []string{address})[address]
					if (got.Err == nil) != (row.code == 200) || got.Err == nil && !got.Chain[0].Equal(c) {
						t.Fatalf("%+v", got)
					}
				}
				get()
				time.Sleep(row.keeps)
				if get(); asked != 1 {
					t.Errorf("asked %d times within %v", asked, row.keeps)
				}
				time.Sleep(time.Millisecond)
				if get(); asked != 2 {
					t.Errorf("asked %d times after %v", asked, row.keeps)
				}
			})
		})
	}
}

// A slow server holds no call longer than the call wants to wait, calls share one fetch, and
// the fetch goes on for the next.
func TestNoCallWaitsLongerThanItWants(t *testing.T) {
	c := certificate()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		f := New(Config{Transport: web(func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			select {
			case <-time.After(2 * time.Second):
				return answer(200, pemOf(c), ""), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})})
		defer f.Close()
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				start := time.Now()
				got := f.Get(ctx, []string{address})[address]
				if waited := time.Since(start); waited != 300*time.Millisecond || !errors.Is(got.Err, context.DeadlineExceeded) {
					t.Errorf("%v, %v", waited, got.Err)
				}
			})
		}
		calls.Wait()
		time.Sleep(2 * time.Second)
		over, cancel := context.WithCancel(t.Context())
		cancel() // what is there needs no waiting
		if got := f.Get(over, []string{address})[address]; got.Err != nil || asked.Load() != 1 {
			t.Errorf("%v after %d requests", got.Err, asked.Load())
		}
	})
}

func TestAServerThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Config{Transport: web(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		start := time.Now()
		if got := f.Get(t.Context(), []string{address})[address]; got.Err == nil || time.Since(start) != timeout {
			t.Errorf("%v after %v", got.Err, time.Since(start))
		}
		time.Sleep(2 * keepFailed)
		go f.Close() // while it is being asked again
		if got := f.Get(t.Context(), []string{address})[address]; got.Err == nil {
			t.Error("no error")
		}
		f.Close()
		if got := f.Get(t.Context(), []string{"https://cert.example.org/b.pem"})["https://cert.example.org/b.pem"]; got.Err == nil {
			t.Error("fetches after Close")
		}
	})
}

func TestWhatIsNotFetched(t *testing.T) {
	c := certificate()
	for _, row := range []struct{ name, url, why string }{
		{"in the clear", "http://cert.example.org/a", "not an https"},
		{"a file", "file:///etc/passwd", "not an https"},
		{"a user", "https://root@cert.example.org/a", "user"},
		{"another port", "https://cert.example.org:25/a", "port 25"},
		{"not an address", "https://[::1", "]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := New(Config{Transport: web(func(*http.Request) (*http.Response, error) {
				t.Error("asked")
				return answer(200, pemOf(c), ""), nil
			})})
			defer f.Close()
			if got := f.Get(t.Context(), []string{row.url})[row.url]; got.Err == nil || !strings.Contains(got.Err.Error(), row.why) {
				t.Errorf("%v, want an error about %s", got.Err, row.why)
			}
		})
	}
	t.Run("a fifth of one call", func(t *testing.T) {
		f := New(Config{Transport: web(func(*http.Request) (*http.Response, error) { return answer(200, pemOf(c), ""), nil })})
		defer f.Close()
		var urls []string
		for i := range 6 {
			urls = append(urls, fmt.Sprintf("%s?%d", address, i))
		}
		cs := f.Get(t.Context(), urls)
		if len(cs) != 6 || cs[urls[3]].Err != nil || cs[urls[4]].Err == nil || cs[urls[5]].Err == nil {
			t.Errorf("%+v", cs)
		}
	})
}

func TestAddressesInside(t *testing.T) {
	for _, row := range []struct {
		address string
		inside  bool
	}{
		{"192.0.2.1:443", false},
		{"[2001:db8::1]:443", false},
		{"127.0.0.1:443", true},
		{"[::1]:443", true},
		{"[::ffff:127.0.0.1]:443", true},
		{"10.1.2.3:443", true},
		{"172.16.0.1:443", true},
		{"192.168.1.1:443", true},
		{"100.64.0.1:443", true},
		{"169.254.169.254:443", true},
		{"[fe80::1]:443", true},
		{"[fd00::1]:443", true},
		{"0.0.0.0:443", true},
		{"224.0.0.1:443", true},
	} {
		if err := outside(row.address); (err != nil) != row.inside {
			t.Errorf("%s: %v", row.address, err)
		}
	}
}

// Real sockets: a server on loopback, which is inside.
func TestServer(t *testing.T) {
	c := certificate()
	mux := http.NewServeMux()
	serve := func(path string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	}
	serve("/chain.pem", append([]byte("a comment\n"), pemOf(c, c)...))
	serve("/one.der", c.Raw)
	serve("/nothing", nil)
	serve("/page", []byte("<html>"))
	serve("/large", bytes.Repeat([]byte("x"), maxBody+1))
	mux.Handle("/moved", http.RedirectHandler("/one.der", http.StatusFound))
	s := httptest.NewTLSServer(mux)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	f := New(Config{Inside: true, Roots: roots})
	defer f.Close()
	for _, row := range []struct {
		path string
		n    int
		why  string
	}{
		{"/chain.pem", 2, ""},
		{"/one.der", 1, ""},
		{"/nothing", 0, "no certificate"},
		{"/page", 0, "x509"},
		{"/large", 0, "more than"},
		{"/moved", 0, "302"},
		{"/absent", 0, "404"},
	} {
		t.Run(row.path, func(t *testing.T) {
			got := f.Get(t.Context(), []string{s.URL + row.path})[s.URL+row.path]
			if len(got.Chain) != row.n || (got.Err == nil) != (row.why == "") || got.Err != nil && !strings.Contains(got.Err.Error(), row.why) {
				t.Errorf("%d certificates, %v", len(got.Chain), got.Err)
			}
		})
	}
	t.Run("the guard refuses the same server", func(t *testing.T) {
		guard := New(Config{Roots: roots})
		defer guard.Close()
		guard.inside = true // the port passes, the address must not
		u := s.URL + "/one.der"
		if got := guard.Get(t.Context(), []string{u})[u]; got.Err == nil || !strings.Contains(got.Err.Error(), "address inside") {
			t.Errorf("%v", got.Err)
		}
	})
}

func TestTheOldestMakesRoom(t *testing.T) {
	c := certificate()
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		f := New(Config{Transport: web(func(r *http.Request) (*http.Response, error) {
			asked[r.URL.String()]++
			return answer(200, pemOf(c), ""), nil
		})})
		defer f.Close()
		name := func(i int) string { return fmt.Sprintf("%s?%d", address, i) }
		for i := range maxKept + 10 {
			f.Get(t.Context(), []string{name(i)})
			time.Sleep(time.Second)
		}
		if len(f.kept) != maxKept {
			t.Errorf("%d kept", len(f.kept))
		}
		f.Get(t.Context(), []string{name(maxKept)})
		f.Get(t.Context(), []string{name(0)})
		if asked[name(maxKept)] != 1 || asked[name(0)] != 2 {
			t.Errorf("the newest asked %d times, the oldest %d", asked[name(maxKept)], asked[name(0)])
		}
	})
}
