package lb

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// chances are those of a preview in hundredths, in order.
func chances(p Preview) string {
	var list []string
	for _, e := range p.Endpoints {
		list = append(list, fmt.Sprint(math.Round(e.Chance*100)))
	}
	return strings.Join(list, " ")
}

func TestAPreviewTellsWhatPickWouldChooseFrom(t *testing.T) {
	const first, second = "10.0.0.1:80", "10.0.0.2:80"
	for _, c := range []struct {
		balance, cast string
		choice, by    string
		chances       string // "": by chance
		reason        Reason
	}{
		{Random, "r", first, ByRest, "100", Picked},
		{Random, "r x", first, ByRest, "100 0", Picked},
		{EWMA, "x r e", second, ByRest, "0 100 0", Picked},
		{LeastRequests, "u r", second, ByRest, "0 100", Picked}, // unknown ones serve while nobody is ready
		{EWMA, "u d", first, ByRest, "100 0", Picked},
		{RoundRobin, "x r+1", second, ByTurn, "0 100", Picked},
		{Random, "r r+1", first, ByRest, "100 0", Picked},
		{Random, "x", "", "", "0", NoEndpoint},
		{EWMA, "", "", "", "", NoEndpoint},
		{Maglev, "x m", "", "", "0 0", NoEndpoint},
		{Maglev, "r", first, ByHash, "100", Picked},
	} {
		_, u := stage(t, Config{Balance: c.balance}, c.cast)
		p := u.Preview(Key{Hash: 9}, Tried{})
		if p.Choice != c.choice || p.By != c.by || p.Reason != c.reason || chances(p) != c.chances || p.Balance != c.balance || p.Upstream != "orders" {
			t.Errorf("%q by %s: %q by %q, %v, chances %q; want %q by %q, %v, %q",
				c.cast, c.balance, p.Choice, p.By, p.Reason, chances(p), c.choice, c.by, c.reason, c.chances)
		}
	}
}

func TestThePreviewOfASessionIsItsEndpointAsLongAsItMayStay(t *testing.T) {
	for _, c := range []struct {
		cast   string // the session wants the first
		tried  bool
		by     string
		choice int
	}{
		{"r r", false, ByStick, 0},
		{"d r", false, ByStick, 0},
		{"x r", false, ByRest, 1},
		{"r r", true, ByRest, 1},
	} {
		_, u := stage(t, Config{Balance: Random}, c.cast)
		list := endpoints(u)
		var tried Tried
		if c.tried {
			tried.Add(list[0])
		}
		p := u.Preview(Key{Stick: list[0]}, tried)
		if p.By != c.by || p.Choice != list[c.choice].Address() || p.Endpoints[0].Tried != c.tried {
			t.Errorf("%q, tried %v: %q by %q, want endpoint %d by %q", c.cast, c.tried, p.Choice, p.By, c.choice, c.by)
		}
	}
}

func TestThePreviewSaysWhyNobodyWouldBePicked(t *testing.T) {
	for _, balance := range everyBalancer {
		_, u := stage(t, Config{Balance: balance, MaxInFlight: AtMost(1)}, "r r r+1")
		list := endpoints(u)
		for _, e := range list[:2] {
			leaseOn(e)
		}
		if p := u.Preview(Key{Hash: 3}, Tried{}); p.Reason != AllFull || p.By != "" || p.Endpoints[0].Limit != 1 || p.Endpoints[0].InFlight != 1 {
			t.Errorf("%s, all full: %+v", balance, p)
		}
		var tried Tried
		tried.Add(list[0])
		tried.Add(list[1])
		if p := u.Preview(Key{Hash: 3}, tried); p.Reason != Picked || p.By != BySpare || p.Choice != list[2].Address() {
			t.Errorf("%s, all tried: %q by %q, %v; want the backup", balance, p.Choice, p.By, p.Reason)
		}
		tried.Add(list[2])
		if p := u.Preview(Key{Hash: 3}, tried); p.Reason != AllTried || p.By != "" {
			t.Errorf("%s, backup tried too: %q by %q, %v", balance, p.Choice, p.By, p.Reason)
		}
	}
}

func TestThePreviewOfAnOpenBreakerSaysForHowLong(t *testing.T) {
	b := DefaultBreaker()
	_, u := stage(t, Config{Balance: EWMA, Breaker: &b}, "r")
	if p := u.Preview(Key{}, Tried{}); p.Breaker != "closed" || p.Reason != Picked {
		t.Errorf("closed: %q, %v", p.Breaker, p.Reason)
	}
	for range 2 * b.MinRequests {
		pick(u, Key{}, Tried{}).Done(Outcome{Result: Reset})
	}
	if p := u.Preview(Key{}, Tried{}); p.Breaker != "open" || p.Reason != BreakerOpen || p.BreakerLeft <= 0 || p.By != "" {
		t.Errorf("open: %q, %v, %v left, by %q", p.Breaker, p.Reason, p.BreakerLeft, p.By)
	}
	_, none := stage(t, Config{Balance: EWMA}, "r")
	if p := none.Preview(Key{}, Tried{}); p.Breaker != "off" {
		t.Errorf("none: %q", p.Breaker)
	}
}

// What Preview says of chances is what Pick then does, for every balancer, weights, zones and loads.
func TestChancesAreThoseOfPick(t *testing.T) {
	const n = 20000
	for _, balance := range everyBalancer {
		for _, cast := range []string{"r r", "r*3 r", "r r*2 r*5 x", "r@a r@b r@a", strings.Repeat("r ", 20)} {
			_, u := stage(t, Config{Balance: balance, Zone: "a"}, cast)
			for i, e := range endpoints(u) {
				for range i % 3 {
					leaseOn(e)
				}
			}
			p := u.Preview(Key{}, Tried{})
			got := map[string]int{}
			for range n {
				l := pick(u, Key{}, Tried{})
				got[l.Endpoint().Address()]++
				l.Done(Outcome{Result: Cancelled})
			}
			for _, e := range p.Endpoints {
				allowed := 0.025
				if u.config.hashing() { // the seats' estimates move with each pick
					allowed = 0.06
				}
				if is := float64(got[e.Address]) / n; math.Abs(is-e.Chance) > allowed {
					t.Errorf("%q by %s: the chance of %s is %.3f, it got %.3f", cast, balance, e.Address, e.Chance, is)
				}
			}
		}
	}
}

func TestAKeysPlaceIsWhereItGoes(t *testing.T) {
	for _, balance := range []string{Maglev, Ring} {
		_, u := stage(t, Config{Balance: balance}, strings.Repeat("r ", 30))
		for i, e := range endpoints(u) {
			for range i % 7 {
				leaseOn(e)
			}
		}
		drawn := 0 // now and then the estimate of what is in flight decides, and that surveys at random
		for hash := range uint64(200) {
			k := Key{Hash: mix(hash)}
			p := u.Preview(k, Tried{})
			l := pick(u, k, Tried{})
			if p.By == ByDraw {
				drawn++
			} else if p.By != ByHash || p.Choice != l.Endpoint().Address() {
				drawn += 3
			}
			l.Done(Outcome{Result: Cancelled})
		}
		if drawn > 20 {
			t.Errorf("%s: of 200 keys too many, %d, do not go where the preview says", balance, drawn)
		}
	}
}

func TestThePreviewOfTurnsIsTheNextOne(t *testing.T) {
	_, u := stage(t, Config{Balance: RoundRobin}, "r*3 r x r")
	for range 50 {
		p := u.Preview(Key{}, Tried{})
		l := pick(u, Key{}, Tried{})
		if p.By != ByTurn || p.Choice != l.Endpoint().Address() || chances(p) != "60 20 0 20" {
			t.Fatalf("the preview says %q by %q, %s; the pick %s", p.Choice, p.By, chances(p), l.Endpoint())
		}
		l.Done(Outcome{})
	}
}

// Nothing that can be read of an upstream changes by looking at it.
func TestAPreviewConsumesNothing(t *testing.T) {
	for _, balance := range everyBalancer {
		for what, cfg := range setups(balance) {
			_, u := stage(t, cfg, "r@a r*2 u x r+1")
			leaseOn(endpoints(u)[0])
			state := func() string {
				var b strings.Builder
				for _, e := range endpoints(u) {
					fmt.Fprint(&b, e, e.State(), e.InFlight(), e.Picked(), e.Latency(), e.latency.word.Load(), e.Limit(), e.Tally(0))
				}
				s := u.Gate().Stats()
				fmt.Fprintf(&b, "%+v", s)
				for r := range Reason(reasons) {
					fmt.Fprint(&b, u.Refused(r))
				}
				switch p := u.View().near.(type) {
				case *turnsPicker:
					fmt.Fprint(&b, p.turns.cursor.Load())
				case *hashPicker:
					for i := range p.seats.list {
						fmt.Fprint(&b, p.seats.list[i].seen.Load(), p.seats.total.Load())
					}
				}
				return b.String()
			}
			before := state()
			for h := range uint64(5) {
				u.Preview(Key{Hash: h, Route: 3}, Tried{})
			}
			if after := state(); after != before {
				t.Errorf("%s, %s:\n%s\n%s", balance, what, before, after)
			}
		}
	}
}

func TestScoresAreWhatTheBalancerCompares(t *testing.T) {
	for _, c := range []struct {
		balance string
		want    []float64
	}{
		{EWMA, []float64{40, 60, 20}}, // 20 ms with 1 waiting; 40 with 2 at weight 4; the third is taken for as fast as the fastest
		{LeastRequests, []float64{1, 0.5, 0}},
		{Maglev, []float64{1, 0.5, 0}},
		{RoundRobin, []float64{0, 0, 0}},
		{Random, []float64{0, 0, 0}},
	} {
		_, u := stage(t, Config{Balance: c.balance}, "r r*4 r")
		list := endpoints(u)
		leaseOn(list[0]).Done(took(20 * time.Millisecond))
		leaseOn(list[1]).Done(took(40 * time.Millisecond))
		leaseOn(list[0])
		leaseOn(list[1])
		leaseOn(list[1])
		var got []float64
		for _, e := range u.Preview(Key{}, Tried{}).Endpoints {
			got = append(got, e.Score)
		}
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) <= b/20 }) {
			t.Errorf("%s: scores %v, want about %v", c.balance, got, c.want)
		}
	}
}

func BenchmarkPreview(b *testing.B) {
	for _, balance := range everyBalancer {
		for _, n := range []int{3, 4096} {
			b.Run(fmt.Sprintf("%s/%d", balance, n), func(b *testing.B) {
				_, u := upstream(b, balance, equal(n)...)
				for b.Loop() {
					u.Preview(Key{Hash: 5}, Tried{})
				}
			})
		}
	}
}
