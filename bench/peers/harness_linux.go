package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"time"
)

// harness is one comparison under way. One goroutine, locked to its thread, owns it.
type harness struct {
	options Options
	dir     string
	loop    *loop
	origin  *origin
	self    []int // this process
	result  *Result
	proxies []*child
}

// Run compares. It blocks for about rounds × scenarios × proxies × (Round + Warmup) and pins this process's threads
// to one core meanwhile. It returns an error that wraps ErrUsage for wrong options, another where a proxy does not
// start or ctx ends; a Result with reasons in Invalid is returned without an error.
func Run(ctx context.Context, options Options) (*Result, error) {
	options.fill()
	scenarios, err := options.scenarios()
	if err != nil {
		return nil, err
	}
	found, missing, err := line(&options)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("bench peers: nothing to compare: no Weir given, not installed: %v", missing)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h, err := open(options)
	if err != nil {
		return nil, err
	}
	defer h.close()
	h.result.Missing = missing
	h.result.Subject = found[0].name
	unpin, err := h.pin()
	if err != nil {
		return nil, err
	}
	defer unpin()
	work := slices.DeleteFunc(slices.Clone(scenarios), func(s Scenario) bool { return s.Idle })
	if len(work) > 0 {
		err = h.compare(ctx, found, work)
	}
	for i := range scenarios {
		if scenarios[i].Idle && err == nil {
			err = h.idle(ctx, &scenarios[i], found)
		}
	}
	return h.result, err
}

// pin chooses the cores and moves this process to its own.
func (h *harness) pin() (undo func(), err error) {
	h.result.ProxyCore, h.result.LoadCore = cores()
	if h.result.LoadCore < 0 {
		return func() {}, nil
	}
	return pinSelf(h.result.LoadCore)
}

func open(options Options) (*harness, error) {
	// The daemons may run as another user, who must be able to enter.
	dir, err := os.MkdirTemp("", "weir-peers-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	h := &harness{options: options, dir: dir, self: []int{os.Getpid()}}
	h.result = &Result{
		Rounds: options.Rounds, Round: options.Round, Connections: options.Connections,
		Versions: make(map[string]string),
	}
	if h.loop, err = newLoop(); err == nil {
		h.origin, err = newOrigin(h.loop)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *harness) close() {
	if h.loop != nil {
		h.loop.close()
	}
	os.RemoveAll(h.dir)
}

// compare starts every proxy, measures the rounds and stops the proxies.
func (h *harness) compare(ctx context.Context, found []peer, work []Scenario) error {
	defer h.stopAll()
	for _, p := range found {
		c, err := h.start(ctx, p, 4000)
		if err != nil {
			return err
		}
		h.proxies = append(h.proxies, c)
	}
	return h.rounds(ctx, work)
}

func (h *harness) stopAll() {
	for _, c := range h.proxies {
		c.stop()
	}
	h.proxies = nil
}

// start starts one proxy that can hold so many connections.
func (h *harness) start(ctx context.Context, p peer, most int) (_ *child, err error) {
	h.result.Versions[p.name] = p.versionOf()
	at := ports{Origin: h.origin.port, Dir: h.dir, Most: most}
	if at.Port, err = freePort(); err != nil {
		return nil, err
	}
	if at.Admin, err = freePort(); err != nil {
		return nil, err
	}
	return start(ctx, p, at, h.result.ProxyCore)
}

// freePort returns a loopback port that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// rounds measures every proxy in every scenario, once a round; every second round goes through the proxies the
// other way, so that none always follows the same neighbour.
func (h *harness) rounds(ctx context.Context, scenarios []Scenario) error {
	order := append([]*child{nil}, h.proxies...) // nil: direct
	for n := range h.options.Rounds {
		for i := range scenarios {
			for _, c := range order {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := h.round(n, &scenarios[i], c); err != nil {
					return err
				}
			}
		}
		slices.Reverse(order)
	}
	h.sortRows()
	return nil
}

// sortRows puts the rows into the order of the table: direct, the subject, its peers.
func (h *harness) sortRows() {
	rank := map[string]int{Direct: 0}
	for i, c := range h.proxies {
		rank[c.peer.name] = i + 1
	}
	for _, b := range h.result.Blocks {
		slices.SortFunc(b.Rows, func(a, b Row) int { return rank[a.Proxy] - rank[b.Proxy] })
	}
}

// round measures one proxy, or the endpoint itself where c is nil, and files the sample.
func (h *harness) round(n int, s *Scenario, c *child) error {
	name, port := Direct, h.origin.port
	var pids []int
	if c != nil {
		name, port = c.peer.name, c.port
		var err error
		if pids, err = family(c.cmd.Process.Pid); err != nil {
			return err
		}
	}
	sample, err := h.measure(s, port, pids)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", s.Name, name, err)
	}
	h.result.add(s, name, sample)
	fmt.Fprintln(h.options.Progress, progressLine(n+1, h.options.Rounds, s.Name, name, &sample))
	return nil
}

// measure runs one closed loop: warm-up, measured part, and the end of what is under way.
func (h *harness) measure(s *Scenario, port int, pids []int) (Sample, error) {
	h.origin.begin(s.answer())
	d := newLoad(h.loop, port, s.request())
	defer d.disconnect()
	if err := d.connect(h.options.Connections); err != nil {
		return Sample{}, err
	}
	if err := h.spin(d, h.options.Warmup, 0); err != nil {
		return Sample{}, err
	}
	// A failure while warming up voids the round like any other.
	failed := d.failed
	d.reset()
	h.origin.reset()
	before, err := h.reading(pids)
	if err != nil {
		return Sample{}, err
	}
	enough := int64(s.PerConnection * 1.05 * float64(h.options.Connections))
	if err := h.spin(d, h.options.Round, enough); err != nil {
		return Sample{}, err
	}
	after, err := h.reading(pids)
	if err != nil {
		return Sample{}, err
	}
	sample := h.sample(d, before, after)
	sample.RSS, err = resident(pids)
	if err == nil {
		err = h.finish(d)
	}
	sample.Failed = failed + d.failed
	return sample, err
}

// reading is the clocks at one moment.
type reading struct {
	wall      int64
	proxy, us time.Duration
}

func (h *harness) reading(pids []int) (r reading, err error) {
	r.wall = nanos()
	if r.proxy, err = processorTime(pids); err != nil {
		return r, err
	}
	r.us, err = processorTime(h.self)
	return r, err
}

func (h *harness) sample(d *load, before, after reading) Sample {
	s := Sample{
		Requests: d.answers,
		P50:      time.Duration(d.latency.ValueAtQuantile(50)),
		P99:      time.Duration(d.latency.ValueAtQuantile(99)),
	}
	wall := float64(after.wall - before.wall)
	s.PerSecond = float64(d.answers) / wall * float64(time.Second)
	s.LoadBusy = float64(after.us-before.us) / wall
	if d.answers > 0 {
		s.CPU = (after.proxy - before.proxy) / time.Duration(d.answers)
	}
	used, answers := h.origin.tally()
	s.Upstream = used
	if used > 0 {
		s.PerConnection = float64(answers) / float64(used)
	}
	return s
}

var errStuck = errors.New("bench peers: no answer for five seconds")

// spin serves the loop for so long and, on a slow machine, on to enough answers, but at most four times as long.
func (h *harness) spin(d *load, long time.Duration, enough int64) error {
	begin := nanos()
	quiet, seen := begin, d.answers
	for {
		now := nanos()
		if past := time.Duration(now - begin); past >= 4*long || (past >= long && d.answers >= enough) {
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
}

// finish lets what is under way end, without a further request; what takes five seconds has failed.
func (h *harness) finish(d *load) error {
	d.halted = true
	for end := nanos() + int64(5*time.Second); d.waiting > 0 && nanos() < end; {
		if err := h.loop.turn(10); err != nil {
			return err
		}
	}
	d.failed += int64(d.waiting)
	return nil
}
