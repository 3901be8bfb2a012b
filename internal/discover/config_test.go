package discover

import (
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("a.", 130) + "test"
	for _, c := range []struct {
		name   string
		config Config
		want   string // "" is well
	}{
		{"dns", Config{DNS: "orders.internal:8080"}, ""},
		{"srv", Config{SRV: "_http._tcp.orders.internal"}, ""},
		{"file", Config{File: "/etc/weir/orders.toml"}, ""},
		{"a refresh", Config{DNS: "a:80", Refresh: conf.Dur(5 * time.Second)}, ""},
		{"nothing", Config{}, "discover does not say where"},
		{"two", Config{DNS: "a:80", SRV: "_a._tcp.b"}, "more than one source"},
		{"no port", Config{DNS: "orders.internal"}, "is not a name with a port"},
		{"port 0", Config{DNS: "orders.internal:0"}, "port 0"},
		{"an address", Config{DNS: "10.0.0.1:80"}, "is not a name with a port"},
		{"a socket", Config{DNS: "unix:/run/x"}, "is not a name with a port"},
		{"too long a name", Config{DNS: long + ":80"}, "is not a name with a port"},
		{"a url", Config{SRV: "http://orders"}, "is not the name of a record"},
		{"an empty label", Config{SRV: "_http..orders"}, "is not the name of a record"},
		{"too often", Config{DNS: "a:80", Refresh: conf.Dur(time.Millisecond)}, "is too short"},
		{"a file with a refresh", Config{File: "x", Refresh: conf.Dur(time.Second)}, "a file is watched"},
		{"a resolver by name", Config{DNS: "a:80", Resolver: []conf.Address{address(t, "dns.test:53")}}, "is not the address of a DNS server"},
		{"a resolver", Config{DNS: "a:80", Resolver: []conf.Address{address(t, "10.0.0.53:53")}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.config.Refresh == (conf.Duration{}) {
				c.config.Refresh = Default().Refresh
			}
			p := conf.NewProblems()
			c.config.Check(p)
			var texts []string
			for _, one := range p.List() {
				texts = append(texts, one.Text)
				if one.Hint == "" {
					t.Errorf("%q has no hint", one.Text)
				}
			}
			got := strings.Join(texts, "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
