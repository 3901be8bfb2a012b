package config

import (
	"strings"
	"testing"
)

func TestRulesOfBalancing(t *testing.T) {
	follow(t, strings.Replace(upstreamFrame, "%s", "endpoints = [\"a:1\", \"b:1\"]\n%s", 1), []rule{
		{text: `balance = "random"`},
		{text: "balance = \"ring\"\nhash_on = \"header:X-User\""},
		{text: "balance = \"maglev\"\nhash_on = [\"host\", \"path\"]"},
		{text: `balance = "maglev"`, want: `upstreams.api.balance: "maglev" places by a key, and hash_on names none`},
		{text: "balance = \"ring\"\nhash_on = []", want: `upstreams.api.balance: "ring" places by a key, and hash_on names none`},
		{text: `hash_on = "client"`, want: `warning: upstreams.api.hash_on: balance = "ewma" places by no key`},
		{text: "balance = \"maglev\"\nhash_on = \"header\"", want: `upstreams.api.hash_on[0]: "header" is not a selector`},
		{text: "balance = \"maglev\"\nhash_on = \"heeder:X\"", want: `upstreams.api.hash_on[0]: "heeder:X" is not a selector`},
		{text: "balance = \"maglev\"\nhash_on = \"claim:sub\"", want: `"claim:sub" needs a policy`},
		{text: `balance = "mgalev"`, want: `upstreams.api.balance: "mgalev" is not a balancer`},
		{text: `max_in_flight = 200`},
		{text: `max_in_flight = "adaptive"`},
		{text: `max_in_flight = 0`, want: `upstreams.api.max_in_flight: "0" is not`},
		{text: `max_in_flight = -1`, want: `upstreams.api.max_in_flight: "-1" is not`},
		{text: "max_in_flight = 200\nqueue = {}"},
		{text: "max_in_flight = 200\nqueue.timeout = \"off\"", want: `upstreams.api.queue.timeout: "off" would let one wait for ever`},
		{text: "max_in_flight = 200\nqueue.size = -1", want: `upstreams.api.queue.size: -1 is out of range`},
		{text: `queue = {}`, want: `warning: upstreams.api.queue: nobody ever waits here, because max_in_flight is off`},
		{text: `slow_start = "30s"`},
		{text: `slow_start = "2h"`, want: `upstreams.api.slow_start: "2h" is too long`},
		{text: `breaker = {}`},
		{text: `breaker.failure_rate = "0%"`, want: `upstreams.api.breaker.failure_rate: `},
		{text: `breaker.min_requests = 0`, want: `upstreams.api.breaker.min_requests: 0 is out of range`},
		{text: `breaker.open = "off"`, want: `upstreams.api.breaker.open: "off" would never open`},
	})
}

// A session is known by its client alone.
func TestRulesOfUpstreamsThatTakeSessions(t *testing.T) {
	frame := "[listeners.db]\naddress = \":5432\"\nkind = \"tcp\"\nupstream = \"db\"\n[upstreams.db]\nendpoints = \"a:1\"\n%s\n"
	follow(t, frame, []rule{
		{text: "balance = \"maglev\"\nhash_on = \"client\""},
		{text: "balance = \"maglev\"\nhash_on = [\"client\", \"path\"]", want: `upstreams.db.hash_on: "client", "path" is known of requests only, and tcp listener "db" sends sessions here`},
		{text: "balance = \"ring\"\nhash_on = \"header:X-User\"", want: `upstreams.db.hash_on: header:X-User is known of requests only`},
		{text: `sticky.cookie = "weir"`, want: `upstreams.db.sticky: a session has no cookie, and tcp listener "db" sends sessions here`},
	})
}

func TestRulesOfOutliers(t *testing.T) {
	follow(t, strings.Replace(upstreamFrame, "%s", "endpoints = [\"a:1\", \"b:1\"]\n[upstreams.api.outliers]\n%s", 1), []rule{
		{text: ``},
		{text: "consecutive_errors = \"off\"\nsuccess_rate_deviation = 0"},
		{text: `success_rate_deviation = 2`},
		{text: `success_rate_deviation = 2.5`},
		{text: `success_rate_deviation = -1`, want: `upstreams.api.outliers.success_rate_deviation: -1 is out of range`},
		{text: `consecutive_errors = 0`, want: `upstreams.api.outliers.consecutive_errors: 0 is out of range`},
		{text: `base_ejection = "off"`, want: `upstreams.api.outliers.base_ejection: "off" is not possible here`},
		{text: `max_ejection = "1s"`, want: `upstreams.api.outliers.max_ejection: "1s" is shorter than base_ejection`},
		{text: `max_ejected = "off"`},
		{text: `panic_below = "120%"`, want: `upstreams.api.outliers.panic_below: "120%" is not a share`},
	})
}

func TestRulesOfStickiness(t *testing.T) {
	follow(t, strings.Replace(upstreamFrame, "%s", "endpoints = [\"a:1\", \"b:1\"]\n[upstreams.api.sticky]\n%s", 1), []rule{
		{text: `cookie = "weir"`},
		{text: "cookie = \"weir\"\nkey = { file = \"testdata/good/token\" }"},
		{text: "cookie = \"weir\"\nkey = [{ file = \"testdata/good/token\" }, \"another key of some length\"]"},
		{text: `ttl = "1h"`, want: `upstreams.api.sticky.cookie: the cookie has no name`},
		{text: `cookie = "a b"`, want: `upstreams.api.sticky.cookie: "a b" can't be the name of a cookie`},
		{text: "cookie = \"weir\"\nttl = \"1ms\"", want: `upstreams.api.sticky.ttl: "1ms" is too short`},
		{text: "cookie = \"weir\"\nsame_site = \"none\"", want: `upstreams.api.sticky.same_site: browsers refuse`},
		{text: "cookie = \"weir\"\nkey = { env = \"NOPE\" }", want: `upstreams.api.sticky.key`},
		{text: "cookie = \"weir\"\nkey = \"short\"", want: `upstreams.api.sticky.key[0]: the key has fewer than 16 characters`},
	})
}

func TestRulesOfDiscovery(t *testing.T) {
	follow(t, upstreamFrame, []rule{
		{text: `discover.dns = "api.internal:8080"`},
		{text: `discover = { dns = "api.internal:8080", refresh = "5s", resolver = "10.0.0.53:53" }`},
		{text: `discover.srv = "_http._tcp.api.internal"`},
		{text: `discover.file = "/etc/weir/api.toml"`},
		{text: `discover = {}`, want: `upstreams.api.discover: discover does not say where`},
		{text: `discover = { dns = "a.b:1", srv = "_x._tcp.a" }`, want: `upstreams.api.discover: discover has more than one source`},
		{text: "endpoints = \"a:1\"\ndiscover.dns = \"a.b:1\"", want: `upstreams.api.discover: the endpoints are written down already`},
		{text: `discover.dns = "10.0.0.1:80"`, want: `upstreams.api.discover.dns: "10.0.0.1:80" is not a name with a port`},
		{text: `discover.dns = "a.b"`, want: `upstreams.api.discover.dns: "a.b" is not a name with a port`},
		{text: `discover.consul = "x"`, want: `upstreams.api.discover.consul: endpoints can't be found by consul yet`},
		{text: `discover.etcd = "x"`, want: `upstreams.api.discover.etcd: endpoints can't be found by etcd yet`},
		{text: `discover.kubernetes = "x"`, want: `upstreams.api.discover.kubernetes: endpoints can't be found by kubernetes yet`},
	})
}

func TestARoutesOwnRetryAndHedge(t *testing.T) {
	frame := "[listeners.web]\naddress = \":80\"\n[[routes]]\n%s\n[upstreams.api]\nendpoints = \"a:1\"\nhedge.budget = \"7%\"\n[[routes]]\nmatch.path = \"/other\"\nupstream = \"api\"\n"
	follow(t, frame, []rule{
		{text: "upstream = \"api\"\nretry.attempts = 1\nhedge.after = \"p99\""},
		{text: "upstream = \"api\"\nretry.budget = \"5%\"", want: `routes[0].retry.budget: the budget is one for all routes to an upstream`},
		{text: "upstream = \"api\"\nhedge.after = \"p5\"", want: `routes[0].hedge.after: "p5" is not a time to hedge after`},
		{text: "respond = {}\nhedge = {}", want: `routes[0].hedge: there is nothing to hedge without an upstream`},
	})
	c, r := Parse("x", []byte(strings.Replace(frame, "%s", "upstream = \"api\"\nhedge.after = \"p99\"", 1)), testOptions())
	if c == nil {
		t.Fatal(r)
	}
	if h := c.Routes[0].Hedge; h.After.String() != "p99" || h.Budget.String() != "7%" {
		t.Errorf("the route's hedge is %+v, want its own after and the upstream's budget", h)
	}
	if c.Routes[1].Hedge != nil {
		t.Errorf("a route without hedge has %+v", c.Routes[1].Hedge)
	}
}

func TestTheStateDirectoryIsFoundWhereItBelongs(t *testing.T) {
	for _, c := range []struct {
		config, env, want string
		named             bool
	}{
		{"/srv/weir", "STATE_DIRECTORY=/var/lib/weir HOME=/root", "/srv/weir", true},
		{"", "STATE_DIRECTORY=/var/lib/weir HOME=/root", "/var/lib/weir", true},
		{"", "STATE_DIRECTORY=/var/lib/weir:/var/lib/other", "/var/lib/weir", true},
		{"", "XDG_STATE_HOME=/home/a/state HOME=/home/a", "/home/a/state/weir", false},
		{"", "XDG_STATE_HOME=relative HOME=/home/a", "/home/a/.local/state/weir", false},
		{"", "HOME=/home/a", "/home/a/.local/state/weir", false},
		{"", "HOME=relative", "", false},
		{"", "", "", false},
	} {
		env := func(name string) string {
			for _, pair := range strings.Fields(c.env) {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		}
		cfg := Config{StateDir: c.config}
		if dir, named := cfg.State(env); dir != c.want || named != c.named {
			t.Errorf("state_dir %q with %s: %q, %v; want %q, %v", c.config, c.env, dir, named, c.want, c.named)
		}
	}
}

func TestAZoneAndADirectoryStandAtTheTop(t *testing.T) {
	const rest = "\n[listeners.web]\naddress = \":80\"\n[[routes]]\nupstream = \"api\"\n[upstreams.api]\nendpoints = [{ address = \"a:1\", zone = \"eu-1a\" }, \"b:1\"]\n"
	c, r := Parse("x", []byte("zone = \"eu-1a\"\nstate_dir = \"/var/lib/weir\""+rest), testOptions())
	if c == nil || r.String() != "" || c.Zone != "eu-1a" || c.StateDir != "/var/lib/weir" || c.Upstreams["api"].Endpoints[0].Zone != "eu-1a" {
		t.Errorf("%+v\n%s", c, r)
	}
	if c, r = Parse("x", []byte("zone = \"eu 1a\""+rest), testOptions()); c != nil || !strings.Contains(r.String(), `x:1:8: zone: "eu 1a" is not a zone`) {
		t.Errorf("a zone with a space: %s", r)
	}
}
