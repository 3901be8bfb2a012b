package lb

import (
	"fmt"
	"testing"
	"time"

	"weir/internal/conf"
)

// config returns a Config with one endpoint per weight, at 10.0.0.1:80 and up.
func config(balance string, weights ...int) Config {
	c := Config{Balance: balance}
	for i, w := range weights {
		c.Endpoints = append(c.Endpoints, EndpointConfig{Address: address(i), Weight: w})
	}
	return c
}

func address(i int) conf.Address {
	a, err := conf.ParseAddress(fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1))
	if err != nil {
		panic(err)
	}
	return a
}

func adopt(tb testing.TB, r *Registry, c Config) *Upstream {
	tb.Helper()
	u, err := r.Adopt("orders", c)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// upstream returns an upstream of its own registry, all endpoints ready.
func upstream(tb testing.TB, balance string, weights ...int) (*Registry, *Upstream) {
	tb.Helper()
	r := NewRegistry(nil)
	u := adopt(tb, r, config(balance, weights...))
	r.SetState(Ready, endpoints(u)...)
	return r, u
}

// SetState is Judge by whoever has that word, without a reason, for tests to which both are all the same.
func (r *Registry) SetState(s State, endpoints ...*Endpoint) int {
	by := ByProbe
	switch s {
	case Ejected:
		by = ByTraffic
	case Draining, Maintenance:
		by = ByOperator
	}
	return r.Judge(by, s, "", endpoints...)
}

func endpoints(u *Upstream) []*Endpoint {
	var list []*Endpoint
	for _, m := range u.View().Members() {
		list = append(list, m.Endpoint)
	}
	return list
}

func equal(n int) []int {
	w := make([]int, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

// pick is Pick without the reason.
func pick(u *Upstream, k Key, tried Tried) Lease {
	l, _ := u.Pick(k, tried)
	return l
}

// leaseOn returns a lease that no balancer chose.
func leaseOn(e *Endpoint) Lease {
	e.take()
	return Lease{endpoint: e}
}

// rebuild publishes a view now, however short ago the last one was.
func rebuild(u *Upstream) {
	u.mu.Lock()
	u.publishAndUnlock(time.Now())
}

// counts picks n times, ends each lease at once with o, and returns the picks per endpoint.
func counts(u *Upstream, n int, o Outcome) []int {
	at := make(map[*Endpoint]int)
	for range n {
		l := pick(u, Key{}, Tried{})
		at[l.Endpoint()]++
		l.Done(o)
	}
	var list []int
	for _, e := range endpoints(u) {
		list = append(list, at[e])
	}
	return list
}

func took(d time.Duration) Outcome { return Outcome{FirstByte: d} }

var balancers = []string{RoundRobin, LeastRequests, EWMA}

var everyBalancer = []string{RoundRobin, LeastRequests, EWMA, Random, Maglev, Ring}
