package match

import (
	"fmt"
	"testing"

	"weir/http7"
)

// spread makes n routes over hosts, wildcards, prefixes and methods, as a large config has them.
func spread(n int) (routes []*http7.Route) {
	for i := range n {
		r := &http7.Route{ID: i, Name: fmt.Sprint(i)}
		r.Hosts = []string{fmt.Sprintf("s%d.example.com", i%100)}
		if i%10 == 0 {
			r.Hosts = []string{fmt.Sprintf("*.t%d.example.com", i%100)}
		}
		r.Paths = []string{fmt.Sprintf("/v1/service%d/*", i), fmt.Sprintf("/v1/service%d/items/{}", i)}
		if i%3 == 0 {
			r.Methods = []string{"GET", "POST"}
		}
		routes = append(routes, r)
	}
	return routes
}

var sizes = []int{1, 10, 100, 1_000, 10_000}

// last asks for the last route of spread(n) and for one that is not there.
func last(n int) (hit, miss *http7.Exchange) {
	i := n - 1
	host := fmt.Sprintf("s%d.example.com:8443", i%100)
	if i%10 == 0 {
		host = fmt.Sprintf("a.t%d.example.com", i%100)
	}
	return ask("GET", host, fmt.Sprintf("/v1/service%d/items/4711", i)), ask("GET", "s1.example.org", "/v2/other")
}

func BenchmarkFind(b *testing.B) {
	for _, n := range sizes {
		table, _ := Compile(spread(n))
		hit, miss := last(n)
		b.Run(fmt.Sprintf("hit/routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if table.Find(hit, hit.Method).Route == nil {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("miss/routes=%d", n), func(b *testing.B) {
			for b.Loop() {
				if table.Find(miss, miss.Method).Route != nil {
					b.Fatal("found")
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
		})
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	table, _ := Compile(spread(1000))
	hit, miss := last(1000)
	capitals := ask("GET", "S99.EXAMPLE.COM:80", "/v1/service999/x")
	n := testing.AllocsPerRun(1000, func() {
		if table.Find(hit, hit.Method).Route == nil || table.Find(capitals, capitals.Method).Route == nil || table.Find(miss, miss.Method).Route != nil {
			t.Error("wrong route")
		}
	})
	if n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}
