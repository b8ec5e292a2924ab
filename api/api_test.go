package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

func TestReadyIsWhatACallNeeds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		checks []Check
		code   int
		word   string
	}{
		{"all well", []Check{{Name: "sip", OK: true, Needs: true}}, 200, `"ready"`},
		{"L1 the database is gone", []Check{{Name: "sip", OK: true, Needs: true}, {Name: "database", Text: "gone"}}, 200, "ready, with warnings"},
		{"no SIP", []Check{{Name: "database"}, {Name: "sip", Needs: true}}, 503, "not ready"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := Handler(func() []Check { return tc.checks }, http.NotFoundHandler())
			if code, body := get(t, h, "/readyz"); code != tc.code || !strings.Contains(body, tc.word) {
				t.Errorf("got %d %s, want %d %s", code, body, tc.code, tc.word)
			}
			if code, _ := get(t, h, "/healthz"); code != 200 {
				t.Errorf("alive said %d", code)
			}
		})
	}
}

func TestMetricsAreReadWhenAsked(t *testing.T) {
	n := 1.0
	h := Handler(func() []Check { return nil }, Metrics(func() []Sample {
		return []Sample{{Name: "calls_total", Help: "Calls.", Counter: true, Labels: []Label{{"class", "emergency"}}, Value: n}}
	}))
	n = 7
	if code, body := get(t, h, "/metrics"); code != 200 || !strings.Contains(body, `tocsin_calls_total{class="emergency"} 7`) {
		t.Errorf("got %d\n%s", code, body)
	}
}
