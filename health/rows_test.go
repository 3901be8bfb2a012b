package health

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"weir/lb"
)

// done is what the endpoints of an upstream have done on one route: for each the results in their
// order, + for OK and - for an error.
func (c *court) done(route uint32, histories ...string) {
	for i, history := range histories {
		for _, r := range history {
			result := lb.OK
			if r == '-' {
				result = lb.Status5xx
			}
			c.use(i, 1, route, result)
		}
	}
}

// How long a row must be, by what the others do. The suspect is the first endpoint.
func TestTheLengthOfARowFollowsFromTheOthers(t *testing.T) {
	for _, c := range []struct {
		what   string
		others []string
		want   int // in steps of 5; 0: none up to 400
	}{
		{"the others serve", []string{"+", "+", "+", "+"}, 5},
		{"one of 20 fails at the others", []string{"+++++++++++++++++++-+", "++++++++++", "++++++++++", "++++"}, 5},
		{"a fifth fails", []string{"+-+++", "+++-+", "-++++", "+-+++"}, 10},
		{"half of it fails", []string{"+-+", "+-+", "-+", "-+"}, 20},
		{"one of four others is dead", []string{"-----", "+", "+", "+"}, 10},
		{"two of four others are dead", []string{"-----", "-----", "+", "+"}, 20},
		{"three of four others are dead", []string{"-----", "-----", "-----", "+"}, 50},
		{"all others are dead", []string{"-----", "-----", "-----", "-----"}, 0},
		{"all others have failed a little, 20 s ago", []string{"+-", "--", "-", "--"}, 30},
		{"nobody else was asked", []string{"", "", "", ""}, 5},
		{"one was asked and serves", []string{"", "", "", "+"}, 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCourt(t, 5, nil)
			got := 0
			for i, h := range c.others { // before anybody judges
				for _, r := range h {
					result := lb.OK
					if r == '-' {
						result = lb.Status5xx
					}
					k.lease(k.upstream, i+1).Done(lb.Outcome{Result: result, Route: 7})
				}
			}
			for len(k.outliers.streaks) > 0 {
				<-k.outliers.streaks
			}
			k.in(func() {
				for n := 5; n <= 400 && got == 0; n += 5 {
					k.use(0, 5, 7, lb.ConnectFailed)
					time.Sleep(2 * patience)
					if k.endpoint(0).Says(lb.ByTraffic) == lb.Ejected {
						got = n
					}
				}
			})
			if got != c.want {
				t.Errorf("%s: ejected after %d errors in a row, want %d", c.what, got, c.want)
			}
		})
	}
}

// A balancer may not have asked the others since the route began to fail: one of them must serve it
// after the row was seen.
func TestOneMustServeWhileTheRowLasts(t *testing.T) {
	for _, n := range []int{2, 3, 8} {
		for _, c := range []struct {
			what string
			then string // of the second endpoint, after the row of the first
			soon lb.State
			late lb.State
		}{
			{"it serves", "+", lb.Ejected, lb.Ejected},
			{"it fails", "-", lb.Ready, lb.Ready},
			{"it fails, then serves", "-+", lb.Ejected, lb.Ejected},
			{"nobody is asked", "", lb.Ready, lb.Ejected},
		} {
			synctest.Test(t, func(t *testing.T) {
				k := newCourt(t, n, nil)
				k.in(func() {
					for i := range n {
						k.use(i, 400, 0, lb.OK)
					}
					k.use(0, 5, 0, lb.Status5xx)
					what := fmt.Sprintf("%d endpoints, another: %s", n, c.what)
					k.expect(what+", at once", lb.Ready)
					k.done(0, "", c.then)
					time.Sleep(2 * lookAgain)
					k.expect(what+", 4 ms later", c.soon)
					time.Sleep(patience)
					k.expect(what+", 2 s later", c.late)
				})
			})
		}
	}
}

// What an ejected endpoint had done is no longer among what the others have done; a row that is
// doubted meanwhile must not wait until they have made up for it.
func TestAnEjectionDoesNotProlongADoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 6, nil)
		c.in(func() {
			for i := range 6 {
				c.use(i, 1000, 0, lb.OK)
			}
			c.use(0, 5, 0, lb.Status5xx) // doubted
			time.Sleep(2 * lookAgain)
			for i := range 6 {
				c.use(i, 100, 1, lb.OK)
			}
			c.strike(5, 5, 1, lb.Status5xx) // ejected for another route
			c.expect("the sixth", lb.Ready, lb.Ready, lb.Ready, lb.Ready, lb.Ready, lb.Ejected)
			time.Sleep(3 * lookAgain)
			c.use(1, 1, 0, lb.OK)
			time.Sleep(3 * lookAgain)
			c.expect("the first, once the second has served its route", lb.Ejected)
		})
	})
}

// The next five errors make another row, which is looked at anew.
func TestARowThatGrowsIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(400)
			c.use(0, 5, 0, lb.Status5xx)
			c.use(1, 1, 0, lb.Status5xx)
			time.Sleep(time.Second)
			c.expect("the only other use failed", lb.Ready)
			c.use(1, 1, 0, lb.OK)
			c.use(0, 4, 0, lb.Status5xx)
			time.Sleep(time.Second)
			c.expect("nine errors", lb.Ready)
			c.strike(0, 1, 0, lb.Status5xx)
			c.expect("ten errors, while the others serve", lb.Ejected)
		})
	})
}

func TestARowThatEndsWhileItIsDoubtedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 2, nil)
		c.in(func() {
			c.use(1, 10, 0, lb.OK)
			c.use(0, 5, 0, lb.Status5xx)
			c.use(0, 1, 0, lb.OK)
			time.Sleep(2 * patience)
			c.expect("the row ended within its time", lb.Ready, lb.Ready)
			if n := len(c.outliers.peers["orders"].doubts); n != 0 {
				t.Errorf("%d doubts are left", n)
			}
		})
	})
}

func TestRowsCountPerRouteSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			for i := range 4 {
				for route := range uint32(3) {
					c.use(i, 10, route, lb.OK)
				}
			}
			for range 4 {
				c.use(0, 1, 1, lb.Status5xx)
				c.use(0, 1, 2, lb.Status5xx)
			}
			c.expect("four errors on each of two routes", lb.Ready)
			c.use(0, 100, 0, lb.OK)
			c.strike(0, 1, 1+lb.TallySlots, lb.Status5xx)
			c.expect("a fifth on a route of the same slot, whatever the first route does", lb.Ejected)
		})
	})
}
