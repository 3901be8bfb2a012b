//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// clinging is a sticky upstream of three, without a key of its own.
const clinging = `
state_dir = "{dir}/state"
[admin]
address = "{ip}:9901"
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = ["{one}", "{two}", "{three}"]
balance = "round_robin"
sticky = { cookie = "weir", ttl = "{ttl}" }
`

// visit makes one GET on a connection of its own with that cookie, and returns who answered and what
// cookie was set.
func (c *child) visit(t *testing.T, cookie string) (who, set string) {
	t.Helper()
	w := dial(t, c.at(8080))
	defer w.Close()
	request := "GET / HTTP/1.1\r\nHost: weir.test\r\n"
	if cookie != "" {
		request += "Cookie: lang=en; " + cookie + "\r\n"
	}
	w.send(request + "\r\n")
	resp, body := w.answer()
	if resp.StatusCode != 200 {
		t.Fatalf("got %s %q", resp.Status, body)
	}
	set, _, _ = strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	return body, set
}

func three(t *testing.T) (vars []string, origins map[string]*origin) {
	origins = map[string]*origin{}
	for _, name := range []string{"one", "two", "three"} {
		origins[name] = newOrigin(t, name)
		vars = append(vars, name, origins[name].addr)
	}
	return vars, origins
}

func TestAClientStaysAcrossReloadsAndARestart(t *testing.T) {
	t.Parallel()
	vars, _ := three(t)
	c := start(t, strings.ReplaceAll(clinging, "{ttl}", "1h"), vars...)
	homes := map[string]string{} // cookie to endpoint
	for range 6 {
		who, cookie := c.visit(t, "")
		if len(cookie) != len("weir=")+68 {
			t.Fatalf("a new client is given %q", cookie)
		}
		homes[cookie] = who
	}
	stay := func(when string) {
		t.Helper()
		for cookie, home := range homes {
			if who, set := c.visit(t, cookie); who != home || set != "" {
				t.Errorf("%s the client of %s came to %s and was given %q", when, home, who, set)
			}
		}
	}
	stay("at once")
	c.mustReload()
	stay("after a reload")
	c.signal(syscall.SIGTERM)
	if code := c.awaitExit(patience); code != 0 {
		t.Fatalf("weir ended with %d", code)
	}
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	stay("after a restart")
	info, err := os.Stat(filepath.Join(c.dir, "state", "sticky.keys"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the key: %v, %v", info, err)
	}
	c.write(strings.ReplaceAll(clinging, "{ttl}", "10h"))
	c.mustReload()
	for cookie, home := range homes {
		who, set := c.visit(t, cookie)
		if who != home || set == "" || set == cookie {
			t.Errorf("with a longer ttl the client of %s came to %s and was given %q", home, who, set)
		}
	}
}

func TestAClientLeavesAnEndpointThatDiesAndStaysAtOneThatDrains(t *testing.T) {
	t.Parallel()
	vars, origins := three(t)
	c := start(t, strings.ReplaceAll(clinging, "{ttl}", "1h"), vars...)
	home, cookie := c.visit(t, "")
	drained := origins[home].addr
	if code, out, errs := command(t, "drain", "--admin", "http://"+c.at(9901), "api", drained); code != 0 {
		t.Fatalf("drain ended with %d: %s%s", code, out, errs)
	}
	eventually(t, "it drains", func() bool { return c.endpointStates("api")[drained] == "draining" })
	for range 3 {
		if who, set := c.visit(t, cookie); who != home || set != "" {
			t.Errorf("of the draining %s the client came to %s and was given %q", home, who, set)
		}
	}
	eventually(t, "it gets no new client", func() bool {
		for range 6 {
			if who, _ := c.visit(t, ""); who == home {
				return false
			}
		}
		return true
	})
	origins[home].stop()
	who, set := c.visit(t, cookie)
	if who == home || set == "" {
		t.Fatalf("of the dead %s the client came to %s and was given %q", home, who, set)
	}
	for range 3 {
		if then, third := c.visit(t, set); then != who || third != "" {
			t.Errorf("after its move to %s the client came to %s and was given %q", who, then, third)
		}
	}
}

func TestAStateDirectoryThatCannotBeUsedIsAnError(t *testing.T) {
	t.Parallel()
	vars, _ := three(t)
	c := prepare(t, strings.ReplaceAll(strings.ReplaceAll(clinging, "{ttl}", "1h"), "{dir}/state", "/proc/weir"), vars...)
	c.launch(binary, "run", "-c", c.file)
	if code := c.awaitExit(patience); code == 0 {
		t.Error("weir runs without a place for its key")
	}
	if said := c.stderr.String(); !strings.Contains(said, "sticky keys can't be stored") || !strings.Contains(said, "api") {
		t.Errorf("weir said:\n%s", said)
	}
}

func TestSessionsOfOneClientReachOneEndpoint(t *testing.T) {
	t.Parallel()
	var vars []string
	for _, name := range []string{"one", "two", "three"} {
		vars = append(vars, name, newGreeter(t, name))
	}
	c := start(t, `
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "api"
[upstreams.api]
endpoints = ["{one}", "{two}", "{three}"]
balance = "maglev"
hash_on = "client"
`, vars...)
	used := map[string]bool{}
	for client := 1; client <= 12; client++ {
		from := &net.TCPAddr{IP: net.IPv4(127, 9, 9, byte(client))}
		first := c.greeting(t, from)
		for range 3 {
			if again := c.greeting(t, from); again != first {
				t.Errorf("client %s came to %s and then to %s", from.IP, first, again)
			}
		}
		used[first] = true
	}
	if len(used) < 2 {
		t.Errorf("12 clients share one of 3 endpoints")
	}
}

// newGreeter is an endpoint that says its name and then nothing.
func newGreeter(t *testing.T, name string) string {
	t.Helper()
	ln := listen(t)
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with ln
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(nc, name)
			_ = nc.Close()
		}
	}()
	return endpointOf(ln)
}

// greeting connects from an address and returns who greets. Nothing else is in flight then: the
// balancer passes over who has more than his part of it.
func (c *child) greeting(t *testing.T, from net.Addr) string {
	t.Helper()
	eventually(t, "nothing is in flight", func() bool { return c.metrics().sum("weir_endpoint_in_flight") == 0 })
	nc, err := (&net.Dialer{LocalAddr: from}).DialContext(t.Context(), "tcp", c.at(7000))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, nc)
	defer w.Close()
	name, err := w.r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(name)
}
