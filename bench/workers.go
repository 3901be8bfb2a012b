package bench

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// workers is the engine with one goroutine for each request that can be under way: for what a library speaks, and
// where there is no epoll.
type workers struct {
	owner   *run
	clients []Client
	gate    *gate // nil in the closed loop

	lastWall, lastCPU time.Duration
}

// newWorkers makes every worker's client; nothing is connected yet.
func newWorkers(r *run) (*workers, error) {
	w := &workers{owner: r}
	make := r.cfg.Client
	if make == nil {
		make = func(int) (Client, error) { return newLine(r.to), nil }
	}
	for n := range r.cfg.Workers {
		c, err := make(n)
		if err != nil {
			w.close()
			return nil, err
		}
		w.clients = append(w.clients, c)
	}
	if r.schedule.open() {
		alarm, err := newAlarm()
		if err != nil {
			w.close()
			return nil, err
		}
		w.gate = &gate{schedule: r.schedule, alarm: alarm}
	}
	return w, nil
}

func (w *workers) close() {
	for _, c := range w.clients {
		// The connection is done with; there is nobody to tell.
		_ = c.Close()
	}
}

// run starts one goroutine per worker and the gate's, and waits for them.
func (w *workers) run(ctx context.Context) {
	defer w.close()
	var working, rest sync.WaitGroup
	if w.gate != nil {
		rest.Go(w.gate.run)
	}
	for n := range w.clients {
		working.Go(func() { w.work(ctx, n) })
	}
	working.Wait()
	w.halt()
	rest.Wait()
}

// halt wakes the workers that wait for their slots; they get none.
func (w *workers) halt() {
	if w.gate != nil {
		w.gate.close()
	}
}

// work is the goroutine of one worker.
func (w *workers) work(ctx context.Context, n int) {
	r := w.owner
	form := Parts
	if r.cfg.Client == nil {
		form = Wire
	}
	tally := r.ledger.tallies[n%len(r.ledger.tallies)]
	maker := r.to.source.Maker(form, r.to.authority, r.cfg.Seed)
	wake := make(chan struct{}, 1)
	var request Request
	for {
		t, ok := w.take(wake)
		if !ok {
			return
		}
		maker.Fill(t.n, &request)
		a, err := w.clients[n].Do(ctx, time.Now().Add(r.cfg.Timeout), &request)
		if ctx.Err() != nil && err != nil {
			return // given up, not failed
		}
		d := done{class: request.Class, at: t.at, took: r.now() - t.at, lag: t.lag, late: t.late,
			in: a.In, out: a.Out, opened: a.Opened, reopened: a.Reopened}
		if err == nil { // else the status, if there is one, is of an answer that is not complete
			d.status, err = a.Status, request.Expect.judge(&a)
		}
		if err != nil {
			d.failed, d.kind = true, KindOf(err)
		}
		if t.at >= r.cfg.Warmup {
			tally.note(&d)
			if err != nil {
				r.ledger.explain(d.kind, err)
			}
		}
		if err != nil && w.gate == nil {
			breathe()
		}
	}
}

func (w *workers) take(wake chan struct{}) (turn, bool) {
	if w.gate != nil {
		return w.gate.take(wake)
	}
	s, ok := w.owner.schedule.claim()
	return turn{slot: s, lag: -1}, ok
}

// judge returns what is wrong with a complete answer.
func (e *Expect) judge(a *Answer) error {
	switch {
	case a.Status != 0 && !e.StatusFine(a.Status):
		return &unexpectedStatus{a.Status, a.Note}
	case e.WantsBody() && !e.Body(a.Body):
		return errBody
	}
	return nil
}

// breathe keeps a closed loop from spinning on a target that refuses at once.
func breathe() { time.Sleep(time.Millisecond) }

// busy returns the process's use of the processors that it may use: more than its own, if it does other work too.
func (w *workers) busy() float64 {
	wall, cpu := w.owner.now(), processTime()
	share := float64(cpu-w.lastCPU) / float64(max(1, wall-w.lastWall)) / float64(runtime.GOMAXPROCS(0))
	w.lastWall, w.lastCPU = wall, cpu
	return min(1, share)
}
