package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Lookup finds the addresses of a host name; net.Resolver does.
type Lookup interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// ServiceLookup is what a Lookup may do besides: SRV records, asked for by their whole name and in any order. net.Resolver does.
type ServiceLookup interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// NAPTRLookup is what a Lookup may do besides: NAPTR records.
type NAPTRLookup interface {
	LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error)
}

// NAPTR is one record of RFC 3403 s4.
type NAPTR struct {
	Order, Preference uint16
	Flags, Service    string
	Replacement       string
}

const (
	resolverFile = "/etc/resolv.conf"
	// serverLimit is what one name server has; the next is asked then.
	serverLimit = 700 * time.Millisecond
)

// SystemLookup is the operating system's resolver, and for NAPTR, which that does not know, the name servers it
// would ask. Where they are not written in a file of Unix there is no NAPTR.
type SystemLookup struct {
	*net.Resolver
	file string // resolver file
	port string // of the name servers; empty for the file's
}

// NewSystemLookup returns the operating system's.
func NewSystemLookup() *SystemLookup {
	return &SystemLookup{Resolver: net.DefaultResolver, file: resolverFile}
}

// LookupNAPTR asks each name server once, by UDP, and by TCP where the answer did not fit. The file is read
// each time: DHCP rewrites it.
func (s *SystemLookup) LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error) {
	conf, err := dns.ClientConfigFromFile(s.file)
	if err != nil {
		return nil, fmt.Errorf("finding the name servers: %w", err)
	}
	port := conf.Port
	if s.port != "" {
		port = s.port
	}
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), dns.TypeNAPTR)
	question.SetEdns0(1232, false) // what fits everywhere: RFC 9715
	last := error(&net.DNSError{Err: "no name servers", Name: name})
	for _, server := range conf.Servers {
		reply, err := exchange(ctx, question, net.JoinHostPort(server, port))
		switch {
		case err != nil:
			last = fmt.Errorf("asking %s for NAPTR %s: %w", server, name, err)
			continue
		case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
			last = &net.DNSError{Err: "name server says " + dns.RcodeToString[reply.Rcode], Name: name, Server: server, IsTemporary: true}
			continue
		}
		var list []NAPTR
		for _, rr := range reply.Answer {
			if n, ok := rr.(*dns.NAPTR); ok {
				list = append(list, NAPTR{n.Order, n.Preference, n.Flags, n.Service, n.Replacement})
			}
		}
		if len(list) == 0 {
			return nil, &net.DNSError{Err: "no NAPTR records", Name: name, Server: server, IsNotFound: true}
		}
		return list, nil
	}
	return nil, last
}

func exchange(ctx context.Context, question *dns.Msg, server string) (*dns.Msg, error) {
	reply, err := exchangeBy(ctx, "udp", question, server)
	if err == nil && reply.Truncated {
		return exchangeBy(ctx, "tcp", question, server)
	}
	return reply, err
}

func exchangeBy(ctx context.Context, network string, question *dns.Msg, server string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	client := dns.Client{Net: network, Timeout: serverLimit}
	reply, _, err := client.ExchangeContext(ctx, question, server)
	return reply, err
}
