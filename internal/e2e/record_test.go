//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keys are those of the access log, in the order of docs/architecture.md §10.
var keys = strings.Fields(`ts client listener proto method host target route upstream endpoint status fault bytes_in
	bytes_out dur_us first_byte_us attempts consumer verdicts cache request_id trace_id match`)

// record is one line of the access log.
type record struct {
	TS                                            int64
	Client, Listener, Proto, Method, Host, Target string
	Route, Upstream, Endpoint, Fault              string
	Status, Attempts                              int
	BytesIn                                       int64 `json:"bytes_in"`
	BytesOut                                      int64 `json:"bytes_out"`
	Duration                                      int64 `json:"dur_us"`
	FirstByte                                     int64 `json:"first_byte_us"`
	Consumer, Cache                               string
	RequestID                                     string `json:"request_id"`
	TraceID                                       string `json:"trace_id"`
	Verdicts, Match                               [][2]string
}

// parseRecord reads a line strictly: every key, in order, and nothing else.
func parseRecord(t *testing.T, line string) record {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	var got []string
	for depth, expectKey := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			expectKey = depth == 1
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if name, ok := token.(string); ok && depth == 1 && expectKey {
			got = append(got, name)
			expectKey = false
			continue
		}
		expectKey = depth == 1
	}
	if !slices.Equal(got, keys) {
		t.Errorf("keys are %q, want %q", got, keys)
	}
	var r record
	strict := json.NewDecoder(strings.NewReader(line))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&r); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return r
}

// logLines waits until the file has n lines and returns them.
func logLines(t *testing.T, file string, n int) []string {
	t.Helper()
	var lines []string
	eventually(t, "lines of the access log", func() bool {
		text, _ := os.ReadFile(file) // not there yet
		lines = slices.Collect(strings.Lines(string(text)))
		return len(lines) >= n && strings.HasSuffix(lines[len(lines)-1], "\n")
	})
	if len(lines) > n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
	return lines
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, "one")
	c := start(t, web+`
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "echo"
[upstreams.echo]
endpoints = "{echo}"
[access_log]
path = "{dir}/access.log"
`, "origin", o.addr, "echo", newEcho(t))
	file := filepath.Join(c.dir, "access.log")
	begin := time.Now().UnixMicro()
	w := dial(t, c.at(8080))
	w.send("POST /sink?q=%221%22 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\n\r\nhello")
	w.answer()
	r := parseRecord(t, logLines(t, file, 1)[0])
	if r.TS < begin || r.TS > time.Now().UnixMicro() || r.Duration <= 0 || r.FirstByte <= 0 || r.FirstByte > r.Duration {
		t.Errorf("ts %d, dur_us %d, first_byte_us %d; begun at %d", r.TS, r.Duration, r.FirstByte, begin)
	}
	want := record{
		Client: "127.0.0.1", Listener: "web", Proto: "HTTP/1.1", Method: "POST", Host: "api.test", Target: "/sink?q=%221%22",
		Route: "all", Upstream: "api", Endpoint: o.addr, Status: 200, BytesIn: 5, BytesOut: 1, Attempts: 1,
		Verdicts: [][2]string{}, Match: [][2]string{},
		TS: r.TS, Duration: r.Duration, FirstByte: r.FirstByte, RequestID: r.RequestID, TraceID: r.TraceID,
	}
	compareRecords(t, r, want)

	s := dial(t, c.at(7000))
	s.echo("four")
	s.Close()
	r = parseRecord(t, logLines(t, file, 2)[1])
	want = record{
		Client: "127.0.0.1", Listener: "relay", Proto: "tcp", Upstream: "echo", Endpoint: r.Endpoint, BytesIn: 4, BytesOut: 4, Attempts: 1,
		Verdicts: [][2]string{}, Match: [][2]string{},
		TS: r.TS, Duration: r.Duration, FirstByte: r.FirstByte,
	}
	compareRecords(t, r, want)

	o.stop()
	w.get("/gone")
	r = parseRecord(t, logLines(t, file, 3)[2])
	if r.Status != 502 || r.Fault != "connect_refused" || r.Endpoint != o.addr {
		t.Errorf("an endpoint that refuses leaves %+v", r)
	}
	w.send("GET / HTTP/9.9\r\n\r\n")
	w.answer()
	r = parseRecord(t, logLines(t, file, 4)[3])
	if r.Status != 505 || r.Fault != "http_version" || r.Attempts != 0 {
		t.Errorf("a wrong version leaves %+v", r)
	}
}

func compareRecords(t *testing.T, got, want record) {
	t.Helper()
	a, _ := json.Marshal(got) // plain structs
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}

func TestAccessLogRotates(t *testing.T) {
	t.Parallel()
	c := start(t, web+"[access_log]\npath = \"{dir}/access.log\"\n", "origin", newOrigin(t, "one").addr)
	file := filepath.Join(c.dir, "access.log")
	get(t, c.at(8080), "/before")
	logLines(t, file, 1)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	c.signal(syscall.SIGUSR1)
	eventually(t, "the file is made anew", func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	get(t, c.at(8080), "/after")
	if r := parseRecord(t, logLines(t, file, 1)[0]); r.Target != "/after" {
		t.Errorf("the new file begins with %q", r.Target)
	}
	if r := parseRecord(t, logLines(t, file+".1", 1)[0]); r.Target != "/before" {
		t.Errorf("the old file has %q", r.Target)
	}
}

// Lines that wait when SIGTERM comes are written before the end, and stdout takes them too.
func TestAccessLogIsWholeAtTheEnd(t *testing.T) {
	t.Parallel()
	c := start(t, web+"[access_log]\npath = \"-\"\n", "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	for range 100 {
		w.get("/")
	}
	w.Close()
	c.signal(syscall.SIGTERM)
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("exit %d", code)
	}
	if n := len(c.stdout.lines(`"status":200`)); n != 100 {
		t.Errorf("%d lines for 100 requests", n)
	}
}
