//go:build !race

package match

// The race detector makes pools forget at random, so that what takes from one allocates.

import (
	"net/netip"
	"testing"

	"weir/http7"
)

func TestJudgingConditionsAllocatesNothing(t *testing.T) {
	table, _ := Compile([]*http7.Route{with("/{a}/*",
		when(http7.OnHeader, "X-A", "~^1$"), when(http7.OnQuery, "q", "~^x y$"), when(http7.OnCookie, "c", "1"),
		when(http7.OnContent, "a.b", "c"), when(http7.OnSNI, "", "h"),
		http7.Condition{On: http7.OnClient, Test: http7.OneOf, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})})
	x := ask("GET", "h", "/a/b")
	x.Conn, x.Client, x.Query = &http7.Conn{SNI: "h"}, netip.MustParseAddr("10.0.0.1"), []byte("q=x+y")
	for _, f := range [][2]string{{"X-A", "1"}, {"Cookie", "c=1"}, {"Content-Type", "application/json"}} {
		x.Request.AddRaw([]byte(f[0]), []byte(f[1]))
	}
	x.Body = http7.Body{Length: 15, Collected: []byte(`{"a":{"b":"c"}}`), Whole: true}
	allocs := testing.AllocsPerRun(1000, func() {
		if table.Find(x, x.Method).Route == nil {
			t.Error("not found")
		}
	})
	if allocs != 0 {
		t.Fatalf("allocates %v times", allocs)
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	table, _ := Compile(append(spread(1000), append(expressionsUnder(10), host("[2001:db8::1]"))...))
	list := requestsFor(1000)
	capitals, miss := ask("GET", "SHOP9.EXAMPLE.COM:80", "/v1/shop/service980/status"), ask("GET", "s", "/v2/other")
	address := ask("GET", "[2001:db8:0:0:0:0:0:1]:8080", "/")
	expression := ask("GET", "h", "/api/v2/orders-9/4711")
	n := testing.AllocsPerRun(1000, func() {
		x := list.next()
		if table.Find(x, x.Method).Route == nil || table.Find(capitals, x.Method).Route == nil || table.Find(expression, x.Method).Route == nil {
			t.Error("not found")
		}
		if table.Find(address, x.Method).Route == nil {
			t.Error("the address is not found")
		}
		if table.Find(miss, x.Method).Route != nil {
			t.Error("found")
		}
	})
	if n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}
