package config

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// Node is the settings of one node: what it listens on, how others reach it, where it
// keeps what it must not forget. Its zero value works; [Node.OrDefaults] fills it.
// Everything about accounts, sites and calls is in the directory file instead, and can be
// changed while calls are running.
type Node struct {
	// Name is a name no other element of the network has, as a domain name: it stands in
	// every call id (NENA-STA-010 s2.1.6) and says which node holds a registration.
	Name     string   `json:"name,omitempty"`
	SIP      SIP      `json:"sip,omitzero"`
	Media    Media    `json:"media,omitzero"`
	HTTP     HTTP     `json:"http,omitzero"`
	TLS      TLS      `json:"tls,omitzero"`
	DataDir  string   `json:"data_dir,omitempty"` // database, recordings
	Database Database `json:"database,omitempty"`
	Log      Log      `json:"log,omitzero"`
	HEP      HEP      `json:"hep,omitzero"`
	Limits   Limits   `json:"limits,omitzero"`
}

// SIP is where signalling comes in.
type SIP struct {
	Listen []Listener `json:"listen,omitempty"`
	// Advertise is the host, or host and port, others reach the node at when it is behind
	// NAT: it stands in Via and Contact, and in SDP where media has none of its own.
	Advertise HostPort `json:"advertise,omitzero"`
	// Digest are the algorithms phones are challenged with, the preferred first. Many read
	// no further than the first challenge, or give up at one they do not know.
	Digest []Digest `json:"digest,omitempty"`
}

// Digest is an algorithm of RFC 7616.
type Digest string

const (
	DigestMD5    Digest = "MD5"
	DigestSHA256 Digest = "SHA-256"
)

// UnmarshalText reads the name of an algorithm.
func (d *Digest) UnmarshalText(b []byte) error {
	for _, known := range []Digest{DigestMD5, DigestSHA256} {
		if strings.EqualFold(string(known), string(b)) {
			*d = known
			return nil
		}
	}
	return fmt.Errorf("%q is not one of MD5, SHA-256", b)
}

// Media is where RTP comes in.
type Media struct {
	Address   netip.Addr `json:"address,omitzero"` // to bind; default: all addresses
	Advertise string     `json:"advertise,omitempty"`
	Ports     PortRange  `json:"ports,omitzero"`
}

// HTTP is the door of console and API.
type HTTP struct {
	Listen    string `json:"listen,omitempty"`
	PublicURL string `json:"public_url,omitempty"` // what links in alerts begin with
}

// TLS is the certificate for SIP and HTTP. The files are read again when they change.
type TLS struct {
	Certificate string `json:"certificate,omitempty"` // PEM, the chain included
	Key         string `json:"key,omitempty"`
	ClientCA    string `json:"client_ca,omitempty"` // PEM; peers with a certificate from it are known by name
}

// Log is what is written about the running of the node.
type Log struct {
	Level  LogLevel  `json:"level,omitempty"`
	Format LogFormat `json:"format,omitempty"`
}

// HEP is a collector, such as Homer, that is shown the SIP messages of calls as they
// happen (A6).
type HEP struct {
	Address  Collector `json:"address,omitzero"`
	NodeID   int64     `json:"node_id,omitempty"`  // this node among those that send to the collector
	Password string    `json:"password,omitempty"` // the collector's authentication key
}

// Limits hold ordinary traffic back, never an emergency call (R13).
type Limits struct {
	OtherRequests int          `json:"other_requests_per_second,omitempty"` // of SIP, other than emergency calls
	OrdinaryCalls int          `json:"ordinary_calls,omitempty"`
	Drain         org.Duration `json:"drain,omitempty"`         // how long a graceful stop waits for calls
	KeepMessages  org.Duration `json:"keep_messages,omitempty"` // how long the SIP messages of calls are kept
}

// OrDefaults is the settings with everything filled in that the file left out.
func (n Node) OrDefaults() Node {
	if n.Name == "" {
		n.Name = cmp.Or(hostname(), "localhost")
	}
	if len(n.SIP.Listen) == 0 {
		all := netip.IPv4Unspecified()
		n.SIP.Listen = []Listener{{"udp", netip.AddrPortFrom(all, 5060)}, {"tcp", netip.AddrPortFrom(all, 5060)}}
		if n.TLS.Certificate != "" {
			n.SIP.Listen = append(n.SIP.Listen, Listener{"tls", netip.AddrPortFrom(all, 5061)})
		}
	}
	if len(n.SIP.Digest) == 0 {
		n.SIP.Digest = []Digest{DigestMD5}
	}
	if n.Media.Ports == (PortRange{}) {
		n.Media.Ports = PortRange{20000, 29999}
	}
	n.Media.Advertise = cmp.Or(n.Media.Advertise, n.SIP.Advertise.Host)
	n.HTTP.Listen = cmp.Or(n.HTTP.Listen, "127.0.0.1:8080")
	n.DataDir = cmp.Or(n.DataDir, "tocsin-data")
	n.Database = cmp.Or(n.Database, Database(filepath.Join(n.DataDir, "tocsin.db")))
	n.Log.Level = cmp.Or(n.Log.Level, "info")
	n.Log.Format = cmp.Or(n.Log.Format, "text")
	n.Limits.OtherRequests = cmp.Or(n.Limits.OtherRequests, 1000)
	n.Limits.OrdinaryCalls = cmp.Or(n.Limits.OrdinaryCalls, 500)
	n.Limits.Drain = cmp.Or(n.Limits.Drain, org.Duration(2*time.Minute))
	n.Limits.KeepMessages = cmp.Or(n.Limits.KeepMessages, org.Duration(30*24*time.Hour))
	return n
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// ReadNode reads the settings of a node from disk. Its error is Faults, or that of the disk.
func ReadNode(name string) (Node, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Node{}, fmt.Errorf("read node settings: %w", err)
	}
	n, faults := ParseNode(name, text)
	return n, faults.Err()
}

// ParseNode reads the settings of a node.
func ParseNode(name string, text []byte) (Node, Faults) {
	var n Node
	root, faults := decode(name, text, &n)
	if len(faults) > 0 {
		return Node{}, faults
	}
	f := File{Name: name, root: root}
	n.check(func(path, text, fix string) {
		line, column := f.At(path)
		faults = append(faults, Fault{File: name, Line: line, Column: column, Path: path, Text: text, Fix: fix})
	})
	faults.sort()
	if len(faults) > 0 {
		return Node{}, faults
	}
	return n, nil
}

func (n *Node) check(fault func(path, text, fix string)) {
	seen := map[Listener]bool{}
	for i, l := range n.SIP.Listen {
		path := fmt.Sprintf("sip.listen[%d]", i)
		if seen[l] {
			fault(path, l.String()+" is already listened on", "remove one of the two")
		}
		seen[l] = true
		if l.Transport == "tls" && n.TLS.Certificate == "" {
			fault(path, "TLS needs a certificate", "set tls.certificate and tls.key")
		}
	}
	if (n.TLS.Certificate == "") != (n.TLS.Key == "") {
		fault("tls", "a certificate and its key belong together", "set both certificate and key, or neither")
	}
	if n.HTTP.Listen != "" {
		if _, port, err := net.SplitHostPort(n.HTTP.Listen); err != nil || !isPort(port) {
			fault("http.listen", fmt.Sprintf("%q is not an address with a port", n.HTTP.Listen), "write 127.0.0.1:8080, or :8080 for all addresses")
		}
	}
	if u, err := url.Parse(n.HTTP.PublicURL); n.HTTP.PublicURL != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		fault("http.public_url", fmt.Sprintf("%q is not a web address", n.HTTP.PublicURL), "write https://tocsin.example.com")
	}
	if n.Name != "" && !isDomainName(n.Name) {
		fault("name", fmt.Sprintf("%q is not a domain name", n.Name), "write the node's full name, such as gw1.example.com")
	}
	if n.Limits.OtherRequests < 0 {
		fault("limits.other_requests_per_second", "it is negative", "write how many, or leave it out for 1000")
	}
	if n.Limits.OrdinaryCalls < 0 {
		fault("limits.ordinary_calls", "it is negative", "write how many, or leave it out for 500")
	}
	if n.HEP.Address == (Collector{}) && n.HEP != (HEP{}) {
		fault("hep", "there is no collector to send to", "set hep.address, such as udp:homer.example.com:9060")
	}
	if n.HEP.NodeID < 0 || n.HEP.NodeID > math.MaxUint32 {
		fault("hep.node_id", "it does not fit into 32 bits", "write a number from 0 to 4294967295")
	}
	if n.Media.Ports.First != 0 {
		for i, l := range n.SIP.Listen {
			if l.Transport == "udp" && n.Media.Ports.Has(l.Address.Port()) {
				fault(fmt.Sprintf("sip.listen[%d]", i), fmt.Sprintf("port %d is one of media.ports %v", l.Address.Port(), n.Media.Ports), "use a port outside of them")
			}
		}
	}
}

func isPort(s string) bool {
	p, err := strconv.ParseUint(s, 10, 16)
	return err == nil && p <= 65535
}

// isDomainName is RFC 1123 s2.1: letters, digits and hyphens between dots.
func isDomainName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
				return false
			}
		}
	}
	return true
}

// Listener is a transport and an address to listen on: "udp:0.0.0.0:5060".
type Listener struct {
	Transport string // udp, tcp or tls
	Address   netip.AddrPort
}

func (l Listener) String() string { return l.Transport + ":" + l.Address.String() }

// MarshalText writes what UnmarshalText reads.
func (l Listener) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads "udp:0.0.0.0:5060" or "tls:[::]:5061".
func (l *Listener) UnmarshalText(b []byte) error {
	transport, address, ok := strings.Cut(string(b), ":")
	at, err := netip.ParseAddrPort(address)
	if !ok || err != nil || !slices.Contains([]string{"udp", "tcp", "tls"}, transport) {
		return fmt.Errorf("%q is not a transport with an address and a port: write udp:0.0.0.0:5060, tcp:[::]:5060 or tls:0.0.0.0:5061", b)
	}
	*l = Listener{transport, at}
	return nil
}

// Collector is a transport and where somebody else listens: "udp:homer.example.com:9060".
type Collector struct {
	Transport string // udp or tcp
	HostPort
}

// hepPort is where collectors listen by habit; there is no registered port.
const hepPort = 9060

func (c Collector) String() string { return c.Transport + ":" + c.HostPort.String() }

// MarshalText writes what UnmarshalText reads.
func (c Collector) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads "udp:homer.example.com:9060", "tcp:192.0.2.9"; without a port it is 9060.
func (c *Collector) UnmarshalText(b []byte) error {
	transport, address, ok := strings.Cut(string(b), ":")
	var at HostPort
	if err := at.UnmarshalText([]byte(address)); err != nil || !ok || (transport != "udp" && transport != "tcp") {
		return fmt.Errorf("%q is not a transport with a host and a port: write udp:homer.example.com:9060 or tcp:192.0.2.9:9061", b)
	}
	at.Port = cmp.Or(at.Port, hepPort)
	*c = Collector{transport, at}
	return nil
}

// HostPort is a host that others reach the node at, and the port where it is another than
// the one listened on.
type HostPort struct {
	Host string
	Port uint16
}

func (h HostPort) String() string {
	if h.Port == 0 {
		return h.Host
	}
	return net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port)))
}

// MarshalText writes what UnmarshalText reads.
func (h HostPort) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads "203.0.113.7", "gw.example.com:5060", "[2001:db8::1]:5060".
func (h *HostPort) UnmarshalText(b []byte) error {
	written := string(b)
	if a, err := netip.ParseAddr(strings.Trim(written, "[]")); err == nil {
		*h = HostPort{Host: a.String()}
		return nil
	}
	host, port := written, uint64(0)
	if name, digits, err := net.SplitHostPort(written); err == nil && !strings.Contains(digits, "/") {
		if port, err = strconv.ParseUint(digits, 10, 16); err != nil || port == 0 {
			return fmt.Errorf("%q: %q is not a port", written, digits)
		}
		host = name
	}
	if _, err := netip.ParseAddr(host); err != nil && !isDomainName(host) {
		return fmt.Errorf("%q is neither an address nor a host name: write 203.0.113.7 or gw.example.com:5060", written)
	}
	*h = HostPort{Host: host, Port: uint16(port)}
	return nil
}

// PortRange is the ports of RTP, the even ones, and of RTCP, the odd ones beside them.
type PortRange struct{ First, Last uint16 }

func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Has says whether the port is in the range.
func (r PortRange) Has(port uint16) bool { return port >= r.First && port <= r.Last }

// MarshalText writes what UnmarshalText reads.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "20000-29999".
func (r *PortRange) UnmarshalText(b []byte) error {
	from, to, _ := strings.Cut(string(b), "-")
	first, err1 := strconv.ParseUint(from, 10, 16)
	last, err2 := strconv.ParseUint(to, 10, 16)
	switch {
	case err1 != nil || err2 != nil || first == 0:
		return fmt.Errorf("%q is not a range of ports: write 20000-29999", b)
	case first%2 != 0:
		// RFC 3550 s11: RTP on an even port, its RTCP on the next.
		return fmt.Errorf("ports %s begin with an odd one: RTP takes even ports; write %d-%s", b, first-1, to)
	case last < first+3:
		// A call has two legs, each with RTP and RTCP.
		return fmt.Errorf("ports %s are too few for one call, which needs four", b)
	}
	*r = PortRange{uint16(first), uint16(last)}
	return nil
}

// Database is a file, or a URL of PostgreSQL.
type Database string

// IsPostgres says whether it names a PostgreSQL server rather than a file.
func (d Database) IsPostgres() bool {
	return strings.HasPrefix(string(d), "postgres://") || strings.HasPrefix(string(d), "postgresql://")
}

// Redacted is the database for logs, without the password.
func (d Database) Redacted() string {
	if u, err := url.Parse(string(d)); d.IsPostgres() && err == nil {
		return u.Redacted()
	}
	return string(d)
}

// UnmarshalText reads "postgres://user@host/tocsin" or the path of a file.
func (d *Database) UnmarshalText(b []byte) error {
	s := Database(b)
	if scheme, _, isURL := strings.Cut(string(b), "://"); isURL && !s.IsPostgres() {
		return fmt.Errorf("database %q: there is no support for %s: write postgres://user@host/database, or leave it out for an SQLite file in data_dir", b, scheme)
	}
	if _, err := url.Parse(string(b)); s.IsPostgres() && err != nil {
		return fmt.Errorf("database: the URL cannot be read: write postgres://user@host/database")
	}
	*d = s
	return nil
}

type (
	// LogLevel is the least grave message that is written.
	LogLevel string
	// LogFormat is text for people or json for collectors.
	LogFormat string
)

// UnmarshalText reads debug, info, warn or error.
func (l *LogLevel) UnmarshalText(b []byte) error {
	return word(l, b, "debug", "info", "warn", "error")
}

// UnmarshalText reads text or json.
func (f *LogFormat) UnmarshalText(b []byte) error { return word(f, b, "text", "json") }

func word[T ~string](into *T, b []byte, allowed ...T) error {
	if !slices.Contains(allowed, T(b)) {
		return fmt.Errorf("%q is not one of %s", b, strings.Trim(fmt.Sprint(allowed), "[]"))
	}
	*into = T(b)
	return nil
}
