package health

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// What an endpoint counts as before its first probe has answered.
const (
	Unknown = "unknown"
	Ready   = "ready"
)

// Config says how the endpoints of an upstream are probed. One of HTTP, TCP and GRPC is set.
// Without the table an upstream is not probed; it is judged by its traffic alone.
type Config struct {
	// HTTP probes with a request and judges the answer. Default: absent.
	HTTP *HTTPConfig `toml:"http"`
	// TCP probes with a connection, and what is sent and expected on it. Default: absent.
	TCP *TCPConfig `toml:"tcp"`
	// GRPC probes with the gRPC health checking protocol. Default: absent.
	GRPC *GRPCConfig `toml:"grpc"`
	// TLS makes the probe, of whatever kind, speak TLS in its own way. Default: absent, as traffic does,
	// by the upstream's tls.
	TLS *TLSConfig `toml:"tls"`
	// Plain makes the probe speak no TLS though traffic does. Default: false.
	Plain bool `toml:"plain"`
	// Interval is the time from the end of one probe of an endpoint to the next. While an endpoint
	// is between states, because its last results speak against its state but are too few to
	// change it, it is probed after a quarter of that: with the default figures an endpoint that
	// begins to refuse connections is down after 3 s at the latest instead of 6 s, and one that is
	// back is ready 0.5 s after its first success instead of 2 s. No more than 256
	// endpoints at once are probed faster. Default: 2s.
	Interval conf.Duration `toml:"interval"`
	// Timeout bounds one probe, connecting included; it may be longer than interval. Default: 1s.
	Timeout conf.Duration `toml:"timeout"`
	// Rise is how many probes in a row must succeed before an unfit endpoint is used again.
	// Default: 2.
	Rise int `toml:"rise"`
	// Fall is how many probes in a row must fail before an endpoint is no longer used. Default: 3.
	Fall int `toml:"fall"`
	// Jitter is the share by which intervals are varied at random, so that probes don't march in
	// step. Default: 20%.
	Jitter conf.Share `toml:"jitter"`
	// Initial is what a new endpoint counts as: "unknown" gets no traffic before its first
	// success, unless all endpoints are new; "ready" gets traffic at once. Default: "unknown".
	Initial string `toml:"initial"`
}

// HTTPConfig describes a probe by request: a GET in the protocol that traffic speaks, on a connection
// of its own, because an endpoint that answers on old connections but takes no new one is not fit.
// Redirects are not followed.
type HTTPConfig struct {
	// Path is the request's target, query included; it begins with "/". Default: "/".
	Path string `toml:"path"`
	// Status are the statuses that count as success. Default: 2xx.
	Status conf.StatusSet `toml:"status"`
	// Body must be contained in the answer's body. Default: "", whatever it says. Either way the body
	// must end within the timeout and be no longer than 64 KiB: one that never ends is a failure.
	Body string `toml:"body"`
	// Host is the Host field of the request. Default: the endpoint's address.
	Host string `toml:"host"`
	// Headers are further fields of the request. Default: none.
	Headers map[string]string `toml:"headers"`
	// Port is probed instead of the endpoint's own. Default: 0, the endpoint's own.
	Port int `toml:"port"`
}

// TCPConfig describes a probe by connection. With both fields empty a connection is success.
type TCPConfig struct {
	// Send is written once the connection stands. Default: "", nothing.
	Send string `toml:"send"`
	// Expect must be contained in what the endpoint sends first. Default: "", nothing is read.
	Expect string `toml:"expect"`
}

// GRPCConfig describes a probe by the gRPC health checking protocol (grpc.health.v1.Health/Check).
// Only the status SERVING is success. The connection to an endpoint is kept from probe to probe
// while they succeed; after a failure the next probe makes a new one.
type GRPCConfig struct {
	// Service is the name that is asked about. Default: "", the endpoint as a whole.
	Service string `toml:"service"`
}

// Default returns the values of absent keys of a health table that is there.
func Default() Config {
	return Config{
		Interval: conf.Dur(2 * time.Second),
		Timeout:  conf.Dur(time.Second),
		Rise:     2,
		Fall:     3,
		Jitter:   conf.Percent(20),
		Initial:  Unknown,
	}
}

// DefaultHTTP returns the values of absent keys of an http table that is there.
func DefaultHTTP() HTTPConfig {
	ok, _ := conf.Statuses("2xx")
	return HTTPConfig{Path: "/", Status: ok}
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	c.checkKind(p)
	if c.HTTP != nil {
		c.HTTP.check(p.In("http"))
	}
	if c.GRPC != nil && strings.ContainsFunc(c.GRPC.Service, notVisible) {
		p.In("grpc").Add("service", strconv.Quote(c.GRPC.Service)+" is not the name of a service", `write its full name, such as "shop.Orders"`)
	}
	if c.TLS != nil {
		c.TLS.Check(p.In("tls"))
		if c.Plain {
			p.AddKey("plain", "the probe speaks TLS by its own table", "keep tls or plain")
		}
	}
	checkTime(p, "interval", c.Interval)
	checkTime(p, "timeout", c.Timeout)
	p.Between("rise", c.Rise, 1, 1000)
	p.Between("fall", c.Fall, 1, 1000)
	p.OneOf("initial", c.Initial, "a state", Unknown, Ready)
}

// checkKind refuses anything but one kind of probe.
func (c *Config) checkKind(p *conf.Problems) {
	var kinds []string
	for _, k := range []struct {
		name string
		set  bool
	}{{"http", c.HTTP != nil}, {"tcp", c.TCP != nil}, {"grpc", c.GRPC != nil}} {
		if k.set {
			kinds = append(kinds, k.name)
		}
	}
	if len(kinds) == 0 {
		p.Add("", "health does not say what to probe", `write http = { path = "/healthz" }, or tcp = {} to connect only`)
		return
	}
	for _, extra := range kinds[1:] {
		p.AddKey(extra, "an upstream has one kind of probe", "keep "+kinds[0]+" or "+extra)
	}
}

// checkTime refuses what would probe without pause or wait without end.
func checkTime(p *conf.Problems, key string, d conf.Duration) {
	switch {
	case d.IsOff():
		p.Add(key, `"off" is not possible here`, "leave the health table out to probe nothing")
	case d.Value() < 10*time.Millisecond:
		p.Add(key, strconv.Quote(d.String())+" is too short", `write at least "10ms"`)
	case d.Value() > 24*time.Hour:
		p.Add(key, strconv.Quote(d.String())+" is too long", `write at most "1d"`)
	}
}

func (c *HTTPConfig) check(p *conf.Problems) {
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsFunc(c.Path, notVisible) {
		p.Add("path", strconv.Quote(c.Path)+" is not a request target", `write a path such as "/healthz"`)
	}
	if strings.ContainsFunc(c.Host, notVisible) || strings.Contains(c.Host, "/") {
		p.Add("host", strconv.Quote(c.Host)+" is not a host", `write a host, such as "orders.internal" or "orders.internal:8080"`)
	}
	if c.Status.IsZero() {
		p.Add("status", "no status would count as success", `write such as "2xx"`)
	}
	p.Between("port", c.Port, 0, 65535)
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if !token(name) {
			p.In("headers", name).AddKey("", strconv.Quote(name)+" is not a field name", "")
		}
		if strings.ContainsAny(c.Headers[name], "\r\n\x00") {
			p.In("headers").Add(name, "a field value holds no line ends", "")
		}
	}
}

// token reports whether s is a token, the grammar of field names (RFC 9110 §5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func notVisible(r rune) bool { return r <= ' ' || r >= 0x7f }
