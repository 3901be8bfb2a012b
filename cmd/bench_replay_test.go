package cmd

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/bench/replay"
)

// logOf writes an access log and returns its path.
func logOf(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	write(t, path, strings.Join(lines, "\n")+"\n")
	return path
}

// combined is a line of nginx, second s of a minute.
func combined(s int, request string, status int) string {
	return fmt.Sprintf(`10.0.0.1 - - [01/Jan/2025:10:00:%02d +0000] "%s HTTP/1.1" %d 12 "-" "curl/8"`, s, request, status)
}

func TestWhatAReplayCannotMeanIsWrongUsage(t *testing.T) {
	path := logOf(t, combined(0, "GET /a", 200))
	for line, want := range map[string]string{
		"":                                       "one access log is replayed, such as weir bench replay access.log",
		path:                                     "--to is missing",
		path + " other --to http://a/":           "one access log is replayed",
		path + " --to http://a/ --speed 0":       "--speed 0: want a number above 0",
		path + " --to http://a/ --speed -1":      "--speed -1",
		path + " --to http://a/ --speed NaN":     "--speed NaN",
		path + " --to http://a/ --speed fast":    "invalid argument",
		path + " --to http://a/x":                "the log has the paths",
		path + " --to tcp://a:1":                 "want http:// or https://",
		path + " --to ftp://a":                   "--to: target",
		path + " --to nonsense":                  "for a host of that name write http://nonsense/",
		path + " --to http://a/ -c 0":            "-c and --streams are at least 1",
		path + " --to http://a/ -H x":            "want 'Name: value'",
		path + " --to http://a/ --slo p99":       "--slo: ",
		path + " --to http://a/ --out pdf":       "want text, json or html",
		path + " --to http://a/ --streams 2":     "one request at a time",
		path + " --to http://a/ --http2 --http3": "exclude each other",
		path + ".none --to http://a/x":           "the log has the paths", // before a long log is read
	} {
		got := inProcess(nil, append([]string{"bench", "replay"}, strings.Fields(line)...)...)
		if got.code != WrongUsage || got.out != "" || !strings.Contains(got.err, want) || !strings.Contains(got.err, "hint: see weir bench replay --help") {
			t.Errorf("%s: %+v, want code %d and %q", line, got, WrongUsage, want)
		}
	}
}

func TestALogThatCannotBeReadIsNotReplayed(t *testing.T) {
	dir := t.TempDir()
	noise := slices.Repeat([]string{"what is this?"}, 20)
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is a directory",
		logOf(t):                   "is empty",
		logOf(t, noise...):         "20 of 20 lines can't be read; line 1: ",
		logOf(t, append(noise, combined(0, "GET /a", 200))...): "is not an access log of Weir, nginx or Apache",
	} {
		got := inProcess(nil, "bench", "replay", path, "--to", "http://127.0.0.1:1/")
		if got.code != CouldNotRun || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v, want code %d and %q", path, got, CouldNotRun, want)
		}
	}
}

// heard is a server that notes what is asked of it and answers 200, but DELETE with 404.
type heard struct {
	mu   sync.Mutex
	asks []string
}

func (h *heard) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asks = append(h.asks, q.Method+" "+q.RequestURI+" "+q.Header.Get("X-Replay"))
	if q.Method == "DELETE" {
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestAReplayAsksForWhatTheLogHolds(t *testing.T) {
	path := logOf(t,
		combined(0, "GET /a?b=%20c", 200), combined(0, "POST /orders", 201), "a line that is none",
		combined(1, "DELETE /orders/1", 200), combined(1, "GET /a", 200))
	for _, c := range []struct {
		flags string
		asks  []string
		code  int
		says  []string // in stdout or stderr
	}{
		{"", []string{"DELETE /orders/1 ", "GET /a ", "GET /a?b=%20c ", "POST /orders "}, Fine,
			[]string{"4 requests in", "1 of 5 lines could not be read: line 3", "a log holds no bodies", "log does not say how long", "201", "404"}},
		{"--safe-only", []string{"GET /a ", "GET /a?b=%20c "}, Fine, []string{"left out: 2 requests with other methods"}},
		{"-H X-Replay:1 --safe-only -q", []string{"GET /a 1", "GET /a?b=%20c 1"}, Fine, []string{"All 2 answers had the status that the log has"}},
		{"--strict --slo errors<1%", []string{"DELETE /orders/1 ", "GET /a ", "GET /a?b=%20c ", "POST /orders "}, Bad,
			[]string{"SLO\n  missed       errors<1%: errors is 50 %", "weir: the SLO is missed"}},
		{"--slo p99<1h -c 2", []string{"DELETE /orders/1 ", "GET /a ", "GET /a?b=%20c ", "POST /orders "}, Fine, []string{"2 connections", "met          p99<1h"}},
	} {
		h := &heard{}
		s := httptest.NewServer(h)
		got := inProcess(nil, append([]string{"bench", "replay", path, "--to", s.URL, "--speed", "20", "--max-lag", "5s"}, strings.Fields(c.flags)...)...)
		s.Close()
		slices.Sort(h.asks)
		if got.code != c.code || !slices.Equal(h.asks, c.asks) {
			t.Errorf("%s: code %d, asked %q; want code %d and %q\n%s", c.flags, got.code, h.asks, c.code, c.asks, got.err)
		}
		for _, want := range c.says {
			if !strings.Contains(got.out+got.err, want) {
				t.Errorf("%s: no %q in\n%s%s", c.flags, want, got.out, got.err)
			}
		}
	}
}

func TestACompressedLogOfWeirIsComparedInJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log.gz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(file)
	for i := range 20 {
		fmt.Fprintf(z, `{"ts":%d,"proto":"HTTP/1.1","method":"GET","host":"a","target":"/%d","status":200,"dur_us":5000}`+"\n", 1735725600000000+i*10_000, i)
	}
	if err := errorsOf(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&heard{})
	defer s.Close()
	got := inProcess(nil, "bench", "replay", path, "--to", s.URL, "--max-lag", "5s", "--json")
	var more struct{ Replay replay.Comparison }
	if err := json.Unmarshal([]byte(got.out), &more); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	c := more.Replay
	if got.code != Fine || c.Requests != 20 || c.Same != 20 || c.Latency.LogCount != 20 || c.Latency.Log.P50.Milliseconds() != 5 || c.Latency.Count != 20 {
		t.Errorf("code %d, %+v", got.code, c)
	}
	page := inProcess(nil, "bench", "replay", path, "--to", s.URL, "--max-lag", "5s", "--out", "html")
	if page.code != Fine || !strings.Contains(page.out, "in the log") {
		t.Errorf("code %d: the page does not show the log's latencies", page.code)
	}
}

// errorsOf returns the first error.
func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestAReplayToNobodyIsOneLine(t *testing.T) {
	path := logOf(t, combined(0, "GET /a", 200), combined(0, "GET /b", 200))
	closed := freeAddress(t)
	for to, want := range map[string]string{
		"http://" + closed:            "weir: can't reach http://" + closed + ": connect: " + closed + ": connection refused (2 attempts)",
		"http://no.such.host.invalid": "weir: can't reach http://no.such.host.invalid: lookup",
	} {
		got := inProcess(nil, "bench", "replay", path, "--to", to, "--speed", "20")
		if got.code != CouldNotRun || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v, want %q", to, got, want)
		}
	}
}
