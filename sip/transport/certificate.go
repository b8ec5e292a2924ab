package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// watched is something read from files, and read again when they have changed, which is looked for whenever it is
// used. What cannot be read leaves in place what was there: a half-written
// certificate must not take the listener down (L1).
type watched[T any] struct {
	files []string
	read  func() (T, error)

	mu     sync.Mutex
	stamps []stamp
	value  T
	held   bool
	err    error
}

// stamp is what tells one version of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

// get returns the value last read, whether there is one, and what was wrong with the files the last time they were
// looked at.
func (w *watched[T]) get() (value T, held bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stamps := make([]stamp, len(w.files))
	for i, name := range w.files {
		if s, err := os.Stat(name); err == nil {
			stamps[i] = stamp{s.ModTime(), s.Size()}
		}
	}
	same := w.held && w.err == nil
	for i := range w.stamps {
		same = same && w.stamps[i] == stamps[i]
	}
	if same {
		return w.value, true, nil
	}
	w.stamps = stamps
	if value, err = w.read(); err == nil {
		w.value, w.held = value, true
	}
	w.err = err
	return w.value, w.held, w.err
}

func watchKeyPair(certificate, key string) *watched[*tls.Certificate] {
	return &watched[*tls.Certificate]{files: []string{certificate, key}, read: func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certificate, key) // fills in Leaf
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
		return &pair, nil
	}}
}

func watchPool(file string) *watched[*x509.CertPool] {
	return &watched[*x509.CertPool]{files: []string{file}, read: func() (*x509.CertPool, error) {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates of clients' authorities: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading %s: no certificate in it", file)
		}
		return pool, nil
	}}
}

var errNoKeyPair = errors.New("no certificate configured")

// own returns our certificate, expired or not: whether to speak to an element whose certificate has expired is the
// peer's to decide, and with none at all nobody could (L1). What is wrong with it is reported.
func (t *security) own() (*tls.Certificate, error) {
	if t.pair == nil {
		return nil, errNoKeyPair
	}
	pair, held, err := t.pair.get()
	if err != nil {
		t.tell(Trouble{Kind: OwnCertificate, Err: err})
	}
	if !held {
		return nil, err
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		t.tell(Trouble{Kind: OwnCertificate, Err: x509.CertificateInvalidError{Cert: pair.Leaf, Reason: x509.Expired,
			Detail: fmt.Sprintf("valid from %s to %s", pair.Leaf.NotBefore.Format(time.RFC3339), pair.Leaf.NotAfter.Format(time.RFC3339))}})
	}
	return pair, nil
}

// clientRoots are the authorities whose word on a connecting peer counts; nil for none.
func (t *security) clientRoots() *x509.CertPool {
	if t.clientCA == nil {
		return nil
	}
	pool, held, err := t.clientCA.get()
	if err != nil {
		t.tell(Trouble{Kind: OwnCertificate, Err: err})
	}
	if !held {
		return x509.NewCertPool() // not nil, which would be the operating system's
	}
	return pool
}

// CertificateExpires is when the certificate in use ends; false if there is none.
func (l *Layer) CertificateExpires() (time.Time, bool) {
	if l.security.pair == nil {
		return time.Time{}, false
	}
	pair, held, _ := l.security.pair.get()
	if !held {
		return time.Time{}, false
	}
	return pair.Leaf.NotAfter, true
}
