package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
)

// Reports pass, in the numbers that each side knows.
func TestReportsPass(t *testing.T) {
	s := open(t, Config{})
	c, p := join(t, s, "0", "0")
	reports := map[LegID]net.PacketConn{}
	to := map[LegID]netip.AddrPort{}
	for id, phone := range map[LegID]*audiotest.Phone{caller: c, psap: p} {
		// The port after the phone's own, or with another process there any: the anchor
		// answers to where reports come from (RFC 4961).
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		reports[id], to[id] = conn, netip.AddrPortFrom(phone.Address().Addr(), s.Stats(id)[0].Port+1)
	}
	send := func(id LegID, packets ...rtcp.Packet) {
		t.Helper()
		b, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reports[id].WriteTo(b, net.UDPAddrFromAddrPort(to[id])); err != nil {
			t.Fatal(err)
		}
	}
	heard := func(id LegID) []rtcp.Packet {
		t.Helper()
		b := make([]byte, 2000)
		if err := reports[id].SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := reports[id].ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rtcp.Unmarshal(b[:n])
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	c.Say(audiotest.Sine(700, 100*time.Millisecond))
	atPSAP := p.Await(5)[4]
	p.Say(audiotest.Sine(700, 100*time.Millisecond))
	c.Await(5)

	send(caller, &rtcp.ReceiverReport{SSRC: 1000}) // shows where the caller's reports are
	var got []rtcp.Packet
	for range 100 {
		// The PSAP's first report may be on its way before the caller's address is known.
		send(psap, &rtcp.ReceiverReport{SSRC: 2000, Reports: []rtcp.ReceptionReport{{SSRC: atPSAP.SSRC, LastSequenceNumber: 3<<16 | uint32(atPSAP.Sequence), FractionLost: 9}}})
		if err := reports[caller].SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2000)
		if n, _, err := reports[caller].ReadFrom(b); err == nil {
			if got, err = rtcp.Unmarshal(b[:n]); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	atCaller := c.Packets()[0].SSRC
	// The fifth packet of the caller had this number.
	sequence := uint16(1000 + 5)
	want := []rtcp.Packet{&rtcp.ReceiverReport{SSRC: atCaller, Reports: []rtcp.ReceptionReport{{SSRC: 1000, LastSequenceNumber: 3<<16 | uint32(sequence), FractionLost: 9}}, ProfileExtensions: []byte{}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	send(caller, &rtcp.SenderReport{SSRC: 1000, RTPTime: 1000*7 + 5*160, PacketCount: 5})
	report, ok := heard(psap)[0].(*rtcp.SenderReport)
	if !ok { // the caller's first report came late
		report, ok = heard(psap)[0].(*rtcp.SenderReport)
	}
	if !ok || report.SSRC != atPSAP.SSRC || report.RTPTime != atPSAP.Timestamp || report.PacketCount != 5 {
		t.Errorf("the PSAP got %+v, want SSRC %d at %d", report, atPSAP.SSRC, atPSAP.Timestamp)
	}
}
