package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/testkit"
)

const headLog = `10.0.0.1 - - [09/Mar/2026:10:00:01 +0000] "GET /a?b=c HTTP/1.1" 200 12 "http://x/" "curl/8"
10.0.0.1 - - [09/Mar/2026:10:00:02 +0000] "GET http://other.example/b HTTP/1.1" 404 12 "-" "curl/8"
10.0.0.1 - - [09/Mar/2026:10:00:03 +0000] "POST /c HTTP/1.1" 201 12 "-" "-"
10.0.0.1 - - [09/Mar/2026:10:00:04 +0000] "DELETE /d HTTP/1.1" 500 12 "http://y/" "-"
`

func source(t testing.TB, l *Log, o SourceOptions) *Source {
	t.Helper()
	s, err := l.Source(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// message returns the n-th request as it goes out.
func message(s *Source, n int64) string {
	var r bench.Request
	s.Maker(bench.Wire, "target:80", 0).Fill(n, &r)
	return string(r.Wire)
}

func TestARequestIsSentWithWhatTheLogHasOfIt(t *testing.T) {
	l := read(t, "x", headLog, Options{})
	extra := SourceOptions{Header: []bench.Field{{Name: "user-agent", Value: "weir"}, {Name: "X-A", Value: "b"}}}
	host := SourceOptions{KeepHost: true, Header: []bench.Field{{Name: "Host", Value: "mine"}}}
	for _, c := range []struct {
		options SourceOptions
		n       int64
		want    string
	}{
		{SourceOptions{}, 0, "GET /a?b=c HTTP/1.1\r\nHost: target:80\r\nUser-Agent: curl/8\r\nReferer: http://x/\r\n\r\n"},
		{SourceOptions{}, 1, "GET /b HTTP/1.1\r\nHost: target:80\r\nUser-Agent: curl/8\r\n\r\n"},
		{SourceOptions{KeepHost: true}, 1, "GET /b HTTP/1.1\r\nHost: other.example\r\nUser-Agent: curl/8\r\n\r\n"},
		{SourceOptions{KeepHost: true}, 2, "POST /c HTTP/1.1\r\nHost: target:80\r\nContent-Length: 0\r\n\r\n"},
		{extra, 0, "GET /a?b=c HTTP/1.1\r\nHost: target:80\r\nReferer: http://x/\r\nuser-agent: weir\r\nX-A: b\r\n\r\n"},
		{extra, 3, "DELETE /d HTTP/1.1\r\nHost: target:80\r\nReferer: http://y/\r\nuser-agent: weir\r\nX-A: b\r\n\r\n"},
		{host, 1, "GET /b HTTP/1.1\r\nHost: mine\r\nUser-Agent: curl/8\r\n\r\n"},
		{SourceOptions{}, 5, "GET /b HTTP/1.1\r\nHost: target:80\r\nUser-Agent: curl/8\r\n\r\n"}, // the log again
	} {
		if got := message(source(t, l, c.options), c.n); got != c.want {
			t.Errorf("%+v: request %d is\n%q, want\n%q", c.options, c.n, got, c.want)
		}
	}
	if _, err := l.Source(SourceOptions{Header: []bench.Field{{Name: "A B"}}}); !errors.Is(err, bench.ErrConfig) {
		t.Errorf("a wrong header field: %v", err)
	}
}

func TestAGivenFieldReplacesTheLogs(t *testing.T) {
	// A field that Weir's log had noted for a condition went out beside the one that was given in its place.
	const line = `{"ts":%d,"proto":"http/1.1","method":"GET","host":"h","target":"/","status":200,"dur_us":1,"match":[["header:X-Tenant","a"],["header:x-beta","1"],["header:X-Tenant","c"]]}` + "\n"
	l := read(t, "x", fmt.Sprintf(line, 1), Options{})
	for _, c := range []struct {
		given []bench.Field
		want  string
	}{
		{nil, "X-Tenant: a\r\nx-beta: 1\r\nX-Tenant: c\r\n"},
		{[]bench.Field{{Name: "x-tenant", Value: "b"}}, "x-beta: 1\r\nx-tenant: b\r\n"},
		{[]bench.Field{{Name: "X-Beta", Value: "2"}, {Name: "X-Tenant", Value: "b"}}, "X-Beta: 2\r\nX-Tenant: b\r\n"},
		{[]bench.Field{{Name: "X", Value: "y"}}, "X-Tenant: a\r\nx-beta: 1\r\nX-Tenant: c\r\nX: y\r\n"},
	} {
		s := source(t, l, SourceOptions{Header: c.given})
		if got, want := message(s, 0), "GET / HTTP/1.1\r\nHost: target:80\r\n"+c.want+"\r\n"; got != want {
			t.Errorf("%v: the message is\n%q, want\n%q", c.given, got, want)
		}
		var r bench.Request
		s.Maker(bench.Parts, "target:80", 0).Fill(0, &r)
		parts := ""
		for _, f := range r.Header {
			parts += f.Name + ": " + f.Value + "\r\n"
		}
		if parts != c.want {
			t.Errorf("%v: the parts are\n%q, want\n%q", c.given, parts, c.want)
		}
	}
}

func TestTheWireFormIsThePartsAsAMessage(t *testing.T) {
	tenants := `{"ts":1,"dur_us":1,"method":"GET","host":"h","target":"/t","match":[["header:X-T","a: b"],["header:X-U",""]]}` + "\n"
	for _, text := range []string{headLog, weirLog, tenants} {
		for _, o := range []SourceOptions{{}, {KeepHost: true}, {Header: []bench.Field{{Name: "Referer", Value: "r"}, {Name: "X-A", Value: "b"}}}} {
			l := read(t, "x", text, Options{})
			s := source(t, l, o)
			wire, parts := s.Maker(bench.Wire, "t:1", 0), s.Maker(bench.Parts, "t:1", 0)
			var w, p bench.Request
			for n := range int64(l.Requests()) {
				wire.Fill(n, &w)
				parts.Fill(n, &p)
				if want := bench.AppendRequest(nil, &p, "t:1"); !bytes.Equal(w.Wire, want) || p.Wire != nil || w.Class != p.Class {
					t.Errorf("request %d is\n%q, want\n%q", n, w.Wire, want)
				}
			}
		}
	}
}

func TestUsualMethodsHaveFiguresOfTheirOwn(t *testing.T) {
	var b strings.Builder
	for i := range 10 {
		for range i + 1 {
			fmt.Fprintf(&b, "h - - [09/Mar/2026:10:00:01 +0000] \"M%d / HTTP/1.1\" 200 1\n", i)
		}
	}
	s := source(t, read(t, "x", b.String(), Options{}), SourceOptions{})
	if got := fmt.Sprint(s.Classes()); got != "[M9 M8 M7 M6 M5 M4 M3 other]" {
		t.Errorf("the classes are %s", got)
	}
}

func TestTooManyMethodsAreNotAllKept(t *testing.T) {
	var b strings.Builder
	for i := range maxMethod + 5 {
		fmt.Fprintf(&b, "h - - [09/Mar/2026:10:00:01 +0000] \"M%d / HTTP/1.1\" 200 1\n", i)
	}
	l := read(t, "x", b.String(), Options{})
	if l.counts.bad != 5 || !strings.Contains(l.counts.examples[0], "one of more than 1000") {
		t.Errorf("%+v", l.counts)
	}
}

func TestFillingInAllocatesNothing(t *testing.T) {
	for _, form := range []bench.Form{bench.Wire, bench.Parts} {
		m := source(t, read(t, "x", headLog, Options{}), SourceOptions{Header: []bench.Field{{Name: "X-A", Value: "b"}}}).Maker(form, "t", 0)
		var r bench.Request
		n := int64(0)
		fill := func() { m.Fill(n, &r); n++; r.Expect.StatusFine(200) }
		for range 8 {
			fill()
		}
		if allocs := testing.AllocsPerRun(1000, fill); allocs != 0 {
			t.Errorf("form %d: Fill allocates %v times", form, allocs)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	m := source(b, read(b, "x", headLog, Options{}), SourceOptions{}).Maker(bench.Wire, "t", 0)
	var r bench.Request
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		m.Fill(n, &r)
		n++
	}
}

func TestARunIsComparedWithItsLog(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		method, status := "GET", 200
		switch i % 10 {
		case 3:
			status = 404
		case 7:
			method, status = "POST", 201
		case 9:
			status = 0
		}
		fmt.Fprintf(&b, `{"ts":%d,"proto":"HTTP/1.1","method":%q,"host":"a","target":"/%d","status":%d,"dur_us":%d}`+"\n", 1000000+i*500, method, status, status, 1000+i)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			w.WriteHeader(http.StatusNotFound)
		case "/201":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	l := read(t, "x", b.String(), Options{})
	for _, strict := range []bool{false, true} {
		s := source(t, l, SourceOptions{Strict: strict})
		arrivals, err := l.Arrivals(1)
		if err != nil {
			t.Fatal(err)
		}
		report, err := bench.Run(context.Background(), bench.Config{Target: server.URL, Source: s, Arrivals: arrivals, Connections: 8})
		if err != nil {
			t.Fatal(err)
		}
		c := s.Compare(report)
		if c.Requests != 200 || c.Answers != 180 || c.Same != 160 || fmt.Sprint(c.Differences) != "[{201 503 20}]" {
			t.Errorf("strict %v: %+v", strict, c)
		}
		failed := int64(0)
		if strict {
			failed = 20
		}
		if report.Failures[bench.Status] != failed || c.Latency.Count != 200-failed || c.Latency.LogCount != 200 {
			t.Errorf("strict %v: %s, %d and %d latencies", strict, report.Failures, c.Latency.Count, c.Latency.LogCount)
		}
		if len(c.Methods) != 2 || c.Methods[0].Name != "GET" || c.Methods[0].LogCount != 180 || c.Methods[1].LogCount != 20 {
			t.Errorf("strict %v: methods %+v", strict, c.Methods)
		}
		if m := c.Latency.Log.Max; m < 1190*time.Microsecond || m > 1210*time.Microsecond {
			t.Errorf("the log's longest is %v", m)
		}
	}
}

func TestAComparisonReadsWell(t *testing.T) {
	quantiles := func(unit time.Duration) bench.Quantiles {
		return bench.Quantiles{P50: unit, P90: 12 * unit, P99: 123 * unit, P999: 999_499 * unit / 1000, Max: 12_345 * unit}
	}
	all := Pair{Name: "all", LogCount: 10, Log: quantiles(time.Millisecond), Count: 9, Replay: quantiles(1400 * time.Microsecond)}
	post := Pair{Name: "POST", LogCount: 2, Log: quantiles(90 * time.Microsecond), Count: 0}
	differences := []Difference{{200, 502, 1234}}
	for i := range 11 {
		differences = append(differences, Difference{200, 400 + i, 2})
	}
	for name, c := range map[string]Comparison{
		"differs":      {Requests: 10, Latency: all, Methods: []Pair{all, post}, Answers: 9999, Same: 8743, Differences: differences},
		"agrees":       {Requests: 10, Latency: Pair{LogCount: 1, Log: quantiles(time.Millisecond), Count: 1, Replay: quantiles(5 * time.Millisecond)}, Answers: 10, Same: 10},
		"no-latencies": {Requests: 1, Latency: Pair{Count: 1, Replay: quantiles(time.Microsecond)}},
	} {
		testkit.Golden(t, "testdata/"+name+".txt", c.String())
	}
}
