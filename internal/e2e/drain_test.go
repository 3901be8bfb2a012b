//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// trio is an upstream of three endpoints that take turns, and a relay to one that echoes.
const trio = `
[listeners.web]
address = "{ip}:8080"
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "echo"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = ["{one}", "{two}", "{three}"]
balance = "round_robin"
[upstreams.echo]
endpoints = "{echo}"
`

func startTrio(t *testing.T) (c *child, one, two, third *origin) {
	t.Helper()
	one, two, third = newOrigin(t, "one"), newOrigin(t, "two"), newOrigin(t, "three")
	return start(t, trio, "one", one.addr, "two", two.addr, "three", third.addr, "echo", newEcho(t)), one, two, third
}

// order runs drain or undrain and returns what it printed.
func (c *child) order(args ...string) string {
	c.t.Helper()
	code, out, errs := command(c.t, append(args, "-c", c.file)...)
	if code != 0 {
		c.t.Fatalf("weir %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// A drain under load costs nobody a request, keeps across reloads what it was, and is taken back.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	c, one, two, _ := startTrio(t)
	load := newLoad(t)
	load.gets(4, c.at(8080), "/")
	load.await(t, 200)
	c.order("drain", "api", one.addr, "--wait", "--timeout", "10s")
	load.await(t, 50) // what was picked before the drain has arrived
	drained := one.requests.Load()
	c.mustReload()
	c.order("drain", "--maintenance", "api", two.addr)
	c.hangUp()
	load.await(t, 200)
	if n := one.requests.Load() - drained; n > 0 {
		t.Errorf("the drained endpoint got %d requests", n)
	}
	if s := c.endpointStates("api"); s[one.addr] != "draining" || s[two.addr] != "maintenance" {
		t.Errorf("after two reloads the endpoints are %v", s)
	}
	c.order("undrain", "api", one.addr)
	c.order("undrain", "api", two.addr)
	eventually(t, "both serve again", func() bool { return one.requests.Load() > drained+10 })
	load.stop()
	load.clean(t)
}

// What an endpoint has goes on while it drains: an answer on its way, and sessions.
func TestDrainLetsSessionsAndAnswersEnd(t *testing.T) {
	t.Parallel()
	c, one, two, third := startTrio(t)
	var slow []*wire
	for range 3 {
		w := dial(t, c.at(8080))
		w.send("GET /halves?n=60 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
		if _, err := w.r.Peek(1); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, w)
	}
	left := 0
	for _, o := range []*origin{one, two, third} {
		out, n := c.order("drain", "api", o.addr), 0
		if _, err := fmt.Sscanf(out, "api: "+o.addr+" is draining, %d in flight\n", &n); err != nil {
			t.Errorf("drain says %q", out)
		}
		left += n
	}
	if left != 3 {
		t.Errorf("%d in flight at the three, want the 3 answers on their way", left)
	}
	session := dial(t, c.at(7000))
	session.echo("before\n")
	echo := slices.Collect(maps.Keys(c.endpointStates("echo")))[0]
	if out := c.order("drain", "echo", echo, "--maintenance"); !strings.Contains(out, "is maintenance, 1 in flight") {
		t.Errorf("drain says %q", out)
	}
	session.echo("the session goes on\n")
	turnedAway(t, c.at(7000))
	for _, o := range []*origin{one, two, third} {
		o.letGo()
	}
	for _, w := range slow {
		if resp, body := w.answer(); resp.StatusCode != 200 || body != dripped(60) {
			t.Errorf("a slow answer has status %d and %d bytes", resp.StatusCode, len(body))
		}
	}
	session.Close()
	if out := c.order("drain", "echo", echo, "--wait", "--timeout", "10s", "--maintenance"); !strings.Contains(out, "is already maintenance, 0 in flight") {
		t.Errorf("drain --wait says %q", out)
	}
}

func TestDrainOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	c, _, _, _ := startTrio(t)
	for _, test := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/drain", `{"upstream": "apo", "endpoint": "127.0.0.1:1"}`, 404, `did you mean \"api\"`},
		{"/drain", `{"upstream": "api", "endpoint": "127.0.0.1:1"}`, 404, "there is no endpoint"},
		{"/maintenance", `{"upstream": "api"}`, 400, "name the endpoint"},
		{"/undrain", ``, 400, "name the endpoint"},
		{"/undrain", `{"upstream": "api", "endpoint": "` + strings.Repeat("x", 70<<10) + `"}`, 413, ""},
	} {
		w := dial(t, c.at(9901))
		w.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", test.path, len(test.body), test.body))
		if resp, body := w.answer(); resp.StatusCode != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s %.60s: %d %s, want %d %s", test.path, test.body, resp.StatusCode, body, test.status, test.says)
		}
	}
}

// near is an upstream with endpoints in two zones, of which this node's is eu-1a.
const near = `
zone = "eu-1a"
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = [{ address = "{one}", zone = "eu-1a" }, { address = "{two}", zone = "eu-1b" }, { address = "{three}", backup = true }]
`

func TestTrafficStaysInItsZoneAndBackupsWait(t *testing.T) {
	t.Parallel()
	one, two, third := newOrigin(t, "one"), newOrigin(t, "two"), newOrigin(t, "three")
	c := start(t, near, "one", one.addr, "two", two.addr, "three", third.addr)
	w := dial(t, c.at(8080))
	for _, step := range []struct {
		drained *origin
		want    string
	}{{nil, "one"}, {one, "two"}, {two, "three"}} {
		if step.drained != nil {
			c.order("drain", "api", step.drained.addr, "--maintenance")
		}
		eventually(t, "answers come from "+step.want, func() bool { return slices.Equal(answering(w, 20), []string{step.want}) })
	}
}
