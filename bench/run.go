package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// run is one Run under way.
type run struct {
	cfg    Config
	to     *target
	start  time.Time
	ledger *ledger
	source source

	redials atomic.Int64
}

// source says when a line may send: a gate in the open loop, a counter in the closed one.
type source interface {
	take(wake chan struct{}) (slot, bool)
	left() int64
	close()
}

// Run sends what cfg asks for and reports. It blocks until the schedule is done and every request under way has
// ended; when ctx ends it sends no more, waits for what is under way (at most Config.Timeout) and reports that
// part. It returns an error, which wraps ErrConfig, for a Config that cannot be run, never for failed requests.
// Several runs may go on at once.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	to, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, to: to, ledger: newLedger(cfg.Target)}
	r.start = time.Now()
	if err := r.open(); err != nil {
		return nil, err
	}
	return r.drive(ctx), nil
}

func (r *run) now() time.Duration { return time.Since(r.start) }

// end is when the schedule is over; forever where only a number of requests ends it.
func (r *run) end() time.Duration {
	if r.cfg.Duration == 0 {
		return time.Duration(1<<63 - 1)
	}
	return r.cfg.Warmup + r.cfg.Duration
}

// open makes the source of slots.
func (r *run) open() error {
	if r.cfg.Rate == 0 {
		r.source = &turns{now: r.now, warm: r.cfg.Warmup, until: r.end(), last: r.cfg.Requests}
		return nil
	}
	alarm, err := newAlarm()
	if err != nil {
		return err
	}
	g := &gate{now: r.now, rate: r.cfg.Rate, alarm: alarm, until: r.end(), last: 1<<63 - 1}
	if r.cfg.Duration > 0 {
		g.last = g.before(r.end())
		g.until += r.cfg.Timeout
	}
	if r.cfg.Requests > 0 {
		g.last = min(g.last, g.before(r.cfg.Warmup)+r.cfg.Requests)
	}
	r.source = g
	return nil
}

// drive starts the goroutines, all of which end before it returns: one per connection, the gate's, the clock that
// turns the seconds.
func (r *run) drive(ctx context.Context) *Report {
	stop := context.AfterFunc(ctx, r.source.close)
	defer stop()
	var lines, rest sync.WaitGroup
	if g, ok := r.source.(*gate); ok {
		rest.Go(g.run)
	}
	over := make(chan struct{})
	rest.Go(func() { r.seconds(over) })
	for range r.cfg.Connections {
		lines.Go(r.work)
	}
	lines.Wait()
	elapsed := max(0, r.now()-r.cfg.Warmup)
	unsent := int64(0)
	if ctx.Err() == nil {
		unsent = r.source.left()
	}
	r.source.close()
	close(over)
	rest.Wait()
	r.ledger.turn(elapsed)
	r.ledger.report.Redials = r.redials.Load()
	return r.ledger.finish(elapsed, unsent)
}

// work is the goroutine of one line.
func (r *run) work() {
	l := newLine(r.to, r.cfg.Timeout)
	defer l.close()
	wake := make(chan struct{}, 1)
	for {
		s, ok := r.source.take(wake)
		if !ok {
			break
		}
		a, err := l.once()
		if s.at >= r.cfg.Warmup {
			r.ledger.note(s, r.now()-s.at, a, err)
		}
		if err != nil && r.cfg.Rate == 0 {
			r.breathe()
		}
	}
	r.redials.Add(l.redials)
}

// breathe keeps a closed loop from spinning on a target that refuses at once.
func (r *run) breathe() { time.Sleep(time.Millisecond) }

// seconds closes each measured second and tells Progress.
func (r *run) seconds(over <-chan struct{}) {
	for n := time.Duration(1); ; n++ {
		timer := time.NewTimer(r.cfg.Warmup + n*time.Second - r.now())
		select {
		case <-over:
			timer.Stop()
			return
		case <-timer.C:
		}
		s := r.ledger.turn(n * time.Second)
		if r.cfg.Progress != nil {
			r.cfg.Progress(s)
		}
	}
}

// turns is the closed loop: each line may send at once, until the time or the number is up.
type turns struct {
	now   func() time.Duration
	warm  time.Duration
	until time.Duration
	last  int64 // measured requests; 0: no such end
	taken atomic.Int64
	shut  atomic.Bool
}

func (t *turns) take(chan struct{}) (slot, bool) {
	now := t.now()
	if t.shut.Load() || now >= t.until {
		return slot{}, false
	}
	if t.last > 0 && now >= t.warm && t.taken.Add(1) > t.last {
		return slot{}, false
	}
	return slot{at: now}, true
}

func (t *turns) left() int64 { return 0 }
func (t *turns) close()      { t.shut.Store(true) }
