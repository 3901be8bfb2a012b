//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/testkit"
)

// packed is a listener that compresses, before an endpoint.
const packed = `
[listeners.web]
address = "{ip}:8080"
policies = "edge"
[policies.edge]
compress = {}
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = "{api}"
`

// newPacked starts a Weir that compresses what the handler answers.
func newPacked(t *testing.T, handler http.HandlerFunc) *child {
	t.Helper()
	return start(t, packed, "api", serveHTTP(t, handler))
}

// codings are those that curl decodes, too.
var codings = []string{"zstd", "br", "gzip"}

// curl asks as curl does, which decodes, and returns the content and the fields of the answer.
func curl(t *testing.T, url string, args ...string) (content, head string) {
	t.Helper()
	program := testkit.Require(t, "curl")
	file := filepath.Join(t.TempDir(), "head")
	out, err := exec.Command(program, append([]string{"-sS", "--compressed", "-D", file, "--max-time", "60", url}, args...)...).Output()
	if err != nil {
		t.Fatalf("curl %s %q: %v", url, args, err)
	}
	return string(out), slurp(t, file)
}

func TestCompressedAnswersAreWhatTheyWere(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line of text that is much like the others\n", 20000)
	c := newPacked(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain")
		h.Set("ETag", `"v1"`)
		switch r.URL.Path {
		case "/short":
			fmt.Fprint(w, text[:1000])
			return
		case "/packed":
			h.Set("Content-Encoding", "identity2")
		case "/image":
			h.Set("Content-Type", "image/png")
		case "/fixed":
			h.Set("Cache-Control", "max-age=1, no-transform")
		case "/length":
			h.Set("Content-Length", fmt.Sprint(len(text)))
		}
		fmt.Fprint(w, text)
	})
	url := "http://" + c.at(8080)
	for _, coding := range codings {
		for _, path := range []string{"/chunked", "/length"} {
			content, head := curl(t, url+path, "-H", "Accept-Encoding: "+coding)
			if content != text || !has(strings.ToLower(head), "content-encoding: "+coding, "vary: accept-encoding", `etag: w/"v1"`) || strings.Contains(head, "Content-Length") {
				t.Errorf("%s with %s: %d bytes, want %d\n%s", path, coding, len(content), len(text), head)
			}
		}
		for _, path := range []string{"/short", "/image", "/fixed"} {
			if content, head := curl(t, url+path, "-H", "Accept-Encoding: "+coding); strings.Contains(head, "Content-Encoding") || !strings.HasPrefix(text, content) || len(content) < 1000 {
				t.Errorf("%s with %s: %d bytes\n%s", path, coding, len(content), head)
			}
		}
	}
	for accept, want := range map[string]string{"gzip, br, zstd": "zstd", "gzip;q=1, br;q=0.5": "gzip", "*": "zstd", "identity": "", "gzip;q=0": "", "br;q=0, *;q=0.1": "zstd", "deflate": "", "x-gzip": "gzip"} {
		w := dial(t, c.at(8080))
		w.send(req("a", "/length", "Accept-Encoding: "+accept))
		res, body := w.answer()
		if got := res.Header.Get("Content-Encoding"); got != want || (got == "") != (body == text) || res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("for %q it is in %q, want %q; %v", accept, got, want, res.Header)
		}
		w.send(strings.Replace(req("a", "/length", "Accept-Encoding: "+accept), "GET", "HEAD", 1))
		head, err := http.ReadResponse(w.r, &http.Request{Method: "HEAD"})
		if err != nil || head.Header.Get("Content-Encoding") != want || head.Header.Get("ETag") != res.Header.Get("ETag") {
			t.Errorf("HEAD for %q: %v, %v", accept, head, err)
		}
	}
	w := dial(t, c.at(8080))
	w.send(req("a", "/packed", "Accept-Encoding: gzip"))
	if res, body := w.answer(); res.Header.Get("Content-Encoding") != "identity2" || body != text {
		t.Errorf("what is encoded is encoded again: %v", res.Header)
	}
}

// Each event arrives, decoded, before the endpoint makes the next one.
func TestEventStreamsAreNotDelayedByCompression(t *testing.T) {
	t.Parallel()
	const events = 20
	program := testkit.Require(t, "curl")
	for _, coding := range codings {
		t.Run(coding, func(t *testing.T) {
			next := make(chan int)
			c := newPacked(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for i := range next {
					fmt.Fprintf(w, "data: event %d\n\n", i)
					_ = http.NewResponseController(w).Flush() // a client that left shows in the test
				}
			})
			file := filepath.Join(t.TempDir(), "head")
			cmd := exec.CommandContext(t.Context(), program, "-sSN", "--compressed", "-D", file, "-H", "Accept-Encoding: "+coding, "http://"+c.at(8080)+"/events")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			late := 0
			for i := range events {
				begin := time.Now()
				next <- i
				for lines.Scan() && lines.Text() == "" {
				}
				if want := fmt.Sprintf("data: event %d", i); lines.Text() != want {
					t.Fatalf("event %d: %q, %v", i, lines.Text(), lines.Err())
				}
				if time.Since(begin) > 2*time.Second {
					late++
				}
			}
			// The machine may hold one up or another; what Weir does, it does to all.
			if late > events/2 {
				t.Errorf("%d of %d events took more than 2s", late, events)
			}
			close(next)
			for lines.Scan() {
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("the end: %v", err)
			}
			if head := slurp(t, file); !strings.Contains(head, "Content-Encoding: "+coding) {
				t.Errorf("it is not in %s:\n%s", coding, head)
			}
		})
	}
}

func slurp(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
