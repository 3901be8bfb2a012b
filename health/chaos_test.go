package health

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// chaos is a court whose endpoints fail at random: for their traffic, their probes or both, wholly
// or in part, one by one or together.
type chaos struct {
	*court
	scene  *scene
	random *rand.Rand
	shares map[string]float64 // of failing uses, by address
	n      int
}

func (c *chaos) verdict(e *lb.Endpoint, _ uint32) lb.Result {
	if c.random.Float64() < c.shares[e.Address()] {
		return lb.Result(1 + c.random.IntN(5)) // any that speaks against it
	}
	return lb.OK
}

// event lets something happen.
func (c *chaos) event() {
	i := c.random.IntN(c.n)
	address := c.endpoint(i).Address()
	switch c.random.IntN(8) {
	case 0:
		c.shares[address] = 1
	case 1:
		c.shares[address] = c.random.Float64()
	case 2:
		c.shares[address] = 1
		c.scene.fail(i, errRefused)
	case 3:
		c.scene.fail(i, errRefused)
	case 4:
		for i := range c.n / 2 { // half a world goes, and is soon back
			c.shares[c.endpoint(i).Address()] = float64(c.random.IntN(2))
		}
	case 5:
		old := c.upstream
		c.upstream = c.adopt(c.n, nil)
		c.scene.upstream = c.upstream
		c.judgeAnew()
		c.registry.Retire(old)
	default:
		delete(c.shares, address)
		c.scene.fail(i, nil)
	}
}

func (c *chaos) judgeAnew() {
	targets := []Target{{Upstream: c.upstream, Config: steady(), Outliers: &c.config}}
	c.outliers.Adopt(targets)
	c.scene.monitor.Adopt(targets)
}

// check demands what must hold at every moment.
func (c *chaos) check(at time.Duration) {
	c.t.Helper()
	synctest.Wait()
	s := c.outliers.Stats()[0]
	if ejections := s.Ejections[ConsecutiveErrors] + s.Ejections[SuccessRate]; ejections-s.Returned != uint64(s.Ejected) {
		c.t.Fatalf("after %v: %d ejections, %d returns, %d ejected", at, ejections, s.Returned, s.Ejected)
	}
	if list := c.outliers.Ejections(); len(list) != s.Ejected {
		c.t.Fatalf("after %v: %d ejections listed of %d", at, len(list), s.Ejected)
	}
	for _, e := range c.outliers.Ejections() {
		if e.Endpoint.Says(lb.ByTraffic) != lb.Ejected || !e.Until.After(time.Now()) {
			c.t.Fatalf("after %v: %v is ejected until %v, and traffic says %v", at, e.Endpoint, e.Until, e.Endpoint.Says(lb.ByTraffic))
		}
	}
	if fit := c.fit(); fit > 0 {
		<-time.After(150 * time.Millisecond) // the view follows
		l, why := c.upstream.Pick(lb.Key{}, lb.Tried{})
		l.Done(lb.Outcome{Result: lb.Cancelled})
		if !l.Ok() && c.fit() > 0 {
			c.t.Fatalf("after %v: %d are not down, and %v: %+v", at, fit, why, s)
		}
	}
}

// fit returns how many endpoints don't fail their probes.
func (c *chaos) fit() (n int) {
	for i := range c.n {
		if c.endpoint(i).Says(lb.ByProbe) != lb.Down {
			n++
		}
	}
	return n
}

// Whatever happens, and in whatever order: who is not down can be had, books balance, and when all
// is well again everybody serves.
func TestOutliersUnderRandomFaults(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			n := 2 + int(seed)*3
			c := &chaos{court: newCourt(t, n, func(l *lb.Config, o *OutliersConfig) {
				l.Balance = []string{lb.EWMA, lb.RoundRobin, lb.Random}[seed%3]
				o.MaxEjection = conf.Dur(time.Minute)
			}), random: rand.New(rand.NewPCG(seed, 1)), shares: make(map[string]float64), n: n}
			c.in(func() {
				c.probed(func(s *scene) {
					c.scene = s
					for i := range 180 {
						c.event()
						c.traffic(100, time.Second, c.verdict)
						c.check(time.Duration(i) * time.Second)
					}
					clear(c.shares)
					for i := range n {
						s.fail(i, nil)
					}
					c.traffic(100, 90*time.Second, c.verdict)
					c.check(0)
					for i := range n {
						if got := c.endpoint(i).State(); got != lb.Ready {
							t.Errorf("seed %d: endpoint %d is %v when all is well: %s", seed, i, got, c.endpoint(i).Why())
						}
					}
					t.Logf("seed %d, %d endpoints: %+v", seed, n, c.outliers.Stats()[0])
				})
			})
		})
	}
}
