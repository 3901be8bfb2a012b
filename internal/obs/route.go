package obs

import (
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// classes are the values of the label class, by the first digit of the status; 0 is an exchange
// that ended without one.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// RouteSeries counts the exchanges of one route on one listener. Its series appear in the export
// with the route's first exchange and go with [RouteSeries.Retire].
type RouteSeries struct {
	tenure
	listener, route string
	live            atomic.Pointer[routeNumbers]
	cached          fan
}

type routeNumbers struct {
	requests [len(classes)]*metrics.Counter
	duration *Histogram
	bytesIn  *metrics.Counter
	bytesOut *metrics.Counter
}

// Route returns the series of a route on a listener; route is "" for exchanges that matched none.
// It exports nothing yet. Each call must be paired with one Retire.
func (c *Catalogue) Route(listener, route string) *RouteSeries {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{listener, route}
	r := c.routes[key]
	if r == nil {
		r = &RouteSeries{listener: listener, route: route}
		r.tenure = tenure{cat: c, drop: func() { delete(c.routes, key) }}
		r.cached = fan{family: cacheRequests, labels: []string{"listener", listener, "route", route}, label: "result"}
		c.routes[key] = r
	}
	r.holders++
	return r
}

// Done counts one exchange that has ended: its status (0 if no head was sent), the time from its
// arrival to its last byte, and the body bytes read from and written to the client.
// It allocates only at the route's first use and is safe for concurrent use.
func (r *RouteSeries) Done(status int, d time.Duration, bytesIn, bytesOut int64) {
	n := r.live.Load()
	if n == nil {
		n = r.begin()
	}
	n.requests[classOf(status)].Inc()
	n.duration.Observe(d)
	if bytesIn > 0 {
		n.bytesIn.AddInt64(bytesIn)
	}
	if bytesOut > 0 {
		n.bytesOut.AddInt64(bytesOut)
	}
}

func classOf(status int) int {
	if c := status / 100; c > 0 && c < len(classes) {
		return c
	}
	return 0
}

// begin exports the route's series.
func (r *RouteSeries) begin() *routeNumbers {
	r.cat.mu.Lock()
	defer r.cat.mu.Unlock()
	if n := r.live.Load(); n != nil {
		return n
	}
	at := []string{"listener", r.listener, "route", r.route}
	n := &routeNumbers{
		duration: r.histogram(series(requestDuration, at...)),
		bytesIn:  r.counter(series(requestBytes, at...)),
		bytesOut: r.counter(series(responseBytes, at...)),
	}
	for i, class := range classes {
		n.requests[i] = r.counter(series(requestsTotal, "listener", r.listener, "route", r.route, "class", class))
	}
	r.live.Store(n)
	return n
}

// Retire gives the series back. With the last holder they leave the export.
func (r *RouteSeries) Retire() { r.retire() }
