//go:build linux

package e2e

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// paper is what a program reads of a report of weir bench, by docs/bench-report.md.
type paper struct {
	Format        string            `json:"format"`
	Target        string            `json:"target"`
	CutShort      bool              `json:"cut_short"`
	Invalid       []string          `json:"invalid"`
	Requests      int64             `json:"requests"`
	OK            int64             `json:"ok"`
	Failures      map[string]int64  `json:"failures"`
	FirstFailures map[string]string `json:"first_failures"`
	Statuses      map[string]int64  `json:"statuses"`
	Late          int64             `json:"late"`
	Opened        int64             `json:"opened"`
	BytesIn       int64             `json:"bytes_in"`
	Settings      struct {
		Protocol string `json:"protocol"`
		Loop     string `json:"loop"`
	} `json:"settings"`
	Latency struct {
		P50 int64 `json:"p50_ns"`
		P90 int64 `json:"p90_ns"`
		Max int64 `json:"max_ns"`
	} `json:"latency"`
	Classes []struct {
		Name string `json:"name"`
		OK   int64  `json:"ok"`
	} `json:"classes"`
	SLO []struct {
		Term  string `json:"term"`
		State string `json:"state"`
	} `json:"slo"`
	Capacity *struct {
		Rate      float64           `json:"rate"`
		Confirmed bool              `json:"confirmed"`
		Limit     string            `json:"limit"`
		CutShort  bool              `json:"cut_short"`
		Probes    []json.RawMessage `json:"probes"`
		Text      string            `json:"text"`
	} `json:"capacity"`
	Replay *struct {
		Requests int64 `json:"requests"`
		Answers  int64 `json:"answers"`
		Same     int64 `json:"same_status"`
		Latency  struct {
			LogCount int64 `json:"log_count"`
		} `json:"latency"`
		Different []struct{ Logged, Got, Count int64 } `json:"different_statuses"`
	} `json:"replay"`
}

// measured runs `weir bench` with --json and returns its exit code, its report and its stderr. A report that is not there
// is the zero paper. The machine may be busy, so the generator may be late.
func measured(t *testing.T, args ...string) (int, paper, string) {
	t.Helper()
	code, out, errs := command(t, append([]string{"bench", "--json", "-q", "--max-lag", "5s"}, args...)...)
	return code, asPaper(t, out), errs
}

func asPaper(t *testing.T, text string) (p paper) {
	t.Helper()
	if text == "" {
		return p
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if p.Format != "weir-bench/1" {
		t.Errorf("the format is %q", p.Format)
	}
	return p
}

// answering200 starts an HTTP endpoint with h and counts what it is asked. It returns the URL without a path.
func answering200(t *testing.T, h http.HandlerFunc) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		h(w, q)
	}))
	s.Config.ErrorLog = silent
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL, asked
}

// hello answers every request with a short text.
func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") } // a client that left

// silent takes what servers log of clients that misbehave on purpose.
var silent = log.New(io.Discard, "", 0)

// authority writes the certificate of a TLS server of httptest to a file, as --cacert takes it.
func authority(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, path, "CERTIFICATE", s.Certificate().Raw)
	return path
}

// interrupted starts `weir bench`, waits for ready and sends it sig. It returns how it ended.
func interrupted(t *testing.T, sig syscall.Signal, ready func() bool, args ...string) (code int, out, errs string) {
	t.Helper()
	c := &child{t: t, dir: t.TempDir()}
	c.launch(binary, append([]string{"bench", "--max-lag", "5s"}, args...)...)
	eventually(t, "the run is under way", func() bool {
		c.alive()
		return ready()
	})
	c.signal(sig)
	code = c.awaitExit(patience)
	return code, c.stdout.String(), c.stderr.String()
}

// noteFile writes a file of the test's and returns its path.
func noteFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeText(t, path, text)
	return path
}

// holds fails the test for each of the words that the text lacks.
func holds(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %q in\n%s", what, w, text)
		}
	}
}

// pemOf reads the first certificate of a PEM file.
func pemOf(t *testing.T, path string) []byte {
	t.Helper()
	b, _ := pem.Decode([]byte(readText(t, path)))
	if b == nil {
		t.Fatalf("no PEM in %s", path)
	}
	return b.Bytes
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
