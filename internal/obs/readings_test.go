package obs

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
)

func words() Words {
	return Words{States: []string{"ready", "down"}, Breaker: []string{"closed", "open"}}
}

// readings is what a gateway would give: two endpoints of one upstream.
func readings() iter.Seq[EndpointReading] {
	return slices.Values([]EndpointReading{
		{Upstream: "u", Endpoint: "10.0.0.1:80", State: "ready", InFlight: 3, Idle: 4, Limit: 200, Latency: 1500 * time.Microsecond, Picked: 7, Probes: []Count{{"ok", 8}, {"failed", 1}}},
		{Upstream: "u", Endpoint: "10.0.0.2:80", State: "down", InFlight: -1},
	})
}

// decisions is what a gateway would give of one upstream with everything and one with nothing.
func decisions() iter.Seq[UpstreamReading] {
	return slices.Values([]UpstreamReading{
		{
			Upstream: "u", Picks: []Count{{"picked", 9}, {"all_full", 2}}, Retries: []Count{{"connect", 3}}, Hedges: []Count{{"won", 1}},
			Ejections: []Count{{"consecutive_errors", 1}}, Shed: []Count{{"full", 5}}, Queued: 6, Depth: 2, Breaker: "open", Panic: true, Source: SourceFailing,
		},
		{Upstream: "v", Source: SourceUp},
		{Upstream: "w"},
	})
}

func TestUpstreamsAndEndpointsAreReadAtTheScrape(t *testing.T) {
	c := NewCatalogue(Build{})
	wantNone(t, c, "weir_endpoint")
	wantNone(t, c, "weir_upstream")
	c.Watch(words(), decisions(), readings())
	for _, line := range []string{
		`weir_endpoint_state{upstream="u",endpoint="10.0.0.1:80",state="ready"} 1`,
		`weir_endpoint_state{upstream="u",endpoint="10.0.0.1:80",state="down"} 0`,
		`weir_endpoint_state{upstream="u",endpoint="10.0.0.2:80",state="down"} 1`,
		`weir_endpoint_in_flight{upstream="u",endpoint="10.0.0.1:80"} 3`,
		`weir_endpoint_in_flight{upstream="u",endpoint="10.0.0.2:80"} 0`,
		`weir_endpoint_idle_connections{upstream="u",endpoint="10.0.0.1:80"} 4`,
		`weir_endpoint_limit{upstream="u",endpoint="10.0.0.1:80"} 200`,
		`weir_endpoint_latency_seconds{upstream="u",endpoint="10.0.0.1:80"} 0.0015`,
		`weir_endpoint_latency_seconds{upstream="u",endpoint="10.0.0.2:80"} 0`,
		`weir_endpoint_picks_total{upstream="u",endpoint="10.0.0.1:80"} 7`,
		`weir_endpoint_probes_total{upstream="u",endpoint="10.0.0.1:80",result="ok"} 8`,
		`weir_endpoint_probes_total{upstream="u",endpoint="10.0.0.1:80",result="failed"} 1`,
		`weir_upstream_picks_total{upstream="u",reason="picked"} 9`,
		`weir_upstream_picks_total{upstream="u",reason="all_full"} 2`,
		`weir_upstream_retries_total{upstream="u",reason="connect"} 3`,
		`weir_upstream_hedges_total{upstream="u",result="won"} 1`,
		`weir_upstream_ejections_total{upstream="u",reason="consecutive_errors"} 1`,
		`weir_upstream_shed_total{upstream="u",reason="full"} 5`,
		`weir_upstream_queued_total{upstream="u"} 6`,
		`weir_upstream_queued_total{upstream="v"} 0`,
		`weir_upstream_queue_depth{upstream="u"} 2`,
		`weir_upstream_breaker_state{upstream="u",state="open"} 1`,
		`weir_upstream_breaker_state{upstream="u",state="closed"} 0`,
		`weir_upstream_panic{upstream="u"} 1`,
		`weir_upstream_panic{upstream="v"} 0`,
		`weir_upstream_source_up{upstream="u"} 0`,
		`weir_upstream_source_up{upstream="v"} 1`,
	} {
		wantLine(t, c, line)
	}
	// What an endpoint or upstream does not have has no series that would look like a zero.
	for _, part := range []string{`limit{upstream="u",endpoint="10.0.0.2:80"`, `probes_total{upstream="u",endpoint="10.0.0.2:80"`, `breaker_state{upstream="v"`, `source_up{upstream="w"`} {
		wantNone(t, c, part)
	}
}

func TestNamesOfReadingsAreEscaped(t *testing.T) {
	c := NewCatalogue(Build{})
	c.Watch(words(), slices.Values([]UpstreamReading{{Upstream: "a\"b"}}), slices.Values([]EndpointReading{{Upstream: "u", Endpoint: "unix:/a\\b\n"}}))
	wantLine(t, c, `weir_upstream_panic{upstream="a\"b"} 0`)
	wantLine(t, c, `weir_endpoint_in_flight{upstream="u",endpoint="unix:/a\\b\n"} 0`)
}

// many is a fleet of n endpoints.
func many(n int) iter.Seq[EndpointReading] {
	list := make([]EndpointReading, n)
	for i := range list {
		list[i] = EndpointReading{Upstream: "u", Endpoint: fmt.Sprintf("10.%d.%d.1:80", i/256, i%256), State: "ready", Latency: time.Millisecond, Limit: 100}
	}
	return slices.Values(list)
}

// The bound is wide: a scrape of 10,000 endpoints takes about 20 ms and must not take a minute.
func TestAScrapeOfTenThousandEndpointsIsWrittenInOnePass(t *testing.T) {
	c := NewCatalogue(Build{})
	six := Words{States: []string{"unknown", "ready", "draining", "ejected", "down", "maintenance"}}
	c.Watch(six, slices.Values([]UpstreamReading{{Upstream: "u"}}), many(10_000))
	begin := time.Now()
	var b bytes.Buffer
	c.writeReadings(&b)
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it takes %v", took)
	}
	if n := strings.Count(b.String(), "\nweir_endpoint_"); n != 10_000*(6+5) {
		t.Errorf("%d series of endpoints, want 11 each", n)
	}
	if n := testing.AllocsPerRun(1, func() { b.Reset(); c.writeReadings(&b) }); n > 10_000*5 {
		t.Errorf("a scrape allocates %v times, %v for each endpoint", n, n/10_000)
	}
}

func BenchmarkScrapeOfTenThousandEndpoints(b *testing.B) {
	c := NewCatalogue(Build{})
	six := Words{States: []string{"unknown", "ready", "draining", "ejected", "down", "maintenance"}}
	c.Watch(six, slices.Values([]UpstreamReading{{Upstream: "u"}}), many(10_000))
	var w bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		c.writeReadings(&w)
	}
	b.ReportMetric(float64(w.Len()), "bytes/scrape")
}
