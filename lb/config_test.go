package lb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

// at returns an endpoint of weight 1 at an address in text form; "" is no address.
func at(t *testing.T, text string) EndpointConfig {
	t.Helper()
	e := DefaultEndpoint()
	if text == "" {
		return e
	}
	if err := e.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return e
}

// found returns what Check notes, one "path: text (hint)" per line.
func found(c Config) string {
	p := conf.NewProblems()
	c.Check(p.In("upstreams", "orders"))
	var lines []string
	for _, one := range p.List() {
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", strings.TrimPrefix(one.Path.String(), "upstreams.orders."), one.Text, one.Hint))
	}
	return strings.Join(lines, "\n")
}

func TestDefaultsAreEWMAAndWeightOne(t *testing.T) {
	if c := Default(); c.Balance != EWMA || c.Endpoints != nil || !c.MaxInFlight.IsOff() || !c.SlowStart.IsOff() || c.Queue != nil || c.Breaker != nil {
		t.Errorf("the defaults are %+v", c)
	}
	if e := DefaultEndpoint(); e.Weight != 1 || !e.Address.IsZero() {
		t.Errorf("the defaults of an endpoint are %+v", e)
	}
}

func TestTheTextOfAnEndpointIsItsAddress(t *testing.T) {
	for _, c := range []struct{ text, address string }{
		{"127.0.0.1:80", "127.0.0.1:80"},
		{"[::1]:80", "[::1]:80"},
		{"orders.internal:8080", "orders.internal:8080"},
		{"unix:/run/orders.sock", "unix:/run/orders.sock"},
	} {
		e := EndpointConfig{Weight: 7, Backup: true, Zone: "a"} // what was there before does not count
		if err := e.UnmarshalText([]byte(c.text)); err != nil || e.Address.String() != c.address || e.Weight != 1 || e.Backup || e.Zone != "" {
			t.Errorf("%q is %s of weight %d, %v; want %s of weight 1", c.text, e.Address, e.Weight, err, c.address)
		}
	}
	for _, text := range []string{"", "host", "host:port", "127.0.0.1:65536", "http://host:80"} {
		if err := new(EndpointConfig).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for an endpoint", text)
		}
	}
}

func TestEveryBalancerThatCheckAllowsExists(t *testing.T) {
	for _, name := range everyBalancer {
		c := config(name, 1)
		if c.hashing() {
			c.HashOn = by(t, "client")
		}
		if got := found(c); got != "" {
			t.Errorf("balance %q is refused: %s", name, got)
		}
		if _, err := NewRegistry(nil).Adopt("orders", c); err != nil {
			t.Errorf("balance %q passes Check but not Adopt: %v", name, err)
		}
	}
}

// by reads selectors.
func by(t *testing.T, words ...string) conf.Selectors {
	t.Helper()
	list := make(conf.Selectors, len(words))
	for i, w := range words {
		if err := list[i].UnmarshalText([]byte(w)); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func TestAKeyIsNamedWhereKeysArePlacedAndNowhereElse(t *testing.T) {
	const none = ` places by a key, and hash_on names none (write hash_on = "client", or a header or cookie such as "header:X-User")`
	const idle = ` places by no key (write balance = "maglev" or "ring", or leave hash_on out)`
	for _, c := range []struct {
		balance string
		hashOn  []string
		want    string
	}{
		{Maglev, []string{"client"}, ""},
		{Ring, []string{"header:X-User", "path"}, ""},
		{Maglev, nil, `balance: "maglev"` + none},
		{Ring, nil, `balance: "ring"` + none},
		{EWMA, []string{"client"}, `hash_on: balance = "ewma"` + idle},
		{Random, []string{"client"}, `hash_on: balance = "random"` + idle},
		{Ring, []string{"path", "path"}, `hash_on[1]: "path" is written twice (leave one of them out)`},
	} {
		cfg := config(c.balance, 1)
		cfg.HashOn = by(t, c.hashOn...)
		if got := found(cfg); got != c.want {
			t.Errorf("%s by %v: Check notes\n%s\nwant\n%s", c.balance, c.hashOn, got, c.want)
		}
	}
}

func TestBackupsNeedSomethingToBackUp(t *testing.T) {
	const alone = "endpoints: every endpoint is a backup, so there is nothing to back up (leave backup = true out of those that serve normally)"
	for _, c := range []struct {
		backup []bool
		want   string
	}{
		{[]bool{false}, ""},
		{[]bool{false, true, true}, ""},
		{[]bool{true, false}, ""},
		{[]bool{true}, alone},
		{[]bool{true, true}, alone},
	} {
		cfg := config(EWMA, equal(len(c.backup))...)
		for i, b := range c.backup {
			cfg.Endpoints[i].Backup = b
		}
		if got := found(cfg); got != c.want {
			t.Errorf("backup %v: Check notes %q, want %q", c.backup, got, c.want)
		}
	}
}

func TestAnUpstreamNeedsEndpointsUnlessTheyAreDiscovered(t *testing.T) {
	for _, c := range []struct {
		discovered bool
		want       string
	}{
		{true, ""},
		{false, `endpoints: the upstream has no endpoint (write endpoints = ["host:port"])`},
	} {
		cfg := Default()
		cfg.Discovered = c.discovered
		if got := found(cfg); got != c.want {
			t.Errorf("discovered %v: Check notes %q, want %q", c.discovered, got, c.want)
		}
	}
}

func TestWhatElseAnUpstreamMayNotSay(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string // how what Check notes begins
	}{
		{"no slow start", func(c *Config) { c.SlowStart = conf.OffDuration }, ""},
		{"a slow start of an hour", func(c *Config) { c.SlowStart = conf.Dur(time.Hour) }, ""},
		{"a slow start of a day", func(c *Config) { c.SlowStart = conf.Dur(24 * time.Hour) }, `slow_start: "1d" is too long (write at most "1h")`},
		{"a queue that is used", func(c *Config) { c.Queue, c.MaxInFlight = new(DefaultQueue()), AtMost(2) }, ""},
		{"a queue before an adaptive limit", func(c *Config) { c.Queue, c.MaxInFlight = new(DefaultQueue()), Adaptive() }, ""},
		{"a queue that nobody enters", func(c *Config) { c.Queue = new(DefaultQueue()) }, "queue: nobody ever waits here, because max_in_flight is off"},
		{"a queue of no length", func(c *Config) { c.Queue, c.MaxInFlight = &QueueConfig{Size: -1, Timeout: conf.Dur(1)}, AtMost(2) }, "queue.size: "},
		{"a breaker", func(c *Config) { c.Breaker = new(DefaultBreaker()) }, ""},
		{"a breaker that always opens", func(c *Config) { c.Breaker = &BreakerConfig{MinRequests: 20, Open: conf.Dur(time.Second)} }, "breaker.failure_rate: "},
	} {
		cfg := config(EWMA, 1)
		c.change(&cfg)
		got := found(cfg)
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: Check notes %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAnUnknownBalancerIsRefusedWithTheNearest(t *testing.T) {
	for _, c := range []struct{ balance, want string }{
		{"round_robbin", `did you mean "round_robin"?`},
		{"least_request", `did you mean "least_requests"?`},
		{"EWMA", `did you mean "ewma"?`},
		{"ip_hash", `it is one of "ewma", "least_requests", "round_robin", "random", "maglev" or "ring"`},
		{"", `it is one of "ewma", "least_requests", "round_robin", "random", "maglev" or "ring"`},
	} {
		if got := found(config(c.balance, 1)); !strings.HasPrefix(got, "balance: ") || !strings.Contains(got, c.want) {
			t.Errorf("balance %q gives %q, want %q in it", c.balance, got, c.want)
		}
	}
}

func TestWeightsAreFromOneToAThousand(t *testing.T) {
	for _, c := range []struct {
		weight int
		good   bool
	}{
		{1, true}, {2, true}, {1000, true},
		{0, false}, {-1, false}, {1001, false}, {-1 << 31, false},
	} {
		got := found(config(EWMA, 1, c.weight))
		if c.good != (got == "") || !c.good && !strings.HasPrefix(got, "endpoints[1].weight: ") {
			t.Errorf("weight %d: Check notes %q, want good to be %v", c.weight, got, c.good)
		}
	}
}

func TestWhatCannotBeAnEndpoint(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"127.0.0.1:80", ""},
		{"[::1]:80", ""},
		{"orders.internal:80", ""},
		{"unix:/run/a.sock", ""},
		{"", `endpoints[0]: the endpoint has no address (write address = "host:port")`},
		{"off", `endpoints[0].address: "off" is not an endpoint (leave the endpoint out)`},
		{":80", `endpoints[0].address: ":80" does not say which host (write "host:port", such as "127.0.0.1:80")`},
		{"0.0.0.0:80", `endpoints[0].address: "0.0.0.0:80" can be listened on, not connected to (write the address of one host, such as 127.0.0.1)`},
		{"[::]:80", `endpoints[0].address: "[::]:80" can be listened on, not connected to (write the address of one host, such as 127.0.0.1)`},
		{"127.0.0.1:0", `endpoints[0].address: "127.0.0.1:0" has port 0, which can't be connected to (write the port that the endpoint listens on)`},
	} {
		if got := found(Config{Balance: EWMA, Endpoints: []EndpointConfig{at(t, c.address)}}); got != c.want {
			t.Errorf("%q: Check notes %q, want %q", c.address, got, c.want)
		}
	}
}

func TestAnEndpointWrittenTwiceIsRefusedOnceForEachRepetition(t *testing.T) {
	const twice = `: endpoint "a:1" is written twice (it is also endpoint 1 of this upstream; give it a weight instead)`
	for _, c := range []struct {
		addresses []string
		want      string
	}{
		{[]string{"a:1", "a:2", "b:1"}, ""},
		{[]string{"a:1", "b:1", "a:1"}, "endpoints[2]" + twice},
		{[]string{"a:1", "a:1", "a:1"}, "endpoints[1]" + twice + "\nendpoints[2]" + twice},
		{[]string{"unix:/a", "unix:/b"}, ""},
		{[]string{"unix:/a", "unix:/a"}, `endpoints[1]: endpoint "unix:/a" is written twice (it is also endpoint 1 of this upstream; give it a weight instead)`},
	} {
		cfg := Default()
		for _, a := range c.addresses {
			cfg.Endpoints = append(cfg.Endpoints, at(t, a))
		}
		if got := found(cfg); got != c.want {
			t.Errorf("%v: Check notes\n%s\nwant\n%s", c.addresses, got, c.want)
		}
	}
}

// Two endpoints without an address are two mistakes of one kind, not one endpoint twice.
func TestAMissingAddressIsNotARepetition(t *testing.T) {
	got := found(Config{Balance: EWMA, Endpoints: []EndpointConfig{at(t, ""), at(t, "")}})
	if strings.Count(got, "has no address") != 2 || strings.Contains(got, "twice") {
		t.Errorf("Check notes %q", got)
	}
}

func TestAllProblemsOfAnUpstreamAreNotedAtOnce(t *testing.T) {
	if got := found(Default()); !strings.HasPrefix(got, "endpoints: the upstream has no endpoint") {
		t.Errorf("without endpoints Check notes %q", got)
	}
	bad := at(t, ":80")
	bad.Weight = 0
	got := strings.Split(found(Config{Balance: "x", Endpoints: []EndpointConfig{bad, bad}}), "\n")
	want := []string{"balance: ", "endpoints[0].address: ", "endpoints[0].weight: ", "endpoints[1].address: ", "endpoints[1].weight: ", "endpoints[1]: "}
	if len(got) != len(want) {
		t.Fatalf("Check notes %q, want %d problems", got, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %d is %q, want it at %s", i, got[i], want[i])
		}
	}
}
