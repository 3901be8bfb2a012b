package conf

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAddressesAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Address) }, []reading{
		{text: "10.0.0.1:8080", again: "10.0.0.1:8080"},
		{text: "[::1]:80", again: "[::1]:80"},
		{text: "[2001:DB8::1]:80", again: "[2001:db8::1]:80"},
		{text: "0.0.0.0:80", again: "0.0.0.0:80"},
		{text: ":80", again: ":80"},
		{text: "api.internal:80", again: "api.internal:80"},
		{text: "API:80", again: "api:80"},
		{text: "my_service:80", again: "my_service:80"},
		{text: "unix:/run/weir.sock", again: "unix:/run/weir.sock"},
		{text: "off", again: "off"},
		{text: "10.0.0.1", wrong: "the port is missing"},
		{text: "::1", wrong: "the port is missing"},
		{text: "[::1]", wrong: "the port is missing"},
		{text: "api", wrong: "the port is missing"},
		{text: "8080", wrong: "is not an address"},
		{text: "", wrong: "is not an address"},
		{text: "10.0.0.300:80", wrong: "neither an IP address nor a host name"},
		{text: "a b:80", wrong: "neither an IP address nor a host name"},
		{text: "-a:80", wrong: "neither an IP address nor a host name"},
		{text: "a..b:80", wrong: "neither an IP address nor a host name"},
		{text: "a:http", wrong: "the port must be a number"},
		{text: "a:65536", wrong: "the port must be a number"},
		{text: "a:-1", wrong: "the port must be a number"},
		{text: "http://a.example/x", wrong: "begins with a scheme"},
		{text: "unix:run.sock", wrong: "begins with /"},
		{text: "unix:", wrong: "begins with /"},
		{text: "unix:/" + strings.Repeat("x", 107), wrong: "at most 107 bytes"},
	})
}

func TestASchemeIsExplainedWithTheAddressBehindIt(t *testing.T) {
	for text, want := range map[string]string{
		"http://10.0.0.1:8080/v1": `"10.0.0.1:8080"`,
		"http://api.example":      `"api.example:80"`,
		"tcp://a:1":               `"a:1"`,
	} {
		_, err := ParseAddress(text)
		if bad, ok := err.(*BadValue); !ok || !strings.Contains(bad.Hint, want) {
			t.Errorf("%q gave %v, want a hint with %s", text, err, want)
		}
	}
}

func mustAddress(t *testing.T, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnAddressSaysHowToReachIt(t *testing.T) {
	for _, c := range []struct{ text, network, dial, host, ip string }{
		{"10.0.0.1:80", "tcp4", "10.0.0.1:80", "10.0.0.1", "10.0.0.1"},
		{"[::1]:80", "tcp6", "[::1]:80", "::1", "::1"},
		{":80", "tcp", ":80", "", "invalid IP"},
		{"api:80", "tcp", "api:80", "api", "invalid IP"},
		{"unix:/run/x", "unix", "/run/x", "", "invalid IP"},
	} {
		a := mustAddress(t, c.text)
		if a.Network() != c.network || a.Dial() != c.dial || a.Host() != c.host || a.IP().String() != c.ip {
			t.Errorf("%q: %s %s host %q ip %s, want %s %s %q %s", c.text, a.Network(), a.Dial(), a.Host(), a.IP(), c.network, c.dial, c.host, c.ip)
		}
	}
	if got := mustAddress(t, "api:65535").Port(); got != 65535 {
		t.Errorf("port %d, want 65535", got)
	}
}

func TestAnAddressKnowsItsKind(t *testing.T) {
	for _, c := range []struct {
		text                   string
		off, unix, name, local bool
	}{
		{text: "off", off: true},
		{text: "unix:/x", unix: true, local: true},
		{text: "api:80", name: true},
		{text: "127.0.0.1:80", local: true},
		{text: "127.9.9.9:80", local: true},
		{text: "[::1]:80", local: true},
		{text: "10.0.0.1:80"},
		{text: ":80"},
	} {
		a := mustAddress(t, c.text)
		if a.IsOff() != c.off || a.IsUnix() != c.unix || a.IsName() != c.name || a.IsLocal() != c.local || a.IsZero() {
			t.Errorf("%q: off %v unix %v name %v local %v zero %v", c.text, a.IsOff(), a.IsUnix(), a.IsName(), a.IsLocal(), a.IsZero())
		}
	}
	if !(Address{}).IsZero() || (Address{}).String() != "" {
		t.Error("the zero Address is not empty")
	}
}

func TestListenersThatCannotListenAtOnceOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{":80", ":80", true},
		{":80", ":81", false},
		{":80", "127.0.0.1:80", true},
		{":80", "[::1]:80", true},
		{"0.0.0.0:80", "127.0.0.1:80", true},
		{"0.0.0.0:80", "[::]:80", false},
		{"[::]:80", "[::1]:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{":0", ":0", false},
		{"unix:/a", "unix:/a", true},
		{"unix:/a", "unix:/b", false},
		{"unix:/a", ":80", false},
		{"off", "off", false},
		{"off", ":80", false},
	} {
		a, b := mustAddress(t, c.a), mustAddress(t, c.b)
		if a.Overlaps(b) != c.want || b.Overlaps(a) != c.want {
			t.Errorf("%s and %s overlap: %v and %v, want %v", c.a, c.b, a.Overlaps(b), b.Overlaps(a), c.want)
		}
	}
}

func TestPrefixesAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Prefix) }, []reading{
		{text: "10.0.0.0/8", again: "10.0.0.0/8"},
		{text: "2001:db8::/32", again: "2001:db8::/32"},
		{text: "192.0.2.1", again: "192.0.2.1"},
		{text: "192.0.2.1/32", again: "192.0.2.1"},
		{text: "::1", again: "::1"},
		{text: "0.0.0.0/0", again: "0.0.0.0/0"},
		{text: "::ffff:192.0.2.1", again: "192.0.2.1"},
		{text: "10.0.0.1/8", wrong: "behind the first 8 bits"},
		{text: "::ffff:10.0.0.0/104", wrong: "IPv4 mapped into IPv6"},
		{text: "10.0.0.0/33", wrong: "is not a block"},
		{text: "10.0.0/8", wrong: "is not a block"},
		{text: "proxy.internal", wrong: "names are not looked up here"},
		{text: "fe80::1%eth0", wrong: "is not a block"},
		{text: "", wrong: "is not a block"},
	})
}

func TestAPrefixContainsItsAddresses(t *testing.T) {
	p := PrefixOf(netip.MustParsePrefix("10.0.0.0/8"))
	for text, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.0": false, "::1": false} {
		if got := p.Contains(netip.MustParseAddr(text)); got != want {
			t.Errorf("10.0.0.0/8 contains %s: %v, want %v", text, got, want)
		}
	}
	if zero := (Prefix{}); !zero.IsZero() || zero.Contains(netip.MustParseAddr("10.0.0.1")) || zero.String() != "" {
		t.Error("the zero Prefix is not empty")
	}
	if p.Value().Bits() != 8 {
		t.Errorf("Value() is %v", p.Value())
	}
}
