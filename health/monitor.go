package health

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"weir/lb"
)

const (
	// maxProbes is how many probes are under way at once, in the whole process. What is due
	// beyond that waits, and is counted as late.
	maxProbes = 256
	// firstGap is the time between the first probes of endpoints that come together, unless their
	// interval is too short for that.
	firstGap = 5 * time.Millisecond
)

// Monitor probes endpoints and sets their states. All methods are safe for concurrent use.
type Monitor struct {
	registry *lb.Registry
	log      *slog.Logger
	changed  func(Change)
	wake     chan struct{} // the scheduler has something new to look at
	ask      func(*probe, context.Context) error

	mu      sync.Mutex
	checks  map[*lb.Endpoint]*check
	waiting queue
	running int
	probes  sync.WaitGroup // the goroutines of probes under way
}

// Target is an upstream whose endpoints are to be looked after.
type Target struct {
	// Upstream is the one of the snapshot that is published.
	Upstream *lb.Upstream
	// Config says how to probe. nil: not at all; the endpoints are Ready.
	Config *Config
}

// Change is a change of an endpoint's state that probes caused.
type Change struct {
	// Endpoint is already in the new state.
	Endpoint *lb.Endpoint
	// State is the new state.
	State lb.State
	// Reason is why the last probe failed; nil for the better.
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

// Run probes until ctx ends, then cuts the probes under way, waits for their goroutines and
// returns. Calling it again goes on where it stopped; calling it twice at once is wrong.
func (m *Monitor) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
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
	if now.Sub(c.due) > c.config.Interval.Value()/2 {
		c.late++
	}
	c.running = true
	m.running++
	p := c.probe
	m.probes.Go(func() {
		err := m.ask(&p, ctx)
		m.finish(c, err, ctx.Err() != nil)
	})
}

// finish takes the result of a probe, unless it was cut or its check has gone meanwhile.
func (m *Monitor) finish(c *check, err error, cut bool) {
	m.mu.Lock()
	m.running--
	c.running = false
	if c.gone {
		m.mu.Unlock()
		m.nudge()
		return
	}
	var report func()
	if !cut {
		c.ended = time.Now()
		report = m.conclude(c, err)
	}
	c.due = time.Now().Add(c.pause())
	heap.Push(&m.waiting, c)
	m.mu.Unlock()
	if report != nil {
		report()
	}
	m.nudge()
}

// conclude moves the endpoint to the state that follows from a probe's result. It returns what is
// to be told about the change, outside the mutex; nil without a change. The state is set under the
// mutex, so that a reload which drops the check has the last word.
func (m *Monitor) conclude(c *check, err error) func() {
	s, change := c.verdict(err)
	if !change {
		return nil
	}
	m.registry.SetState(s, c.endpoint)
	c.changes++
	level, text := slog.LevelInfo, c.message(s)
	if s == lb.Down {
		level = slog.LevelWarn
	}
	return func() {
		m.log.Log(context.Background(), level, text,
			"upstream", c.endpoint.Upstream(), "endpoint", c.endpoint.Address(), "state", s.String())
		if m.changed != nil {
			m.changed(Change{Endpoint: c.endpoint, State: s, Reason: err})
		}
	}
}

// pause is the time from the end of a probe to the next. The first may be any part of the
// interval: endpoints that came together are spread over it from their second probe on.
func (c *check) pause() time.Duration {
	interval := float64(c.config.Interval.Value())
	if c.first {
		c.first = false
		return time.Duration(interval * rand.Float64())
	}
	return time.Duration(interval * (1 + c.config.Jitter.Value()*(2*rand.Float64()-1)))
}

// nudge makes the scheduler look again; it never blocks.
func (m *Monitor) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
