package health

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// probed gives a court's endpoints a probe that the test answers, while f runs.
func (c *court) probed(f func(s *scene)) {
	s := newScene(c.t, 0)
	s.registry, s.upstream = c.registry, c.upstream
	s.monitor.registry = c.registry
	s.monitor.Pardons(c.outliers)
	s.monitor.Adopt([]Target{{Upstream: c.upstream, Config: steady()}})
	s.run(func() {
		<-time.After(5 * time.Second)
		f(s)
	})
}

// A probe ends an ejection that it can know something of: it has seen the trouble come and go.
func TestAPassingProbeEndsAnEjection(t *testing.T) {
	for _, c := range []struct {
		what  string
		fails func(s *scene) // around the ejection, which comes in the end
		after func(s *scene) // what the probes see then
		want  time.Duration  // at the most; 10 s is the whole ejection
	}{
		{"the probe passes all the time", func(*scene) {}, func(*scene) {}, 10 * time.Second},
		{"it fails after the ejection, once", func(*scene) {}, func(s *scene) {
			s.fail(0, errRefused)
			s.nextProbe(0)
			s.fail(0, nil)
		}, 3500 * time.Millisecond},
		{"it goes down after the ejection", func(*scene) {}, func(s *scene) {
			s.fail(0, errRefused)
			<-time.After(4 * time.Second)
			s.fail(0, nil)
		}, 7 * time.Second},
		{"it failed just before the ejection", func(s *scene) {
			s.fail(0, errRefused)
			s.nextProbe(0)
			<-time.After(time.Millisecond)
		}, func(s *scene) { s.fail(0, nil) }, 1100 * time.Millisecond},
		{"it had recovered just before the ejection", func(s *scene) {
			s.fail(0, errRefused)
			s.nextProbe(0)
			s.fail(0, nil)
			<-time.After(3 * time.Second)
		}, func(*scene) {}, 10 * time.Second},
		{"it never recovers", func(*scene) {}, func(s *scene) { s.fail(0, errRefused) }, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCourt(t, 4, nil)
			k.in(func() {
				k.probed(func(s *scene) {
					k.useOthers(10)
					c.fails(s)
					k.strike(0, 5, 0, lb.ConnectFailed)
					k.expect(c.what, lb.Ejected)
					begin := time.Now()
					c.after(s)
					for k.endpoint(0).Says(lb.ByTraffic) == lb.Ejected && time.Since(begin) < time.Minute {
						time.Sleep(time.Millisecond)
					}
					took := time.Since(begin)
					if took > c.want+5*time.Millisecond || c.want == 10*time.Second && took < c.want-5*time.Millisecond {
						t.Errorf("%s: the ejection lasted %v, want %v", c.what, took, c.want)
					}
				})
			})
			stats, early := k.outliers.Stats()[0], uint64(0)
			if c.want < 10*time.Second {
				early = 1
			}
			if stats.Pardoned != early || stats.Returned != 1 {
				t.Errorf("%s: %+v", c.what, stats)
			}
			if early == 1 && !strings.Contains(k.log.String(), "no longer ejected: it passes its probes again") {
				t.Errorf("%s: log %s", c.what, k.log.String())
			}
		})
	}
}

// A flapping probe ends an ejection; the endpoint fails its traffic again at once. The probe was
// wrong and has no say in that next ejection.
func TestAProbeThatWasWrongIsNotBelievedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		flap := func(s *scene) {
			s.fail(0, errRefused)
			s.nextProbe(0)
			s.fail(0, nil)
			time.Sleep(3 * time.Second)
		}
		c.in(func() {
			c.probed(func(s *scene) {
				c.useOthers(10)
				c.strike(0, 5, 0, lb.Status5xx)
				flap(s)
				c.expect("a flap ends the first ejection", lb.Ready)
				c.strike(0, 5, 0, lb.Status5xx)
				flap(s)
				c.expect("but not the one that follows", lb.Ejected)
				time.Sleep(20 * time.Second)
				c.expect("which time ends", lb.Ready)
				time.Sleep(30 * time.Second)
				c.strike(0, 5, 0, lb.Status5xx)
				flap(s)
				c.expect("a later one it ends again", lb.Ready)
			})
		})
	})
}

func TestAReloadKeepsEjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(10)
			c.strike(0, 5, 0, lb.Status5xx)
			time.Sleep(4 * time.Second)
			for range 3 {
				old := c.upstream
				c.upstream = c.adopt(5, nil)
				c.outliers.Adopt([]Target{{Upstream: c.upstream, Outliers: &c.config}})
				c.registry.Retire(old)
				time.Sleep(time.Second)
			}
			c.expect("7 s later, after three reloads", lb.Ejected, lb.Ready, lb.Ready, lb.Ready, lb.Ready)
			time.Sleep(time.Until(c.outliers.Ejections()[0].Until) - 1)
			c.expect("just before the time", lb.Ejected)
			time.Sleep(time.Nanosecond)
			c.expect("in time", lb.Ready)
			c.strike(0, 5, 0, lb.Status5xx)
			if list := c.outliers.Ejections(); len(list) != 1 || list[0].Times != 2 {
				t.Errorf("the count of ejections did not survive: %+v", list)
			}
			if s := c.outliers.Stats(); len(s) != 1 || s[0].Ejections[ConsecutiveErrors] != 2 {
				t.Errorf("stats %+v", s)
			}
		})
	})
}

func TestAReloadMayChangeTheRules(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*OutliersConfig)
		want   lb.State // 4 s after the ejection, 1 s after the reload
	}{
		{"nothing", func(*OutliersConfig) {}, lb.Ejected},
		{"a shorter max_ejection", func(o *OutliersConfig) {
			o.BaseEjection, o.MaxEjection = conf.Dur(time.Second), conf.Dur(2*time.Second)
		}, lb.Ready},
		{"a longer base_ejection", func(o *OutliersConfig) { o.BaseEjection = conf.Dur(time.Minute) }, lb.Ejected},
		{"rows off", func(o *OutliersConfig) { o.ConsecutiveErrors = conf.OffLimit }, lb.Ejected},
		{"both tests off", func(o *OutliersConfig) { o.ConsecutiveErrors, o.SuccessRateDeviation = conf.OffLimit, 0 }, lb.Ready},
		{"max_ejected off", func(o *OutliersConfig) { o.MaxEjected = conf.Percent(0) }, lb.Ready},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCourt(t, 4, nil)
			k.in(func() {
				k.useOthers(10)
				k.strike(0, 5, 0, lb.Status5xx)
				time.Sleep(3 * time.Second)
				next := k.config
				c.change(&next)
				k.outliers.Adopt([]Target{{Upstream: k.upstream, Outliers: &next}})
				time.Sleep(time.Second)
				k.expect(c.what, c.want)
			})
		})
	}
}

func TestWithoutATableNobodyIsEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(10)
			c.strike(0, 5, 0, lb.Status5xx)
			c.outliers.Adopt([]Target{{Upstream: c.upstream}})
			c.expect("Outliers is nil from now on", lb.Ready)
			c.use(0, 50, 0, lb.Status5xx)
			c.expect("whatever it does", lb.Ready)
			if s := c.outliers.Stats(); len(s) != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	})
}

func TestOfWhatIsGoneNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(10)
			c.strike(0, 5, 0, lb.Status5xx)
			gone := c.endpoint(0)
			old := c.upstream
			c.upstream = c.adoptOnly(1, 2, 3)
			c.outliers.Adopt([]Target{{Upstream: c.upstream, Outliers: &c.config}})
			p := c.outliers.peers["orders"]
			if len(p.list) != 3 || len(p.records) != 3 || len(p.out) != 0 || p.records[gone] != nil {
				t.Errorf("%d records, %d ejected", len(p.list), len(p.out))
			}
			// It comes back while the old snapshot still holds it, with the word that it left with.
			c.upstream = c.adopt(4, nil)
			c.outliers.Adopt([]Target{{Upstream: c.upstream, Outliers: &c.config}})
			if c.endpoint(0) != gone {
				t.Fatal("the registry has made it anew")
			}
			c.expect("back after it had left", lb.Ready)
			c.registry.Retire(old)
			c.outliers.Adopt(nil)
			if len(c.outliers.peers) != 0 {
				t.Errorf("%d upstreams are left", len(c.outliers.peers))
			}
			c.outliers.note(gone, 0) // a row that was under way
			synctest.Wait()
		})
	})
}

// adoptOnly makes the upstream of a new snapshot that has some of the endpoints.
func (c *court) adoptOnly(which ...int) *lb.Upstream {
	return c.adopt(0, func(l *lb.Config, _ *OutliersConfig) {
		for _, i := range which {
			l.Endpoints = append(l.Endpoints, lb.EndpointConfig{Address: address(c.t, i), Weight: 1})
		}
	})
}

// Discovery changes the membership under the same upstream, without a call of Adopt.
func TestEndpointsThatDiscoveryAddsAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(10)
			c.strike(0, 5, 0, lb.Status5xx)
			var places []lb.Place
			for i := range 8 {
				places = append(places, lb.Place{Address: address(t, i), Weight: 1})
			}
			c.upstream.Update(places)
			time.Sleep(time.Second)
			c.registry.Judge(lb.ByProbe, lb.Ready, "", endpointsOf(c.upstream.View().Members())...)
			time.Sleep(time.Second)
			c.strike(6, 5, 0, lb.Status5xx)
			c.expect("the seventh", lb.Ejected, lb.Ready, lb.Ready, lb.Ready, lb.Ready, lb.Ready, lb.Ejected, lb.Ready)
			c.upstream.Update(places[:6])
			time.Sleep(time.Second)
			c.useOthers(1)
			c.strike(1, 5, 0, lb.Status5xx)
			if s := c.outliers.Stats()[0]; s.Ejected != 2 {
				t.Errorf("%+v, want the first two ejected and nothing left of the seventh", s)
			}
		})
	})
}

func TestAnEjectionEndsOnTimeWhateverElseHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(10)
			time.Sleep(3 * time.Second)
			c.strike(0, 5, 0, lb.Status5xx)
			c.registry.Judge(lb.ByProbe, lb.Down, "a test", c.endpoint(0))
			c.registry.Judge(lb.ByOperator, lb.Draining, "a test", c.endpoint(0))
			time.Sleep(10 * time.Second)
			c.expect("traffic's word, after 10 s", lb.Ready)
			if got := c.endpoint(0).State(); got != lb.Down {
				t.Errorf("the state is %v", got)
			}
		})
	})
}

func TestWhatIsNotFitIsNotEjected(t *testing.T) {
	for _, c := range []struct {
		by    lb.Judge
		state lb.State
		want  lb.State
	}{
		{lb.ByProbe, lb.Down, lb.Ready},
		{lb.ByOperator, lb.Maintenance, lb.Ready},
		{lb.ByOperator, lb.Draining, lb.Ejected},
		{lb.ByProbe, lb.Unknown, lb.Ejected},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCourt(t, 5, nil)
			k.in(func() {
				k.useOthers(10)
				var rest []lb.Lease
				for range 5 {
					rest = append(rest, k.lease(k.upstream, 0))
				}
				k.registry.Judge(c.by, c.state, "a test", k.endpoint(0))
				for _, l := range rest { // that were under way
					l.Done(lb.Outcome{Result: lb.Reset})
				}
				synctest.Wait()
				k.useOthers(1)
				time.Sleep(2 * lookAgain)
				k.expect(fmt.Sprint(c.state), c.want)
			})
		})
	}
}

// Adopt, uses, probes' pardons and readers at once; the race detector looks on.
func TestEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 8, nil)
		c.in(func() {
			var all sync.WaitGroup
			for worker := range 4 {
				all.Go(func() {
					for i := range 500 {
						l, _ := c.upstream.Pick(lb.Key{Route: uint32(i % 5)}, lb.Tried{})
						o := lb.Outcome{Route: uint32(i % 5)}
						if l.Ok() && l.Endpoint() == c.endpoint(worker) {
							o.Result = lb.Reset
						}
						l.Done(o)
						time.Sleep(time.Millisecond)
					}
				})
			}
			all.Go(func() {
				for range 100 {
					c.outliers.Adopt([]Target{{Upstream: c.upstream, Outliers: &c.config}})
					time.Sleep(3 * time.Millisecond)
				}
			})
			all.Go(func() {
				for i := range 300 {
					c.outliers.pardon(c.endpoint(i%8), time.Now())
					c.outliers.Stats()
					c.outliers.Ejections()
					time.Sleep(time.Millisecond)
				}
			})
			all.Wait()
		})
	})
}
