package cache

import (
	"strings"
	"testing"
)

func TestAQueryThatEndpointsMayReadOtherwiseIsKeyedWhole(t *testing.T) {
	k := keyedBy([]string{keyHost, keyPath, "query:page", "query:page_size", "query:ids[]", "query:f[x]"})
	for query, want := range map[string]bool{
		"page=1": false, "utm=1&page=1&page_size=2": false, "p=1&pages=2&xpage=3": false, "page=1&page=2": false, "pa%67e=1": false,
		"ids[]=1": false, "": false, "pag=1": false, "page_sizes=1": false, "=x&&": false, "++=1": false,
		"page=1&utm=1;page=evil": true, "page[]=1": true, "page%5B0%5D=1": true, "page.x=1": true, "page%00x=1": true, "page+=1": true,
		"PAGE=1": true, "Pa%47e=1": true, "+page=1": true, "%20%20page=1": true, "page.size=1": true, "page+size=1": true,
		"ids[][]=1": true, "IDS[]=1": true, "ids=1": true, "ids[0]=1": true, "f=1": true, "f[x]=1&f[y]=2&f[]=3&id=4": false,
		"pag%u0065=1": true, "pag%=1": true, "x=%": false,
	} {
		if got := k.doubtful([]byte(query)); got != want {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
}

// A parameter behind a semicolon was no part of the key, and the endpoint answered by it.
func TestNobodyChoosesByACloakedParameterWhatOthersGet(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.Key = []string{"host", "path", "query:page"} }), func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{a.path}}
		})
		for _, query := range []string{"page=1&utm=1;page=evil", "page=1&page[]=evil", "page=1&PAGE=evil"} {
			w.do("GET /a?" + query)
		}
		w.expect(w.do("GET /a?page=1"), "200 miss /a?page=1")
		w.expect(w.do("GET /a?page=1&utm=2"), "200 hit /a?page=1")
		if err := w.c.Purge(Purge{URL: "http://example.com/a?page=1&PAGE=evil"}); err != nil {
			t.Fatal(err)
		}
		w.expect(w.do("GET /a?page=1&PAGE=evil"), "200 miss /a?page=1&PAGE=evil")
	})
}

// FuzzDoubtful holds that a parameter of exactly the chosen name is in no doubt, and one that only looks so always is.
func FuzzDoubtful(f *testing.F) {
	f.Add("page", "utm=1&x;y")
	f.Add("a[]", "a[]=1")
	f.Fuzz(func(t *testing.T, chosen, query string) {
		if chosen == "" || strings.ContainsAny(chosen, "%+&=; \t") {
			return
		}
		k := keyed{params: []string{chosen}}
		k.doubtful([]byte(query))
		if resembles([]byte(chosen), chosen) {
			t.Errorf("%q is in doubt", chosen)
		}
		if upper := strings.ToUpper(chosen); upper != chosen && strings.EqualFold(upper, chosen) && len(upper) == len(chosen) && ascii(chosen) && !resembles([]byte(upper), chosen) {
			t.Errorf("%q is in no doubt for %q", upper, chosen)
		}
	})
}

func ascii(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0 }
