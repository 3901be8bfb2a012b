//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestBenchOfEveryKindOfBadEndpoint(t *testing.T) {
	t.Parallel()
	closed := listen(t)
	closed.Close()
	script := func(answer string) string {
		return newScript(t, func(nc net.Conn, r *bufio.Reader) {
			for head(r) {
				say(nc, answer)
				if !strings.HasPrefix(answer, "HTTP/1.1 2") || strings.Contains(answer, "Length: 100") {
					return
				}
			}
		})
	}
	mute := newScript(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	for _, c := range []struct {
		what, at string
		timeout  string
		code     int
		kind     string // of every failure
		says     string // in stderr
	}{
		{"nobody listens", closed.Addr().String(), "10s", 3, "", "connection refused (6 attempts)"},
		{"garbage", script("what do you want of me?\r\n\r\n"), "10s", 3, "malformed", "malformed answer: no status line of HTTP/1.0 or 1.1"},
		{"closed without an answer", script(""), "10s", 3, "reset", "6 reset; first: the connection was closed before a byte of the answer"},
		{"closed within the head", script("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"), "10s", 3, "short_body", "answer cut short"},
		{"closed within the body", script("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), "10s", 3, "short_body", "answer cut short"},
		{"ambiguous framing", script("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "10s", 3, "malformed", "malformed"},
		{"silence", mute, "200ms", 3, "timeout", "no answer within 200ms"},
		{"an error", script("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "10s", 1, "status", "6 status; first: status 503"},
	} {
		code, p, errs := measured(t, "http://"+c.at+"/", "-n", "6", "-c", "2", "--timeout", c.timeout)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, %q; want %d and %q", c.what, code, errs, c.code, c.says)
		}
		if c.kind != "" && (p.Failures[c.kind] != 6 || p.OK != 0 || p.Requests != 6 || p.FirstFailures[c.kind] == "") {
			t.Errorf("%s: %+v; want 6 %s", c.what, p, c.kind)
		}
	}
}

// Two of three answers are an error: the figures of the third are given, and the failures beside them.
func TestBenchOfAnEndpointThatFailsNowAndThen(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	url, _ := answering200(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%3 != 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	code, p, errs := measured(t, url, "-n", "60", "-c", "3")
	if code != 0 || p.OK != 20 || p.Failures["status"] != 40 || p.Statuses["502"] != 40 || p.Latency.P50 <= 0 {
		t.Errorf("exit %d, %+v\n%s", code, p, errs)
	}
	code, p, errs = measured(t, url, "-n", "60", "-c", "3", "--slo", "errors<50%")
	if code != 1 || len(p.SLO) != 1 || p.SLO[0].State != "missed" || !strings.Contains(errs, "weir: the SLO is missed: errors<50%: errors is 66") {
		t.Errorf("with an SLO: exit %d, %+v\n%s", code, p.SLO, errs)
	}
}

// An endpoint that stands still for 600 ms makes every request of that time wait. A tool that waits with it before it sends
// the next ones would show two slow requests, one for each connection.
func TestBenchChargesAFreezeToAllThatItKeptWaiting(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	thawed := make(chan struct{})
	url, _ := answering200(t, func(w http.ResponseWriter, q *http.Request) {
		switch i := n.Add(1); {
		case i == 30:
			pause(q, 600)
			close(thawed)
		case i > 30:
			<-thawed
		}
		hello(w, q)
	})
	code, p, errs := measured(t, url, "-r", "100", "-n", "120", "-c", "2", "--slo", "p90<50ms")
	if code != 1 || p.OK != 120 || p.Settings.Loop != "open" {
		t.Errorf("exit %d, %+v\n%s", code, p, errs)
	}
	// Half of the requests came due in the freeze and waited for 0 to 600 ms: the slowest tenth for more than 480 ms.
	if p.Latency.Max < int64(550*time.Millisecond) || p.Latency.P90 < int64(300*time.Millisecond) || p.Late < 30 {
		t.Errorf("p90 %v, max %v, %d late", time.Duration(p.Latency.P90), time.Duration(p.Latency.Max), p.Late)
	}
}

func TestBenchCutShortInEveryPhase(t *testing.T) {
	t.Parallel()
	url, asked := answering200(t, hello)
	var held atomic.Int64
	mute := newScript(t, func(_ net.Conn, r *bufio.Reader) {
		if head(r) {
			held.Add(1)
		}
		_, _ = io.Copy(io.Discard, r)
	})
	log := noteFile(t, "access.log", logLine("10:00:00", "/a")+logLine("10:00:00", "/b")+logLine("10:59:59", "/c"))
	for _, c := range []struct {
		what  string
		sig   syscall.Signal
		after int64 // requests
		args  string
		code  int
		out   string // what stdout contains
		errs  string
	}{
		{"within the warm-up", syscall.SIGINT, 5, url + " -r 50 --warmup 1m -d 1m", 3, "CUT SHORT", "cut short before a request was over"},
		{"within an open loop", syscall.SIGINT, 5, url + " -r 50 -d 1m", 0, "CUT SHORT", "stopping"},
		{"within a closed loop", syscall.SIGINT, 50, url + " -c 2 -d 1m", 0, "CUT SHORT", "stopping"},
		{"by SIGTERM", syscall.SIGTERM, 5, url + " -r 50 -d 1m", 0, "CUT SHORT", "stopping"},
		{"with a promise that was kept", syscall.SIGINT, 5, url + " -r 50 -d 1m --slo errors<1%", 4, "  met          errors<1%", "weir: the run was cut short"},
		{"with a promise that was missed", syscall.SIGINT, 5, url + " -r 50 -d 1m --slo p50<1ns", 1, "  missed       p50<1ns", "weir: the SLO is missed"},
		{"while nothing is answered", syscall.SIGINT, 1, mute + " -c 2 -d 1m", 3, "CUT SHORT", "cut short before a request was over"},
		{"within a search", syscall.SIGINT, 5, url + " --find-capacity --slo p50<1h -d 1m -r 50", 3, "CUT SHORT", "The search was cut short."},
		{"within a replay", syscall.SIGINT, 2, "replay " + log + " --to " + url, 0, "CUT SHORT", "stopping"},
	} {
		before := asked.Load() + held.Load()
		code, out, errs := interrupted(t, c.sig, func() bool { return asked.Load()+held.Load() >= before+c.after }, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%s: exit %d, want %d\n%s%s", c.what, code, c.code, out, errs)
		}
		holds(t, c.what, out, c.out)
		holds(t, c.what, errs, c.errs)
	}
}

// logLine is a line of nginx.
func logLine(clock, path string) string {
	return fmt.Sprintf("127.0.0.1 - - [01/Jan/2025:%s +0000] \"GET %s HTTP/1.1\" 200 5 \"-\" \"-\"\n", clock, path)
}

func TestBenchCutShortSaysSoInJSON(t *testing.T) {
	t.Parallel()
	url, asked := answering200(t, hello)
	code, out, errs := interrupted(t, syscall.SIGINT, func() bool { return asked.Load() >= 10 }, url, "-r", "50", "-d", "1m", "--json")
	if p := asPaper(t, out); code != 0 || !p.CutShort || p.Requests < 1 || p.OK != p.Requests || p.Requests > asked.Load() {
		t.Errorf("exit %d, %+v of %d\n%s", code, p, asked.Load(), errs)
	}
}

// A report on a full disk is an error, but the measurement is not lost: it goes to stdout. A folder that is not there is
// found out before the run, so that it costs no time.
func TestBenchReportsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	url, asked := answering200(t, hello)
	code, out, errs := command(t, "bench", url, "-n", "10", "--out", "json=/dev/full")
	if code != 3 || !strings.Contains(out, "Requests") || !strings.Contains(errs, "/dev/full: no space left") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	before := asked.Load()
	code, out, errs = command(t, "bench", url, "-n", "10", "--out", "html="+filepath.Join(t.TempDir(), "none", "r.html"))
	if code != 3 || out != "" || !strings.Contains(errs, "weir: --out html: open ") || asked.Load() != before {
		t.Errorf("exit %d, %d requests were sent\n%s%s", code, asked.Load()-before, out, errs)
	}
}

func TestBenchWritesAllFormsOfOneRun(t *testing.T) {
	t.Parallel()
	url, _ := answering200(t, hello)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	code, out, errs := command(t, "bench", url, "-n", "300", "-c", "3", "--out", "text", "--out", "html="+at("r.html"), "--out", "json="+at("r.json"))
	if code != 0 || errs != "" {
		t.Errorf("exit %d, %s", code, errs)
	}
	holds(t, "the text", out, "HTTP/1.1 · closed loop · 3 connections", "OK", "300", "100 %", "p99", "Connections")
	page, err := os.ReadFile(at("r.html"))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, "the page", string(page), "<!DOCTYPE html>", "default-src 'none'", "<svg", "</html>")
	if strings.Contains(string(page), "<script") || strings.Contains(string(page), "src=\"http") {
		t.Error("the page needs something else")
	}
	data, err := os.ReadFile(at("r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if p := asPaper(t, string(data)); p.OK != 300 || p.Target != url || p.Settings.Protocol != "HTTP/1.1" {
		t.Errorf("%+v", p)
	}
}

// Colour and a bar are for terminals that want them. The bar is drawn while it runs, so a run of more than a second is needed.
func TestBenchOnATerminal(t *testing.T) {
	t.Parallel()
	url, _ := answering200(t, hello)
	args := []string{"bench", url, "-r", "50", "-d", "1100ms", "--max-lag", "5s"}
	for what, c := range map[string]struct {
		vars   []string
		colour bool
	}{
		"a terminal":              {[]string{"TERM=xterm"}, true},
		"NO_COLOR":                {[]string{"TERM=xterm", "NO_COLOR=1"}, false},
		"a terminal of few words": {[]string{"TERM=dumb"}, false},
	} {
		text := onTerminal(t, c.vars, args...)
		if got := strings.Contains(text, "\x1b[1m") || strings.Contains(text, "\x1b[3"); got != c.colour {
			t.Errorf("%s: colour %v, want %v in\n%q", what, got, c.colour, text)
		}
		holds(t, what, text, "Requests", "p50")
	}
	code, out, errs := command(t, args...)
	if code != 0 || strings.ContainsAny(out+errs, "\x1b\r") {
		t.Errorf("to a pipe: exit %d\n%q\n%q", code, out, errs)
	}
}
