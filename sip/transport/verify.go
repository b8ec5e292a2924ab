package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Verify says what happens when the certificate of a destination is not what it should be.
type Verify uint8

const (
	// Strict does not connect. A Destination that says nothing is treated so.
	Strict Verify = iota + 1
	// Prefer connects and says what was wrong (Peer.Problem, Trouble): for
	// trunks that carry emergency calls, which an expired certificate may not stop (L1).
	Prefer
)

func (v Verify) String() string {
	if v == Prefer {
		return "prefer"
	}
	return "strict"
}

// Peer is what a TLS connection's other end has shown of itself.
type Peer struct {
	// Names are the SIP identities in its certificate (RFC 5922 s7.1), if the certificate was
	// verified. Only they may be acted on.
	Names []string
	// Claimed are those in a certificate that was not. They are for people to read.
	Claimed []string
	// Problem is what was wrong with the certificate. It is nil for a verified one, and for a client that showed none.
	Problem error
}

var (
	errUnverified    = errors.New("peer's certificate not accepted")
	errNoCertificate = errors.New("peer shows no certificate")
	errWrongName     = errors.New("certificate is for another name")
)

// inspect checks the certificate of a peer: the chain against roots (nil: the operating
// system's) and, if there is a name to look for, that it is one of the SIP identities.
func inspect(state tls.ConnectionState, roots *x509.CertPool, name string) Peer {
	if len(state.PeerCertificates) == 0 {
		return Peer{Problem: errNoCertificate}
	}
	leaf := state.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	// RFC 5922 s7.1 asks for no key usage, and RFC 5924's is unknown to most authorities.
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	names := identities(leaf)
	if name != "" && !hasName(names, name) {
		err = errors.Join(err, fmt.Errorf("%w: wanted %s, it says %s", errWrongName, name, strings.Join(names, ", ")))
	}
	if err != nil {
		return Peer{Claimed: names, Problem: err}
	}
	return Peer{Names: names}
}

// identities are the SIP domains a certificate stands for (RFC 5922 s7.1): sip URIs without a
// user and DNS names; the common name only where there is no subjectAltName. IP addresses are beyond the RFC, for
// trunks that are configured by number.
func identities(c *x509.Certificate) []string {
	var names []string
	for _, u := range c.URIs {
		// A user part makes it the certificate of a person, not of a domain.
		if strings.EqualFold(u.Scheme, "sip") && u.Opaque != "" && !strings.Contains(u.Opaque, "@") {
			names = append(names, strings.ToLower(u.Opaque))
		}
	}
	for _, n := range c.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	for _, a := range c.IPAddresses {
		names = append(names, a.String())
	}
	if len(names) == 0 && len(c.URIs) == 0 && len(c.EmailAddresses) == 0 && c.Subject.CommonName != "" {
		names = append(names, strings.ToLower(c.Subject.CommonName))
	}
	return names
}

// hasName compares as RFC 5922 s7.2 says: without regard to case, and no wildcards.
func hasName(names []string, want string) bool {
	want = serverName(want)
	for _, n := range names {
		if strings.TrimSuffix(n, ".") == want {
			return true
		}
	}
	return false
}

// serverName is the one spelling of a host that connections are told apart by.
func serverName(host string) string {
	host = strings.ToLower(strings.TrimSuffix(unbracket(host), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return host
}
