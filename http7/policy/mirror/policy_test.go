package mirror

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

const tail = " | X-Forwarded-For: 192.0.2.7 | X-Forwarded-Proto: http | X-Forwarded-Host: h | "

func TestACopyIsWhatTheEndpointGets(t *testing.T) {
	for _, c := range []struct {
		what string
		v    visit
		out  string // set by a rewrite
		want string
	}{
		{"a plain one", visit{target: "/a?b=1"}, "", "next: GET /a?b=1 | Host: h" + tail},
		{"an empty query", visit{target: "/a?"}, "", "next: GET /a? | Host: h" + tail},
		{"a rewritten one", visit{target: "/a?b=1"}, "/v2/a", "next: GET /v2/a | Host: h" + tail},
		{"OPTIONS *", visit{method: "OPTIONS", target: "*"}, "", "next: OPTIONS * | Host: h" + tail},
		{"fields as they are", visit{header: "Authorization: Bearer x\nCookie: a=b\nx-odd: 1\nCookie: c=d"}, "",
			"next: GET / | Host: h | Authorization: Bearer x | Cookie: a=b | x-odd: 1 | Cookie: c=d" + tail},
		{"a body", visit{method: "POST", body: "hello"}, "", "next: POST / | Host: h" + tail + "hello"},
		{"a chunked body", visit{method: "PUT", body: "hello", chunked: true}, "", "next: PUT / | Host: h" + tail + "hello"},
		{"what a trusted proxy has said", visit{header: "X-Forwarded-For: 10.0.0.9\nX-Forwarded-Proto: https\nX-Forwarded-Host: www"}, "",
			"next: GET / | Host: h | X-Forwarded-For: 10.0.0.9, 192.0.2.7 | X-Forwarded-Proto: https | X-Forwarded-Host: www | "},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, config())
			s.step.Request = rewritten{c.out, s.step.Request}
			c.v.pass(s.step)
			if got := s.all(); !slices.Equal(got, []string{c.want}) {
				t.Errorf("%s: sent %q, want %q", c.what, got, c.want)
			}
		})
	}
}

// rewritten sets the target before the step.
type rewritten struct {
	out string
	http7.Policy
}

func (r rewritten) Request(x *http7.Exchange) http7.Verdict {
	if r.out != "" {
		x.Out = []byte(r.out)
	}
	return r.Policy.Request(x)
}

func TestACopyAsksForWhatTheEndpointIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		x := visit{header: "Range: bytes=0-1"}.exchange()
		x.Outgoing = http7.Outgoing{Skip: http7.Names(http7.Range), Lines: []byte("If-None-Match: \"a\"\r\n")}
		s.step.Request.Request(x)
		s.step.End.End(x, 0)
		if got, want := s.all(), "next: GET / | Host: h | If-None-Match: \"a\""+tail; !slices.Equal(got, []string{want}) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestACopyTellsOfTheClientInTheListenersWay(t *testing.T) {
	const v6 = "2001:db8::1"
	for _, c := range []struct {
		x, rfc bool
		header string
		want   string
		peer   string // "": 192.0.2.7
	}{
		{true, true, "", "X-Forwarded-For: 2001:db8::1\nX-Forwarded-Proto: http\nX-Forwarded-Host: h\nForwarded: for=\"[2001:db8::1]\";host=\"h\";proto=http\n", v6},
		{true, true, "", "X-Forwarded-For: unknown\nX-Forwarded-Proto: http\nX-Forwarded-Host: h\nForwarded: for=unknown;host=\"h\";proto=http\n", "unix"},
		{false, false, "", "", ""},
		{false, true, "", "Forwarded: for=192.0.2.7;host=\"h\";proto=http\n", ""},
		{false, true, "Forwarded: for=10.0.0.9", "Forwarded: for=10.0.0.9, for=192.0.2.7;host=\"h\";proto=http\n", ""},
		{true, true, "", "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: http\nX-Forwarded-Host: h\nForwarded: for=192.0.2.7;host=\"h\";proto=http\n", ""},
	} {
		m := &mirror{needs: Needs{ForwardedX: c.x, Forwarded7239: c.rfc}}
		x := visit{header: c.header}.exchange()
		if c.peer != "" {
			a, _ := netip.ParseAddr(c.peer)
			x.Conn = &http7.Conn{Peer: netip.AddrPortFrom(a, 9)}
		}
		var h http7.Header
		h.CopyFrom(&x.Request)
		m.tell(x, &h)
		got := strings.ReplaceAll(string(h.AppendLines(nil, http7.Names(http7.Host))), "\r\n", "\n")
		if got != c.want {
			t.Errorf("x %v, rfc7239 %v, %q: %q, want %q", c.x, c.rfc, c.header, got, c.want)
		}
	}
}

func TestWhatIsNotCopied(t *testing.T) {
	reads := func(c *Config) { c.Methods = []string{"GET", "HEAD"} }
	small := func(c *Config) { c.MaxBody = conf.Bytes(4) }
	for _, c := range []struct {
		what   string
		change func(*Config)
		v      visit
		want   int
		count  Stats
	}{
		{"one of the methods", reads, visit{method: "HEAD"}, 1, Stats{Sent: 1}},
		{"another method", reads, visit{method: "POST"}, 0, Stats{}},
		{"methods tell case", reads, visit{method: "get"}, 0, Stats{}},
		{"an upgrade", nil, visit{header: "Upgrade: websocket\nConnection: upgrade"}, 0, Stats{}},
		{"a body that fits", small, visit{method: "POST", body: "1234"}, 1, Stats{Sent: 1}},
		{"a larger body", small, visit{method: "POST", body: "12345"}, 0, Stats{TooLarge: 1}},
		{"a larger body without a length", small, visit{method: "POST", body: "12345", chunked: true}, 0, Stats{TooLarge: 1}},
		{"a client that leaves in its body", nil, visit{method: "POST", body: "12345", cut: true}, 0, Stats{Incomplete: 1}},
		{"a client that leaves behind its request", nil, visit{cut: true}, 1, Stats{Sent: 1}},
		{"a request that no endpoint took", nil, visit{}, 1, Stats{Sent: 1}},
		{"an exchange that was answered", nil, visit{answer: answerOf(200, "", "x")}, 1, Stats{Sent: 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config()
			if c.change != nil {
				c.change(&cfg)
			}
			s := newStand(t, cfg)
			c.v.pass(s.step)
			if got := len(s.all()); got != c.want {
				t.Errorf("%s: %d copies, want %d", c.what, got, c.want)
			}
			c.count.Route, c.count.Upstream = "site", "next"
			if list := s.pool.Stats(); len(list) > 0 && list[0] != c.count {
				t.Errorf("%s: %+v, want %+v", c.what, list[0], c.count)
			}
			if held := s.pool.held.Load(); held != 0 {
				t.Errorf("%s: %d bytes are still held", c.what, held)
			}
		})
	}
}

func TestADryRunAndAMirrorWithoutAPoolCopyNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		x := visit{}.exchange()
		x.Dry = true
		if v := s.step.Request.Request(x); v != http7.Continue || x.Mirror != nil || len(x.Verdicts) != 0 {
			t.Errorf("dry: %+v, mirror %v", v, x.Mirror)
		}
		s.step.End.End(x, 0)
		if n := len(s.pool.Stats()); n != 0 {
			t.Errorf("dry: %d mirrors have figures", n)
		}
		c := config()
		offline, err := Compile(&c, Needs{Route: "site"})
		if err != nil {
			t.Fatal(err)
		}
		visit{}.pass(offline)
	})
}

func TestTheSampleIsDrawnForEachRequest(t *testing.T) {
	for _, percent := range []float64{100, 50, 10, 1} {
		synctest.Test(t, func(t *testing.T) {
			c := config()
			c.Sample = conf.Percent(percent)
			s := newStand(t, c)
			const n = 20000
			drawn := 0
			m := s.step.Request.(*mirror)
			for range n {
				if m.drawn(visit{}.exchange()) {
					drawn++
				}
			}
			want := n * percent / 100
			if d := float64(drawn) - want; d > want/4 || d < -want/4 || percent == 100 && d != 0 {
				t.Errorf("of %d at %v%%: %d", n, percent, drawn)
			}
		})
	}
}

func TestTheStepStandsWhereItBelongs(t *testing.T) {
	for _, compare := range []bool{false, true} {
		c := config()
		c.Compare = compare
		s, err := Compile(&c, Needs{Route: "site"})
		if err != nil || s.Stage != http7.Rewrite || s.Request == nil || s.End == nil || (s.Response != nil) != compare || s.Blocks {
			t.Errorf("compare %v: %+v, %v", compare, s, err)
		}
	}
	for what, change := range map[string]func(*Config){
		"no upstream": func(c *Config) { c.Upstream = "" },
		"no sample":   func(c *Config) { c.Sample = conf.Percent(0) },
		"no end":      func(c *Config) { c.Timeout = conf.OffDuration },
		"bad field":   func(c *Config) { c.Compare, c.Headers = true, []string{"a b"} },
	} {
		c := config()
		change(&c)
		if _, err := Compile(&c, Needs{}); err == nil {
			t.Errorf("%s: it is compiled", what)
		}
	}
}

// Most requests are not drawn, and those of a dead mirror are drawn in vain: they cost no memory.
func TestWhatIsNotCopiedAllocatesNothing(t *testing.T) {
	c := config()
	x := visit{}.exchange()
	for _, k := range []struct {
		what   string
		sample float64
		ready  bool
	}{{"not drawn", 0.001, true}, {"not ready", 100, false}} {
		c.Sample = conf.Percent(k.sample)
		s := newStand(t, c)
		s.ready = k.ready
		if n := testing.AllocsPerRun(1000, func() {
			s.step.Request.Request(x)
			s.step.End.End(x, 0)
		}); n > 0.1 {
			t.Errorf("%s: %v allocations", k.what, n)
		}
	}
}

type sendFunc func(*http7.Detached) (*http7.Answer, *http7.Fault)

func (f sendFunc) Send(d *http7.Detached) (*http7.Answer, *http7.Fault) { return f(d) }

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string // of the problems, "key: text" without places
	}{
		{"the defaults with an upstream", func(*Config) {}, ""},
		{"no upstream", func(c *Config) { c.Upstream = "" }, "upstream"},
		{"no sample", func(c *Config) { c.Sample = conf.Percent(0) }, "sample"},
		{"too large a sample", func(c *Config) { c.Sample = conf.Percent(101) }, "sample"},
		{"no method", func(c *Config) { c.Methods = []string{"GET", "G T"} }, "methods[1]"},
		{"no field", func(c *Config) { c.Headers = []string{"Content-Type:"} }, "headers[0]"},
		{"Date", func(c *Config) { c.Compare, c.Headers = true, []string{"date"} }, "headers[0]"},
		{"no path", func(c *Config) { c.Compare, c.Ignore = true, []string{"a..b", ".a", "", "a."} }, "ignore[0] ignore[1] ignore[2] ignore[3]"},
		{"nothing to ignore in", func(c *Config) { c.Ignore = []string{"a.b"} }, "ignore"},
		{"too large a bound", func(c *Config) { c.MaxBody = conf.Bytes(9 << 20) }, "max_body"},
		{"no bound", func(c *Config) { c.MaxBody = conf.OffSize }, "max_body"},
		{"no end", func(c *Config) { c.Timeout = conf.OffDuration }, "timeout"},
		{"no time", func(c *Config) { c.Timeout = conf.Dur(0) }, "timeout"},
	} {
		cfg := config()
		c.change(&cfg)
		p := conf.NewProblems()
		cfg.Check(p)
		var got []string
		for _, one := range p.List() {
			got = append(got, one.Path.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: problems at %q, want %q", c.what, got, c.want)
		}
	}
	if d := Default(); d.Timeout.Value() != 10*time.Second || d.MaxBody.Value() != 64<<10 || d.Sample.Value() != 1 || d.Compare || d.Methods != nil {
		t.Errorf("the defaults are %+v", d)
	}
}
