package geo

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// FuzzDatabase: whatever is in a file, it is refused or answers, and what it answers are codes.
func FuzzDatabase(f *testing.F) {
	for _, size := range []int{24, 28, 32} {
		tree, err := mmdbwriter.New(mmdbwriter.Options{RecordSize: size, DatabaseType: "x", IncludeReservedNetworks: true})
		if err != nil {
			f.Fatal(err)
		}
		for text, country := range map[string]mmdbtype.String{"192.0.2.0/24": "DE", "2001:db8::/32": "JP", "10.0.0.0/8": "no code"} {
			_, network, err := net.ParseCIDR(text)
			if err != nil {
				f.Fatal(err)
			}
			if err := tree.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": country}, "continent": mmdbtype.Map{"code": mmdbtype.String("EU")}}); err != nil {
				f.Fatal(err)
			}
		}
		var b bytes.Buffer
		if _, err := tree.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()-20])
	}
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	clients := []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("ffff::")}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := open(data)
		if err != nil {
			return
		}
		for _, a := range clients {
			s := d.at(a)
			if s != nil && (s.country != "" && !isCode(s.country) || s.continent != "" && !isCode(s.continent)) {
				t.Fatalf("%s is in %q on %q", a, s.country, s.continent)
			}
		}
	})
}
