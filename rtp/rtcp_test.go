package rtp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

func TestTranslateRTCP(t *testing.T) {
	translation := Translation{
		Sent:     Renumbering{From: 1, To: 100, Timestamp: 1000},
		Received: Renumbering{From: 200, To: 2, Sequence: 50},
	}
	for _, r := range []struct {
		name     string
		in, want []rtcp.Packet
	}{
		{"a sender report", []rtcp.Packet{&rtcp.SenderReport{SSRC: 1, RTPTime: 7, Reports: []rtcp.ReceptionReport{{SSRC: 200, LastSequenceNumber: 1<<16 | 65530}}}},
			[]rtcp.Packet{&rtcp.SenderReport{SSRC: 100, RTPTime: 1007, Reports: []rtcp.ReceptionReport{{SSRC: 2, LastSequenceNumber: 1<<16 | 44}}}}},
		{"a report on somebody else is left alone", []rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 9, LastSequenceNumber: 3}}}},
			[]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 100, Reports: []rtcp.ReceptionReport{{SSRC: 9, LastSequenceNumber: 3}}}}},
		{"compound with the sender's name", []rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}, rtcp.NewCNAMESourceDescription(1, "phone")},
			[]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 100}, rtcp.NewCNAMESourceDescription(100, "phone")}},
		{"a request for a whole picture", []rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}, &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 200}},
			[]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 100}, &rtcp.PictureLossIndication{SenderSSRC: 100, MediaSSRC: 2}}},
		{"a goodbye is cut off", []rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}, &rtcp.Goodbye{Sources: []uint32{1}}},
			[]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 100}}},
	} {
		packet, err := rtcp.Marshal(r.in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := rtcp.Marshal(r.want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, packet[:TranslateRTCP(packet, translation)]); diff != "" {
			t.Errorf("%s: %s", r.name, diff)
		}
	}
}
