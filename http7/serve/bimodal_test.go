//go:build !race

package serve

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7/forward"
)

// bimodal is a group of endpoints that take 2 s for one request in a hundred, and no time for the
// others. stalls says for the n-th request which it is.
type bimodal struct {
	stalls func(n int64) bool
	asked  atomic.Int64
}

func atRandom(int64) bool { return rand.IntN(100) == 0 }

// inOrder never lets a request and its hedge stall both, which one in 10,000 does at random.
func inOrder(n int64) bool { return n%100 == 0 }

func (o *bimodal) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		if _, err := readMessage(r); err != nil {
			return
		}
		if o.stalls(o.asked.Add(1)) {
			<-time.After(2 * time.Second)
		}
		if !says(hello)(c) {
			return
		}
	}
}

// hedgedLatencies sends requests to three bimodal endpoints at a pace, behind some that warm the
// quantile up, and returns what they took, in rising order, and the load on the endpoints.
func hedgedLatencies(t *testing.T, stalls func(int64) bool, hedge *forward.HedgeConfig, requests, rate int) (took []time.Duration, load float64) {
	o := &bimodal{stalls: stalls}
	r := newRigWith(t, func(r *rig) { r.forward.Hedge = hedge }, origin(t, o.serve), origin(t, o.serve), origin(t, o.serve))
	r.paced(200, rate)
	before := o.asked.Load()
	took = r.paced(requests, rate)
	r.settled()
	load = float64(o.asked.Load()-before) / float64(requests)
	t.Logf("p50 %v, p99 %v, p99.9 %v, worst %v; load %.3f; %+v", took[len(took)/2], took[len(took)*99/100],
		took[len(took)*999/1000], took[len(took)-1], load, r.plan.Counters.Stats())
	return took, load
}

// paced sends n requests, rate a second whatever becomes of them, and returns what each took since
// it was due, in rising order.
func (r *rig) paced(n, rate int) []time.Duration {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for range 50 {
		all.Go(func() {
			cl := r.client()
			_ = cl.SetDeadline(time.Now().Add(10 * time.Minute))
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				due := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
				<-time.After(time.Until(due))
				cl.send(getMore)
				cl.want(200, "hello")
				took[i] = time.Since(due)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// Every endpoint takes 2 s for one request in a hundred: hedges spare nearly every client that wait, for
// at most five requests more in a hundred.
func TestHedgesCutTheTailForAFewRequestsMore(t *testing.T) {
	repeatedly(t, func() error { // until nothing else makes requests wait
		h := forward.DefaultHedge()
		took, load := hedgedLatencies(t, inOrder, &h, 800, 250)
		// 300 ms where nobody else uses the machine
		if p999 := took[len(took)*999/1000]; p999 > time.Second || load > 1.06 {
			return fmt.Errorf("p99.9 is %v, the load %.3f", p999, load)
		}
		return nil
	})
}
