package cache

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
)

// A Range of what is larger than the store takes brought the whole of it: every ten seconds anew, and then once an hour,
// which players that want a 206 and clients that resume a download take for a refusal.
func TestPartsOfWhatIsTooLargeComeFromTheEndpoint(t *testing.T) {
	inTime(t, func(t *testing.T) {
		body := strings.Repeat("x", 101<<10)
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf100KiB }), func(a asked, n int) said {
			if a.h["range"] != "" {
				return said{status: 206, head: "Cache-Control: max-age=60\nContent-Range: bytes 0-1/103424", chunks: []string{"xx"}}
			}
			return said{head: "Cache-Control: max-age=60", chunks: []string{body}}
		})
		w.expect(w.do("GET /far", "Range: bytes=102401-102402"), "206 uncacheable xx") // behind the largest that is stored
		w.expect(w.do("GET /a", "Range: bytes=5-7"), "206 uncacheable xxx")
		for range 5 {
			w.expect(w.do("GET /a", "Range: bytes=5-6"), "206 uncacheable xx")
			pass(10 * time.Minute)
		}
	})
}

// Location was compared as it was sent, and requests are looked up by their path in its one form.
func TestALocationIsInvalidatedInTheFormOfKeys(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			if a.method == "POST" {
				return said{status: 201, head: "Location: /%7euser/./x"}
			}
			return pages(a, n)
		})
		w.do("GET /~user/x")
		w.do("POST /users")
		w.expect(w.do("GET /~user/x"), "200 miss page 3")
	})
}

// Two listeners wrote different constants to a field by which the endpoint's answer varied.
func TestWhatStepsWriteToAllAlikeIsPartOfTheKey(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60\nVary: X-Zone", chunks: []string{fmt.Sprint(n)}}
		})
		for n, zone := range []string{"internal", "external", "internal"} {
			w.extra = []http7.Step{{Stage: http7.Rewrite, Edits: []http7.Edit{{Name: "x-zone", Fixed: true}}, Constants: "set x-zone: " + zone}}
			w.reload(nil)
			want := []string{"200 miss 1", "200 miss 2", "200 hit 1"}[n]
			w.expect(w.do("GET /a"), want)
		}
		if err := w.c.Purge(Purge{URL: "http://example.com/a"}); err != nil {
			t.Fatal(err)
		}
		w.expect(w.do("GET /a"), "200 miss 3")
	})
}

// What a soft purge had named was answered stale as long as its lifetime was, though the endpoint had said something else.
func TestWhatTheEndpointNoLongerSaysIsNotAnsweredStale(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			if n > 1 {
				return said{status: 404, head: "Cache-Control: no-store", chunks: []string{"gone"}}
			}
			return said{head: "Cache-Control: max-age=3600, stale-while-revalidate=10, stale-if-error=10", chunks: []string{"old"}}
		})
		w.do("GET /a")
		if err := w.c.Purge(Purge{All: true, Soft: true}); err != nil {
			t.Fatal(err)
		}
		w.expect(w.do("GET /a"), "200 stale old")
		pass(time.Second)
		w.expect(w.do("GET /a"), "404 uncacheable gone")
	})
}

func TestOneThatComesAfterASoftPurgeJoinsNoFillFromBefore(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{fmt.Sprint(n)}, before: 2 * time.Second, after: 2 * time.Second}
		})
		var wg sync.WaitGroup
		wg.Go(func() { w.expect(w.do("GET /a"), "200 miss 1") })
		pass(time.Second)
		wg.Go(func() { // waits when the purge comes: what it has waited for is not for it any more
			if g := w.do("GET /a"); g.body == "1" && g.cached == "hit" {
				t.Errorf("got %v", g)
			}
		})
		pass(2 * time.Second)
		if err := w.c.Purge(Purge{All: true, Soft: true}); err != nil {
			t.Fatal(err)
		}
		w.expect(w.do("GET /a"), "200 miss 2")
		wg.Wait()
	})
}

func TestASoftPurgeDuringTheWaitLeavesNobodyStanding(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			if n == 1 {
				return said{fault: http7.ConnectRefused, before: 2 * time.Second}
			}
			return said{head: "Cache-Control: max-age=60", chunks: []string{"it"}}
		})
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { w.do("GET /a") })
		pass(time.Second)
		for range 10 {
			wg.Go(func() { w.do("GET /a") })
		}
		pass(500 * time.Millisecond)
		if err := w.c.Purge(Purge{All: true, Soft: true}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// A session that the endpoint renewed with a 304 ended at the client.
func TestASetCookieOfA304ReachesWhoHasAskedAlone(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			if a.h["if-none-match"] != "" {
				return said{status: 304, head: "Set-Cookie: sid=" + a.h["cookie"]}
			}
			return said{head: "Cache-Control: max-age=10\nETag: \"v\"", chunks: []string{"it"}}
		})
		w.do("GET /a")
		pass(time.Minute)
		if g := w.do("GET /a", "Cookie: eve"); g.h["set-cookie"] != "sid=eve" || g.cached != "revalidated" {
			t.Errorf("eve: %v %v", g, g.h)
		}
		if g := w.do("GET /a"); g.h["set-cookie"] != "" {
			t.Errorf("another: %v", g.h)
		}
	})
}

func TestWhoComesWhileAFillIsSlowDoesNotWaitForIt(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=3600", chunks: []string{fmt.Sprint(n)}, before: 20 * time.Second}
		})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { w.do("GET /a") })
		}
		pass(6 * time.Second)
		begun := time.Now()
		w.do("GET /a")
		if d := time.Since(begun); d != 20*time.Second {
			t.Errorf("it took %v", d)
		}
		wg.Wait()
	})
}
