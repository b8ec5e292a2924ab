package location

import (
	"fmt"
	"net/netip"
	"strings"
)

// Subnet is a range of addresses, or one address ("203.0.113.7").
type Subnet struct{ netip.Prefix }

// ParseSubnet reads a prefix or a single address. A prefix with bits beyond
// its length is refused: 10.20.2.7/24 may mean the subnet or the host.
func ParseSubnet(written string) (Subnet, error) {
	if addr, err := netip.ParseAddr(written); err == nil {
		addr = addr.Unmap().WithZone("")
		return Subnet{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(written)
	if err != nil {
		return Subnet{}, fmt.Errorf("subnet %q: not an address or a prefix", written)
	}
	if p.Masked() != p {
		return Subnet{}, fmt.Errorf("subnet %q: bits beyond its length; write %s, or %s for the one address", written, p.Masked(), p.Addr())
	}
	return Subnet{p}, nil
}

// UnmarshalText reads as [ParseSubnet] does.
func (s *Subnet) UnmarshalText(b []byte) error {
	parsed, err := ParseSubnet(string(b))
	if err == nil {
		*s = parsed
	}
	return err
}

// MAC is a 48 bit hardware address in its canonical form, "00:0c:29:aa:00:01".
type MAC string

// ParseMAC reads the usual ways to write one: colons, hyphens, Cisco's dots
// or nothing at all between the digits.
func ParseMAC(written string) (MAC, error) {
	m, err := hexPairs(written, 12)
	return MAC(m), err
}

// UnmarshalText reads as [ParseMAC] does.
func (m *MAC) UnmarshalText(b []byte) error {
	parsed, err := ParseMAC(string(b))
	if err == nil {
		*m = parsed
	}
	return err
}

// BSSID is one access point radio, or with a * at its end a range of them:
// access points number their radios and networks in the last digits.
type BSSID string

// ParseBSSID reads a BSSID, which may end in a *.
func ParseBSSID(written string) (BSSID, error) {
	head, wild := strings.CutSuffix(strings.TrimSpace(written), "*")
	if !wild {
		m, err := hexPairs(head, 12)
		return BSSID(m), err
	}
	m, err := hexPairs(head, 0)
	if err != nil {
		return "", err
	}
	if n := len(strings.ReplaceAll(m, ":", "")); n < 6 || n > 11 {
		// Fewer than the six digits of a manufacturer would be every access
		// point of that make, the neighbour's too.
		return "", fmt.Errorf("BSSID %q: 6 to 11 digits must stand before the *", written)
	}
	return BSSID(m + "*"), nil
}

// UnmarshalText reads as [ParseBSSID] does.
func (b *BSSID) UnmarshalText(text []byte) error {
	parsed, err := ParseBSSID(string(text))
	if err == nil {
		*b = parsed
	}
	return err
}

// Wildcard says whether it stands for a range.
func (b BSSID) Wildcard() bool { return strings.HasSuffix(string(b), "*") }

// Covers says whether a radio is the one meant, or in the range meant.
func (b BSSID) Covers(radio MAC) bool {
	head, wild := strings.CutSuffix(string(b), "*")
	if !wild {
		return string(b) == string(radio)
	}
	// "00:11:22*" and "00:11:22:*" are both kept as "00:11:22*".
	return strings.HasPrefix(string(radio), head)
}

// Overlaps says whether some radio is covered by both.
func (b BSSID) Overlaps(o BSSID) bool {
	x, xw := strings.CutSuffix(string(b), "*")
	y, yw := strings.CutSuffix(string(o), "*")
	switch {
	case xw && yw:
		return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
	case xw:
		return strings.HasPrefix(y, x)
	case yw:
		return strings.HasPrefix(x, y)
	default:
		return x == y
	}
}

// hexPairs writes hexadecimal digits as pairs; want is how many there must
// be, 0 for any number.
func hexPairs(written string, want int) (string, error) {
	var digits []byte
	for _, r := range strings.ToLower(strings.TrimSpace(written)) {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'f':
			digits = append(digits, byte(r))
		case r == ':' || r == '-' || r == '.':
		default:
			return "", fmt.Errorf("hardware address %q: %q does not belong in one", written, r)
		}
	}
	if want != 0 && len(digits) != want {
		return "", fmt.Errorf("hardware address %q: %d hexadecimal digits, %d are needed", written, len(digits), want)
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && i%2 == 0 {
			b.WriteByte(':')
		}
		b.WriteByte(d)
	}
	return b.String(), nil
}

// SwitchPort is a whole switch, one port of it ("ge-0/0/7"), or a range of
// ports, From to To behind a prefix ("Gi1/0/" 1 to 24). The switch is known by
// its chassis id (IEEE 802.1AB s8.5.2), as phones hear it.
type SwitchPort struct {
	MAC    MAC    `json:"mac" yaml:"mac"`
	Port   string `json:"port,omitempty" yaml:"port,omitempty"`
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	From   int    `json:"from,omitempty" yaml:"from,omitempty"`
	To     int    `json:"to,omitempty" yaml:"to,omitempty"`
}

// Check refuses what is neither a switch, a port nor a range.
func (s SwitchPort) Check() error {
	ranged := s.Prefix != "" || s.From != 0 || s.To != 0
	switch {
	case s.MAC == "":
		return fmt.Errorf("switch port: the switch's mac is missing")
	case s.Port != "" && ranged:
		return fmt.Errorf("switch %s: either port or from and to", s.MAC)
	case ranged && (s.From < 0 || s.To < s.From || s.To == 0):
		return fmt.Errorf("switch %s: ports %s%d to %d are no range", s.MAC, s.Prefix, s.From, s.To)
	}
	return nil
}

func (s SwitchPort) String() string {
	switch {
	case s.Port != "":
		return fmt.Sprintf("switch %s port %s", s.MAC, s.Port)
	case s.To != 0:
		return fmt.Sprintf("switch %s ports %s%d to %d", s.MAC, s.Prefix, s.From, s.To)
	default:
		return fmt.Sprintf("switch %s", s.MAC)
	}
}
