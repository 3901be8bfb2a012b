package bench

import (
	"context"
	"sync"
	"time"
)

// run is one Run under way.
type run struct {
	cfg      Config
	to       *target
	start    time.Time
	ledger   *ledger
	schedule *schedule
	engine   engine
	cpu      time.Duration // the process's when the measured time began
}

// engine sends what the schedule hands out and notes what comes of it.
type engine interface {
	// run blocks until the schedule is over and what was under way has ended. Behind the end of ctx it claims no
	// more slots and gives up what is under way.
	run(ctx context.Context)
	// halt lets go of slots that are claimed and not yet due. The schedule is closed; any goroutine may call it.
	halt()
	// busy returns the share of the time since the last call in which the busiest thread had no rest. It is called
	// from another goroutine than run, by one at a time.
	busy() float64
}

// abortGrace is how long requests under way may still take when a run is ended from outside.
const abortGrace = time.Second

// Run sends what cfg asks for and reports. It blocks until the schedule is done and every request under way has
// ended; when ctx ends it sends no more, waits for what is under way (at most a second) and reports that part,
// marked as cut short. It returns an error, which wraps ErrConfig, for a Config that cannot be run, never for failed
// requests. Several runs may go on at once.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	to, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, to: to}
	r.schedule = newSchedule(&r.cfg, r.now)
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	// Looking up the target's name takes no time of the schedule's.
	r.start = time.Now()
	r.ledger.report.Started = r.start
	return r.drive(ctx), nil
}

func (r *run) now() time.Duration { return time.Since(r.start) }

// open makes the engine, and the ledger with a tally for each of its threads.
func (r *run) open(ctx context.Context) error {
	r.ledger = newLedger(r.to.source.Classes(), r.cfg.Threads, r.cfg.MaxLag)
	r.ledger.report.Program = r.cfg.Program
	r.ledger.report.Target = r.cfg.Target
	r.ledger.report.Machine = ThisMachine()
	r.ledger.report.Settings = r.cfg.settings(r.to)
	var err error
	if r.cfg.Client == nil && r.to.scheme == "http" {
		r.engine, err = newLoops(ctx, r)
	} else {
		r.engine, err = newWorkers(r)
	}
	return err
}

// drive runs the engine and, beside it, the clock that turns the seconds. Both have ended when it returns.
func (r *run) drive(ctx context.Context) *Report {
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	stop := context.AfterFunc(ctx, func() {
		r.schedule.close()
		r.engine.halt()
		time.AfterFunc(abortGrace, abort)
	})
	defer stop()
	if ctx.Err() != nil {
		r.schedule.close() // now, before anything is sent
	}
	over := make(chan struct{})
	var clock sync.WaitGroup
	r.cpu = processTime()
	clock.Go(func() { r.seconds(over) })
	r.engine.run(work)
	elapsed := max(0, r.now()-r.cfg.Warmup)
	cut := !stop()
	close(over)
	clock.Wait()
	return r.finish(elapsed, cut)
}

// finish closes the last second and makes the report.
func (r *run) finish(elapsed time.Duration, cut bool) *Report {
	at := elapsed
	if series := r.ledger.report.Series; len(series) > 0 {
		at = max(at, series[len(series)-1].At) // the clock may have been a moment ahead
	}
	r.turn(at)
	if elapsed > 0 {
		r.ledger.report.CPU = max(0, processTime()-r.cpu)
	}
	r.ledger.report.CutShort = cut
	unsent := int64(0)
	if !cut {
		unsent = r.schedule.left()
	}
	report := r.ledger.finish(elapsed, unsent)
	report.judge(r.cfg.MaxLag)
	return report
}

// seconds is the goroutine that closes each measured second and tells Progress.
func (r *run) seconds(over <-chan struct{}) {
	for n := time.Duration(0); ; n++ {
		timer := time.NewTimer(r.cfg.Warmup + n*time.Second - r.now())
		select {
		case <-over:
			timer.Stop()
			return
		case <-timer.C:
		}
		if ended(over) {
			return // it is told of no second behind the end
		}
		if n == 0 {
			r.cpu = processTime()
			r.engine.busy()
			continue
		}
		s := r.turn(n * time.Second)
		if r.cfg.Progress != nil {
			r.cfg.Progress(s)
		}
	}
}

func ended(over <-chan struct{}) bool {
	select {
	case <-over:
		return true
	default:
		return false
	}
}

func (r *run) turn(at time.Duration) Second { return r.ledger.turn(at, r.engine.busy()) }
