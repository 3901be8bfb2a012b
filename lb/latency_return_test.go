package lb

import (
	"testing"
	"testing/synctest"
	"time"
)

// What an endpoint was charged with before it left must not keep traffic away from it when it comes back.
func TestAnEndpointThatComesBackIsNotKnownByItsFailures(t *testing.T) {
	for _, c := range []struct {
		name     string
		by       Judge
		out      State
		remember bool
	}{
		{"from down", ByProbe, Down, false},
		{"from ejection", ByTraffic, Ejected, false},
		{"from maintenance", ByOperator, Maintenance, false},
		{"from draining, in which it served", ByOperator, Draining, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, u := upstream(t, EWMA, 1, 1)
				e := endpoints(u)[0]
				r.Judge(ByProbe, Ready, "", endpoints(u)...)
				leaseOn(e).Done(Outcome{Result: ConnectFailed, FirstByte: time.Millisecond})
				time.Sleep(time.Second)
				r.Judge(c.by, c.out, "a test", e)
				time.Sleep(time.Second)
				r.Judge(c.by, Ready, "", e)
				if got := e.Latency(); (got > 0) != c.remember {
					t.Errorf("it is expected to take %v", got)
				}
			})
		})
	}
}

// Below a millisecond latencies differ by chance: by them alone no endpoint is left out.
func TestLatenciesBelowAMillisecondAreEqual(t *testing.T) {
	_, u := upstream(t, EWMA, 1, 1, 1)
	all := endpoints(u)
	for i, d := range []time.Duration{50 * time.Microsecond, 200 * time.Microsecond, 900 * time.Microsecond} {
		leaseOn(all[i]).Done(took(d))
	}
	picked := map[*Endpoint]int{}
	for range 3000 {
		l, _ := u.Pick(Key{}, Tried{})
		picked[l.Endpoint()]++
		l.Done(Outcome{Result: Cancelled})
	}
	for _, e := range all {
		if n := picked[e]; n < 850 || n > 1150 {
			t.Errorf("%s, which takes %v, is picked %d times of 3000", e, e.Latency(), n)
		}
	}
}

// Among endpoints that have all failed for long, the one that recovers is found within a few answers.
func TestSuccessesTakeRepeatedFailuresOffFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := upstream(t, EWMA, 1, 1)
		e := endpoints(u)[0]
		for range 20 {
			leaseOn(e).Done(Outcome{Result: Status5xx, FirstByte: time.Millisecond})
			time.Sleep(10 * time.Millisecond)
		}
		if got := e.Latency(); got < 50*time.Second {
			t.Fatalf("20 failures are charged with %v, want about a minute", got)
		}
		for range 6 {
			leaseOn(e).Done(took(100 * time.Millisecond))
			time.Sleep(10 * time.Millisecond)
		}
		if got := e.Latency(); got < 500*time.Millisecond || got > time.Second {
			t.Errorf("after six answers in 100 ms it counts for %v, want a failure's charge", got)
		}
	})
}
