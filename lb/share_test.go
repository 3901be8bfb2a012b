package lb

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// However fast an endpoint is, its weight bounds what it gets: a canary of weight 1 beside 99 must not be sent the
// traffic because it answers sooner.
func TestAFastEndpointOfLittleWeightGetsLittle(t *testing.T) {
	for _, balance := range []string{EWMA, LeastRequests} {
		for _, n := range []int{2, 3, 20} {
			t.Run(fmt.Sprint(balance, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					weights := equal(n)
					for i := range weights {
						weights[i] = 99
					}
					weights[0] = 1
					_, u := upstream(t, balance, weights...)
					canary, picked := endpoints(u)[0], 0
					const all = 20000
					for range all {
						l, _ := u.Pick(Key{}, Tried{})
						d := 5 * time.Millisecond
						if l.Endpoint() == canary {
							d, picked = time.Millisecond, picked+1
						}
						time.Sleep(d)
						l.Done(took(d))
					}
					// Twice its share at most, and a good part of it at least.
					share := 1 / float64(1+99*(n-1))
					if got := float64(picked) / all; got > 2.5*share+15./all || got < 0.3*share-2./all { // of few picks, chance has its part
						t.Errorf("it gets %.2f%% of the traffic, and its weight is %.2f%%", 100*got, 100*share)
					}
				})
			})
		}
	}
}

// In its slow start an endpoint gets little, whatever the others suffer.
func TestASlowStartHoldsWhileTheOthersAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(EWMA, equal(3)...)
		cfg.SlowStart = conf.Dur(100 * time.Second)
		r := NewRegistry(nil)
		u := adopt(t, r, cfg)
		all := endpoints(u)
		r.Judge(ByProbe, Ready, "", all...)
		time.Sleep(200 * time.Second)
		r.Judge(ByProbe, Down, "a test", all[0])
		time.Sleep(time.Second)
		r.Judge(ByProbe, Ready, "", all[0])
		time.Sleep(time.Second)
		picked := 0
		for range 3000 {
			l, _ := u.Pick(Key{}, Tried{})
			d := 20 * time.Millisecond
			if l.Endpoint() == all[0] {
				d, picked = time.Millisecond, picked+1
			}
			l.Done(took(d))
		}
		// Its share is 1 of 21. Better than all others, it is taken whenever it is one of the two that are
		// drawn, which is 279 of 3000 times; chance spreads that by 16.
		if picked > 279+5*16 || picked < 100 {
			t.Errorf("it gets %d of 3000 uses at a tenth of its share", picked)
		}
	})
}
