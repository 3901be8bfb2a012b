package cache

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/internal/conf"
)

const reload = "Cache-Control: no-cache"

// slowly is an origin that takes its time.
func slowly(d time.Duration, origin func(asked, int) said) func(asked, int) said {
	return func(a asked, n int) said {
		s := origin(a, n)
		s.before = d
		return s
	}
}

// apart asks n times, each a little later than the one before.
func (w *world) apart(n int, line string, fields ...string) []got {
	all := make([]got, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i] = w.do(line, fields...) })
		pass(time.Millisecond)
	}
	wg.Wait()
	return all
}

func TestACrowdThatWantsTheEndpointsWordCostsOneRequestARoundTrip(t *testing.T) {
	for _, c := range []struct {
		field, stored, want string
	}{
		{reload, "", "200 collapsed page 2:99 200 miss page 1:1 200 miss page 2:1"},
		{reload, "X: y", "200 collapsed page 3:99 200 miss page 2:1 200 miss page 3:1"},
		{"Pragma: no-cache", "X: y", "200 collapsed page 3:99 200 miss page 2:1 200 miss page 3:1"},
		{"Cache-Control: max-age=0", "X: y", "200 collapsed page 3:99 200 miss page 2:1 200 miss page 3:1"},
		{"Cache-Control: min-fresh=100", "X: y", "200 collapsed page 3:99 200 miss page 2:1 200 miss page 3:1"},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, slowly(time.Second, pages))
			if c.stored != "" {
				w.do("GET /a", c.stored)
				pass(time.Second)
			}
			was, begun := w.asks(), time.Now()
			w.same(tally(w.apart(101, "GET /a", c.field)), c.want)
			if n, d := w.asks()-was, time.Since(begun); n != 2 || d != 2*time.Second {
				t.Errorf("%s: %d requests, %v", c.field, n, d)
			}
			w.expect(w.do("GET /a"), "200 hit page "+fmt.Sprint(was+2))
		})
	}
}

func TestACrowdThatWantsTheEndpointsWordSharesAValidation(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, slowly(time.Second, lasting("Cache-Control: max-age=60")))
		w.do("GET /a")
		all := w.apart(50, "GET /a", reload)
		w.same(tally(all), "200 collapsed it:48 200 revalidated it:2")
		if s := all[20].h["cache-status"]; s != "weir; fwd=request; collapsed" || w.asks() != 3 || all[20].h["x-count"] != "3" {
			t.Errorf("%s after %d requests, by that number %s", s, w.asks(), all[20].h["x-count"])
		}
	})
}

// What is answered was asked for after the request came, always.
func TestNobodyWhoWantsTheEndpointsWordGetsAnOlderOne(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said { // says when it was asked, and takes its time with all else
			return said{
				head: "Cache-Control: max-age=3600", chunks: []string{fmt.Sprint(time.Now().UnixMicro()), "."},
				before: time.Duration(n%7) * 100 * time.Millisecond, after: time.Duration(n%3) * 300 * time.Millisecond, length: int64(17*(n%2) - 1),
			}
		})
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				came := time.Now().UnixMicro()
				if i%5 == 0 {
					w.do("GET /a")
					return
				}
				g := w.do("GET /a", reload)
				if want := fmt.Sprint(came, "."); g.body < want || !g.whole {
					t.Errorf("%v, want one of %s or later", g, want)
				}
			})
			pass(time.Duration(i%11) * 7 * time.Millisecond)
		}
		wg.Wait()
		if n := w.asks(); n > 100 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestOneThatWantsTheEndpointsWordWaitsForNobodyElse(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			s := pages(asked{}, n)
			s.before = time.Duration(10/n) * time.Second
			return s
		})
		var wg sync.WaitGroup
		wg.Go(func() { w.do("GET /a") })
		pass(time.Second)
		begun := time.Now()
		w.expect(w.do("GET /a", reload), "200 miss page 2")
		if d := time.Since(begun); d != 5*time.Second {
			t.Errorf("it took %v", d)
		}
		wg.Wait()
	})
}

// A body of hours is no reason to wait: what comes next is asked for once the head is there.
func TestWhoWantsTheEndpointsWordWaitsForHeadsAlone(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{fmt.Sprint(n), "."}, before: time.Second, after: time.Hour, length: -1}
		})
		begun := time.Now()
		w.same(tally(w.apart(10, "GET /a", reload)), "200 collapsed 2.:8 200 miss 1.:1 200 miss 2.:1")
		if d := time.Since(begun); w.asks() != 2 || d != 2*time.Hour+2*time.Second {
			t.Errorf("%d requests in %v", w.asks(), d)
		}
	})
}

func TestWhoAsksAtAllReadsAlongWithWhatWasDemanded(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{fmt.Sprint(n), "."}, after: 10 * time.Second, length: -1}
		})
		var wg sync.WaitGroup
		wg.Go(func() { w.expect(w.do("GET /a", reload), "200 miss 1.") })
		pass(time.Second)
		w.expect(w.do("GET /a"), "200 collapsed 1.")
		wg.Wait()
	})
}

func TestWhoWantsTheEndpointsWordWaitsForALimitedTime(t *testing.T) {
	for _, c := range []struct {
		wait   conf.Duration
		second int
	}{{seconds(5), 25}, {seconds(0), 20}, {conf.OffDuration, 20}} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, with(func(cfg *Config) { cfg.Wait = c.wait }), slowly(20*time.Second, pages))
			begun := time.Now()
			var wg sync.WaitGroup
			wg.Go(func() { w.do("GET /a", reload) })
			pass(time.Millisecond)
			for range 3 {
				wg.Go(func() {
					if g := w.do("GET /a", reload); g.status != 200 || g.body == "page 1" {
						t.Errorf("got %v", g)
					}
					if d := time.Since(begun); d != time.Duration(c.second)*time.Second+time.Millisecond {
						t.Errorf("it took %v", d)
					}
				})
			}
			wg.Wait()
			if w.asks() != 4 {
				t.Errorf("%d requests", w.asks())
			}
		})
	}
}

func TestWhoWantsTheEndpointsWordAndIsKnownAsksAlone(t *testing.T) {
	for _, c := range []struct {
		name, head string
		fields     []string
		want       string
	}{
		{"with Authorization", "Cache-Control: max-age=60", []string{"Authorization: eve"}, "200 uncacheable it:10"},
		{"with Authorization, for all", "Cache-Control: public, max-age=60", []string{"Authorization: eve"}, "200 miss it:10"},
		{"what is not stored", "Cache-Control: private", nil, "200 bypass it:9 200 uncacheable it:1"},
		{"what holds for one request", "Cache-Control: no-cache\nETag: \"v\"", nil, "200 miss it:10"},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, slowly(time.Second, always(c.head, "it")))
			w.same(tally(w.apart(10, "GET /a", append(c.fields, reload)...)), c.want)
			if w.asks() != 10 {
				t.Errorf("%s: %d requests", c.name, w.asks())
			}
		})
	}
}

func TestWhoWantsNothingStoredNeverLeads(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, slowly(time.Second, pages))
		w.apart(5, "GET /a", "Cache-Control: no-cache, no-store")
		if n := w.c.Stats().Store.Objects; w.asks() != 5 || n != 0 {
			t.Errorf("%d requests, %d objects", w.asks(), n)
		}
	})
}

func TestWhoseTurnItIsAndWhoLeaves(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		leader := w.request("GET /a", reload)
		w.p.Request(leader)
		pass(time.Millisecond)
		gone := w.request("GET /a", reload)
		if v := w.p.Request(gone); v.Act != http7.Wait || !leader.Stays() {
			t.Fatalf("%v, stays %v", v, leader.Stays())
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if g := w.do("GET /a", reload); g.body != "page 1" {
					t.Errorf("got %v", g)
				}
			})
		}
		synctest.Wait()
		w.end(leader) // without an answer: gone is told to lead
		w.end(gone)
		wg.Wait()
		if w.asks() != 1 {
			t.Errorf("%d requests", w.asks())
		}
	})
}

func TestWhatWasHandedToWhoLeavesIsGivenBack(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		leader, gone := w.request("GET /a", reload), w.request("GET /a", reload) // at the same moment
		w.p.Request(leader)
		w.p.Request(gone)
		w.send(leader)
		w.respond(leader)
		w.end(leader)
		w.end(gone)
	})
}

// The line is that of one variant: another's answer is not handed on.
func TestAnAnswerThatTurnsOutToVaryIsNotHandedOn(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60\nVary: X-Kind", chunks: []string{"for " + a.h["x-kind"]}, before: time.Second}
		})
		var wg sync.WaitGroup
		for i := range 40 {
			kind := string(rune('a' + i%4))
			wg.Go(func() {
				if g := w.do("GET /a", reload, "X-Kind: "+kind); g.body != "for "+kind {
					t.Errorf("%s: %v", kind, g)
				}
			})
		}
		wg.Wait()
		if n := w.asks(); n > 9 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestOneThatWantsTheEndpointsWordAfterAPurgeGetsItsOwn(t *testing.T) {
	for _, soft := range []bool{false, true} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(_ asked, n int) said {
				return said{head: "Cache-Control: max-age=60", chunks: []string{fmt.Sprint(n), "."}, before: time.Second, after: time.Second, length: -1}
			})
			var wg sync.WaitGroup
			wg.Go(func() { w.expect(w.do("GET /a", reload), "200 miss 1.") })
			pass(500 * time.Millisecond)
			if err := w.c.Purge(Purge{All: true, Soft: soft}); err != nil {
				t.Fatal(err)
			}
			if g := w.do("GET /a", reload); g.body != "2." {
				t.Errorf("soft %v: %v", soft, g)
			}
			wg.Wait()
			w.expect(w.do("GET /a"), "200 hit 2.")
		})
	}
}

func TestACrowdThatWantsTheEndpointsWordWhileItFails(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said { return said{before: time.Millisecond, fault: http7.ConnectRefused} })
		begun := time.Now()
		all := w.many(1000, "GET /a", reload)
		if slices.ContainsFunc(all, func(g got) bool { return g.status != 502 }) {
			t.Errorf("got %v", tally(all))
		}
		if d := time.Since(begun); d > 15*time.Millisecond {
			t.Errorf("a thousand failures took %v", d)
		}
	})
}

func TestWhatGrowsTooLargeReachesWhoWantsTheEndpointsWord(t *testing.T) {
	inTime(t, func(t *testing.T) {
		part := strings.Repeat("x", 60<<10)
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf100KiB }), func(asked, int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{part, part, part}, before: time.Second, after: time.Second, length: -1}
		})
		for _, g := range w.apart(10, "GET /a", reload) {
			if len(g.body) != 3*len(part) || !g.whole {
				t.Errorf("%d bytes, %v", len(g.body), g.cached)
			}
		}
	})
}

// Other caches between Weir and the endpoint obey the directives of who leads.
func TestNobodyGetsWhatWasAskedForByLaxerDirectives(t *testing.T) {
	asks := func(directives string) *rule.Asks {
		var h http7.Header
		h.AddRaw([]byte("Cache-Control"), []byte(directives))
		a := rule.ReadAsks(&h)
		return &a
	}
	for _, c := range []struct {
		leads, waits string
		want         bool
	}{
		{"no-cache", "no-cache", true}, {"no-cache", "max-age=0", true}, {"no-cache", "min-fresh=9", true}, {"max-age=0", "no-cache", true},
		{"max-age=5", "no-cache", false}, {"max-age=5", "max-age=0", false}, {"max-age=5", "max-age=4", false}, {"max-age=5", "max-age=5", true},
		{"max-age=5", "min-fresh=9", false}, {"max-age=5, min-fresh=9", "min-fresh=9", true}, {"min-fresh=9", "max-age=5", false},
		{"min-fresh=9", "min-fresh=10", false}, {"min-fresh=10", "min-fresh=9", true},
	} {
		if got := covers(asks(c.leads), asks(c.waits)); got != c.want {
			t.Errorf("%s for %s: %v", c.leads, c.waits, got)
		}
	}
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, slowly(time.Second, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{a.h["cache-control"]}}
		}))
		var wg sync.WaitGroup
		wg.Go(func() { w.do("GET /a", "Cache-Control: max-age=5") })
		synctest.Wait()
		w.expect(w.do("GET /a", reload), "200 miss no-cache")
		wg.Wait()
	})
}
