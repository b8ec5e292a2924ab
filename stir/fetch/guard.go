package fetch

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// guarded is a transport that does not connect to addresses inside. It uses no proxy of the
// environment: what a proxy connects to could not be looked at.
func guarded(c Config) http.RoundTripper {
	dialer := &net.Dialer{Timeout: timeout}
	if !c.Inside {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return outside(address) }
	}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: timeout,
		MaxIdleConns:        8,
		IdleConnTimeout:     30 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// allowed is what can be seen in the address itself.
func (f *Certificates) allowed(u *url.URL) error {
	switch {
	case u.Scheme != "https" || u.Hostname() == "":
		return errors.New("not an https address")
	case u.User != nil:
		return errors.New("the address holds a user")
	case !f.inside && u.Port() != "" && u.Port() != "443" && u.Port() != "8443":
		return fmt.Errorf("port %s: certificates are published on 443 and 8443", u.Port())
	}
	return nil
}

// shared is 100.64.0.0/10, which carriers use inside (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// outside refuses an address that is not one of the public network.
func outside(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := a.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return fmt.Errorf("%s is an address inside", ip)
	}
	return nil
}
