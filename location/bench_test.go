package location

import "testing"

func BenchmarkHash(b *testing.B) {
	b.ReportAllocs()
	l := Location{Civic: CivicAddress{Country: "US", State: "CA", City: "San Jose", Street: "Almaden", StreetSuffix: "Boulevard", HouseNumber: "55", Floor: "2", PostalCode: "95113"}}
	for b.Loop() {
		_ = l.hash()
	}
}
