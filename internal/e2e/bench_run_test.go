//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pinging is a Weir that answers itself and logs.
const pinging = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "ping"
match = { path = "/ping" }
respond = { body = "pong" }
[[routes]]
name = "orders"
match = { path = "/orders/*", methods = ["GET", "POST"] }
respond = { body = "order" }
[access_log]
path = "{dir}/access.log"
`

// What the generator counts must be what Weir counts.
func TestBenchOfWeirCountsWhatWeirCounts(t *testing.T) {
	t.Parallel()
	c := start(t, pinging)
	at := c.at(8080)
	code, p, errs := measured(t, at+"/ping", "-n", "500", "-c", "4")
	if code != 0 || p.OK != 500 || p.Statuses["200"] != 500 || p.Opened > 4 || p.Target != "http://"+at+"/ping" {
		t.Errorf("exit %d, %+v\n%s", code, p, errs)
	}
	code, p, _ = measured(t, at+"/nothing", "-n", "20", "-r", "500")
	if code != 1 || p.Statuses["404"] != 20 || p.Failures["status"] != 20 {
		t.Errorf("a path without a route: exit %d, %+v", code, p)
	}
	c.counts(500, "weir_http_requests_total", `route="ping"`, `class="2xx"`)
	c.counts(20, "weir_http_requests_total", `class="4xx"`)
}

func TestBenchSendsAScenarioThroughWeir(t *testing.T) {
	t.Parallel()
	c := start(t, pinging)
	scenario := noteFile(t, "shop.toml", `
[data.users]
file = "users.csv"
[[requests]]
name = "ping"
weight = 2
path = "/ping?n=${counter}"
expect = { status = 200, body = { equals = "pong" } }
[[requests]]
name = "order"
path = "/orders/${users.id}"
body = '{"id": ${users.id}, "of": "${json users.name}"}'
expect.body.contains = "order"
`)
	users := filepath.Join(filepath.Dir(scenario), "users.csv")
	writeText(t, users, "id,name\n1,Ann\n2,\"Bo \"\"B\"\"\"\n")
	code, p, errs := measured(t, c.at(8080), "--scenario", scenario, "-n", "90", "--seed", "4", "--slo", "errors<=0%")
	if code != 0 || p.OK != 90 || len(p.Classes) != 2 || p.Classes[0].OK+p.Classes[1].OK != 90 || p.Classes[1].OK < 10 {
		t.Errorf("exit %d, %+v\n%s", code, p, errs)
	}
	c.counts(float64(p.Classes[0].OK), "weir_http_requests_total", `route="ping"`, `class="2xx"`)
	c.counts(float64(p.Classes[1].OK), "weir_http_requests_total", `route="orders"`, `class="2xx"`)

	broken := noteFile(t, "broken.toml", "[[requests]]\npth = \"/\"\n")
	code, out, errs := command(t, "bench", c.at(8080), "--scenario", broken)
	if code != 1 || out != "" {
		t.Errorf("a wrong key: exit %d, %s", code, out)
	}
	holds(t, "a wrong key", errs, broken+`:2:1: requests[0].pth: there is no key "pth"`, "did you mean path?")
}

// A log that Weir wrote, sent to Weir again, asks for the same and is answered alike, and the log's latencies stand beside
// the new ones.
func TestBenchReplaysTheLogThatWeirWrote(t *testing.T) {
	t.Parallel()
	c := start(t, pinging)
	w := dial(t, c.at(8080))
	for i := range 30 {
		w.get(fmt.Sprintf("/orders/%d?a=%%20b", i))
		w.get("/nothing")
	}
	w.send("POST /orders/new HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 2\r\n\r\n{}")
	w.answer()
	file := filepath.Join(c.dir, "access.log")
	first := targets(t, logLines(t, file, 61))
	log := filepath.Join(t.TempDir(), "copy.log")
	writeText(t, log, strings.Join(logLines(t, file, 61), "")+"{\"ts\": \"cut")

	code, out, errs := command(t, "bench", "replay", log, "--to", "http://"+c.at(8080), "--max-lag", "5s", "--json", "-q")
	p := asPaper(t, out)
	if code != 0 || p.Replay == nil || p.Replay.Requests != 61 || p.Replay.Same != 61 || p.Replay.Latency.LogCount != 61 || len(p.Replay.Different) != 0 {
		t.Fatalf("exit %d, %+v\n%s", code, p, errs)
	}
	holds(t, "the notes", errs, "61 requests in", "1 of 62 lines could not be read: line 62", "a log holds no bodies")
	if again := targets(t, logLines(t, file, 122)[61:]); !slices.Equal(first, again) {
		t.Errorf("asked for\n%q, and then\n%q", first, again)
	}
	_, text, _ := command(t, "bench", "replay", log, "--to", c.at(8080), "--max-lag", "5s", "--safe-only", "--speed", "2")
	holds(t, "the text", text, "by the log and in the replay", "p99", "All 60 answers had the status that the log has")
}

// targets are the methods and targets of a log's lines, sorted.
func targets(t *testing.T, lines []string) []string {
	t.Helper()
	var out []string
	for _, l := range lines {
		var r struct{ Method, Target string }
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r.Method+" "+r.Target)
	}
	slices.Sort(out)
	return out
}

// Two at a time, 10 ms each: the endpoint has a capacity of 200 requests a second, less what the machine takes.
func TestBenchFindsTheCapacityOfAnEndpoint(t *testing.T) {
	t.Parallel()
	places := make(chan struct{}, 2)
	url, _ := answering200(t, func(w http.ResponseWriter, q *http.Request) {
		places <- struct{}{}
		pause(q, 10)
		<-places
		hello(w, q)
	})
	bestOf(t, func(y *try) { y.findsCapacity(url) })
}

func (t *try) findsCapacity(url string) {
	page := filepath.Join(t.TempDir(), "curve.html")
	// A search tries a busy machine's rates more often, so it may take longer than other commands.
	search := &child{t: t.T, dir: t.TempDir()}
	search.launch(binary, "bench", url, "--find-capacity", "--slo", "p90<80ms,errors<1%", "-r", "100", "-d", "250ms", "-c", "32",
		"--max-lag", "5s", "-q", "--json", "--out", "html="+page)
	code := search.awaitExit(6 * patience)
	c, errs := asPaper(t.T, search.stdout.String()).Capacity, search.stderr.String()
	if c != nil && (c.Rate < 40 || len(c.Probes) < 5) {
		t.tooSlow("exit %d, %+v", code, c)
		return
	}
	if c == nil || c.Rate > 240 || c.Limit != "slo" || !strings.Contains(c.Text, "holds up to") {
		t.Fatalf("exit %d, %+v\n%s", code, c, errs)
	}
	// On a machine that is busy with other tests the found rate may not be confirmed; then the exit code says so.
	if want := map[bool]int{true: 0, false: 4}[c.Confirmed]; code != want {
		t.Errorf("exit %d, want %d: %s", code, want, c.Text)
	}
	holds(t.T, "the page", readText(t.T, page), "p90&lt;80ms", "<svg")
}

func TestBenchFindsNoCapacityWhereNoRateHolds(t *testing.T) {
	t.Parallel()
	url, _ := answering200(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	code, p, errs := measured(t, url, "--find-capacity", "--slo", "errors<1%", "-r", "40", "-d", "50ms")
	if code != 1 || p.Capacity == nil || p.Capacity.Rate != 0 || !strings.Contains(errs, "does not hold at any rate that was tried") {
		t.Errorf("exit %d, %+v\n%s", code, p.Capacity, errs)
	}
}

// Runs of an endpoint of 5 ms and of one of 100 ms: the second is slower, and the first is no slower than itself.
func TestBenchComparesRealRuns(t *testing.T) {
	t.Parallel()
	takes := func(ms int64) string {
		url, _ := answering200(t, func(w http.ResponseWriter, q *http.Request) { pause(q, ms); hello(w, q) })
		return url
	}
	fast, slow := takes(5), takes(100)
	bestOf(t, func(y *try) { y.comparesRuns(fast, slow) })
}

func (t *try) comparesRuns(fast, slow string) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name+".json") }
	var runs sync.WaitGroup
	for name, url := range map[string]string{"a1": fast, "a2": fast, "a3": fast, "b1": slow, "b2": slow, "b3": slow} {
		runs.Go(func() {
			if code, _, errs := command(t.T, "bench", url, "-r", "80", "-d", "2s", "--max-lag", "5s", "-q", "--out", "json="+at(name)); code != 0 {
				t.Errorf("%s: exit %d: %s", name, code, errs)
			}
		})
	}
	runs.Wait()
	code, out, errs := command(t.T, "bench", "compare", at("a1"), at("a2"), at("a3"), "vs", at("b1"), at("b2"), at("b3"))
	if code != 1 {
		t.tooSlow("slower: exit %d\n%s%s", code, out, errs)
		return
	}
	holds(t.T, "slower", out, "3 runs", "p50", "95 % interval", "a1.json", "b3.json")
	code, out, _ = command(t.T, "bench", "compare", at("b1"), at("b2"), at("b3"), "vs", at("a1"), at("a2"), at("a3"), "--json")
	if code != 0 || !strings.Contains(out, `"regression": false`) || !strings.Contains(out, `"verdict": "better"`) {
		t.tooSlow("faster: exit %d\n%s", code, out)
	}
	if code, out, _ = command(t.T, "bench", "compare", at("a1"), at("a2"), "vs", at("a1"), at("a2")); code != 0 {
		t.Errorf("itself: exit %d\n%s", code, out)
	}
	if code, out, errs = command(t.T, "bench", "compare", at("a1"), at("b1")); code != 4 || !strings.Contains(errs, "too little data") {
		t.Errorf("one run of 2 s a side: exit %d\n%s%s", code, out, errs)
	}
}
