package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// listen serves each connection by f until the test ends and returns the address.
func listen(t *testing.T, f func(*net.TCPConn)) string {
	t.Helper()
	return listenBy(t, net.ListenConfig{}, f)
}

func listenBy(t *testing.T, cfg net.ListenConfig, f func(*net.TCPConn)) string {
	t.Helper()
	l, err := cfg.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

// answering serves HTTP by the same bytes for each request without a body.
func answering(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// after serves HTTP by the usual answer, each so long after its request.
func after(d time.Duration) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			<-time.After(d) // the time that the endpoint takes
			if _, err := io.WriteString(c, fine); err != nil {
				return
			}
		}
	}
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func mustRun(t *testing.T, cfg Config) *Report {
	t.Helper()
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnOpenLoopSendsWhatTheScheduleAsksFor(t *testing.T) {
	at := listen(t, answering(fine))
	r := mustRun(t, Config{Target: "http://" + at, Connections: 4, Rate: 2000, Duration: 250 * time.Millisecond, Warmup: 50 * time.Millisecond})
	if r.OK != 500 || r.Failed() != 0 || r.Histogram.Count() != 500 {
		t.Errorf("ok %d, failed %v, unsent %d; want 500 and none", r.OK, r.Failures, r.Unsent)
	}
	if r.BytesIn != 500*int64(len(fine)) {
		t.Errorf("%d bytes, want %d", r.BytesIn, 500*len(fine))
	}
	if n := r.LagHistogram.Count(); n > r.Requests || r.Late+n < r.Requests {
		t.Errorf("late %d and lag of %d do not make %d", r.Late, n, r.Requests)
	}
}

func TestAStallIsChargedToEveryRequestThatItDelays(t *testing.T) {
	// One connection, 100/s, and an endpoint that stalls once for 200 ms: the twenty requests behind it wait
	// too, half of them more than 100 ms. A closed loop would see a single slow answer.
	var served atomic.Int64
	at := listen(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			if served.Add(1) == 5 {
				<-time.After(200 * time.Millisecond) // the stall under test
			}
			io.WriteString(c, fine)
		}
	})
	r := mustRun(t, Config{Target: "http://" + at, Rate: 100, Duration: 500 * time.Millisecond})
	slow := 0
	r.Histogram.ForEachBucket(func(value, count int64) bool {
		if value >= int64(100*time.Millisecond) {
			slow += int(count)
		}
		return true
	})
	if r.OK != 50 || slow < 9 || r.Late < 15 {
		t.Errorf("ok %d, %d above 100 ms, %d late; want 50, about 10, about 20", r.OK, slow, r.Late)
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	reset := func(c *net.TCPConn) {
		http.ReadRequest(bufio.NewReader(c))
		c.SetLinger(0)
	}
	hang := func(c *net.TCPConn) { io.Copy(io.Discard, c) }
	cases := []struct {
		name   string
		target string
		want   Kind
	}{
		{"nobody listens", "http://" + closed.Addr().String(), Connect},
		{"TLS is spoken to plain HTTP", "https://" + listen(t, answering(fine)), TLS},
		{"no answer comes", "http://" + listen(t, hang), Timeout},
		{"reset before the answer", "http://" + listen(t, reset), Reset},
		{"closed before the answer", "http://" + listen(t, func(c *net.TCPConn) { http.ReadRequest(bufio.NewReader(c)) }), Reset},
		{"cut within the body", "http://" + listen(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, fine[:len(fine)-1])
		}), ShortBody},
		{"no HTTP at all", "http://" + listen(t, answering("220 mail\r\n\r\n")), Malformed},
		{"a status of 500", "http://" + listen(t, answering("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")), Status},
		{"a wrong echo", "tcp://" + listen(t, func(c *net.TCPConn) {
			c.Write(make([]byte, echoBytes))
			io.Copy(io.Discard, c)
		}), Malformed},
		{"half an echo", "tcp://" + listen(t, func(c *net.TCPConn) { io.CopyN(c, c, echoBytes/2); io.CopyN(io.Discard, c, echoBytes/2) }), ShortBody},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patience := 10 * time.Second
			if c.want == Timeout {
				patience = time.Second
			}
			r := mustRun(t, Config{Target: c.target, Requests: 2, Rate: 1000, Timeout: patience})
			var want Failures
			want[c.want] = 2
			if r.Failures != want || r.OK != 0 {
				t.Errorf("ok %d, failures %v; want 2 %v", r.OK, r.Failures, c.want)
			}
		})
	}
}

func TestHTTPSAndEchoAreSpoken(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 9000))
	}))
	defer secure.Close()
	for _, target := range []string{secure.URL, "tcp://" + listen(t, func(c *net.TCPConn) { io.Copy(c, c) })} {
		r := mustRun(t, Config{Target: target, Connections: 2, Requests: 50, TLS: &tls.Config{InsecureSkipVerify: true}})
		if r.OK != 50 || r.Failed() != 0 || r.Redials != 0 {
			t.Errorf("%s: ok %d, failures %v, redials %d; want 50 alone", target, r.OK, r.Failures, r.Redials)
		}
	}
}

func TestAConnectionThatEndsWhileIdleIsNoFailure(t *testing.T) {
	at := listen(t, func(c *net.TCPConn) { // one answer each, without saying so
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, fine)
	})
	best(t, func() string { // a close that comes as late as the next request is a reset
		r := mustRun(t, Config{Target: "http://" + at, Rate: 50, Requests: 5})
		if r.OK != 5 || r.Redials != 4 {
			return fmt.Sprintf("ok %d, failures %v, redials %d; want 5 and 4", r.OK, r.Failures, r.Redials)
		}
		return ""
	})
}

func TestTheRequestIsSentAsConfigured(t *testing.T) {
	got := make(chan string, 1)
	at := listen(t, func(c *net.TCPConn) {
		in := make([]byte, 512)
		n, _ := c.Read(in) // the generator writes a request at once
		got <- string(in[:n])
		io.WriteString(c, fine)
	})
	mustRun(t, Config{
		Target: "http://" + at + "/a%20b?c=d", Method: "PUT", Requests: 1, Body: []byte("hello"),
		Header: []Field{{"Host", "api.example.com"}, {"X-A", "1"}},
	})
	want := "PUT /a%20b?c=d HTTP/1.1\r\nHost: api.example.com\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
	if s := <-got; s != want {
		t.Errorf("sent %q, want %q", s, want)
	}
}

func TestConfigsThatMeanNothingAreRefused(t *testing.T) {
	second := time.Second
	for name, cfg := range map[string]Config{
		"no target":           {Duration: second},
		"another scheme":      {Target: "ftp://a:1", Duration: second},
		"tcp without a port":  {Target: "tcp://a", Duration: second},
		"no end":              {Target: "http://a"},
		"no host":             {Target: "http://:80", Duration: second},
		"port 0":              {Target: "http://a:0", Duration: second},
		"a port beyond 65535": {Target: "https://a:70010", Duration: second},
		"tcp with a path":     {Target: "tcp://a:1/x", Duration: second},
		"a user":              {Target: "http://me:secret@a", Duration: second},
		"a negative rate":     {Target: "http://a", Duration: second, Rate: -1},
		"a time without end":  {Target: "http://a", Duration: second, Timeout: math.MaxInt64},
		"a field with a CRLF": {Target: "http://a", Duration: second, Header: []Field{{"A", "b\r\nc: d"}}},
		"a URL that is none":  {Target: "http://a:b:c", Duration: second},
	} {
		if _, err := Run(context.Background(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
}

func TestACancelledRunReportsWhatItDid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := listen(t, answering(fine))
	const rate = 500
	began, most := time.Now(), int64(0)
	r, err := Run(ctx, Config{Target: "http://" + at, Connections: 2, Rate: rate, Duration: time.Hour, Progress: func(Second) {
		if most == 0 { // a second later it has ended
			most = int64(rate * (time.Since(began) + time.Second).Seconds())
		}
		cancel()
	}})
	if err != nil || r.OK == 0 || r.OK > most || r.Failed() != 0 {
		t.Errorf("err %v, ok %d, failed %d; want those of the first second, at most %d, and none", err, r.OK, r.Failed(), most)
	}
}

func TestTheSeriesAddsUpToTheReport(t *testing.T) {
	at := listen(t, answering(fine))
	var told []Second
	r := mustRun(t, Config{
		Target: "http://" + at, Connections: 2, Rate: 300, Duration: 2100 * time.Millisecond,
		Progress: func(s Second) { told = append(told, s) },
	})
	var sum int64
	for _, s := range r.Series {
		sum += s.OK
	}
	if sum != r.OK || len(told) == 0 || told[0].At != time.Second || told[0].OK == 0 {
		t.Errorf("series %d of %d, told %d seconds", sum, r.OK, len(told))
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"short_body":0`) {
		t.Errorf("JSON: %v: %.200s", err, text)
	}
}
