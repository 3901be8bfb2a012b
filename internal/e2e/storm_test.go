//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// storm is an upstream all of whose endpoints answer 503.
type storm struct {
	after   time.Duration // the endpoints' time for it
	backoff string
	rate    float64
	first   time.Duration // not measured
	run     time.Duration
	grace   float64       // attempts beyond 1.25 of the requests; the budget's 3 a second
	relief  time.Duration // for the one that answers 200 to be found
	served  float64       // the share of the requests that then get it
}

func TestStormOf503(t *testing.T) {
	t.Parallel()
	for _, s := range []storm{
		{after: 0, backoff: "0s", rate: gently(1000)},
		{after: 100 * time.Millisecond, backoff: "25ms", rate: 50},
	} {
		s.first, s.run, s.grace, s.relief, s.served = 500*time.Millisecond, 2*time.Second, 10, time.Second, 0.45
		t.Run(s.String(), func(t *testing.T) { bestOf(t, s.blow) })
	}
}

func (s storm) String() string {
	return fmt.Sprintf("503 after %v, backoff %s, %v a second", s.after, s.backoff, s.rate)
}

// blow counts what the endpoints get while all answer 503, and what clients get once one of them
// answers 200.
func (s storm) blow(t *try) {
	bad := statusOf(503, s.after)
	one, two, three := newBooth(t.T, bad), newBooth(t.T, bad), newBooth(t.T, bad)
	c := start(t.T, across(`retry = { backoff = "`+s.backoff+`" }`, one, two, three))
	crowd := rush{path: "/", rate: s.rate, connections: 64 + int(s.rate*(s.after+200*time.Millisecond).Seconds())}
	crowd.run = s.first
	crowd.on(c)
	before := askedOf(one, two, three)
	crowd.run = s.run
	r := crowd.on(c)
	attempts := askedOf(one, two, three) - before
	t.Logf("%d attempts, %.3f a request; %s", attempts, float64(attempts)/float64(r.Requests), summary(r))
	if most := 1.25*float64(r.Requests) + s.grace; float64(attempts) > most {
		t.Errorf("%d attempts for %d requests, want at most %.0f", attempts, r.Requests, most)
	}
	if r.Statuses[503] != r.Requests {
		t.Errorf("clients got %v, failures %v", r.Statuses, r.Failures)
	}

	well := statusOf(200, s.after)
	two.serve.Store(&well)
	crowd.run = s.relief
	crowd.on(c) // who answers 200 is found
	crowd.run = s.run
	r = crowd.on(c)
	t.Logf("with one that answers 200: %s", summary(r))
	if share := float64(r.Statuses[200]) / float64(r.Requests); share < s.served {
		t.tooSlow("one endpoint answers 200, and clients get it %.0f%% of the time: %v", 100*share, r.Statuses)
	}
}
