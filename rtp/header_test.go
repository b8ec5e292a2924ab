package rtp

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	pion "github.com/pion/rtp"
)

// The header is checked against another implementation in both directions.
func TestHeaderAgainstAnotherImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := pion.Packet{
			Header: pion.Header{
				Version:        2,
				Marker:         rapid.Bool().Draw(t, "marker"),
				PayloadType:    uint8(rapid.IntRange(0, 63).Draw(t, "pt")),
				SequenceNumber: rapid.Uint16().Draw(t, "seq"),
				Timestamp:      rapid.Uint32().Draw(t, "ts"),
				SSRC:           rapid.Uint32().Draw(t, "ssrc"),
				CSRC:           rapid.SliceOfN(rapid.Uint32(), 0, 15).Draw(t, "csrc"),
			},
			Payload: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload"),
		}
		if rapid.Bool().Draw(t, "extended") {
			_ = want.SetExtension(1, rapid.SliceOfN(rapid.Byte(), 1, 16).Draw(t, "extension"))
		}
		if pad := rapid.IntRange(0, 20).Draw(t, "padding"); pad > 0 {
			want.Padding, want.Header.PaddingSize = true, byte(pad)
		}
		packet, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(packet)
		if err != nil {
			t.Fatalf("parse %x: %v", packet, err)
		}
		if h.Marker != want.Marker || h.PayloadType != want.PayloadType || h.Sequence != want.SequenceNumber ||
			h.Timestamp != want.Timestamp || h.SSRC != want.SSRC || !bytes.Equal(h.Payload(packet), want.Payload) {
			t.Fatalf("read %+v of %+v", h, want)
		}

		h.Marker, h.PayloadType, h.Sequence, h.Timestamp, h.SSRC = !h.Marker, 101, h.Sequence+7, h.Timestamp-9, ^h.SSRC
		h.Rewrite(packet)
		var got pion.Packet
		if err := got.Unmarshal(packet); err != nil {
			t.Fatal(err)
		}
		if got.Marker == want.Marker || got.PayloadType != 101 || got.SequenceNumber != want.SequenceNumber+7 ||
			got.Timestamp != want.Timestamp-9 || got.SSRC != ^want.SSRC || !bytes.Equal(got.Payload, want.Payload) || len(got.CSRC) != len(want.CSRC) {
			t.Fatalf("rewritten to %v of %v", got, want)
		}
	})
}

func TestNotRTP(t *testing.T) {
	good := make([]byte, 32)
	Header{PayloadType: PCMU, Sequence: 1}.Put(good)
	broken := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	for name, packet := range map[string][]byte{
		"empty":                        {},
		"shorter than a header":        good[:11],
		"version 1":                    broken(func(b []byte) []byte { b[0] = 1 << 6; return b }),
		"STUN":                         broken(func(b []byte) []byte { b[0] = 0; return b }),
		"RTCP on the RTP port":         broken(func(b []byte) []byte { b[1] = 200; return b }),
		"more sources than octets":     broken(func(b []byte) []byte { b[0] |= 15; return b }),
		"extension beyond the end":     broken(func(b []byte) []byte { b[0] |= 0x10; b[14], b[15] = 0xff, 0xff; return b }),
		"extension without its length": broken(func(b []byte) []byte { b[0] |= 0x10; return b[:14] }),
		"padding beyond the start":     broken(func(b []byte) []byte { b[0] |= 0x20; b[31] = 255; return b }),
		"padding of nothing":           broken(func(b []byte) []byte { b[0] |= 0x20; b[31] = 0; return b }),
	} {
		if h, err := Parse(packet); err == nil {
			t.Errorf("%s was taken for RTP: %+v", name, h)
		}
	}
	if _, err := Parse(good); err != nil {
		t.Errorf("a good packet: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	packet := make([]byte, 32)
	Header{PayloadType: PCMU, Sequence: 1}.Put(packet)
	f.Add(packet)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err != nil {
			return
		}
		if n := len(h.Payload(b)); n > len(b)-HeaderSize {
			t.Fatalf("a payload of %d octets in %d", n, len(b))
		}
		h.Rewrite(b)
		if again, err := Parse(b); err != nil || again != h {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
	})
}

func FuzzTranslateRTCP(f *testing.F) {
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := TranslateRTCP(b, Translation{}); n < 0 || n > len(b) || n%4 != 0 {
			t.Fatalf("%d octets of %d", n, len(b))
		}
	})
}
