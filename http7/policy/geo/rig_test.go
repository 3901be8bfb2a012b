package geo_test

import (
	"bytes"
	"maps"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"weir/http7"
	"weir/http7/policy/geo"
	"weir/http7/policy/policytest"
)

// record is what a database says of a network.
type record = mmdbtype.Map

// in is the record of MaxMind's databases.
func in(country, continent string) record {
	return record{
		"continent": record{"code": mmdbtype.String(continent), "names": record{"en": mmdbtype.String("somewhere")}},
		"country":   record{"iso_code": mmdbtype.String(country), "is_in_european_union": mmdbtype.Bool(true), "geoname_id": mmdbtype.Uint32(7)},
	}
}

// made is a database, made by MaxMind's own writer.
func made(t testing.TB, options mmdbwriter.Options, records map[string]record) []byte {
	t.Helper()
	options.IncludeReservedNetworks, options.BuildEpoch = true, 1767225600
	if options.RecordSize == 0 {
		options.RecordSize = 28
	}
	tree, err := mmdbwriter.New(options)
	if err != nil {
		t.Fatal(err)
	}
	bits := func(text string) int { return netip.MustParsePrefix(text).Bits() }
	for _, text := range slices.SortedFunc(maps.Keys(records), func(a, b string) int { return bits(a) - bits(b) }) {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, records[text]); err != nil { // over the shorter ones
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// world is a small one.
func world(t testing.TB) []byte {
	return made(t, mmdbwriter.Options{DatabaseType: "GeoLite2-Country"}, map[string]record{
		"192.0.2.0/24":    in("DE", "EU"),
		"198.51.100.0/24": in("FR", "EU"),
		"203.0.113.0/24":  in("US", "NA"),
		"203.0.113.64/26": in("CA", "NA"),
		"2001:db8::/32":   in("JP", "AS"),
		"100.64.0.0/10":   {"registered_country": record{"iso_code": mmdbtype.String("NL")}, "continent": record{"code": mmdbtype.String("EU")}},
		"172.16.0.0/12":   {"continent": record{"code": mmdbtype.String("AF")}},
		"169.254.0.0/16":  {"city": record{"names": record{"en": mmdbtype.String("nowhere")}}},
	})
}

// open is New of a config that is right, over the small world unless it has a database.
func open(t testing.TB, c geo.Config) *geo.Filter {
	t.Helper()
	if c.Database == "" {
		c.Database = file(t, world(t))
	}
	f, err := geo.New(&c, "edge", policytest.NewProcess().Needs())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// compile is Compile of a config that is right, over the small world unless it has a database.
func compile(t testing.TB, c geo.Config) []http7.Step {
	t.Helper()
	if c.Database == "" {
		c.Database = file(t, world(t))
	}
	steps, err := geo.Compile(&c, "edge", policytest.NewProcess().Needs())
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// address reads an address; "" is none, as on a unix socket.
func address(text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

// file is a database in a folder of its own.
func file(t testing.TB, data []byte) string { return policytest.File(t, "country.mmdb", string(data)) }
