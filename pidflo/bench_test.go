package pidflo

import "testing"

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	d := Document{Entity: "pres:a@b", Locations: []Located{{ID: "l", Civic: austin, DeviceID: "pres:l@b"}}}
	for b.Loop() {
		if _, err := Encode(d); err != nil {
			b.Fatal(err)
		}
	}
}
