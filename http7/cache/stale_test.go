package cache

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
)

// lasting is an origin whose answer holds: it confirms its tag, and counts how often.
func lasting(head string) func(asked, int) said {
	return func(a asked, n int) said {
		if a.h["if-none-match"] == `"v"` {
			return said{status: 304, head: head + "\nETag: \"v\"\nX-Count: " + fmt.Sprint(n)}
		}
		return said{head: head + "\nETag: \"v\"\nX-Count: " + fmt.Sprint(n), chunks: []string{"it"}}
	}
}

func TestA304RenewsWhatIsStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, lasting("Cache-Control: max-age=10"))
		w.expect(w.do("GET /a"), "200 miss it")
		pass(11 * time.Second)
		g := w.do("GET /a", `If-None-Match: "other"`)
		w.expect(g, "200 revalidated it")
		if g.h["x-count"] != "2" || g.h["cache-status"] != "weir; fwd=stale; fwd-status=304; stored" {
			t.Errorf("got %v", g.h)
		}
		g = w.do("GET /a")
		w.expect(g, "200 hit it")
		if g.h["x-count"] != "2" || g.h["age"] != "0" {
			t.Errorf("got %v", g.h)
		}
		pass(11 * time.Second)
		w.expect(w.do("GET /a", `If-None-Match: "v"`), "304 revalidated ")
		pass(11 * time.Second)
		w.expect(w.do("GET /a", "Range: bytes=1-"), "206 revalidated t")
		if n := w.c.Stats().Fills["renewed"]; n != 3 {
			t.Errorf("%d renewals", n)
		}
	})
}

func TestManyWaitForOneValidation(t *testing.T) {
	inTime(t, func(t *testing.T) {
		slow := func(a asked, n int) said {
			s := lasting("Cache-Control: max-age=10")(a, n)
			s.before = time.Second
			return s
		}
		w := newWorld(t, nil, slow)
		w.do("GET /a")
		pass(20 * time.Second)
		w.same(tally(w.many(100, "GET /a")), "200 collapsed it:99 200 revalidated it:1")
		if w.asks() != 2 {
			t.Errorf("%d requests", w.asks())
		}
	})
}

func TestWhatMustAlwaysBeValidatedIsValidatedForEachAlone(t *testing.T) {
	for _, head := range []string{"Cache-Control: no-cache, max-age=60", "Cache-Control: max-age=0"} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(a asked, n int) said {
				s := lasting(head)(a, n)
				s.before = time.Second
				return s
			})
			w.do("GET /a")
			begun := time.Now()
			w.same(tally(w.many(10, "GET /a")), "200 revalidated it:10")
			if w.asks() != 11 || time.Since(begun) != time.Second {
				t.Errorf("%d requests, %v", w.asks(), time.Since(begun))
			}
		})
	}
}

func TestAClientThatWantsTheOriginsWordGetsIt(t *testing.T) {
	for _, field := range []string{"Cache-Control: no-cache", "Cache-Control: max-age=0", "Pragma: no-cache", "Cache-Control: min-fresh=100"} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, lasting("Cache-Control: max-age=60"))
			w.do("GET /a")
			pass(time.Second)
			g := w.do("GET /a", field)
			w.expect(g, "200 revalidated it")
			if g.h["cache-status"] != "weir; fwd=request; fwd-status=304; stored" {
				t.Errorf("%s: %s", field, g.h["cache-status"])
			}
		})
	}
}

func TestAStaleAnswerIsUsedWhileItIsFetchedAgain(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=10, stale-while-revalidate=30", chunks: []string{fmt.Sprint(n)}, before: time.Second}
		})
		w.expect(w.do("GET /a"), "200 miss 1")
		pass(22 * time.Second)
		all := w.many(20, "GET /a")
		w.same(tally(all), "200 stale 1:20")
		if s := all[3].h["cache-status"]; s != "weir; hit; ttl=-13; detail=stale-while-revalidate" && s != "weir; hit; ttl=-12; detail=stale-while-revalidate" {
			t.Errorf("Cache-Status %s", s)
		}
		pass(2 * time.Second)
		w.expect(w.do("GET /a"), "200 hit 2")
		if w.asks() != 2 {
			t.Errorf("%d requests", w.asks())
		}
		pass(41 * time.Second)
		w.expect(w.do("GET /a"), "200 miss 3") // beyond what is allowed
	})
}

func TestAFullBackstageLeavesTheStaleAnswer(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, always("Cache-Control: max-age=10, stale-while-revalidate=30", "x"))
		w.busy = true
		w.do("GET /a")
		pass(12 * time.Second)
		w.expect(w.do("GET /a"), "200 stale x")
		w.expect(w.do("GET /a"), "200 stale x")
		w.busy = false
		w.expect(w.do("GET /a"), "200 stale x")
		synctest.Wait()
		w.expect(w.do("GET /a"), "200 hit x")
	})
}

func TestAnErrorOfTheOriginIsAnsweredByWhatIsStoredWhereThatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		name, head string
		edit       func(*Config)
		now        said
		want       string
		status     string
	}{
		{"a 503", "Cache-Control: max-age=10, stale-if-error=100", nil, said{status: 503}, "200 error-stale old", "weir; fwd=stale; fwd-status=503; ttl=-10; detail=stale-if-error"},
		{"no answer", "Cache-Control: max-age=10, stale-if-error=100", nil, said{fault: http7.UpstreamTimeout}, "200 error-stale old", "weir; fwd=stale; ttl=-10; detail=stale-if-error"},
		{"one that breaks off", "Cache-Control: max-age=10, stale-if-error=100", nil, said{head: "Cache-Control: max-age=9", length: 5, cut: true}, "200 error-stale old", "weir; fwd=stale; ttl=-10; detail=stale-if-error"},
		{"by configuration", "Cache-Control: max-age=10", with(func(c *Config) { c.StaleIfError = seconds(60) }), said{status: 500}, "200 error-stale old", "weir; fwd=stale; fwd-status=500; ttl=-10; detail=stale-if-error"},
		{"too old", "Cache-Control: max-age=10, stale-if-error=5", nil, said{status: 503, chunks: []string{"down"}}, "503 uncacheable down", "weir; fwd=stale; detail=no-lifetime"},
		{"not allowed", "Cache-Control: max-age=10", nil, said{status: 503, chunks: []string{"down"}}, "503 uncacheable down", "weir; fwd=stale; detail=no-lifetime"},
		{"prohibited", "Cache-Control: max-age=10, must-revalidate", with(func(c *Config) { c.StaleIfError = seconds(60) }), said{status: 503, chunks: []string{"down"}}, "503 uncacheable down", "weir; fwd=stale; detail=no-lifetime"},
		{"no error in that sense", "Cache-Control: max-age=10, stale-if-error=100", nil, said{status: 404, chunks: []string{"gone"}}, "404 uncacheable gone", "weir; fwd=stale; detail=no-lifetime"},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, c.edit, func(_ asked, n int) said {
				if n == 1 {
					return said{head: c.head, chunks: []string{"old"}}
				}
				return c.now
			})
			w.do("GET /a")
			pass(20 * time.Second)
			g := w.do("GET /a")
			w.expect(g, c.want)
			if g.h["cache-status"] != c.status || g.fault != nil {
				t.Errorf("%s: %s, fault %v", c.name, g.h["cache-status"], g.fault)
			}
		})
	}
}

func TestThoseWhoWaitAreServedStaleToo(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			if n == 1 {
				return said{head: "Cache-Control: max-age=10, stale-if-error=100", chunks: []string{"old"}}
			}
			return said{status: 503, before: time.Second}
		})
		w.do("GET /a")
		pass(20 * time.Second)
		begun := time.Now()
		w.same(tally(w.many(100, "GET /a")), "200 error-stale old:100")
		if d := time.Since(begun); d > 2*time.Second || w.asks() != 2 {
			t.Errorf("%d requests in %v", w.asks(), d)
		}
	})
}

func TestWhoWaitsTooLongIsServedStaleWhereAnErrorWouldBe(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"Cache-Control: max-age=10, stale-if-error=100", "200 error-stale old:10"},
		{"Cache-Control: max-age=10", "503 bypass :9 503 uncacheable :1"},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(_ asked, n int) said {
				if n == 1 {
					return said{head: c.head, chunks: []string{"old"}}
				}
				return said{status: 503, before: 20 * time.Second}
			})
			w.do("GET /a")
			pass(20 * time.Second)
			w.same(tally(w.many(10, "GET /a")), c.want)
		})
	}
}

func TestASoftPurgeMakesStaleAndAHardOneGone(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, lasting("Cache-Control: max-age=100\nSurrogate-Key: one two"))
		w.do("GET /a?x")
		for _, p := range []Purge{{URL: "http://example.com/a?x"}, {Prefix: "http://example.com/"}, {Tag: "two"}, {All: true}} {
			p.Soft = true
			if err := w.c.Purge(p); err != nil {
				t.Fatal(err)
			}
			w.expect(w.do("GET /a?x"), "200 revalidated it")
			w.expect(w.do("GET /a?x"), "200 hit it")
			p.Soft = false
			if err := w.c.Purge(p); err != nil {
				t.Fatal(err)
			}
			w.expect(w.do("GET /a?x"), "200 miss it")
		}
		for _, p := range []Purge{{URL: "http://example.com/a"}, {Prefix: "http://example.org/"}, {Tag: "three"}} {
			if err := w.c.Purge(p); err != nil {
				t.Fatal(err)
			}
		}
		w.expect(w.do("GET /a?x"), "200 hit it")
	})
}

func TestAPurgeDuringAValidationLeavesNothingOld(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			s := lasting("Cache-Control: max-age=10")(a, n)
			s.before = time.Second
			return s
		})
		w.do("GET /a")
		pass(20 * time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { w.expect(w.do("GET /a"), "200 revalidated it") })
		pass(time.Millisecond)
		if err := w.c.Purge(Purge{All: true}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		w.expect(w.do("GET /a"), "200 miss it")
	})
}

func TestHeadRenewsOrAgesWhatIsStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		head := "Cache-Control: max-age=10\nETag: \"v\""
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: head + "\nX-Count: " + fmt.Sprint(n), chunks: []string{"it"}}
		})
		w.do("GET /a")
		pass(20 * time.Second)
		if g := w.do("HEAD /a"); g.status != 200 || g.h["cache-status"] != "weir; fwd=stale; stored" {
			t.Errorf("HEAD: %v", g)
		}
		g := w.do("GET /a")
		w.expect(g, "200 hit it")
		if g.h["x-count"] != "2" {
			t.Errorf("X-Count %s", g.h["x-count"])
		}
		head = "Cache-Control: max-age=10\nETag: \"w\""
		w.do("HEAD /a", "Cache-Control: no-cache")
		w.expect(w.do("GET /a"), "200 miss it")
		if w.lastAsked().h["if-none-match"] != `"v"` {
			t.Errorf("asked with %v", w.lastAsked().h)
		}
	})
}
