package obs

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// cached is what a gateway would give.
func cached() CacheReading {
	return CacheReading{
		Bytes: 5 << 20, Limit: 256 << 20, Objects: 7, Backlog: 2, Filling: 3, Waiting: 8, Late: 6, Behind: 5, Refused: 1,
		Evictions: []Count{{"full", 3}, {"purged", 1}}, Fills: []Count{{"stored", 9}, {"cut", 1}},
		Purges: []Count{{"key", 4}, {"tag", 5}},
	}
}

func TestTheCacheIsReadAtTheScrape(t *testing.T) {
	c := NewCatalogue(Build{})
	there := false
	c.WatchCache(func() (CacheReading, bool) { return cached(), there })
	wantNone(t, c, "weir_cache")
	there = true
	for _, line := range []string{
		"# TYPE weir_cache_bytes gauge",
		"weir_cache_bytes 5242880",
		"weir_cache_limit_bytes 268435456",
		"weir_cache_objects 7",
		"weir_cache_filling 3",
		"weir_cache_waiting 8",
		"# TYPE weir_cache_waits_expired_total counter",
		"weir_cache_waits_expired_total 6",
		"weir_cache_background 5",
		"weir_cache_background_refused_total 1",
		`weir_cache_evictions_total{reason="full"} 3`,
		`weir_cache_evictions_total{reason="purged"} 1`,
		`weir_cache_fills_total{result="stored"} 9`,
		`weir_cache_fills_total{result="cut"} 1`,
		`weir_cache_purges_total{kind="key"} 4`,
		`weir_cache_purges_total{kind="tag"} 5`,
		"weir_cache_purge_backlog 2",
	} {
		wantLine(t, c, line)
	}
}

func TestWhatACacheDidIsCountedByRoute(t *testing.T) {
	c := NewCatalogue(Build{})
	r := c.Route("web", "shop")
	r.Cached("")
	wantNone(t, c, "weir_cache")
	r.Cached("hit")
	r.Cached("hit")
	r.Cached("error-stale")
	wantLine(t, c, `weir_cache_requests_total{listener="web",route="shop",result="hit"} 2`)
	wantLine(t, c, `weir_cache_requests_total{listener="web",route="shop",result="error-stale"} 1`)
	safe := c.Route("safe", "shop")
	safe.Cached("hit")
	if got, want := c.CacheResults(), map[string]uint64{"hit": 3, "error-stale": 1}; !maps.Equal(got, want) {
		t.Errorf("over all routes: %v, want %v", got, want)
	}
	safe.Retire()
	again := c.Route("web", "shop") // the next config's
	r.Retire()
	again.Cached("hit")
	wantLine(t, c, `weir_cache_requests_total{listener="web",route="shop",result="hit"} 3`)
	again.Retire()
	wantNone(t, c, "weir_cache_requests_total")
}

func TestWordsThatNobodyListedAreBounded(t *testing.T) {
	c := NewCatalogue(Build{})
	r := c.Route("web", "shop")
	for i := range 10 * maxValues {
		r.Cached(fmt.Sprint("word", i))
	}
	if n := strings.Count(scrape(c), "\nweir_cache_requests_total{"); n != maxValues+1 {
		t.Errorf("%d series, want %d", n, maxValues+1)
	}
}

func TestTheTimeOfFillsIsAHistogramFromTheFirstOn(t *testing.T) {
	c := NewCatalogue(Build{})
	wantNone(t, c, cacheFillDuration)
	c.Filled(3 * time.Millisecond)
	c.Filled(2 * time.Second)
	for _, line := range []string{
		`weir_cache_fill_duration_seconds_bucket{le="0.0025"} 0`,
		`weir_cache_fill_duration_seconds_bucket{le="0.005"} 1`,
		"weir_cache_fill_duration_seconds_sum 2.003",
		"weir_cache_fill_duration_seconds_count 2",
	} {
		wantLine(t, c, line)
	}
}

func TestCountingWhatACacheDidDoesNotAllocate(t *testing.T) {
	c := NewCatalogue(Build{})
	r := c.Route("web", "shop")
	if n := testing.AllocsPerRun(1000, func() {
		r.Cached("hit")
		c.Filled(time.Millisecond)
	}); n != 0 {
		t.Fatalf("counting allocates %v times", n)
	}
}

func BenchmarkCachedParallel(b *testing.B) {
	r := NewCatalogue(Build{}).Route("web", "shop")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Cached("hit")
		}
	})
}
