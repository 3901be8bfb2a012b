package shared

import (
	"context"
	"strconv"
	"testing"
	"time"

	"weir/internal/conf"
)

// idle is a node that runs for nobody, with a clock that the test moves.
func idle(t testing.TB, change func(*Config)) (s *Store, clock *time.Time) {
	t.Helper()
	c := Default()
	if change != nil {
		change(&c)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock = &now
	return newStore(c, &server{}, Needs{}, func() time.Time { return *clock }), clock
}

// sleeper counts how often it is woken.
type sleeper struct{ woken int }

// Wake implements [Waker].
func (s *sleeper) Wake() { s.woken++ }

func TestANodeAsksForWhatItNeedsAndABitMore(t *testing.T) {
	s, clock := idle(t, granting(10))
	l := s.Rate("api", 100, 100)
	var a, b sleeper
	first, _ := l.Await([]byte("key"), 1, *clock, &a)
	second, _ := l.Await([]byte("key"), 2, *clock, &b)
	e := l.keys.find([]byte("key"))
	if len(s.line) != 1 {
		t.Fatalf("%d keys are in line, want the one", len(s.line))
	}
	w, ok := e.wish(s.since(*clock))
	if !ok || w.need != 3 || w.more != 1 || w.charge != 0 {
		t.Errorf("asks for %+v, want 3 and 1 more", w)
	}
	if again := e.settle(w, grant{got: 4, rest: 96}, *clock); again {
		t.Error("asks again for nobody")
	}
	if x, y := first.Leave(*clock), second.Answer(); x.Outcome != Taken || y.Outcome != Taken || a.woken != 1 || b.woken != 1 || x.Left != 99 || y.Left != 97 {
		t.Errorf("%+v, %+v", x, y)
	}
	if x := l.Take([]byte("key"), 1, *clock); x.Outcome != Taken || x.Left != 96 || x.Reset != 40*time.Millisecond || len(s.line) != 2 {
		t.Errorf("from what the node holds: %+v, %d in line", x, len(s.line))
	}
	if x := l.Take([]byte("key"), 1, *clock); x.Outcome != Unknown {
		t.Errorf("from nothing: %+v", x)
	}
}

// Who waited for the server's answer was told that its limit is whole again at once: RateLimit said t=0.
func TestWhoHasWaitedIsToldWhenThereIsAllAgain(t *testing.T) {
	for _, c := range []struct {
		how  string
		want time.Duration
		of   func(s *Store, now time.Time) *Limit
	}{
		{"rate", time.Minute, func(s *Store, _ time.Time) *Limit { return s.Rate("api", 1.0/60, 3) }},
		{"quota", 3 * time.Hour, func(s *Store, now time.Time) *Limit {
			return s.Quota("api", 3, func(time.Time) (start, end time.Time) { return now, now.Add(3 * time.Hour) })
		}},
	} {
		s, clock := idle(t, nil)
		l := c.of(s, *clock)
		w, _ := l.Await([]byte("key"), 1, *clock, &sleeper{})
		e := l.keys.find([]byte("key"))
		asked, _ := e.wish(s.since(*clock))
		e.settle(asked, grant{got: 1, rest: 2}, *clock)
		if a := w.Leave(*clock); a.Outcome != Taken || a.Left != 2 || a.Reset.Round(time.Millisecond) != c.want {
			t.Errorf("%s: %+v, want 2 left and all after %v", c.how, a, c.want)
		}
	}
	s, clock := idle(t, failing("open"))
	l := s.Quota("api", 3, func(time.Time) (start, end time.Time) { return *clock, clock.Add(time.Hour) })
	s.down.Store(true)
	if _, a := l.Await([]byte("key"), 1, *clock, &sleeper{}); a.Outcome != Taken || a.Reset != time.Hour {
		t.Errorf("open: %+v, want the rest of the period", a)
	}
}

func TestWaitersAreServedInTheirOrder(t *testing.T) {
	s, clock := idle(t, nil)
	l := s.Rate("api", 10, 10)
	var order [4]sleeper
	var waiters [4]*Waiter
	for i := range order {
		waiters[i], _ = l.Await([]byte("key"), 1, *clock, &order[i])
	}
	e := l.keys.find([]byte("key"))
	w, _ := e.wish(s.since(*clock))
	fifth, _ := l.Await([]byte("key"), 1, *clock, &sleeper{}) // too late for what is asked
	if again := e.settle(w, grant{got: 4, rest: 6}, *clock); !again {
		t.Error("nobody asks for the fifth")
	}
	for i, w := range waiters {
		if a := w.Answer(); a.Outcome != Taken || order[i].woken != 1 {
			t.Errorf("%d: %+v", i, a)
		}
	}
	w, _ = e.wish(s.since(*clock))
	e.settle(w, grant{retry: 30 * time.Millisecond}, *clock)
	if a := fifth.Leave(*clock); a.Outcome != Refused || a.Retry != 30*time.Millisecond {
		t.Errorf("the fifth: %+v, want refused for 30ms", a)
	}
	*clock = clock.Add(29 * time.Millisecond)
	if a := l.Take([]byte("key"), 1, *clock); a.Outcome != Refused || a.Retry != time.Millisecond {
		t.Errorf("before there is more: %+v", a)
	}
	*clock = clock.Add(time.Millisecond)
	if a := l.Take([]byte("key"), 1, *clock); a.Outcome != Unknown {
		t.Errorf("when there may be more: %+v", a)
	}
}

// A request that costs five finds three: they go back at once, for others, and it is told when there will be five.
func TestWhatIsTooLittleGoesBack(t *testing.T) {
	s, clock := idle(t, nil)
	l := s.Rate("api", 10, 10)
	waiter, _ := l.Await([]byte("key"), 5, *clock, &sleeper{})
	e := l.keys.find([]byte("key"))
	w, _ := e.wish(s.since(*clock))
	if again := e.settle(w, grant{got: 3, retry: 100 * time.Millisecond}, *clock); !again {
		t.Error("it keeps what it can't use")
	}
	if a := waiter.Answer(); a.Outcome != Refused || a.Retry != 200*time.Millisecond {
		t.Errorf("%+v, want refused for 200ms", a)
	}
	if w, ok := e.wish(s.since(*clock)); !ok || w.charge != -3 || w.need != 0 || w.more != 0 {
		t.Errorf("asks for %+v, want to give 3 back", w)
	}
}

func TestWhoStopsWaitingIsDecidedAloneAndChargedLater(t *testing.T) {
	s, clock := idle(t, granting(1))
	l := s.Rate("api", 10, 100)
	waiter, _ := l.Await([]byte("key"), 1, *clock, &sleeper{})
	e := l.keys.find([]byte("key"))
	asked, _ := e.wish(s.since(*clock))
	if a := waiter.Leave(*clock); a.Outcome != Taken || !a.Alone || a.Left != 99 || s.Stats().Late != 1 {
		t.Errorf("%+v", a)
	}
	// The answer comes after all: what it brings for nobody goes back, but for a grant.
	e.settle(asked, grant{got: 2, rest: 98}, *clock)
	if left := e.left.Load(); left != 1 {
		t.Errorf("the node holds %d, want one grant", left)
	}
	if e.owed != 0 { // one to be charged, one to be given back
		t.Errorf("owes %d", e.owed)
	}
	w, ok := e.wish(s.since(*clock))
	if ok {
		t.Errorf("asks for %+v", w)
	}
}

func TestAGuessIsDecidedByWhatTheNodeKnows(t *testing.T) {
	s, clock := idle(t, func(c *Config) { c.OnFailure, c.Grant = onClosed, conf.Percent(0) })
	l := s.Rate("api", 0.001, 3)
	key := []byte("key")
	guess := func() Outcome {
		w, a := l.Await(key, 1, *clock, &sleeper{})
		if w != nil {
			a = w.Guess(*clock)
		}
		return a.Outcome
	}
	for i, want := range []Outcome{Taken, Taken, Taken, Refused} {
		if got := guess(); got != want {
			t.Errorf("guess %d is %d, want %d", i, got, want)
		}
	}
	e := l.keys.find(key)
	w, ok := e.wish(s.since(*clock))
	if !ok || w.charge != 3 || w.need != 0 || s.Stats().Late != 0 {
		t.Errorf("asks for %+v, want 3 charged", w)
	}
	// Others have taken some meanwhile.
	e.settle(w, grant{rest: 0, retry: time.Hour}, *clock)
	if a := l.Take(key, 1, *clock); a.Outcome != Refused || a.Retry != time.Hour {
		t.Errorf("%+v", a)
	}
}

func TestTheSizeOfAGrantFollowsTheLoad(t *testing.T) {
	s, clock := idle(t, granting(10))
	l := s.Rate("api", 1000, 1000)
	e := l.keys.obtain(l, []byte("key"), *clock)
	for i, c := range []struct {
		after time.Duration
		more  int64
	}{{0, 1}, {time.Millisecond, 2}, {time.Millisecond, 4}, {time.Second, 4}, {99 * time.Millisecond, 8}, {time.Millisecond, 16}, {3 * time.Second, 8}, {0, 16}, {0, 32}, {0, 64}, {0, 100}, {0, 100}} {
		*clock = clock.Add(c.after)
		w, _ := e.wish(s.since(*clock))
		if w.more != c.more {
			t.Errorf("%d: %v after the one before it wants %d, want %d", i, c.after, w.more, c.more)
		}
		e.settle(w, grant{rest: 500}, *clock)
	}
}

func TestAPeriodEndsWithAllThatBelongedToIt(t *testing.T) {
	s, clock := idle(t, granting(50))
	day := func(now time.Time) (time.Time, time.Time) {
		start := now.Truncate(24 * time.Hour)
		return start, start.Add(24 * time.Hour)
	}
	l := s.Quota("calls", 100, day)
	key := []byte("key")
	if a := l.Take(key, 1, *clock); a.Outcome != Unknown {
		t.Fatal(a)
	}
	w, _ := l.Await(key, 1, *clock, &sleeper{})
	e := l.keys.find(key)
	asked, _ := e.wish(1)
	e.settle(asked, grant{got: 2}, *clock)
	if a := w.Leave(*clock); a.Outcome != Taken {
		t.Errorf("%+v", a)
	}
	if a := l.Take(key, 1, *clock); a.Outcome != Taken || a.Reset != 12*time.Hour {
		t.Errorf("%+v", a)
	}
	if a := l.Take(key, 1, *clock); a.Outcome != Refused || a.Retry != 12*time.Hour {
		t.Errorf("used up: %+v, want refused until midnight", a)
	}
	*clock = clock.Add(2 * quotaPause)
	if a := l.Take(key, 1, *clock); a.Outcome != Unknown {
		t.Errorf("a while later: %+v, want that it asks whether others gave some back", a)
	}
	late, _ := l.Await(key, 1, *clock, &sleeper{})
	asked, _ = e.wish(1)
	*clock = clock.Add(12 * time.Hour)
	if a := l.Take(key, 1, *clock); a.Outcome != Unknown {
		t.Errorf("the next day: %+v", a)
	}
	fresh, _ := l.Await(key, 1, *clock, &sleeper{})
	if again := e.settle(asked, grant{got: 50, rest: 50}, *clock); !again || e.left.Load() != 0 {
		t.Errorf("tokens of yesterday count today: %d, %v", e.left.Load(), again)
	}
	if a := late.Answer(); a.Outcome != Unknown {
		t.Errorf("%+v", a)
	}
	if a := fresh.Leave(*clock); a.Outcome != Taken || a.Left != 99 {
		t.Errorf("alone: %+v", a)
	}
}

func TestPeekTakesNothing(t *testing.T) {
	s, clock := idle(t, granting(10))
	l := s.Rate("api", 10, 100)
	key := []byte("key")
	if a := l.Peek(key, 1, *clock); a.Outcome != Unknown || l.keys.size() != 0 {
		t.Errorf("%+v, %d keys", a, l.keys.size())
	}
	e := l.keys.obtain(l, key, *clock)
	e.left.Store(5)
	for range 3 {
		if a := l.Peek(key, 5, *clock); a.Outcome != Taken || e.left.Load() != 5 {
			t.Errorf("%+v", a)
		}
	}
	if a := l.Peek(key, 6, *clock); a.Outcome != Unknown {
		t.Errorf("%+v", a)
	}
	if a := l.Peek(key, 101, *clock); a.Outcome != Refused {
		t.Errorf("more than there ever is: %+v", a)
	}
}

func TestAReloadKeepsKeysAndTakesNewFigures(t *testing.T) {
	s, clock := idle(t, granting(10))
	old := s.Rate("api", 10, 1000)
	e := old.keys.obtain(old, []byte("key"), *clock)
	e.left.Store(7)
	next := s.Rate("api", 10, 20)
	if a := next.Take([]byte("key"), 7, *clock); a.Outcome != Taken {
		t.Errorf("%+v", a)
	}
	_, _ = next.Await([]byte("key"), 1, *clock, &sleeper{})
	if w, _ := e.wish(1); w.limit != next {
		t.Error("it asks for the limit of before")
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	s, clock := idle(t, granting(10))
	l := s.Rate("api", 10, 100)
	key := []byte("key")
	e := l.keys.obtain(l, key, *clock)
	e.left.Store(1 << 40)
	if n := testing.AllocsPerRun(1000, func() { l.Take(key, 1, *clock) }); n != 0 {
		t.Errorf("Take allocates %v times", n)
	}
	e.left.Store(0)
	e.dry.Store(time.Hour)
	if n := testing.AllocsPerRun(1000, func() { l.Take(key, 1, *clock) }); n != 0 {
		t.Errorf("a refusal allocates %v times", n)
	}
}

func BenchmarkAdmitted(b *testing.B) {
	s, clock := idle(b, granting(10))
	l := s.Rate("api", 10, 100)
	keys := make([][]byte, 1024)
	for i := range keys {
		keys[i] = []byte("client-" + strconv.Itoa(i))
		l.keys.obtain(l, keys[i], *clock).left.Store(1 << 60)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if l.Take(keys[i%len(keys)], 1, *clock).Outcome != Taken {
			b.Fatal("refused")
		}
	}
}

// BenchmarkAsked is what a request costs that has to ask.
func BenchmarkAsked(b *testing.B) {
	r := newRedis(b)
	s, _ := r.node(func(c *Config) { granting(0)(c) })
	l := s.Rate("api", 1e6, 1e9)
	take(l, "key", 1)
	for b.Loop() {
		if a := take(l, "key", 1); a.Outcome != Taken {
			b.Fatal(a)
		}
	}
}

func TestAFullLineIsNoWait(t *testing.T) {
	s, clock := idle(t, nil)
	l := s.Rate("api", 10, 10)
	for i := range lineLength {
		if w, _ := l.Await(strconv.AppendInt(nil, int64(i), 10), 1, *clock, &sleeper{}); w == nil {
			t.Fatalf("%d in line, and no room", i)
		}
	}
	if w, a := l.Await([]byte("one more"), 1, *clock, &sleeper{}); w != nil || a.Outcome != Taken || !a.Alone {
		t.Errorf("%+v", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Run(ctx) // wakes them all
	if got := s.Stats(); got.Alone != lineLength+1 || !got.Down {
		t.Errorf("%+v", got)
	}
}
