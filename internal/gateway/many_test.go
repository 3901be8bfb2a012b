package gateway

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"weir/internal/config"
)

// manyRoutes is a config of n routes over 50 hosts and 20 upstreams: 60 % exact paths, 25 % prefixes,
// 10 % with segments, the rest with a method.
func manyRoutes(n int, listener, endpoint string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "admin.address = \"off\"\n[listeners.web]\naddress = %q\npolicies = \"edge\"\n", listener)
	b.WriteString("[policies.edge]\nheaders.request = { set = { X-Edge = \"weir\" }, remove = \"X-Internal\" }\n")
	b.WriteString("headers.response = { set = { X-Served = \"weir\" } }\n")
	for i := range 20 {
		fmt.Fprintf(&b, "[upstreams.u%d]\nendpoints = %q\n", i, endpoint)
	}
	for i := range n {
		fmt.Fprintf(&b, "[[routes]]\nname = \"r%d\"\nupstream = \"u%d\"\n", i, i%20)
		fmt.Fprintf(&b, "match = { hosts = \"h%d.example.com\", %s }\n", i%50, manyMatch(i))
		if i%10 == 0 {
			b.WriteString("timeout = \"5s\"\nretry.attempts = 1\n")
		}
	}
	return b.String()
}

func manyMatch(i int) string {
	switch k := i % 20; {
	case k < 12:
		return fmt.Sprintf("path = \"/service-%d/items/%d\"", i%97, i)
	case k < 17:
		return fmt.Sprintf("path = \"/service-%d/things-%d/*\"", i%97, i)
	}
	return fmt.Sprintf("path = \"/service-%d/other/%d\", methods = [\"GET\", \"PUT\"]", i%97, i)
}

// heapOf returns what is kept of what make returns, in bytes.
func heapOf[T any](make func() T) (kept T, bytes int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalisers let go of
	runtime.ReadMemStats(&before)
	kept = make()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return kept, int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestACompiledRouteTakesAtMost2KiB(t *testing.T) {
	const routes = 10_000
	type loaded struct {
		cfg    *config.Config
		report *config.Report
	}
	text := []byte(manyRoutes(routes, ":8080", "127.0.0.1:1"))
	plain, of := heapOf(func() loaded {
		cfg, report := config.Parse("weir.toml", text, config.Options{})
		return loaded{cfg, report}
	})
	if plain.cfg == nil {
		t.Fatal(plain.report)
	}
	c, kept := heapOf(func() *Compiled { return Compile(plain.cfg, plain.report, nil) })
	runtime.KeepAlive(plain)
	t.Logf("a route: %d bytes of config with its places, %d compiled", of/routes, kept/routes)
	if c == nil || kept > 2<<10*routes {
		t.Errorf("a compiled route takes %d bytes", kept/routes)
	}
	runtime.KeepAlive(text)
	runtime.KeepAlive(c)
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		text := []byte(manyRoutes(n, ":8080", "127.0.0.1:1"))
		b.Run(fmt.Sprint("parse-", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if cfg, r := config.Parse("weir.toml", text, config.Options{}); cfg == nil {
					b.Fatal(r)
				}
			}
		})
		b.Run(fmt.Sprint("compile-", n), func(b *testing.B) {
			cfg, r := config.Parse("weir.toml", text, config.Options{})
			b.ReportAllocs()
			for b.Loop() {
				if Compile(cfg, r, nil) == nil {
					b.Fatal(r)
				}
			}
		})
	}
}
