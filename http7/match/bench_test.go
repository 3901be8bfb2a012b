package match

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"weir/http7"
)

// spread makes n routes as a large config has them: 60 % exact paths, 25 % prefixes, 10 % with
// segments, 5 % with a header to meet besides; a hundred of them for each host.
func spread(n int) (routes []*http7.Route) {
	for i := range n {
		r := &http7.Route{ID: i, Name: fmt.Sprint("route-", i), Hosts: []string{hostOf(i)}}
		switch k := i % 20; {
		case k < 12:
			r.Paths = []string{fmt.Sprintf("/v1/shop/service%d/status", i)}
		case k < 17:
			r.Paths = []string{fmt.Sprintf("/v1/shop/service%d/*", i)}
		case k < 19:
			r.Paths = []string{fmt.Sprintf("/v1/shop/service%d/{id}/items", i)}
		default:
			r.Paths = []string{fmt.Sprintf("/v1/shop/service%d", i)}
			r.Conditions = []http7.Condition{{On: http7.OnHeader, Name: "X-Tenant", Value: "acme"}}
		}
		routes = append(routes, r)
	}
	return routes
}

func hostOf(i int) string { return fmt.Sprintf("shop%d.example.com", i/100) }

// wanting returns a request that route i of spread takes.
func wanting(i int) *http7.Exchange {
	tails := []string{"/status", "/orders/4711/lines", "/4711/items", ""}
	kind := 0
	switch k := i % 20; {
	case k >= 19:
		kind = 3
	case k >= 17:
		kind = 2
	case k >= 12:
		kind = 1
	}
	x := ask("GET", hostOf(i), fmt.Sprintf("/v1/shop/service%d%s", i, tails[kind]))
	for _, f := range [][2]string{{"User-Agent", "bench"}, {"Accept", "*/*"}, {"X-Tenant", "acme"}} {
		x.Request.AddRaw([]byte(f[0]), []byte(f[1]))
	}
	return x
}

var sizes = []int{10, 1_000, 10_000, 100_000}

// requests asks for 4096 routes of spread(n), drawn at random, with one exchange, as a connection does.
type requests struct {
	x    *http7.Exchange
	list [][2][]byte
	at   int
}

func requestsFor(n int) *requests {
	q := &requests{x: wanting(0)}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for range 4096 {
		x := wanting(r.IntN(n))
		q.list = append(q.list, [2][]byte{x.Authority, x.Path})
	}
	return q
}

func (q *requests) next() *http7.Exchange {
	q.at++
	one := &q.list[q.at%len(q.list)]
	q.x.Authority, q.x.Path = append(q.x.Authority[:0], one[0]...), append(q.x.Path[:0], one[1]...)
	return q.x
}

func BenchmarkFind(b *testing.B) {
	for _, n := range sizes {
		table, _ := Compile(spread(n))
		list := requestsFor(n)
		b.Run(fmt.Sprintf("hit/routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := list.next()
				if table.Find(x, x.Method).Route == nil {
					b.Fatal("not found")
				}
			}
		})
		miss := ask("GET", hostOf(n/2), "/v1/shop/nobody/there")
		b.Run(fmt.Sprintf("miss/routes=%d", n), func(b *testing.B) {
			for b.Loop() {
				if table.Find(miss, miss.Method).Route != nil {
					b.Fatal("found")
				}
			}
		})
	}
}

// BenchmarkMedian times single calls, since the median is what is promised. The clock's own cost is
// in the figure.
func BenchmarkMedian(b *testing.B) {
	for _, n := range sizes {
		table, _ := Compile(spread(n))
		list := requestsFor(n)
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				x := list.next()
				start := time.Now()
				table.Find(x, x.Method)
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2]), "p50-ns")
			b.ReportMetric(float64(times[len(times)*99/100]), "p99-ns")
		})
	}
}

// expressionsUnder makes n regular expressions under one literal prefix, which priority tells apart.
func expressionsUnder(n int) (routes []*http7.Route) {
	for i := range n {
		r := path(fmt.Sprintf(`~^/api/(?:v[0-9]+/)?[a-z]+-%d/[^/]+$`, i))
		r.Priority = -i
		routes = append(routes, r)
	}
	return routes
}

// hardExpressions are those that no literal tells apart: each one is run, over all of the path.
func hardExpressions(n int) (routes []*http7.Route) {
	for i := range n {
		r := path(fmt.Sprintf(`~^/api/.*[a-z]{%d}[0-9]$`, i+1))
		r.Priority = -i
		routes = append(routes, r)
	}
	return routes
}

func BenchmarkExpressions(b *testing.B) {
	for _, c := range []struct {
		name   string
		routes []*http7.Route
		path   string
	}{
		{"told apart by a literal", expressionsUnder(100), "/api/v2/orders-99/4711"},
		{"each one run", hardExpressions(100), "/api/ordersandmore/4711"},
	} {
		table, _ := Compile(c.routes)
		x := ask("GET", "h", c.path)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Find(x, x.Method)
			}
		})
	}
}

// tenants makes n routes that one header tells apart.
func tenants(n int) (routes []*http7.Route) {
	for i := range n {
		routes = append(routes, with("/*", when(http7.OnHeader, "X-Tenant", fmt.Sprint("tenant-", i))))
	}
	return routes
}

func BenchmarkTenants(b *testing.B) {
	for _, n := range []int{5, 10_000} {
		table, _ := Compile(tenants(n))
		x := ask("GET", "h", "/a")
		x.Request.AddRaw([]byte("X-Tenant"), fmt.Appendf(nil, "tenant-%d", n-1))
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if table.Find(x, x.Method).Route == nil {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range sizes {
		routes := spread(n)
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			for b.Loop() {
				Compile(routes)
			}
			b.ReportMetric(float64(kept(routes))/float64(n), "B/route")
		})
	}
}

// kept returns how many bytes of heap the table of routes takes.
func kept(routes []*http7.Route) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table, _ := Compile(routes)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(table)
	return after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
}
