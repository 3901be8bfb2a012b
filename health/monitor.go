package health

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weir/lb"
)

const (
	// maxProbes is how many probes are under way at once, in the whole process. What is due
	// beyond that waits, and is counted as late.
	maxProbes = 2048
	// firstGap is the time between the first probes of endpoints that come together, unless their
	// interval is too short for that.
	firstGap = 5 * time.Millisecond
	// hurry divides the interval of endpoints between states, of no more than maxHurrying at once:
	// where thousands fail together, the trouble is likely on this side, and more probes add to it.
	hurry       = 4
	maxHurrying = 256
)

// Monitor probes endpoints and sets their states. All methods are safe for concurrent use.
type Monitor struct {
	registry *lb.Registry
	log      *slog.Logger
	changed  func(Change)
	wake     chan struct{} // the scheduler has something new to look at
	ask      func(*probe, context.Context) error
	outliers *Outliers // told of recoveries; may be nil

	mu      sync.Mutex
	checks  map[*lb.Endpoint]*check
	methods map[string]*method // by upstream
	waiting queue
	running int
	hurries int            // checks that are between states and probed faster
	probes  sync.WaitGroup // the goroutines of probes under way
}

// Target is an upstream whose endpoints are to be looked after.
type Target struct {
	// Upstream is the one of the snapshot that is published.
	Upstream *lb.Upstream
	// Config says how to probe. nil: not at all; the endpoints are Ready.
	Config *Config
	// Way is how traffic reaches the endpoints.
	Way Way
	// Outliers says when traffic itself ejects an endpoint. nil: never.
	Outliers *OutliersConfig
}

// Change is a change of what one judge says of an endpoint.
type Change struct {
	// Endpoint was judged already. Its state may be another's word.
	Endpoint *lb.Endpoint
	// By is who judged: [lb.ByProbe] or [lb.ByTraffic].
	By lb.Judge
	// State is the judge's new word.
	State lb.State
	// Reason is why the last probe failed, or why the endpoint was ejected; nil for the better.
	Reason error
}

// New returns a monitor that sets states through registry and logs each change once. changed,
// which may be nil, is told of every change on the goroutine of the probe; it must not block.
func New(registry *lb.Registry, log *slog.Logger, changed func(Change)) (*Monitor, error) {
	if registry == nil || log == nil {
		return nil, errors.New("health: a monitor needs a registry and a log")
	}
	return &Monitor{
		registry: registry,
		log:      log,
		changed:  changed,
		wake:     make(chan struct{}, 1),
		ask:      (*probe).run,
		checks:   make(map[*lb.Endpoint]*check),
	}, nil
}

// Pardons lets o know of endpoints that recover: that fail probes, and then pass rise of them in a
// row. It is called before Run.
func (m *Monitor) Pardons(o *Outliers) { m.outliers = o }

// Run probes until ctx ends, then cuts the probes under way, waits for their goroutines, closes
// their connections and returns. Calling it again goes on where it stopped; calling it twice at
// once is wrong.
func (m *Monitor) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer m.hangUp()
	defer m.probes.Wait()
	for {
		timer.Reset(m.startDue(ctx))
		select {
		case <-timer.C:
		case <-m.wake:
		case <-ctx.Done():
			return
		}
	}
}

// hangUp closes the connections that probes keep.
func (m *Monitor) hangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.checks {
		c.probe.close()
	}
}

// startDue starts what is due, as far as there is room, and returns the time until there will be
// more to do. With no room, the end of any probe wakes the scheduler.
func (m *Monitor) startDue(ctx context.Context) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for len(m.waiting) > 0 && m.running < maxProbes {
		c := m.waiting[0]
		if wait := c.due.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&m.waiting)
		m.start(ctx, c, now)
	}
	return time.Hour
}

// start lends c a goroutine for one probe. It ends with the probe, which ends with ctx or its
// timeout; Run waits for it. The mutex is held.
func (m *Monitor) start(ctx context.Context, c *check, now time.Time) {
	if now.Sub(c.due) > c.method.config.Interval.Value()/2 {
		c.late++
	}
	c.running = true
	m.running++
	p := c.probe
	m.probes.Go(func() {
		err := m.ask(p, ctx)
		m.finish(c, p, err, ctx.Err() != nil)
	})
}

// finish takes the result of a probe, unless it was cut or its check has gone meanwhile.
func (m *Monitor) finish(c *check, p *probe, err error, cut bool) {
	m.mu.Lock()
	if c.gone || c.probe != p {
		p.close()
	}
	m.running--
	c.running = false
	if c.gone {
		m.mu.Unlock()
		m.nudge()
		return
	}
	var tell func()
	if !cut {
		tell = m.conclude(c, err)
	}
	m.hurry(c, c.between())
	c.due = time.Now().Add(c.pause())
	heap.Push(&m.waiting, c)
	m.mu.Unlock()
	if tell != nil {
		tell()
	}
	m.nudge()
}

// hurry lets c be probed faster or not, as far as there is room.
func (m *Monitor) hurry(c *check, wanted bool) {
	if c.hurries {
		m.hurries--
	}
	c.hurries = wanted && m.hurries < maxHurrying
	if c.hurries {
		m.hurries++
	}
}

// conclude lets the probe's word follow from its result. It returns what is to be told outside the
// mutex, nil if nothing. The word is given under the mutex, so that a reload which drops the check
// has the last one.
func (m *Monitor) conclude(c *check, err error) func() {
	now := time.Now()
	s, change := c.verdict(err, now)
	switch {
	case change:
		m.registry.Judge(lb.ByProbe, s, c.why(s), c.endpoint)
		c.changes++
		if s == lb.Down {
			c.fell()
		}
	case s == lb.Down:
		return m.still(c, now)
	}
	recovered, failed := m.outliers != nil && c.recovered(), c.failed
	if !change && !recovered {
		return nil
	}
	text := c.message(s)
	return func() {
		if recovered {
			m.outliers.pardon(c.endpoint, failed)
		}
		if change {
			m.tell(Change{Endpoint: c.endpoint, By: lb.ByProbe, State: s, Reason: err}, text)
		}
	}
}

// still brings why an endpoint stays down up to date. The state is what it was, so no view changes and
// nobody but the log is told.
func (m *Monitor) still(c *check, now time.Time) func() {
	other, log := c.news(now)
	if other {
		m.registry.Judge(lb.ByProbe, lb.Down, c.told, c.endpoint)
	}
	if !log {
		return nil
	}
	text := fmt.Sprintf("endpoint %s still down: %s", c.endpoint, c.told)
	return func() {
		m.log.Info(text, "upstream", c.endpoint.Upstream(), "endpoint", c.endpoint.Address(), "state", lb.Down.String())
	}
}

func (m *Monitor) tell(c Change, text string) {
	level := slog.LevelInfo
	if c.State == lb.Down {
		level = slog.LevelWarn
	}
	m.log.Log(context.Background(), level, text,
		"upstream", c.Endpoint.Upstream(), "endpoint", c.Endpoint.Address(), "state", c.State.String())
	if m.changed != nil {
		m.changed(c)
	}
}

// nudge makes the scheduler look again; it never blocks.
func (m *Monitor) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
