package serve

import (
	"net/netip"
	"strings"
	"testing"

	"weir/http7"
)

func trustedSite(prefixes ...string) *Site {
	s := &Site{}
	for _, p := range prefixes {
		s.Trusted = append(s.Trusted, netip.MustParsePrefix(p))
	}
	return s
}

func TestTheClientIsTheLastAddressThatNoTrustedProxyStandsAt(t *testing.T) {
	t.Parallel()
	site := trustedSite("10.0.0.0/8", "2001:db8::/32")
	for _, c := range []struct {
		fields string // lines; "" stands for nothing known
		want   string
	}{
		{"", ""},
		{"X-Forwarded-For: 1.2.3.4", "1.2.3.4"},
		{"X-Forwarded-For: 6.6.6.6, 1.2.3.4", "1.2.3.4"},
		{"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"},
		{"X-Forwarded-For: 6.6.6.6,1.2.3.4,10.0.0.2,10.1.1.1", "1.2.3.4"},
		{"X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-For: 10.0.0.2", "1.2.3.4"},
		{"X-Forwarded-For: 1.2.3.4:5678", "1.2.3.4"},
		{"X-Forwarded-For: 2001:470::1", "2001:470::1"},
		{"X-Forwarded-For: [2001:470::1]", "2001:470::1"},
		{"X-Forwarded-For: [2001:470::1]:80, [2001:db8::1]:80", "2001:470::1"},
		{"X-Forwarded-For: ::ffff:1.2.3.4", "1.2.3.4"},
		{"X-Forwarded-For: unknown", ""},
		{"X-Forwarded-For: 1.2.3.4, unknown", ""},
		{"X-Forwarded-For: 6.6.6.6, what, 10.0.0.2", "10.0.0.2"},
		{"X-Forwarded-For: 1.2.3.4, ", ""},
		{"X-Forwarded-For: \", 1.2.3.4", "1.2.3.4"},
		{"Forwarded: for=1.2.3.4", "1.2.3.4"},
		{"Forwarded: For=1.2.3.4;proto=http, for=10.0.0.2", "1.2.3.4"},
		{"Forwarded: proto=http;for=\"1.2.3.4:80\";host=a", "1.2.3.4"},
		{"Forwarded: for=\"[2001:470::1]:80\"", "2001:470::1"},
		{"Forwarded: for=_hidden", ""},
		{"Forwarded: for=unknown, for=10.0.0.2", "10.0.0.2"},
		{"Forwarded: proto=https", ""},
		{"Forwarded: for=1.2.3.4;host=\"x,for=6.6.6.6\"", "1.2.3.4"},
		{"Forwarded: for=1.2.3.4;host=\"x,for=6.6.6.6;y\"", "1.2.3.4"},
		{"Forwarded: for=1.2.3.4;host=\"x\\\",for=6.6.6.6\"", "1.2.3.4"},
		{"Forwarded: for=\"6.6.6.6, for=1.2.3.4", "1.2.3.4"},
		{"Forwarded: for=6.6.6.6\nX-Forwarded-For: 1.2.3.4", "1.2.3.4"},
	} {
		var h http7.Header
		for line := range strings.SplitSeq(c.fields, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(mustName(name), []byte(strings.TrimSpace(value)))
			}
		}
		got, ok := site.clientOf(&h)
		if text := got.String(); ok != (c.want != "") || ok && text != c.want {
			t.Errorf("%q: %v %v, want %q", c.fields, got, ok, c.want)
		}
	}
}

func TestWhatTheEndpointIsToldOfTheClient(t *testing.T) {
	t.Parallel()
	trust := func(r *rig) { r.site.Trusted = trustedSite("127.0.0.0/8").Trusted }
	mode := func(m Forwarded, more ...func(*rig)) func(*rig) {
		return func(r *rig) {
			r.site.Forwarded = m
			for _, f := range more {
				f(r)
			}
		}
	}
	const said = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pub\r\nX-Real-IP: 1.2.3.4\r\n"
	for _, c := range []struct {
		name   string
		change func(*rig)
		sent   string
		want   []string // lines that must be there
		not    []string
	}{
		{"X", mode(ForwardedX), "", []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a"}, []string{"Forwarded:"}},
		{"7239", mode(Forwarded7239), "", []string{`Forwarded: for=127.0.0.1;host="a";proto=http`}, []string{"X-Forwarded"}},
		{"both", mode(ForwardedBoth), "", []string{"X-Forwarded-For: 127.0.0.1", `Forwarded: for=127.0.0.1;host="a";proto=http`}, nil},
		{"off", mode(ForwardedOff), "", nil, []string{"Forwarded"}},
		{"X, from anybody", mode(ForwardedX), said, []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a"}, []string{"1.2.3.4", "https", "pub"}},
		{"off, from anybody", mode(ForwardedOff), said + "Forwarded: for=1.2.3.4\r\n", nil, []string{"1.2.3.4", "Forwarded"}},
		{"7239, from anybody", mode(Forwarded7239), "Forwarded: for=1.2.3.4\r\n", []string{`Forwarded: for=127.0.0.1;host="a";proto=http`}, []string{"1.2.3.4"}},
		{"X, from a proxy", mode(ForwardedX, trust), said, []string{"X-Forwarded-For: 1.2.3.4, 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: pub", "X-Real-IP: 1.2.3.4"}, []string{"X-Forwarded-Proto: http\r", "X-Forwarded-Host: a"}},
		{"X, from a proxy in two lines", mode(ForwardedX, trust), "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 1.2.3.4\r\n", []string{"X-Forwarded-For: 9.9.9.9,1.2.3.4, 127.0.0.1"}, nil},
		{"7239, from a proxy", mode(Forwarded7239, trust), "Forwarded: for=1.2.3.4\r\n", []string{`Forwarded: for=1.2.3.4, for=127.0.0.1;host="a";proto=http`}, nil},
		{"off, from a proxy", mode(ForwardedOff, trust), said, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"}, []string{"127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := answering(t, hello)
			r := newRigWith(t, c.change, o.addr)
			r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + c.sent + "\r\n")
			seen := first(o.seen())
			if len(seen) != 1 {
				t.Fatalf("the origin saw %q", seen)
			}
			for _, line := range c.want {
				if n := strings.Count(seen[0], "\r\n"+line+"\r\n"); n != 1 {
					t.Errorf("%q stands %d times in %q", line, n, seen[0])
				}
			}
			for _, part := range c.not {
				if strings.Contains(seen[0], part) {
					t.Errorf("%q stands in %q", part, seen[0])
				}
			}
		})
	}
}

func TestHostOfTheEndpoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule HostRule
		want string
	}{
		"preserve": {HostRule{}, "a"},
		"endpoint": {HostRule{Endpoint: true}, "{endpoint}"},
		"a name":   {HostRule{Name: "orders.internal"}, "orders.internal"},
	} {
		o := answering(t, hello)
		r := newRigWith(t, func(r *rig) { r.plan.Host = c.rule }, o.addr)
		r.say("GET / HTTP/1.1\r\nX: 1\r\nHost: a\r\nConnection: close\r\n\r\n")
		want := "\r\nHost: " + strings.Replace(c.want, "{endpoint}", o.addr, 1) + "\r\n"
		got := first(o.seen())[0]
		if strings.Count(got, "Host: ") != 2 || !strings.Contains(got, want) || !strings.Contains(got, "X-Forwarded-Host: a\r\n") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestALoopIsRefused(t *testing.T) {
	t.Parallel()
	o := answering(t, hello)
	r := newRig(t, o.addr)
	for _, via := range []string{"1.1 " + r.engine.via, "1.0 x, 1.1 " + r.engine.via + ", 1.1 y", "1.1 x\r\nVia: 1.1 " + r.engine.via + " (c)"} {
		if got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nVia: " + via + "\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 508 ") {
			t.Errorf("%q: %q", via, got)
		}
	}
	if _, conns := o.seen(); conns > 0 {
		t.Errorf("%d connections to the endpoint", conns)
	}
}

func FuzzClientOf(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "for=1.2.3.4;host=\"a,b\"", "\"", "[::1]:80, x", "for=\"\\\"", ",,,"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	site := trustedSite("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, value string, rfc bool) {
		var h http7.Header
		name, own := http7.XForwardedFor, value+", 10.0.0.9, 192.0.2.7, 10.0.0.1"
		if rfc {
			name, own = http7.Forwarded, value+", for=10.0.0.9, for=192.0.2.7;host=\"x\", for=10.0.0.1"
		}
		h.Add(http7.Known(name), []byte(own))
		// Whatever a client sent ahead, what the proxies have added decides.
		if got, ok := site.clientOf(&h); !ok || got.String() != "192.0.2.7" {
			t.Fatalf("%q: %v %v", own, got, ok)
		}
	})
}
