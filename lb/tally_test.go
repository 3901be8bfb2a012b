package lb

import (
	"slices"
	"sync"
	"testing"
)

func TestTheTallyOfARouteCountsItsUsesAlone(t *testing.T) {
	_, u := upstream(t, EWMA, 1)
	e := endpoints(u)[0]
	use := func(route uint32, results ...Result) {
		for _, r := range results {
			leaseOn(e).Done(Outcome{Result: r, Route: route})
		}
	}
	use(0, OK, OK, Timeout)
	use(3, OK, Reset, Cancelled, Status5xx)
	use(19, ConnectFailed) // shares slot 3
	use(5, BadAnswer, BadAnswer, OK)
	use(6, Cancelled)
	for slot, want := range map[int]Tally{
		0: {OK: 2, Failed: 1, InRow: 1},
		3: {OK: 1, Failed: 3, InRow: 3},
		5: {OK: 1, Failed: 2, InRow: 0},
		6: {},
		7: {},
	} {
		if got := e.Tally(slot); got != want {
			t.Errorf("slot %d: %+v, want %+v", slot, got, want)
		}
	}
	if e.Ended(OK) != 4 || e.Ended(Cancelled) != 2 || e.Picked() != 12 {
		t.Errorf("%d ok, %d cancelled, %d picked; want 4, 2, 12", e.Ended(OK), e.Ended(Cancelled), e.Picked())
	}
}

func TestAStreakIsToldAtItsLengthAndEveryMultiple(t *testing.T) {
	for _, c := range []struct {
		streak  int
		results string // '.' success, 'x' failure, '-' cancelled
		want    []int  // after which uses, from 1, it is told
	}{
		{3, "xxx", []int{3}},
		{3, "xx.xx.xxx", []int{9}},
		{3, "xxxxxxx", []int{3, 6}},
		{3, "xx-x", []int{4}}, // a client that left proves nothing
		{1, "x.xx", []int{1, 3, 4}},
		{5, "xxxx.xxxx", nil},
		{0, "xxxxxxxxxx", nil},
	} {
		r := NewRegistry(nil)
		cfg := config(EWMA, 1)
		cfg.Streak = c.streak
		e := endpoints(adopt(t, r, cfg))[0]
		var told []int
		use := 0
		r.OnStreak(func(at *Endpoint, slot int) {
			if at != e || slot != 7 {
				t.Errorf("told of %v, slot %d; want %v, 7", at, slot, e)
			}
			told = append(told, use)
		})
		for _, x := range c.results {
			use++
			leaseOn(e).Done(Outcome{Result: map[rune]Result{'.': OK, 'x': Status5xx, '-': Cancelled}[x], Route: 7})
		}
		if !slices.Equal(told, c.want) {
			t.Errorf("streaks of %d in %q are told after uses %v, want %v", c.streak, c.results, told, c.want)
		}
	}
}

// Routes that share an endpoint have streaks of their own: a good route must not hide a bad one.
func TestAGoodRouteDoesNotBreakTheStreakOfABadOne(t *testing.T) {
	r := NewRegistry(nil)
	cfg := config(EWMA, 1)
	cfg.Streak = 5
	e := endpoints(adopt(t, r, cfg))[0]
	var slots []int
	r.OnStreak(func(_ *Endpoint, slot int) { slots = append(slots, slot) })
	for range 5 {
		leaseOn(e).Done(Outcome{Route: 1})
		leaseOn(e).Done(Outcome{Route: 2, Result: Timeout})
	}
	if !slices.Equal(slots, []int{2}) {
		t.Errorf("told of slots %v, want 2 alone", slots)
	}
}

func TestAStreakWithoutAListenerIsNoMatter(t *testing.T) {
	cfg := config(EWMA, 1)
	cfg.Streak = 1
	leaseOn(endpoints(adopt(t, NewRegistry(nil), cfg))[0]).Done(Outcome{Result: Reset})
}

// What the newest snapshot configures holds for all; if it is withdrawn, what the one before did.
func TestTheNewestSnapshotConfiguresTheStreak(t *testing.T) {
	r := NewRegistry(nil)
	told := 0
	r.OnStreak(func(*Endpoint, int) { told++ })
	snapshot := func(streak int) *Upstream {
		cfg := config(EWMA, 1)
		cfg.Streak = streak
		return adopt(t, r, cfg)
	}
	first := snapshot(2)
	e := endpoints(first)[0]
	fail := func(want int) {
		t.Helper()
		told = 0
		for range 12 {
			leaseOn(e).Done(Outcome{Result: Reset})
		}
		if told != want {
			t.Errorf("12 failures are told %d times, want %d", told, want)
		}
	}
	fail(6)
	second := snapshot(4)
	fail(3)
	third := snapshot(6)
	fail(2)
	r.Retire(third) // never published
	fail(3)
	r.Retire(first)
	fail(3)
	r.Retire(second)
}

func TestTalliesAddUpUnderConcurrentUse(t *testing.T) {
	_, u := upstream(t, EWMA, 1)
	e := endpoints(u)[0]
	var users sync.WaitGroup
	for g := range 4 {
		users.Go(func() {
			for i := range 1000 {
				leaseOn(e).Done(Outcome{Result: []Result{OK, Timeout}[i%2], Route: uint32(g % 2)})
			}
		})
	}
	users.Wait()
	for slot := range 2 {
		if got := e.Tally(slot); got.OK != 1000 || got.Failed != 1000 {
			t.Errorf("slot %d: %+v, want 1000 and 1000", slot, got)
		}
	}
}
