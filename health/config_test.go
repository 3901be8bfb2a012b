package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

// found returns what Check notes of a health table.
func found(c *Config) string { return foundIn(c.Check) }

func TestTheDefaultsOfAHealthTable(t *testing.T) {
	c := Default()
	if c.Interval.Value() != 2*time.Second || c.Timeout.Value() != time.Second || c.Rise != 2 || c.Fall != 3 ||
		c.Jitter.Value() != 0.2 || c.Initial != Unknown || c.HTTP != nil || c.TCP != nil {
		t.Errorf("the defaults are %+v", c)
	}
	h := DefaultHTTP()
	if h.Path != "/" || h.Body != "" || h.Host != "" || h.Port != 0 || h.Headers != nil {
		t.Errorf("the defaults of http are %+v", h)
	}
	for status, want := range map[int]bool{200: true, 204: true, 299: true, 199: false, 301: false, 404: false, 500: false} {
		if h.Status.Has(status) != want {
			t.Errorf("by default status %d counts as success: %v, want %v", status, !want, want)
		}
	}
}

func TestAHealthTableHasOneKindOfProbe(t *testing.T) {
	h := DefaultHTTP()
	for _, c := range []struct {
		what string
		http *HTTPConfig
		tcp  *TCPConfig
		grpc *GRPCConfig
		want string
	}{
		{"http", &h, nil, nil, ""},
		{"tcp", nil, &TCPConfig{}, nil, ""},
		{"tcp with an exchange", nil, &TCPConfig{Send: "PING\r\n", Expect: "+PONG"}, nil, ""},
		{"grpc", nil, nil, &GRPCConfig{}, ""},
		{"grpc about a service", nil, nil, &GRPCConfig{Service: "shop.v1.Orders"}, ""},
		{"grpc about two words", nil, nil, &GRPCConfig{Service: "shop orders"}, `grpc.service: "shop orders" is not the name of a service (write its full name, such as "shop.Orders")`},
		{"none", nil, nil, nil, `: health does not say what to probe (write http = { path = "/healthz" }, or tcp = {} to connect only)`},
		{"two", &h, &TCPConfig{}, nil, "tcp: an upstream has one kind of probe (keep http or tcp)"},
		{"two others", nil, &TCPConfig{}, &GRPCConfig{}, "grpc: an upstream has one kind of probe (keep tcp or grpc)"},
		{"all", &h, &TCPConfig{}, &GRPCConfig{}, "tcp: an upstream has one kind of probe (keep http or tcp)\ngrpc: an upstream has one kind of probe (keep http or grpc)"},
	} {
		cfg := Default()
		cfg.HTTP, cfg.TCP, cfg.GRPC = c.http, c.tcp, c.grpc
		if got := found(&cfg); got != c.want {
			t.Errorf("%s: Check notes %q, want %q", c.what, got, c.want)
		}
	}
}

func TestWhatAHealthTableMayHold(t *testing.T) {
	ms := func(n int) conf.Duration { return conf.Dur(time.Duration(n) * time.Millisecond) }
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string // a prefix; "" is no problem
	}{
		{"the shortest interval", func(c *Config) { c.Interval = ms(10) }, ""},
		{"an interval below it", func(c *Config) { c.Interval = ms(9) }, `interval: "9ms" is too short (write at least "10ms")`},
		{"no interval", func(c *Config) { c.Interval = conf.OffDuration }, `interval: "off" is not possible here (leave the health table out`},
		{"the longest interval", func(c *Config) { c.Interval = conf.Dur(24 * time.Hour) }, ""},
		{"an interval above it", func(c *Config) { c.Interval = conf.Dur(25 * time.Hour) }, `interval: "25h" is too long (write at most "1d")`},
		{"a timeout of days", func(c *Config) { c.Timeout = conf.Dur(48 * time.Hour) }, `timeout: "2d" is too long`},
		{"the shortest timeout", func(c *Config) { c.Timeout = ms(10) }, ""},
		{"a timeout of nothing", func(c *Config) { c.Timeout = ms(0) }, "timeout: "},
		{"no timeout", func(c *Config) { c.Timeout = conf.OffDuration }, `timeout: "off"`},
		{"a timeout longer than the interval", func(c *Config) { c.Interval, c.Timeout = ms(100), ms(5000) }, ""},
		{"rise 1", func(c *Config) { c.Rise = 1 }, ""},
		{"rise 1000", func(c *Config) { c.Rise = 1000 }, ""},
		{"rise 0", func(c *Config) { c.Rise = 0 }, "rise: "},
		{"rise 1001", func(c *Config) { c.Rise = 1001 }, "rise: "},
		{"fall 1", func(c *Config) { c.Fall = 1 }, ""},
		{"fall 0", func(c *Config) { c.Fall = 0 }, "fall: "},
		{"a negative fall", func(c *Config) { c.Fall = -3 }, "fall: "},
		{"no jitter", func(c *Config) { c.Jitter = conf.Percent(0) }, ""},
		{"initially ready", func(c *Config) { c.Initial = Ready }, ""},
		{"initially down", func(c *Config) { c.Initial = "down" }, `initial: "down" is not a state (it is one of "unknown" or "ready")`},
		{"initially nothing", func(c *Config) { c.Initial = "" }, "initial: "},
	} {
		cfg := steady()
		c.change(cfg)
		if got := found(cfg); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%s: Check notes %q, want %q", c.what, got, c.want)
		}
	}
}

func TestWhatAnHTTPProbeMayAskFor(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*HTTPConfig)
		want   string
	}{
		{"a query", func(c *HTTPConfig) { c.Path = "/healthz?deep=1" }, ""},
		{"no path", func(c *HTTPConfig) { c.Path = "" }, `http.path: "" is not a request target`},
		{"a path without a slash", func(c *HTTPConfig) { c.Path = "healthz" }, "http.path: "},
		{"an absolute URL", func(c *HTTPConfig) { c.Path = "http://a/" }, "http.path: "},
		{"a path that ends the line", func(c *HTTPConfig) { c.Path = "/ HTTP/1.1\r\nX: y" }, "http.path: "},
		{"a path of other letters", func(c *HTTPConfig) { c.Path = "/größe" }, "http.path: "},
		{"a host and port", func(c *HTTPConfig) { c.Host = "orders.internal:8080" }, ""},
		{"a host that ends the line", func(c *HTTPConfig) { c.Host = "a\r\nX: y" }, "http.host: "},
		{"a URL for a host", func(c *HTTPConfig) { c.Host = "http://a" }, "http.host: "},
		{"another port", func(c *HTTPConfig) { c.Port = 65535 }, ""},
		{"a port too high", func(c *HTTPConfig) { c.Port = 65536 }, "http.port: "},
		{"a negative port", func(c *HTTPConfig) { c.Port = -1 }, "http.port: "},
		{"no status", func(c *HTTPConfig) { c.Status = conf.StatusSet{} }, "http.status: no status would count as success"},
		{"a field", func(c *HTTPConfig) { c.Headers = map[string]string{"X-Probe": "a b\tc"} }, ""},
		{"every letter of a token", func(c *HTTPConfig) { c.Headers = map[string]string{"!#$%&'*+-.^_`|~09azAZ": ""} }, ""},
		{"a field without a name", func(c *HTTPConfig) { c.Headers = map[string]string{"": "x"} }, `http.headers."": "" is not a field name`},
		{"a name with a colon", func(c *HTTPConfig) { c.Headers = map[string]string{"X:": "x"} }, `http.headers."X:": `},
		{"a name with a space", func(c *HTTPConfig) { c.Headers = map[string]string{"X Y": "x"} }, `http.headers."X Y": `},
		{"a name of other letters", func(c *HTTPConfig) { c.Headers = map[string]string{"é": "x"} }, `http.headers."é": `},
		{"a value that ends the line", func(c *HTTPConfig) { c.Headers = map[string]string{"X": "a\r\nY: b"} }, "http.headers.X: a field value holds no line ends"},
		{"a value with a lone LF", func(c *HTTPConfig) { c.Headers = map[string]string{"X": "a\nb"} }, "http.headers.X: "},
		{"a value with a NUL", func(c *HTTPConfig) { c.Headers = map[string]string{"X": "a\x00"} }, "http.headers.X: "},
	} {
		got := found(httpConfig(c.change))
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%s: Check notes %q, want %q", c.what, got, c.want)
		}
	}
}

// Maps have no order; a report must read the same each time.
func TestProblemsOfHeadersComeInTheOrderOfTheirNames(t *testing.T) {
	c := httpConfig(func(h *HTTPConfig) {
		h.Headers = map[string]string{"d d": "", "a a": "", "c": "\n", "b b": "\r"}
	})
	want := []string{`http.headers."a a"`, `http.headers."b b"`, `http.headers."b b"`, "http.headers.c", `http.headers."d d"`}
	for range 20 {
		p := conf.NewProblems()
		c.Check(p)
		var got []string
		for _, one := range p.List() {
			got = append(got, one.Path.String())
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("problems at %v, want %v", got, want)
		}
	}
}

func TestAllProblemsOfAHealthTableAreNotedAtOnce(t *testing.T) {
	got := strings.Split(found(&Config{}), "\n")
	want := []string{": health", "interval: ", "timeout: ", "rise: ", "fall: ", "initial: "}
	if len(got) != len(want) {
		t.Fatalf("Check notes %q, want %d problems", got, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %d is %q, want it at %q", i, got[i], want[i])
		}
	}
}
