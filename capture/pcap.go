package capture

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/tocsin-sip/tocsin/sip/transport"
)

// The file of libpcap (draft-ietf-opsawg-pcap s4), and what its packets begin with.
const (
	pcapMagic   = 0xa1b2c3d4 // microseconds
	linkTypeRaw = 101        // an IPv4 or IPv6 header comes first
	snapLength  = 262144
)

// Lengths of headers (RFC 791, RFC 8200, RFC 768, RFC 9293) and of what fits behind them.
const (
	ipv4Header  = 20
	ipv6Header  = 40
	udpHeader   = 8
	tcpHeader   = 20
	maxPacket   = 65535
	maxDatagram = maxPacket - ipv4Header - udpHeader
	maxSegment  = maxPacket - ipv4Header - tcpHeader
)

// IP protocol numbers.
const (
	protocolTCP = 6
	protocolUDP = 17
)

// WritePCAP writes messages as a capture file, in the order of their time. The packets are
// made for the purpose: a message that came in one datagram is one, a message of a TCP
// connection is a segment whose numbers follow those of the one before. What was encrypted
// on the wire is written as a datagram, because a reader takes a segment from port 5061 for TLS.
func WritePCAP(w io.Writer, ms []Message) error {
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b Message) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seq, b.Seq))
	})
	out := bufio.NewWriter(w)
	head := binary.LittleEndian.AppendUint32(nil, pcapMagic)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...)
	head = binary.LittleEndian.AppendUint32(head, snapLength)
	head = binary.LittleEndian.AppendUint32(head, linkTypeRaw)
	out.Write(head)
	numbers := map[transport.Flow]*connection{}
	for _, m := range ms {
		for _, packet := range packets(m, numbers) {
			record := binary.LittleEndian.AppendUint32(nil, uint32(m.At.Unix()))
			record = binary.LittleEndian.AppendUint32(record, uint32(m.At.Nanosecond()/1000))
			record = binary.LittleEndian.AppendUint32(record, uint32(len(packet)))
			record = binary.LittleEndian.AppendUint32(record, uint32(len(packet)))
			out.Write(record)
			out.Write(packet)
		}
	}
	// A bufio.Writer keeps its first error.
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write pcap: %w", err)
	}
	return nil
}

// connection counts the bytes of a TCP connection, each way.
type connection struct{ sent, received uint32 }

func packets(m Message, numbers map[transport.Flow]*connection) [][]byte {
	from, to := ends(m)
	if m.Flow.Protocol != transport.TCP && len(m.Raw) <= maxDatagram {
		return [][]byte{packet(from.Addr(), to.Addr(), protocolUDP, datagram(from.Port(), to.Port(), m.Raw))}
	}
	c := numbers[m.Flow]
	if c == nil {
		c = &connection{1, 1}
		numbers[m.Flow] = c
	}
	mine, theirs := &c.sent, &c.received
	if m.Direction == transport.In {
		mine, theirs = theirs, mine
	}
	var ps [][]byte
	for part := range slices.Chunk(m.Raw, maxSegment) {
		ps = append(ps, packet(from.Addr(), to.Addr(), protocolTCP, segment(from.Port(), to.Port(), *mine, *theirs, part)))
		*mine += uint32(len(part))
	}
	return ps
}

// ends are where a message came from and where it went, both of one family.
func ends(m Message) (from, to netip.AddrPort) {
	local, remote := m.Flow.Local, m.Flow.Remote
	a, b := local.Addr().Unmap(), remote.Addr().Unmap()
	switch {
	case !b.IsValid():
		b = netip.IPv4Unspecified()
	case a.Is4() && b.Is6():
		a = netip.IPv6Unspecified()
	}
	if !a.IsValid() || a.Is6() && b.Is4() { // of a socket for both families
		a = netip.IPv4Unspecified()
		if b.Is6() {
			a = netip.IPv6Unspecified()
		}
	}
	local, remote = netip.AddrPortFrom(a, local.Port()), netip.AddrPortFrom(b, remote.Port())
	if m.Direction == transport.In {
		return remote, local
	}
	return local, remote
}

// packet puts an IP header before a datagram or segment and fills in the checksum of both.
func packet(from, to netip.Addr, protocol byte, payload []byte) []byte {
	at := map[byte]int{protocolUDP: 6, protocolTCP: 16}[protocol]
	sum := checksum(payload, pseudo(from, to, protocol, len(payload)))
	if sum == 0 && protocol == protocolUDP {
		sum = 0xffff // RFC 768: 0 would say that there is none
	}
	binary.BigEndian.PutUint16(payload[at:], sum)
	var p []byte
	if from.Is4() {
		p = append(p, 0x45, 0)
		p = binary.BigEndian.AppendUint16(p, uint16(ipv4Header+len(payload)))
		p = append(p, 0, 0, 0x40, 0, 64, protocol, 0, 0) // not fragmented (RFC 6864 s4.1), TTL 64
		p = append(append(p, from.AsSlice()...), to.AsSlice()...)
		binary.BigEndian.PutUint16(p[10:], checksum(p, 0))
	} else {
		p = append(p, 0x60, 0, 0, 0)
		p = binary.BigEndian.AppendUint16(p, uint16(len(payload)))
		p = append(p, protocol, 64)
		p = append(append(p, from.AsSlice()...), to.AsSlice()...)
	}
	return append(p, payload...)
}

// pseudo is the sum over the pseudo-header (RFC 9293 s3.1, RFC 8200 s8.1).
func pseudo(from, to netip.Addr, protocol byte, length int) uint32 {
	b := append(from.AsSlice(), to.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = binary.BigEndian.AppendUint32(b, uint32(protocol))
	return add(b, 0)
}

// checksum is that of RFC 1071, begun with what was summed before.
func checksum(b []byte, sum uint32) uint16 {
	sum = add(b, sum)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// add sums words of 16 bits: at most 64 KiB of them, which does not overflow.
func add(b []byte, sum uint32) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func datagram(from, to uint16, payload []byte) []byte {
	d := binary.BigEndian.AppendUint16(nil, from)
	d = binary.BigEndian.AppendUint16(d, to)
	d = binary.BigEndian.AppendUint16(d, uint16(udpHeader+len(payload)))
	return append(append(d, 0, 0), payload...)
}

func segment(from, to uint16, seq, ack uint32, payload []byte) []byte {
	s := binary.BigEndian.AppendUint16(nil, from)
	s = binary.BigEndian.AppendUint16(s, to)
	s = binary.BigEndian.AppendUint32(s, seq)
	s = binary.BigEndian.AppendUint32(s, ack)
	s = append(s, tcpHeader/4<<4, 0x18, 0xff, 0xff, 0, 0, 0, 0) // PSH and ACK, the whole window
	return append(s, payload...)
}
