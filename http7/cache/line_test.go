package cache

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
)

// Who was told to look again and found the answer in the store took the turn of all others with it: they stood in line until
// their wait was over, and the fill stayed in the map.
func TestWhoFindsTheAnswerLetsTheOthersLookToo(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		leader := w.request("GET /a")
		if v := w.p.Request(leader); v.Act != http7.Go {
			t.Fatal(v.Act)
		}
		begun := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { w.expect(w.do("GET /a"), "200 collapsed page 1") })
			synctest.Wait()
		}
		w.do("GET /a", "Cache-Control: no-cache") // stores
		w.end(leader)
		wg.Wait()
		if d := time.Since(begun); d != 0 {
			t.Errorf("it took %v", d)
		}
	})
}

func TestWhoWasToLeadAndLeavesIsFollowed(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		leader, next := w.request("GET /a"), w.request("GET /a")
		w.p.Request(leader)
		if v := w.p.Request(next); v.Act != http7.Wait {
			t.Fatal(v.Act)
		}
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { w.expect(w.do("GET /a"), "200 miss page 1") })
		synctest.Wait()
		w.end(leader) // tells next
		w.end(next)   // which leaves before it has heard
		wg.Wait()
		if d := time.Since(begun); d != 0 {
			t.Errorf("it took %v", d)
		}
	})
}

// A waiter whose own time was up ended the fill that another led, and was counted among those who wait for ever.
func TestAWaiterWhoseTimeIsUpLeavesTheFillToTheOthers(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			s := said{head: "Cache-Control: max-age=10, stale-if-error=600", chunks: []string{fmt.Sprint(n)}}
			if n > 1 {
				s.before = 4 * time.Second
			}
			return s
		})
		w.do("GET /a")
		pass(20 * time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { w.expect(w.do("GET /a"), "200 miss 2") })
		synctest.Wait()
		x := w.request("GET /a")
		if v := w.p.Request(x); v.Act != http7.Wait {
			t.Fatal(v.Act)
		}
		wg.Go(func() { w.expect(w.do("GET /a"), "200 collapsed 2") })
		synctest.Wait()
		http7.FaultAnswer(x, http7.RouteTimeout)
		w.expect(w.respond(x), "200 error-stale 1")
		w.end(x)
		wg.Go(func() { w.expect(w.do("GET /a"), "200 collapsed 2") })
		wg.Wait()
		if w.asks() != 2 {
			t.Errorf("%d requests", w.asks())
		}
	})
}

func TestWhatNobodyElseMaySeeIsNotFetchedBehind(t *testing.T) {
	for _, field := range []string{"Authorization: eve", "Cache-Control: no-store"} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(_ asked, n int) said {
				return said{head: "Cache-Control: max-age=1, stale-while-revalidate=100", chunks: []string{fmt.Sprint(n)}}
			})
			w.do("GET /a")
			pass(2 * time.Second)
			w.expect(w.do("GET /a", field), "200 stale 1")
			w.expect(w.do("GET /a"), "200 stale 1")
			synctest.Wait()
			w.expect(w.do("GET /a"), "200 hit 2")
		})
	}
}

func TestTheOriginsChangeOfMindBehindIsHeeded(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			if n > 1 {
				return said{head: "Cache-Control: no-store", chunks: []string{fmt.Sprint(n)}}
			}
			return said{head: "Cache-Control: max-age=1, stale-while-revalidate=10", chunks: []string{fmt.Sprint(n)}}
		})
		w.do("GET /a")
		pass(2 * time.Second)
		w.expect(w.do("GET /a"), "200 stale 1")
		pass(20 * time.Second)
		w.expect(w.do("GET /a"), "200 uncacheable 3")
	})
}

func TestAnEndpointThatFailsBehindLeavesWhatIsStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			switch n {
			case 2:
				return said{fault: http7.ConnectRefused}
			case 3:
				return said{head: "Cache-Control: max-age=9", chunks: []string{"short"}, length: 50, cut: true}
			case 4:
				return said{status: 500}
			}
			return said{head: "Cache-Control: max-age=1, stale-while-revalidate=100, stale-if-error=100", chunks: []string{fmt.Sprint(n)}}
		})
		w.do("GET /a")
		pass(2 * time.Second)
		for range 4 {
			w.expect(w.do("GET /a"), "200 stale 1")
			synctest.Wait()
		}
		w.expect(w.do("GET /a"), "200 hit 5")
	})
}

// The origin's own delay made each answer stale on arrival, so that all who waited became leaders one after another.
func TestNobodyWaitsTwiceForAnswersThatAreStaleWhenTheyCome(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(_ asked, n int) said {
			return said{head: "Cache-Control: max-age=1\nETag: \"v\"", chunks: []string{"it"}, before: 2 * time.Second}
		})
		begun := time.Now()
		w.many(50, "GET /a")
		if d := time.Since(begun); d != 4*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
