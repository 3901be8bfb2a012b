//go:build linux && soak

package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// A gibibyte crosses up and down on the three ways that matter most, in bounded memory.
func TestSoakAGibibyteEachWay(t *testing.T) {
	const n = 1 << 30
	c, _, cfg := crossed(t)
	ways := carriers(t, c, cfg)
	for _, w := range []struct{ proto, kind string }{{"HTTP/1.1", "h1"}, {"HTTP/2.0", "h2"}, {"HTTP/3.0", "h1"}} {
		t.Run(w.proto+"-"+w.kind, func(t *testing.T) {
			url, before := "https://"+c.at(8443)+"/"+w.kind, c.rss()
			sum := sha256.New()
			res := call(t, ways[w.proto], "POST", url+"/sink", streamed{io.TeeReader(io.LimitReader(&pattern{}, n), sum)}, func(r *http.Request) { r.ContentLength = n })
			said, err := io.ReadAll(res.Body)
			if want := fmt.Sprintf("%d %s", n, hexOf(sum)); err != nil || string(said) != want {
				t.Errorf("up: %q, %v; want %q", said, err, want)
			}
			res = call(t, ways[w.proto], "GET", fmt.Sprintf("%s/source?n=%d", url, n), nil)
			sum.Reset()
			got, err := io.Copy(sum, res.Body)
			if err != nil || got != n || res.Trailer.Get("X-Sum") != hexOf(sum) {
				t.Errorf("down: %d, %v, trailers %v, want %s", got, err, res.Trailer, hexOf(sum))
			}
			if grown := c.rss() - before; grown > 96<<20 {
				t.Errorf("memory grew by %d MiB", grown>>20)
			}
			t.Logf("RSS grew by %d MiB", (c.rss()-before)>>20)
		})
	}
}
