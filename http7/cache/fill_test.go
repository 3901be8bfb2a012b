package cache

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
)

// many asks n times at once and returns what came.
func (w *world) many(n int, line string, fields ...string) []got {
	all := make([]got, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i] = w.do(line, fields...) })
	}
	wg.Wait()
	return all
}

// tally counts what came by "status cached body whole".
func tally(all []got) map[string]int {
	n := map[string]int{}
	for _, g := range all {
		s := fmt.Sprintf("%d %s %s", g.status, g.cached, g.body)
		if !g.whole {
			s += " cut"
		}
		n[s]++
	}
	return n
}

// same compares tallies.
func (w *world) same(got map[string]int, want string) {
	w.t.Helper()
	if s := fmt.Sprint(got); s != "map["+want+"]" {
		w.t.Errorf("got %s, want map[%s]", s, want)
	}
}

func TestManyAtOnceAreAnsweredByOneFetch(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{"one ", "two ", "three"}, after: time.Second, before: time.Second}
		})
		begun := time.Now()
		w.same(tally(w.many(1000, "GET /a")), "200 collapsed one two three:999 200 miss one two three:1")
		if w.asks() != 1 || time.Since(begun) != 4*time.Second {
			t.Errorf("%d requests, %v", w.asks(), time.Since(begun))
		}
		w.expect(w.do("GET /a"), "200 hit one two three")
	})
}

func TestTheFirstByteReachesThoseWhoWaitAsItComes(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{"one", "two"}, after: time.Second, length: -1}
		})
		go w.do("GET /a")
		synctest.Wait()
		x := w.request("GET /a")
		w.decide(x, w.p.Request(x))
		if x.Cached != "collapsed" || x.Answer.Length != -1 {
			t.Fatalf("%s, length %d", x.Cached, x.Answer.Length)
		}
		begun := time.Now()
		for _, want := range []time.Duration{1, 2} {
			for {
				chunk, s, _ := x.Answer.Source.Next()
				if s == http7.Chunk {
					if got := time.Since(begun); got != want*time.Second {
						t.Errorf("%q came after %v", chunk, got)
					}
					break
				}
				x.Answer.Source.Await()
			}
		}
		w.end(x)
	})
}

func TestWhoWaitsTooLongGoesAlone(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{fmt.Sprint(n)}, before: time.Duration(10/n) * time.Second}
		})
		var g []got
		var wg sync.WaitGroup
		wg.Go(func() { w.do("GET /a") })
		synctest.Wait()
		wg.Go(func() { g = append(g, w.do("GET /a")) })
		wg.Wait()
		if len(g) != 1 || g[0].cached != "bypass" || g[0].body != "2" || g[0].h["cache-status"] != "weir; fwd=uri-miss; detail=collapsed-wait" {
			t.Errorf("got %v", g)
		}
		if w.c.Stats().Late != 1 {
			t.Errorf("%d were late", w.c.Stats().Late)
		}
		w.expect(w.do("GET /a"), "200 hit 1")
	})
}

func TestNobodyWaitsForAnswersThatAreNotStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: private", chunks: []string{"own"}, before: time.Second}
		})
		begun := time.Now()
		g := tally(w.many(50, "GET /a"))
		w.same(g, "200 bypass own:49 200 uncacheable own:1")
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("it took %v", d) // the first, then all others at once
		}
		begun = time.Now()
		w.same(tally(w.many(50, "GET /a", "Range: bytes=0-1")), "200 uncacheable own:50")
		if d := time.Since(begun); d != time.Second || w.lastAsked().h["range"] == "" {
			t.Errorf("it took %v, asked with %v", d, w.lastAsked().h)
		}
	})
}

func TestAnAnswerThatTakesLongAndIsNotStoredMakesNobodyWaitTwice(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: no-store", chunks: []string{"news"}, before: 2 * markFor}
		})
		for _, want := range []time.Duration{2*markFor + 5*time.Second, 2 * markFor, 2 * markFor} { // the first time one waits in vain
			begun := time.Now()
			w.many(2, "GET /poll")
			if d := time.Since(begun); d != want {
				t.Errorf("it took %v, want %v", d, want)
			}
			pass(markFor / 2)
		}
	})
}

func TestWhenTheLeaderFailsEverMoreGoOnByThemselves(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{before: time.Millisecond, fault: http7.ConnectRefused}
		})
		begun := time.Now()
		for _, g := range w.many(1000, "GET /a") {
			if g.status != 502 || g.fault != http7.ConnectRefused {
				t.Errorf("got %v", g)
			}
		}
		if d := time.Since(begun); d > 15*time.Millisecond {
			t.Errorf("a thousand failures took %v", d)
		}
	})
}

func TestALeaderThatFailsIsFollowedByOneThatLeads(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			if n == 1 {
				return said{status: 503, before: time.Second, chunks: []string{"no"}}
			}
			return said{head: "Cache-Control: max-age=60", chunks: []string{"yes"}, before: time.Second}
		})
		w.same(tally(w.many(100, "GET /a")), "200 collapsed yes:98 200 miss yes:1 503 uncacheable no:1")
		if w.asks() != 2 {
			t.Errorf("%d requests", w.asks())
		}
	})
}

func TestALeaderWhoseClientLeavesIsFollowed(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		x := w.request("GET /a")
		if v := w.p.Request(x); v.Act != http7.Go || x.Stays() {
			t.Fatalf("%v", v)
		}
		done := make(chan got)
		go func() { done <- w.do("GET /a") }()
		synctest.Wait()
		if !x.Stays() {
			t.Error("the leader does not stay for who waits")
		}
		w.end(x) // it broke all the same
		w.expect(<-done, "200 miss page 1")
	})
}

func TestALeaderStaysWhileAnybodyWaits(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		x, y := w.request("GET /a"), w.request("GET /a")
		w.p.Request(x)
		if v := w.p.Request(y); v.Act != http7.Wait || !x.Stays() {
			t.Fatalf("%v, stays %v", v, x.Stays())
		}
		w.end(y)
		if x.Stays() {
			t.Error("the leader stays for nobody")
		}
		w.end(x)
	})
}

func TestAnAnswerThatBreaksOffIsNeverTakenForWhole(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{"one ", "two "}, after: time.Second, cut: true, length: int64(10 - 11*(n%2))}
		})
		for range 2 {
			w.same(tally(w.many(10, "GET /a")), "200 collapsed one two  cut:9 200 miss one two  cut:1")
		}
		if n := w.c.Stats(); n.Store.Objects != 0 || n.Fills["cut"] != 2 {
			t.Errorf("%+v", n)
		}
	})
}

func TestAnAnswerThatBreaksOffAtOnceIsAFault(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{"on"}, cut: true, length: 10}
		})
		if g := w.do("GET /a"); g.status != 502 || g.fault != http7.UpstreamCut {
			t.Errorf("got %v, fault %v", g, g.fault)
		}
	})
}

func TestWhatGrowsTooLargeReachesWhoReadsAndIsNotStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		part := strings.Repeat("x", 60<<10)
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf100KiB }), func(asked, int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{part, part, part}, after: time.Second, length: -1}
		})
		all := w.many(5, "GET /a")
		for _, g := range all {
			if len(g.body) != 3*len(part) || !g.whole {
				t.Errorf("%d bytes, whole %v", len(g.body), g.whole)
			}
		}
		if n := w.c.Stats(); n.Store.Objects != 0 || n.Fills["too_large"] != 1 || w.asks() != 1 {
			t.Errorf("%d requests, %+v", w.asks(), n)
		}
		if g := w.do("GET /a"); g.cached != "uncacheable" {
			t.Errorf("the next: %s", g.cached)
		}
	})
}

func TestWhatIsDeclaredTooLargePasses(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf100KiB }), always("Cache-Control: max-age=60", strings.Repeat("x", 101<<10)))
		if g := w.do("GET /a"); g.cached != "uncacheable" || !g.whole || g.h["cache-status"] != "weir; fwd=uri-miss; detail=too-large" {
			t.Errorf("%s %s", g.cached, g.h["cache-status"])
		}
	})
}

func TestOneThatComesAfterAPurgeDoesNotJoinAFillFromBefore(t *testing.T) {
	for _, p := range []Purge{{URL: "http://example.com/a"}, {Prefix: "http://example.com/"}, {Tag: "t"}, {All: true}} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(_ asked, n int) said {
				return said{head: "Cache-Control: max-age=60\nSurrogate-Key: s t", chunks: []string{fmt.Sprint(n), " old"[:4*(2-min(n, 2))]}, before: time.Second, after: 10 * time.Second}
			})
			var first, waited got
			var wg sync.WaitGroup
			wg.Go(func() { first = w.do("GET /a") })
			pass(5 * time.Second)
			wg.Go(func() { waited = w.do("GET /a") })
			pass(time.Second)
			if err := w.c.Purge(p); err != nil {
				t.Fatal(err)
			}
			w.expect(w.do("GET /a"), "200 miss 2")
			wg.Wait()
			w.expect(first, "200 miss 1 old")
			w.expect(waited, "200 collapsed 1 old")
			w.expect(w.do("GET /a"), "200 hit 2")
		})
	}
}

func TestAPurgeDuringTheWaitForTheHeadIsNotMissed(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{fmt.Sprint(n)}, before: 2 * time.Second}
		})
		var wg sync.WaitGroup
		wg.Go(func() { w.expect(w.do("GET /a"), "200 miss 1") })
		pass(time.Second)
		if err := w.c.Purge(Purge{All: true}); err != nil {
			t.Fatal(err)
		}
		w.expect(w.do("GET /a"), "200 miss 2")
		wg.Wait()
		w.expect(w.do("GET /a"), "200 hit 2")
	})
}

func TestMoreFillsThanMayBeLeaveTheAnswerAsItIs(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, always("Cache-Control: max-age=60", "x"))
		w.c.counts.filling.Add(maxFilling)
		w.expect(w.do("GET /a"), "200 uncacheable x")
		w.c.counts.filling.Add(-maxFilling)
		w.expect(w.do("GET /a"), "200 miss x")
	})
}

func TestMarksAreBoundedAndExpire(t *testing.T) {
	inTime(t, func(t *testing.T) {
		var s fills
		s.init()
		for i := range 100_000 {
			s.mark(fmt.Append(nil, i), markFor)
		}
		n := 0
		for i := range s.shards {
			n += len(s.shards[i].marks)
		}
		if n > fillShards*maxMarks {
			t.Errorf("%d marks", n)
		}
		s.mark([]byte("a"), markFor)
		if now := time.Now(); !s.isMarked([]byte("a"), now.Add(markFor-1)) || s.isMarked([]byte("a"), now.Add(markFor)) {
			t.Error("a mark does not last as long as it should")
		}
	})
}
