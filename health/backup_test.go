package health

import (
	"testing"
	"testing/synctest"
	"time"

	"weir/lb"
)

// Where a backup is ready to take over, every endpoint that it stands in for may be ejected, whatever max_ejected says.
func TestEndpointsWithABackupAreAllEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 3, func(cfg *lb.Config, _ *OutliersConfig) { cfg.Endpoints[2].Backup = true })
		c.in(func() {
			c.use(0, 10, 0, lb.OK)
			c.use(1, 10, 0, lb.OK)
			c.use(2, 10, 0, lb.OK)
			c.strike(0, 5, 0, lb.ConnectFailed)
			c.strike(1, 5, 0, lb.ConnectFailed)
			c.expect("both have failed, and the backup serves", lb.Ejected, lb.Ejected, lb.Ready)
			<-time.After(200 * time.Millisecond) // the view may lag by a tenth of a second
			if l, _ := c.upstream.Pick(lb.Key{}, lb.Tried{}); l.Endpoint() != c.endpoint(2) {
				t.Errorf("%v is picked", l.Endpoint())
			}
			c.use(2, 50, 0, lb.ConnectFailed)
			c.expect("the last one stays", lb.Ejected, lb.Ejected, lb.Ready)
		})
	})
}

func TestABackupThatIsNotReadyCoversNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 3, func(cfg *lb.Config, _ *OutliersConfig) { cfg.Endpoints[2].Backup = true })
		c.in(func() {
			c.registry.Judge(lb.ByProbe, lb.Down, "a test", c.endpoint(2))
			c.use(0, 10, 0, lb.OK)
			c.use(1, 10, 0, lb.OK)
			c.strike(0, 5, 0, lb.ConnectFailed)
			c.strike(1, 50, 0, lb.ConnectFailed)
			c.expect("one of the two stays", lb.Ejected, lb.Ready)
		})
	})
}
