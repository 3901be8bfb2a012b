package serve

import (
	"testing"

	"weir/internal/conf"
	"weir/lb"
)

// Two of three endpoints refuse, and nobody probes them: every request finds the third, however many there are.
func TestRefusedConnectsTakeNothingFromTheBudget(t *testing.T) {
	t.Parallel()
	p := newPlaced(t, []string{refusing(t), refusing(t), saying(t, hello)}, func(c *lb.Config) {
		c.Balance, c.RetryBudget = lb.RoundRobin, conf.Percent(1)
	}, func(*Plan) {})
	cl := p.client()
	for range 200 {
		cl.send(getMore)
		cl.want(200, "hello")
	}
	if s := p.up.Gate().Stats(); s.RetriesRefused != 0 {
		t.Errorf("the budget was asked: %+v", s)
	}
}
