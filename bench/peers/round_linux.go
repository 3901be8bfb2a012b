package peers

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// port is where the work for c goes.
func (st *stage) port(c *child) int {
	if c == nil {
		return st.origin.ports[0]
	}
	return c.port
}

// pids are the processes of c; they are asked for behind the warm-up, when all of them are there.
func pids(c *child) ([]int, error) {
	if c == nil {
		return nil, nil
	}
	return family(c.cmd.Process.Pid)
}

// byLoop measures one closed loop: warm-up, measured part, and the end of what is under way.
func (st *stage) byLoop(ctx context.Context, c *child) (Sample, error) {
	st.origin.begin(st.scenario)
	d := newLoad(st.loop, st.port(c), st.scenario, st.at.Routes)
	defer d.disconnect()
	if st.connections > mostAtOnce {
		d.window = mostAtOnce
	}
	if err := d.connect(st.connections); err != nil {
		return Sample{}, err
	}
	// Each connection and each route has its first time now.
	first := int64(max(st.connections, len(d.requests)))
	if err := st.spin(ctx, d, st.options.Warmup, max(5*time.Second, st.options.Warmup), first); err != nil {
		return Sample{}, err
	}
	if d.answers == 0 && d.failed == 0 && ctx.Err() == nil {
		return Sample{}, errStuck
	}
	// A failure while warming up voids the round like any other.
	failed := d.failed
	d.reset()
	before, err := st.read(c)
	if err != nil {
		return Sample{}, err
	}
	enough := int64(st.scenario.PerConnection * 1.05 * float64(st.connections))
	if err := st.spin(ctx, d, st.options.Round, 4*st.options.Round, enough); err != nil {
		return Sample{}, err
	}
	sample, err := st.since(before, d.answers, d.latency)
	if err == nil {
		err = st.finish(d)
	}
	sample.Failed = failed + d.failed
	return sample, err
}

// reading is the clocks at one moment, and whose they are.
type reading struct {
	pids      []int
	wall      int64
	proxy, us time.Duration
}

// read begins what is measured.
func (h *harness) read(c *child) (reading, error) {
	h.origin.reset()
	whose, err := pids(c)
	if err != nil {
		return reading{}, err
	}
	return h.clocks(whose)
}

func (h *harness) clocks(whose []int) (r reading, err error) {
	r.pids, r.wall = whose, nanos()
	if r.proxy, err = processorTime(whose); err != nil {
		return r, err
	}
	r.us, err = processorTime(h.self)
	return r, err
}

// since makes a sample of what came since before.
func (h *harness) since(before reading, answers int64, latency *hdrhistogram.Histogram) (Sample, error) {
	after, err := h.clocks(before.pids)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Requests: answers}
	if latency != nil {
		s.P50, s.P99 = time.Duration(latency.ValueAtQuantile(50)), time.Duration(latency.ValueAtQuantile(99))
	}
	wall := float64(after.wall - before.wall)
	s.PerSecond = float64(answers) / wall * float64(time.Second)
	s.LoadBusy = float64(after.us-before.us) / wall
	s.Busy = float64(after.proxy-before.proxy) / wall
	if answers > 0 {
		s.CPU = (after.proxy - before.proxy) / time.Duration(answers)
	}
	s.Connects = h.origin.accepted
	var reached int64
	s.Upstream, reached = h.origin.tally()
	if s.Upstream > 0 {
		s.PerConnection = float64(reached) / float64(s.Upstream)
	}
	s.Reached = reached
	s.RSS, err = resident(before.pids)
	return s, err
}

var errStuck = errors.New("bench peers: no answer for seconds")

// spin serves the loop for so long and, on a slow machine, on to enough answers, but no longer than most. It ends
// early when ctx does, or no connection is left.
func (h *harness) spin(ctx context.Context, d *load, long, most time.Duration, enough int64) error {
	begin := nanos()
	quiet, seen := begin, d.answers
	for ctx.Err() == nil && len(d.socks) > 0 {
		now := nanos()
		if past := time.Duration(now - begin); past >= most || (past >= long && d.answers >= enough) {
			return nil
		}
		if d.answers != seen {
			quiet, seen = now, d.answers
		} else if now-quiet > int64(5*time.Second) {
			return errStuck
		}
		if err := h.loop.turn(10); err != nil {
			return err
		}
	}
	return nil
}

// finish lets what is under way end, without a further request; what takes five seconds has failed.
func (h *harness) finish(d *load) error {
	d.halted = true
	for end := nanos() + int64(5*time.Second); d.waiting > 0 && !d.stream && nanos() < end; {
		if err := h.loop.turn(10); err != nil {
			return err
		}
	}
	if !d.stream {
		d.failed += int64(d.waiting)
	}
	return nil
}
