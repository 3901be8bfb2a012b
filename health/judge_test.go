package health

import (
	"container/heap"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// judged gives results, + for success and - for failure, to a new check of an endpoint in state s
// and returns the state after each, by its first letter.
func judged(t *testing.T, s lb.State, rise, fall int, results string) (string, *check) {
	t.Helper()
	scene := newScene(t, 1)
	scene.registry.Judge(lb.ByProbe, s, "", scene.endpoint(0))
	config := steady()
	config.Rise, config.Fall = rise, fall
	k := newCheck(scene.endpoint(0), newMethod(config, Way{}, nil))
	var states strings.Builder
	for i, r := range results {
		var err error
		if r == '-' {
			err = errRefused
		}
		before := k.endpoint.Says(lb.ByProbe)
		next, change := k.verdict(err, time.Now())
		if change != (next != before) {
			t.Errorf("result %d of %s: change is %v from %v to %v", i, results, change, before, next)
		}
		scene.registry.Judge(lb.ByProbe, next, "", k.endpoint)
		states.WriteByte(next.String()[0])
	}
	return states.String(), k
}

func TestStatesByRiseFallAndInitial(t *testing.T) {
	for _, c := range []struct {
		from       lb.State
		rise, fall int
		results    string
		want       string // u, r or d after each result
	}{
		{lb.Unknown, 5, 3, "+", "r"}, // nothing to recover from
		{lb.Unknown, 1, 1, "-", "d"},
		{lb.Unknown, 2, 3, "--+", "uur"},
		{lb.Unknown, 2, 3, "---++", "uuddr"},
		{lb.Ready, 1, 1, "-+-+", "drdr"},
		{lb.Ready, 2, 2, "-+-+-+", "rrrrrr"}, // never two in a row
		{lb.Ready, 2, 3, "+++---", "rrrrrd"},
		{lb.Ready, 3, 2, "--++-+++", "rddddddr"},
		{lb.Ready, 2, 1, "-+-++", "ddddr"},
		{lb.Down, 1, 3, "+--+", "rrrr"},
		{lb.Down, 4, 1, "+++-++++", "dddddddr"},
		{lb.Down, 2, 3, "-----", "ddddd"},
	} {
		got, _ := judged(t, c.from, c.rise, c.fall, c.results)
		if got != c.want {
			t.Errorf("%v, rise %d, fall %d: after %s the states are %s, want %s", c.from, c.rise, c.fall, c.results, got, c.want)
		}
	}
}

// model says the same as verdict, but looks at the whole history each time.
func model(from lb.State, rise, fall int, results string) string {
	var states strings.Builder
	s := from
	for i := range results {
		seen := results[:i+1]
		switch {
		case s == lb.Unknown && strings.HasSuffix(seen, "+"):
			s = lb.Ready
		case s == lb.Down && strings.HasSuffix(seen, strings.Repeat("+", rise)):
			s = lb.Ready
		case s != lb.Down && strings.HasSuffix(seen, strings.Repeat("-", fall)):
			s = lb.Down
		}
		states.WriteByte(s.String()[0])
	}
	return states.String()
}

func TestAnyHistoryIsJudgedAsTheModelDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		rise, fall := 1+random.IntN(5), 1+random.IntN(5)
		from := []lb.State{lb.Unknown, lb.Ready, lb.Down}[random.IntN(3)]
		var b strings.Builder
		for range 60 {
			b.WriteByte("+-"[random.IntN(2)])
		}
		got, k := judged(t, from, rise, fall, b.String())
		if want := model(from, rise, fall, b.String()); got != want {
			t.Fatalf("%v, rise %d, fall %d:\nresults %s\nstates  %s\nwant    %s", from, rise, fall, b.String(), got, want)
		}
		if good := uint64(strings.Count(b.String(), "+")); k.good != good || k.bad != 60-good {
			t.Fatalf("%d good and %d bad of %s", k.good, k.bad, b.String())
		}
	}
}

func TestResultsInARowAreCountedBySign(t *testing.T) {
	for _, c := range []struct {
		results   string
		inRow     int
		good, bad uint64
	}{
		{"", 0, 0, 0},
		{"+", 1, 1, 0},
		{"-", -1, 0, 1},
		{"+++-", -1, 3, 1},
		{"---+", 1, 1, 3},
		{"-+---", -3, 1, 4},
	} {
		_, k := judged(t, lb.Ready, 100, 100, c.results)
		if k.inRow != c.inRow || k.good != c.good || k.bad != c.bad {
			t.Errorf("%q: %d in a row, %d good, %d bad; want %d, %d, %d", c.results, k.inRow, k.good, k.bad, c.inRow, c.good, c.bad)
		}
		if failed := strings.HasSuffix(c.results, "-"); failed != (k.err != nil) {
			t.Errorf("%q: the last error is %v", c.results, k.err)
		}
	}
}

func TestTheMessageOfAChange(t *testing.T) {
	for _, c := range []struct {
		results string
		to      lb.State
		want    string
	}{
		{"---", lb.Down, "endpoint orders/10.0.0.1:80 down: connect: connection refused (3 of 3 probes failed)"},
		{"-", lb.Down, "endpoint orders/10.0.0.1:80 down: connect: connection refused (1 of 1 probes failed)"},
		{"-++", lb.Ready, "endpoint orders/10.0.0.1:80 ready (2 of 2 probes succeeded)"},
	} {
		if _, k := judged(t, lb.Ready, 100, 100, c.results); k.message(c.to) != c.want {
			t.Errorf("after %s: %q, want %q", c.results, k.message(c.to), c.want)
		}
	}
}

func TestPausesStayWithinTheirJitter(t *testing.T) {
	const interval = time.Second
	for _, c := range []struct {
		percent  float64
		from, to time.Duration
	}{
		{0, time.Second, time.Second},
		{20, 800 * time.Millisecond, 1200 * time.Millisecond},
		{100, 0, 2 * time.Second},
	} {
		config := steady()
		config.Interval, config.Jitter = conf.Dur(interval), conf.Percent(c.percent)
		k := newCheck(newScene(t, 1).endpoint(0), newMethod(config, Way{}, nil))
		k.second = time.Now().Add(interval / 3)
		if first := k.pause(); first < 0 || first > interval/3 || k.first {
			t.Errorf("jitter %v%%: the first pause is %v, want the time to the second turn, %v", c.percent, first, interval/3)
		}
		for range 1000 {
			if d := k.pause(); d < c.from || d > c.to {
				t.Fatalf("jitter %v%%: a pause of %v, want %v to %v", c.percent, d, c.from, c.to)
			}
		}
	}
}

// The queue must give its checks back by their times and know where each one is, through pushes,
// removals from the middle and moves.
func TestTheQueueKeepsOrderAndPlaces(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	begin := time.Unix(0, 0)
	var q queue
	for step := range 3000 {
		switch at := begin.Add(time.Duration(random.IntN(1000))); {
		case len(q) == 0 || random.IntN(3) > 0:
			heap.Push(&q, &check{due: at})
		case random.IntN(2) == 0:
			if c := heap.Remove(&q, random.IntN(len(q))).(*check); c.index != -1 {
				t.Fatalf("step %d: a check that left has the place %d", step, c.index)
			}
		default:
			c := q[random.IntN(len(q))]
			c.due = at
			heap.Fix(&q, c.index)
		}
		for i, c := range q {
			if c.index != i {
				t.Fatalf("step %d: the check at %d believes to be at %d", step, i, c.index)
			}
		}
	}
	last := begin
	for len(q) > 0 {
		c := heap.Pop(&q).(*check)
		if c.due.Before(last) {
			t.Fatalf("a check due at %v came after one due at %v", c.due, last)
		}
		last = c.due
	}
}
