package geo_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/maxmind/mmdbwriter"

	"weir/http7"
	"weir/http7/policy/geo"
)

// countries is a database of n networks of all countries.
func countries(t testing.TB, n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var all []record
	for _, continent := range geo.Continents() {
		for _, country := range geo.Countries(continent) {
			all = append(all, in(country, continent))
		}
	}
	records := make(map[string]record, n)
	for len(records) < n {
		p, err := drawn(random).Prefix(12 + random.IntN(13))
		if err != nil {
			t.Fatal(err)
		}
		records[p.String()] = all[random.IntN(len(all))]
	}
	return made(t, mmdbwriter.Options{RecordSize: 24}, records)
}

func drawn(random *rand.Rand) netip.Addr {
	u := random.Uint32()
	return netip.AddrFrom4([4]byte{byte(u >> 24), byte(u >> 16), byte(u >> 8), byte(u)})
}

func TestFindingTheCountryAllocatesNothing(t *testing.T) {
	steps := compile(t, geo.Config{Header: "X-Country"})
	x := &http7.Exchange{}
	for _, client := range []string{"192.0.2.1", "2001:db8::1", "10.0.0.1"} {
		pass := func() {
			x.Client = address(client)
			steps[0].Request.Request(x)
			steps[1].Request.Request(x)
			x.Release()
			x.Request.Reset(nil)
		}
		pass()
		if n := testing.AllocsPerRun(1000, pass); n != 0 {
			t.Errorf("%s: allocates %v times", client, n)
		}
	}
}

func BenchmarkAdmitted(b *testing.B) {
	steps := compile(b, geo.Config{Database: file(b, countries(b, 50_000)), DenyCountries: []string{"XX"}})
	random := rand.New(rand.NewPCG(3, 4))
	var list []netip.Addr
	for range 1 << 14 {
		list = append(list, drawn(random))
	}
	x := &http7.Exchange{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.Client = list[i%len(list)]
		if v := steps[0].Request.Request(x); v.Fault != nil {
			b.Fatal(v.Fault)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	path := file(b, countries(b, 50_000))
	for b.Loop() {
		open(b, geo.Config{Database: path})
	}
}
