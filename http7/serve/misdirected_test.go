package serve

import (
	"testing"

	"weir/http7"
)

func TestHostsThatAConnectionMayCarry(t *testing.T) {
	for _, c := range []struct {
		name, sni, authority string
		plain                bool
		want                 bool
		asked                string // what the certificate is asked for
	}{
		{name: "the name asked for", sni: "a.test", authority: "a.test", want: true},
		{name: "in other letters, with a port", sni: "a.test", authority: "A.TEST:8443", want: true},
		{name: "with a dot at its end", sni: "a.test", authority: "a.test.", want: true},
		{name: "another that is covered", sni: "a.test", authority: "b.test:443", want: true, asked: "a.test b.test"},
		{name: "another that is not", sni: "a.test", authority: "c.test", asked: "a.test c.test"},
		{name: "an address that is not", sni: "a.test", authority: "127.0.0.1", asked: "a.test 127.0.0.1"},
		{name: "an address of IPv6", sni: "a.test", authority: "[::1]:443", asked: "a.test ::1"},
		{name: "no name, an address", authority: "127.0.0.1:443", want: true},
		{name: "no name, an address of IPv6", authority: "[::1]", want: true},
		{name: "no name, no host", want: true},
		{name: "no name, a covered host", authority: "b.test", want: true, asked: " b.test"},
		{name: "no name, another host", authority: "c.test", asked: " c.test"},
		{name: "without TLS", plain: true, authority: "c.test", want: true},
	} {
		asked := ""
		x := &exchange{site: &Site{Covers: func(sni, host string) bool {
			asked = sni + " " + host
			return host == "b.test"
		}}}
		x.Authority = []byte(c.authority)
		if got := x.covered(&http7.Conn{TLS: !c.plain, SNI: c.sni}); got != c.want || asked != c.asked {
			t.Errorf("%s: got %v, asked for %q; want %v, %q", c.name, got, asked, c.want, c.asked)
		}
	}
	x := &exchange{site: &Site{}}
	x.Authority = []byte("c.test")
	if !x.covered(&http7.Conn{TLS: true, SNI: "a.test"}) {
		t.Error("where nobody tells, every host is covered")
	}
	x.site.Covers = func(string, string) bool { return false }
	x.Authority = []byte("a.test")
	info := &http7.Conn{TLS: true, SNI: "a.test"}
	if n := testing.AllocsPerRun(100, func() { x.covered(info) }); n != 0 {
		t.Errorf("the usual case allocates %v times", n)
	}
}
