package api

import (
	"encoding/json"
	"net/http"
)

// Check is one thing that is looked at.
type Check struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Needs bool   `json:"needed_for_calls"` // without it the node is not ready
	Text  string `json:"text,omitempty"`
}

// Health is what the node says about itself. It is asked anew for each request.
type Health func() []Check

// Handler serves the health of the node and its metrics.
func Handler(h Health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, word := http.StatusOK, "ready"
		checks := h()
		for _, c := range checks {
			switch {
			case !c.OK && c.Needs:
				status, word = http.StatusServiceUnavailable, "not ready"
			case !c.OK && status == http.StatusOK:
				word = "ready, with warnings"
			}
		}
		write(w, status, struct {
			Status string  `json:"status"`
			Checks []Check `json:"checks"`
		}{word, checks})
	})
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("Tocsin. See /healthz, /readyz and /metrics.\n"))
	})
	return mux
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
