//go:build linux && soak

package e2e

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Beyond what an idle Weir allocates in the same time, a hundred thousand answers from the store add fewer than 500
// objects to the heap, and the origin is asked once.
func TestSoakHitsAllocateNothing(t *testing.T) {
	const warm, uses, most = 10000, 100000, 500
	var asked atomic.Int64
	c := start(t, cached, "origin", serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, "one") // the client's side says what came
	})))
	nc, room := dial(t, c.at(8080)).Conn, make([]byte, 4<<10)
	if err := nc.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	repeat := func(n int) {
		for i := range n {
			if err := oneRequest(nc, room); err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
		}
	}
	repeat(warm)
	begin := time.Now()
	busy := c.mallocs(func() { repeat(uses) })
	took := time.Since(begin)
	idle := c.mallocs(func() { <-time.After(took) })
	t.Logf("%d hits in %.1f s: %.0f objects, idle as long %.0f", uses, took.Seconds(), busy, idle)
	if busy-idle >= most {
		t.Errorf("%d hits added %.0f objects to the heap, want fewer than %d", uses, busy-idle, most)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
}
