package fetch

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-sip/tocsin/stir"
)

const (
	timeout    = 5 * time.Second // of one fetch
	keepFailed = time.Minute
	keepUsual  = time.Hour
	keepMost   = 24 * time.Hour
	maxBody    = 64 << 10
	maxKept    = 256
	maxPerCall = 4 // addresses of one call: shaken, rph and some to spare
)

// Config is how certificates are had. The zero value fetches from the public network.
type Config struct {
	// Inside allows addresses of this network, and any port: for a repository of one's own.
	Inside bool
	// Roots of the web server's certificate; nil are the system's.
	Roots *x509.CertPool
	// Transport does the requests instead of ours.
	Transport http.RoundTripper
}

// Certificates fetches and keeps certificates. Make it with [New].
type Certificates struct {
	client *http.Client
	inside bool

	ctx   context.Context // ends with Close
	end   context.CancelFunc
	fetch sync.WaitGroup

	mu   sync.Mutex
	kept map[string]*entry
}

// entry is an address: being fetched until done is closed, then kept until its time.
type entry struct {
	done  chan struct{}
	since time.Time

	// Written before done is closed.
	credential stir.Credential
	until      time.Time
}

// New makes an empty store.
func New(c Config) *Certificates {
	transport := c.Transport
	if transport == nil {
		transport = guarded(c)
	}
	f := &Certificates{inside: c.Inside, kept: map[string]*entry{}, client: &http.Client{
		Transport: transport,
		// A redirection would lead past the check of the address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	f.ctx, f.end = context.WithCancel(context.Background())
	return f
}

// Close stops what is being fetched and waits for it.
func (f *Certificates) Close() {
	f.mu.Lock()
	f.end()
	f.mu.Unlock()
	f.fetch.Wait()
	f.client.CloseIdleConnections()
}

// Get is what is had of the addresses until the context ends. It has an entry for each
// address, that of one which is not had being an error.
func (f *Certificates) Get(ctx context.Context, urls []string) stir.Credentials {
	cs := stir.Credentials{}
	wanted := map[string]*entry{}
	for _, u := range urls {
		switch {
		case len(wanted) == maxPerCall:
			cs[u] = stir.Credential{Err: fmt.Errorf("get certificate: more than %d of one call", maxPerCall)}
		default:
			wanted[u] = f.want(u)
		}
	}
	for u, e := range wanted {
		select {
		case <-e.done:
			cs[u] = e.credential
			continue
		default:
		}
		select {
		case <-e.done:
			cs[u] = e.credential
		case <-ctx.Done():
			cs[u] = stir.Credential{Err: fmt.Errorf("get certificate: the call did not wait longer: %w", context.Cause(ctx))}
		}
	}
	return cs
}

// want is the entry of an address, a new one if there is none or its time is over.
func (f *Certificates) want(url string) *entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if e, ok := f.kept[url]; ok && !e.over(now) {
		return e
	}
	e := &entry{done: make(chan struct{}), since: now}
	if f.ctx.Err() != nil {
		e.credential.Err = errors.New("get certificate: shutting down")
		close(e.done)
		return e
	}
	f.makeRoom(now)
	f.kept[url] = e
	f.fetch.Go(func() { f.fill(e, url) })
	return e
}

func (e *entry) over(now time.Time) bool {
	select {
	case <-e.done:
		return now.After(e.until)
	default:
		return false
	}
}

// makeRoom drops what is over, and the oldest if that was not enough.
func (f *Certificates) makeRoom(now time.Time) {
	if len(f.kept) < maxKept {
		return
	}
	oldest := ""
	for u, e := range f.kept {
		switch {
		case e.over(now):
			delete(f.kept, u)
		case oldest == "" || e.since.Before(f.kept[oldest].since):
			oldest = u
		}
	}
	if len(f.kept) >= maxKept {
		delete(f.kept, oldest)
	}
}

func (f *Certificates) fill(e *entry, url string) {
	defer close(e.done)
	chain, keep, err := f.get(url)
	if err != nil {
		e.credential.Err, e.until = fmt.Errorf("get certificate: %w", err), time.Now().Add(keepFailed)
		return
	}
	e.credential.Chain, e.until = chain, time.Now().Add(keep)
}

func (f *Certificates) get(url string) ([]*x509.Certificate, time.Duration, error) {
	ctx, cancel := context.WithTimeout(f.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	if err := f.allowed(req.URL); err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/pem-certificate-chain, application/pkix-cert")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, 0, err
	}
	if len(body) > maxBody {
		return nil, 0, fmt.Errorf("more than %d bytes", maxBody)
	}
	chain, err := parse(body)
	if err != nil {
		return nil, 0, err
	}
	return chain, keepFor(resp.Header.Get("Cache-Control")), nil
}

// parse reads PEM, and DER where there is no PEM.
func parse(body []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for rest := body; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	if len(chain) > 0 {
		return chain, nil
	}
	chain, err := x509.ParseCertificates(body)
	if err == nil && len(chain) == 0 {
		err = errors.New("there is no certificate in it")
	}
	return chain, err
}

// keepFor reads max-age (RFC 9111 s5.2.2.1), within our bounds. What asks not to be kept is
// kept for as long as a failure, since each call would fetch it otherwise.
func keepFor(cacheControl string) time.Duration {
	keep := keepUsual
	for _, d := range strings.Split(strings.ToLower(cacheControl), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		switch name {
		case "no-store", "no-cache":
			return keepFailed
		case "max-age":
			if s, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil {
				keep = time.Duration(s) * time.Second
			}
		}
	}
	return min(max(keep, keepFailed), keepMost)
}
