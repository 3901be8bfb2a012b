//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// admin makes one call on a connection of its own; status 0 is no answer. Calls that change
// something carry the Content-Type that they must have.
func (c *child) admin(method, path string) (status int, body []byte) {
	req, err := http.NewRequest(method, "http://"+c.at(9901)+path, nil)
	if err != nil {
		return 0, nil
	}
	req.Close = true
	if method == "POST" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, body
}

// verdict is what a reload answers.
type verdict struct {
	OK         bool
	Generation uint64
	Problems   []struct{ Where, Key, Text, Hint string }
}

// reload asks the child to load its file again, and returns what it says.
func (c *child) reload() (status int, v verdict) {
	c.t.Helper()
	status, v, err := c.tryReload()
	if err != nil {
		c.t.Fatalf("POST /reload: %d: %v", status, err)
	}
	return status, v
}

// tryReload is reload for any goroutine.
func (c *child) tryReload() (status int, v verdict, err error) {
	status, body := c.admin("POST", "/reload")
	if err = json.Unmarshal(body, &v); err != nil {
		err = fmt.Errorf("%w: %s", err, body)
	}
	return status, v, err
}

// mustReload is reload for a config that should be taken.
func (c *child) mustReload() {
	c.t.Helper()
	if status, v := c.reload(); status != 200 || !v.OK {
		c.t.Fatalf("reload: %d %+v", status, v)
	}
}

// hangUp reloads by SIGHUP and waits until the next generation serves.
func (c *child) hangUp() {
	c.t.Helper()
	before := c.metrics().value("weir_config_generation")
	c.signal(syscall.SIGHUP)
	eventually(c.t, "a generation after SIGHUP", func() bool {
		return c.metrics().value("weir_config_generation") > before
	})
}

// endpointStates returns the state of each endpoint of an upstream, by address, from /status.
func (c *child) endpointStates(upstream string) map[string]string {
	c.t.Helper()
	status, body := c.admin("GET", "/status")
	var s struct {
		Upstreams []struct {
			Name      string
			Endpoints []struct{ Address, State string }
		}
	}
	if err := json.Unmarshal(body, &s); err != nil || status != 200 {
		c.t.Fatalf("GET /status: %d %s: %v", status, body, err)
	}
	states := map[string]string{}
	for _, u := range s.Upstreams {
		for _, e := range u.Endpoints {
			if u.Name == upstream {
				states[e.Address] = e.State
			}
		}
	}
	return states
}

// scrape is one reading of /metrics, by series as it is written there.
type scrape map[string]float64

// metrics reads /metrics.
func (c *child) metrics() scrape {
	c.t.Helper()
	status, body := c.admin("GET", "/metrics")
	if status != 200 {
		c.t.Fatalf("GET /metrics: %d %s", status, body)
	}
	return parseMetrics(c.t, body)
}

func parseMetrics(t *testing.T, text []byte) scrape {
	t.Helper()
	s := scrape{}
	for line := range bytes.Lines(text) {
		line := strings.TrimSpace(string(line))
		if line == "" || line[0] == '#' {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[cut+1:], 64)
		if cut < 0 || err != nil {
			t.Fatalf("%q is no line of metrics", line)
		}
		s[line[:cut]] = v
	}
	return s
}

// value returns the value of a whole series name, 0 if there is none.
func (s scrape) value(series string) float64 { return s[series] }

// sum adds up the series of a family that have every one of the labels, such as `route="a"`.
func (s scrape) sum(family string, labels ...string) float64 {
	var sum float64
	for _, name := range s.series(family, labels...) {
		sum += s[name]
	}
	return sum
}

// series lists the series of a family that have every one of the labels.
func (s scrape) series(family string, labels ...string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		bare, _, _ := strings.Cut(name, "{")
		if bare == family && has(name, labels...) {
			out = append(out, name)
		}
	}
	return out
}

// counts waits until the sum of a family's series is want; a use is counted just after its last
// byte has gone.
func (c *child) counts(want float64, family string, labels ...string) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%s %q is %v", family, labels, want), func() bool {
		return c.metrics().sum(family, labels...) == want
	})
}

// rss returns the child's resident memory in bytes.
func (c *child) rss() int64 {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		c.t.Fatalf("no VmRSS in %s", text)
	}
	return kib << 10
}

// files returns how many descriptors the child holds.
func (c *child) files() int {
	c.t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	return len(all)
}
