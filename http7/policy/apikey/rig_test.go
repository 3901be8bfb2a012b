package apikey

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/http7/wire"
)

// The keys of the tests' file.
const (
	shopKey = "weir_0123456789abcdef0123456789abcdef"
	lateKey = "weir_late"
	soonKey = "weir_soon"
)

// keysFile is a file with three keys.
func keysFile() string {
	return fmt.Sprintf(`[[keys]]
hash = "%s"
consumer = "shop"
groups = ["partners", "eu"]
scopes = ["orders.read", "orders.write"]
limits = { rate = "100/s", burst = 200 }
claims = { plan = "gold" }

[[keys]]
hash = "%s"
consumer = "late"
expires = "2026-01-01"

[[keys]]
hash = "%s"
consumer = "soon"
expires = "2026-11-21T12:00:00Z"
`, Hash(shopKey), Hash(lateKey), Hash(soonKey))
}

// now is when requests of tests arrive.
var noon = time.Date(2026, 11, 21, 11, 59, 59, 0, time.UTC)

// configured is a right config with the tests' keys, changed.
func configured(t testing.TB, change func(*Config)) *Config {
	t.Helper()
	c := Default()
	c.KeysFile = filepath.Join(t.TempDir(), "keys.toml")
	policytest.Write(t, c.KeysFile, keysFile())
	if change != nil {
		change(&c)
	}
	return &c
}

// compiled are the steps of a right config.
func compiled(t testing.TB, change func(*Config)) []http7.Step {
	t.Helper()
	steps, err := Compile(configured(t, change), "edge", policytest.Needs(t))
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

var limits = wire.Limits{HeadBytes: 1 << 16, Fields: 200, TargetBytes: 1 << 15}

// asked is the exchange of "GET target" with fields, each with its line end.
func asked(t testing.TB, target, fields string) *http7.Exchange {
	t.Helper()
	x := &http7.Exchange{Arrival: noon}
	var p wire.RequestParser
	var q wire.Request
	text := "GET " + target + " HTTP/1.1\nHost: h\n" + fields + "\n"
	if n, f := p.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")), &limits, &q, &x.Request); n == 0 {
		t.Fatalf("not a request: %v", f)
	}
	x.Method, x.Target, x.Path, x.Query = q.Method, q.Target, q.Path, q.Query
	return x
}

// sent is what the endpoint gets but for Host, and the target if it is another.
func sent(x *http7.Exchange) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(x.Request.AppendLines(nil, 0))), "\r\n"),
		func(l string) bool { return strings.HasPrefix(l, "Host:") || l == "" })
	if x.Out != nil {
		lines = append([]string{string(x.Out)}, lines...)
	}
	return strings.Join(lines, "|")
}
