package obs

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite golden files")

// scrape returns the export of c without the process and runtime families.
func scrape(c *Catalogue) string {
	var b strings.Builder
	c.set.WritePrometheus(&b)
	return b.String()
}

// wantLine fails unless the export has exactly this line.
func wantLine(t *testing.T, c *Catalogue, line string) {
	t.Helper()
	text := scrape(c)
	if !slices.Contains(strings.Split(text, "\n"), line) {
		t.Errorf("the export lacks %q:\n%s", line, text)
	}
}

func wantNone(t *testing.T, c *Catalogue, part string) {
	t.Helper()
	if text := scrape(c); strings.Contains(text, part) {
		t.Errorf("the export has %q:\n%s", part, text)
	}
}

func TestARouteAppearsWithItsFirstExchange(t *testing.T) {
	c := NewCatalogue(Build{})
	r := c.Route("web", "orders")
	wantNone(t, c, "orders")
	r.Done(200, 3*time.Millisecond, 10, 20)
	wantLine(t, c, `weir_http_requests_total{listener="web",route="orders",class="2xx"} 1`)
	wantLine(t, c, `weir_http_requests_total{listener="web",route="orders",class="5xx"} 0`)
	wantLine(t, c, `weir_http_request_bytes_total{listener="web",route="orders"} 10`)
	wantLine(t, c, `weir_http_response_bytes_total{listener="web",route="orders"} 20`)
	wantLine(t, c, `weir_http_request_duration_seconds_bucket{listener="web",route="orders",le="0.0025"} 0`)
	wantLine(t, c, `weir_http_request_duration_seconds_bucket{listener="web",route="orders",le="0.005"} 1`)
	wantLine(t, c, `weir_http_request_duration_seconds_bucket{listener="web",route="orders",le="+Inf"} 1`)
	wantLine(t, c, `weir_http_request_duration_seconds_sum{listener="web",route="orders"} 0.003`)
	wantLine(t, c, `weir_http_request_duration_seconds_count{listener="web",route="orders"} 1`)
}

func TestSeriesGoWithTheirLastHolder(t *testing.T) {
	c := NewCatalogue(Build{})
	use := []struct {
		family string
		take   func() (use, retire func())
	}{
		{"weir_http_requests_total{", func() (func(), func()) {
			r := c.Route("web", "a")
			return func() { r.Done(200, 1, 1, 1) }, r.Retire
		}},
		{"weir_upstream_attempts_total{", func() (func(), func()) {
			u := c.Upstream("u")
			return func() { u.Attempt("ok", 1) }, u.Retire
		}},
		{"weir_listener_connections_active{", func() (func(), func()) {
			l := c.Listener("web")
			return func() { l.Opened(); l.Fault("x"); l.Refused("y") }, l.Retire
		}},
	}
	for _, s := range use {
		useOld, retireOld := s.take()
		useOld()
		useNew, retireNew := s.take()
		useNew()
		retireOld()
		if !strings.Contains(scrape(c), s.family) {
			t.Errorf("%s left although a snapshot still holds it", s.family)
		}
		retireNew()
		retireNew() // more than was taken: ignored
		useOld()    // an exchange that outlives its snapshot counts unseen
		useNew()
		wantNone(t, c, s.family)
		if n := len(c.routes) + len(c.upstreams) + len(c.listeners) + len(c.histograms); n != 0 {
			t.Errorf("%s: the catalogue still holds %d entries", s.family, n)
		}
	}
}

func TestCountsLiveThroughAReload(t *testing.T) {
	c := NewCatalogue(Build{})
	old := c.Route("web", "a")
	old.Done(200, 1, 0, 0)
	next := c.Route("web", "a")
	old.Retire()
	next.Done(200, 1, 0, 0)
	old.Done(200, 1, 0, 0) // a long stream of the old snapshot ends
	wantLine(t, c, `weir_http_requests_total{listener="web",route="a",class="2xx"} 3`)
}

func TestARetiredRouteIsNotBroughtBackByItsFirstExchange(t *testing.T) {
	c := NewCatalogue(Build{})
	r, u := c.Route("web", "late"), c.Upstream("late")
	r.Retire()
	u.Retire()
	r.Done(200, 1, 1, 1)
	u.Attempt("ok", 1)
	wantNone(t, c, "late")
}

func TestStatusesFallIntoClasses(t *testing.T) {
	for status, class := range map[int]string{
		0: "none", 101: "1xx", 200: "2xx", 299: "2xx", 304: "3xx", 404: "4xx", 599: "5xx", 600: "none", 999: "none", -1: "none", 99: "none",
	} {
		if got := classes[classOf(status)]; got != class {
			t.Errorf("status %d is of class %q, want %q", status, got, class)
		}
	}
}

func TestSpansFallIntoBuckets(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0001", 100 * time.Microsecond: "0.0001", 100*time.Microsecond + 1: "0.00025",
		time.Millisecond: "0.001", 10 * time.Second: "10", 60 * time.Second: "60", 60*time.Second + 1: "+Inf",
	} {
		if got := le(bucketOf(d)); got != want {
			t.Errorf("%v is in bucket le=%s, want %s", d, got, want)
		}
	}
	var h Histogram
	h.Observe(-time.Second)
	if h.sum.Load() != 0 || h.buckets[0].Load() != 1 {
		t.Error("a negative span does not count as zero")
	}
}

func TestLabelValuesAreEscaped(t *testing.T) {
	c := NewCatalogue(Build{})
	for value, want := range map[string]string{
		`plain`:       `plain`,
		`a"b`:         `a\"b`,
		`back\`:       `back\\`,
		"two\nlines":  `two\nlines`,
		"bad\xffbyte": "bad\uFFFDbyte",
		`{x="y"}`:     `{x=\"y\"}`,
		"ümlaut":      "ümlaut",
	} {
		u := c.Upstream(value)
		u.Attempt(value, time.Millisecond)
		wantLine(t, c, `weir_upstream_attempts_total{upstream="`+want+`",outcome="`+want+`"} 1`)
		wantLine(t, c, `weir_upstream_duration_seconds_count{upstream="`+want+`"} 1`)
		u.Retire()
	}
}

func TestAFanOfValuesIsBounded(t *testing.T) {
	c := NewCatalogue(Build{})
	l := c.Listener("web")
	for i := range 10 * maxValues {
		l.Fault(fmt.Sprint("kind", i))
	}
	if n := strings.Count(scrape(c), "\nweir_http_faults_total{"); n != maxValues+1 {
		t.Errorf("%d series for %d values, want %d", n, 10*maxValues, maxValues+1)
	}
	wantLine(t, c, fmt.Sprintf(`weir_http_faults_total{listener="web",kind="other"} %d`, 9*maxValues))
}

func TestAnAttemptWithoutAnAnswerHasNoFirstByte(t *testing.T) {
	c := NewCatalogue(Build{})
	u := c.Upstream("u")
	u.Attempt("connect", 0)
	wantLine(t, c, `weir_upstream_attempts_total{upstream="u",outcome="connect"} 1`)
	wantNone(t, c, upstreamDuration)
}

func TestAListenerCountsItsConnections(t *testing.T) {
	c := NewCatalogue(Build{})
	l := c.Listener("web")
	l.Opened()
	l.Opened()
	l.Closed()
	l.TunnelOpened()
	l.TunnelOpened()
	l.TunnelClosed()
	l.Refused("max_connections")
	l.Shaken("1.3", 3)
	l.Shaken("1.2", 1)
	l.Shaken("1.3", 2)
	l.Resumed(2)
	l.HandshakeFailed("not_tls", 1)
	l.AcceptPaused()
	l.Relayed(5, 7)
	for _, line := range []string{
		`weir_listener_connections_total{listener="web"} 2`,
		`weir_listener_connections_active{listener="web"} 1`,
		`weir_listener_tunnels_active{listener="web"} 1`,
		`weir_listener_connections_refused_total{listener="web",reason="max_connections"} 1`,
		`weir_listener_tls_handshakes_total{listener="web",version="1.3"} 5`,
		`weir_listener_tls_handshakes_total{listener="web",version="1.2"} 1`,
		`weir_listener_tls_resumptions_total{listener="web"} 2`,
		`weir_listener_tls_handshake_failures_total{listener="web",reason="not_tls"} 1`,
		`weir_listener_accept_pauses_total{listener="web"} 1`,
		`weir_listener_bytes_in_total{listener="web"} 5`,
		`weir_listener_bytes_out_total{listener="web"} 7`,
	} {
		wantLine(t, c, line)
	}
	if l.Active() != 1 {
		t.Errorf("Active() = %d, want 1", l.Active())
	}
}

func TestReloadsPanicsAndBuildAreExported(t *testing.T) {
	c := NewCatalogue(Build{Version: "0.1", Commit: "abc", Go: "go1.26", FastHTTP: "v1.74.0"})
	c.Published(7, time.Unix(1700000000, 0))
	c.Refused()
	c.Panicked()
	c.Obtained(true)
	c.Obtained(false)
	c.Obtained(false)
	for _, line := range []string{
		`weir_config_generation 7`,
		`weir_config_reloads_total{result="ok"} 1`,
		`weir_config_reloads_total{result="refused"} 1`,
		`weir_config_last_reload_success_timestamp_seconds 1700000000`,
		`weir_panics_total 1`,
		`weir_certificate_attempts_total{result="ok"} 1`,
		`weir_certificate_attempts_total{result="failed"} 2`,
		`weir_build_info{version="0.1",commit="abc",go="go1.26",fasthttp="v1.74.0"} 1`,
	} {
		wantLine(t, c, line)
	}
}

// full returns a catalogue in which every family has a series.
func full() *Catalogue {
	c := NewCatalogue(Build{})
	c.Route("web", "a").Done(200, 1, 1, 1)
	c.Route("web", "b").Done(200, 1, 1, 1)
	c.Upstream("u").Attempt("ok", 1)
	l := c.Listener("web")
	l.Fault("x")
	l.Defended("x")
	l.Refused("y")
	l.Shaken("1.3", 1)
	l.HandshakeFailed("other", 1)
	c.WatchCertificates(slices.Values([]CertificateReading{{Listener: "web", Certificate: "a.test", Expiry: time.Unix(1, 0)}}))
	c.Watch(words(), decisions(), readings())
	c.WatchMirrors(mirrors())
	c.WatchCache(func() (CacheReading, bool) { return cached(), true })
	c.Filled(time.Millisecond)
	c.Route("web", "a").Cached("hit")
	c.Policies().Refused("edge.jwt", "jwt_expired", "enforce")
	c.Policies().Counted("edge.jwt", "refresh_failed").Add(1)
	c.Policies().Gauged("edge.rate_limit", "keys", func() float64 { return 3 })
	return c
}

func TestEveryExportedFamilyIsListedWithItsTypeAndLabels(t *testing.T) {
	exported := map[string]string{} // family -> type and labels
	label := regexp.MustCompile(`(\w+)="`)
	var family, kind string
	for line := range strings.Lines(scrape(full())) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			family, kind, _ = strings.Cut(strings.TrimSpace(rest), " ")
			if _, twice := exported[family]; twice {
				t.Errorf("the lines of %s do not stand together", family)
			}
		} else if !strings.HasPrefix(line, "#") {
			if !strings.HasPrefix(line, family) {
				t.Errorf("line below TYPE of %s: %s", family, line)
			}
			var labels []string
			for _, m := range label.FindAllStringSubmatch(line, -1) {
				if m[1] != "le" {
					labels = append(labels, m[1])
				}
			}
			exported[family] = kind + " " + strings.Join(labels, ",")
		}
	}
	for _, f := range Families() {
		if got, want := exported[f.Name], f.Type+" "+strings.Join(f.Labels, ","); got != want {
			t.Errorf("%s is exported as %q, listed as %q", f.Name, got, want)
		}
		delete(exported, f.Name)
	}
	for name := range exported {
		t.Errorf("%s is exported but not listed", name)
	}
}

func TestTheManualListsTheFamilies(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Metrics\n\n`GET /metrics` on the admin address, in the Prometheus text format. Beside these, the families `process_*` and `go_*`\n" +
		"describe the process and the Go runtime. A route's series appear with its first exchange, an upstream's with its first\n" +
		"attempt; they leave when a reload removes what they measure, and keep their counts when it doesn't. Written by\n" +
		"`go test ./internal/obs -update`.\n\n| family | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range Families() {
		labels := "`" + strings.Join(f.Labels, "` `") + "`"
		if f.Labels == nil {
			labels = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, f.Help)
	}
	b.WriteString("\n## Kinds of defences\n\nNone needs tuning. Each is counted once for the connection, stream or handshake that it has ended or refused.\n\n" +
		"| kind | what the client did |\n|---|---|\n")
	for _, d := range Defences() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", d.Kind, d.Help)
	}
	b.WriteString("\n## Results of a cache\n\nEach is counted once for an exchange, and stands in the access log as `cache`. The hit ratio is `hit`, `stale`, `error-stale`,\n" +
		"`revalidated` and `collapsed` against all. A cache in mode `observe` counts nothing here; the log's `verdicts` have its words.\n\n| result | the answer was |\n|---|---|\n")
	for _, w := range CacheWords() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", w[0], w[1])
	}
	const page = "../../docs/metrics.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s differs from the code; run go test ./internal/obs -update", page)
	}
}

func TestWritePrometheusIncludesProcessAndRuntime(t *testing.T) {
	var b strings.Builder
	NewCatalogue(Build{}).WritePrometheus(&b)
	for _, name := range []string{"\nweir_panics_total 0\n", "\ngo_goroutines ", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains(b.String(), name) {
			t.Errorf("the export lacks %q", name)
		}
	}
}

func TestUseScrapeAndRetireMayCoincide(t *testing.T) {
	c := NewCatalogue(Build{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				r, u, l := c.Route("l", "r"), c.Upstream("u"), c.Listener("l")
				r.Done(200, 1, 1, 1)
				u.Attempt("ok", 1)
				l.Fault("f")
				r.Retire()
				u.Retire()
				l.Retire()
			}
		})
	}
	all.Go(func() {
		for range 20 {
			scrape(c)
		}
	})
	all.Wait()
	wantNone(t, c, `"r"`)
}

func TestCountingDoesNotAllocate(t *testing.T) {
	c := NewCatalogue(Build{})
	r, u, l := c.Route("web", "a"), c.Upstream("u"), c.Listener("web")
	if n := testing.AllocsPerRun(1000, func() {
		r.Done(200, 3*time.Millisecond, 100, 1000)
		u.Attempt("ok", time.Millisecond)
		l.Opened()
		l.Fault("timeout")
		l.Closed()
	}); n != 0 {
		t.Fatalf("counting allocates %v times", n)
	}
}

func BenchmarkRouteDone(b *testing.B) {
	r := NewCatalogue(Build{}).Route("web", "a")
	b.ReportAllocs()
	for b.Loop() {
		r.Done(200, 3*time.Millisecond, 100, 1000)
	}
}

func BenchmarkRouteDoneParallel(b *testing.B) {
	r := NewCatalogue(Build{}).Route("web", "a")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Done(200, 3*time.Millisecond, 100, 1000)
		}
	})
}

func BenchmarkHistogramParallel(b *testing.B) {
	var h Histogram
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.Observe(3 * time.Millisecond)
		}
	})
}

func BenchmarkAttemptParallel(b *testing.B) {
	u := NewCatalogue(Build{}).Upstream("u")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			u.Attempt("ok", 3*time.Millisecond)
		}
	})
}
