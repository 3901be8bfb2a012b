package serve

import (
	"fmt"
	"testing"
	"time"

	"weir/http7"
	"weir/lb"
)

// walk is what a driver of step knows at one moment. It is comparable, so that each situation is
// looked at once.
type walk struct {
	s      sending
	now    int64
	begun  int  // attempts, hedges included
	hedges int  // of these
	tokens int  // what the budget has allowed and nobody has used
	free   bool // the last attempt burdened nobody
	out    bool // the attempt is out
	beside bool // the hedge is
	answer int  // the status of an answer that is held, 0 without one
	spent  bool // bytes of the body have left that can't be sent again
	sent   bool // the endpoint may have seen the request
	stales int  // repetitions of this attempt
	lines  int  // how often it has stood in line
	dued   bool // this attempt's time for a hedge has come
}

// explorer walks all ways through step.
type explorer struct {
	t     *testing.T
	retry *Retry
	seen  map[walk]bool
	ends  map[action]int
	trail []string
}

// tick is how long an attempt takes in the model, where time matters.
const tick = 10 * ms

func (w *walk) pass() {
	if w.s.limit != 0 {
		w.now += tick
	}
}

// go on from w with ev: what does step ask for, may it, and what can come of it.
func (e *explorer) visit(w walk, ev event) {
	ev.now, ev.dice = w.now, 1
	act := w.s.step(ev)
	e.trail = append(e.trail, fmt.Sprintf("%d/%d→%s", ev.kind, ev.status, actionNames[act]))
	defer func() { e.trail = e.trail[:len(e.trail)-1] }()
	if e.seen[key(w, act)] {
		return
	}
	e.seen[key(w, act)] = true
	e.do(w, act)
}

// key folds the action into the situation that it is taken in.
func key(w walk, act action) walk {
	w.s.retries = w.s.retries<<8 | int(act)
	return w
}

func (e *explorer) must(ok bool, what string) {
	e.t.Helper()
	if !ok {
		e.t.Fatalf("%s: %v", what, e.trail)
	}
}

func (e *explorer) do(w walk, act action) {
	s := &w.s
	switch act {
	case pick:
		e.must(!w.out && !w.beside, "an attempt is still out")
		e.must(s.intime(w.now), "there is no time left")
		e.nobody(w)
		e.begin(&w)
		e.attempt(w)
	case acquire:
		e.must(w.stales == 0 && s.fresh && s.repeatable && !w.spent, "the connection was repeated before")
		w.stales++
		w.out = true
		w.pass()
		e.attempt(w)
	case await:
		e.must(w.out, "nothing is out")
		e.attempt(w)
	case askRetry, askHedge:
		e.must(!w.spent, "the body is gone")
		e.must(w.begun <= e.retry.Attempts, "too many attempts")
		yes := w
		yes.tokens++
		e.visit(yes, event{kind: evYes})
		e.visit(w, event{kind: evNo})
	case hedge:
		e.hedge(w)
	case part:
		e.must(!w.beside && w.out, "what was beside has answered")
		e.attempt(w)
	case adopt:
		e.must(w.hedges == 1, "there was no hedge")
		w.out, w.beside, w.answer, w.dued = true, false, 0, true
		w.pass()
		e.attempt(w)
	case wait:
		e.must(!w.out && !w.beside && s.until > w.now && s.intime(s.until), "a wait beyond the end")
		w.now = s.until
		e.visit(w, event{kind: evWaited})
		e.visit(w, event{kind: evEnded, fault: http7.ClientLeft})
	case queue:
		e.must(!w.out && !w.beside && w.answer == 0 && s.intime(w.now), "a wait in line with an answer at hand")
		e.line(w)
	case keep:
		e.must(w.answer != 0, "there is no answer")
		e.must(w.answer < 500 || !w.beside, "an attempt that is out might answer better")
		e.ends[act]++
	case fail:
		e.must(s.fault != nil && w.answer == 0 || s.fault == http7.ClientLeft, "an answer is thrown away")
		e.ends[act]++
	}
}

// begin accounts for an attempt that has an endpoint.
func (e *explorer) begin(w *walk) {
	if w.begun++; w.begun > 1 {
		if !w.free {
			w.tokens--
		}
		w.free = false
		e.must(w.s.repeatable || !w.sent, "the method must not be repeated")
	}
	e.must(w.tokens >= 0, "the budget was not asked")
	e.must(w.begun <= 1+e.retry.Attempts, "too many attempts")
	e.must(!w.spent, "the body is gone")
	w.out, w.answer, w.stales, w.dued = true, 0, 0, false
	w.pass()
}

// nobody is a pick without an endpoint.
func (e *explorer) nobody(w walk) {
	for _, r := range []lb.Reason{lb.NoEndpoint, lb.AllTried, lb.BreakerOpen, lb.AllFull} {
		if r == lb.AllTried && (w.begun == 0 || w.s.afresh) || r == lb.AllFull && w.lines == 2 {
			continue
		}
		e.visit(w, event{kind: evNone, reason: r})
	}
}

func (e *explorer) line(w walk) {
	w.lines++
	w.pass()
	e.visit(w, event{kind: evGranted})
	e.visit(w, event{kind: evShed})
	e.visit(w, event{kind: evEnded, fault: http7.ClientLeft})
}

func (e *explorer) hedge(w walk) {
	e.must(w.out && !w.beside && w.hedges == 0 && w.tokens > 0 && w.s.repeatable, "a hedge that must not be")
	refused := w
	refused.tokens--
	e.visit(refused, event{kind: evNo})
	w.begun, w.hedges, w.tokens, w.beside = w.begun+1, 1, w.tokens-1, true
	e.must(w.begun <= 1+e.retry.Attempts, "too many attempts")
	e.visit(w, event{kind: evOut})
}

// attempt is all that the wait for an answer can come to.
func (e *explorer) attempt(w walk) {
	before := w.sent
	w.sent = true
	if !w.dued && !w.beside {
		d := w
		d.dued = true
		e.visit(d, event{kind: evDue, replayable: true})
		e.visit(d, event{kind: evDue})
	}
	if w.beside {
		b := w
		b.beside = false
		for _, ev := range []event{{status: 200}, {status: 503}, {fault: http7.UpstreamReset}} {
			ev.kind = evBeside
			e.visit(b, ev)
		}
	}
	w.out = false
	for _, status := range []int{200, 500, 503} {
		h := w
		h.answer = status
		e.visit(h, event{kind: evHead, status: status, replayable: true})
		e.visit(h, event{kind: evHead, status: status, replayable: true, later: w.now + 2*tick})
		if h.spent = true; w.hedges == 0 { // who is hedged has all of the body at hand
			e.visit(h, event{kind: evHead, status: status})
		}
	}
	for _, f := range []*http7.Fault{http7.ConnectRefused, http7.ConnectTimeout, http7.UpstreamReset, http7.UpstreamStale, http7.UpstreamTimeout, http7.RouteTimeout, http7.BadStatusLine, http7.ClientLeft} {
		x := w
		if f.Kind == http7.Connect && w.dued && w.hedges == 0 {
			continue // it has been connected for long
		}
		x.sent = before || f.Kind != http7.Connect
		x.free = f == http7.ConnectRefused
		e.visit(x, event{kind: evFault, fault: f, replayable: true})
		if x.spent = true; w.hedges == 0 {
			e.visit(x, event{kind: evFault, fault: f})
		}
	}
}

// TestNoWayThroughStepBreaksItsPromises takes every way through step, for some configs: no answer is
// taken twice or thrown away, nothing is sent again once bytes are gone or the method forbids it,
// there are never more attempts than configured or allowed by the budget, and none beyond the end.
func TestNoWayThroughStepBreaksItsPromises(t *testing.T) {
	t.Parallel()
	ways := 0
	for attempts := range 3 {
		for _, method := range []string{"GET", "POST"} {
			for _, limit := range []int64{0, 25 * ms, 60 * ms} {
				for _, backoff := range []time.Duration{0, 15 * time.Millisecond} {
					r := &Retry{Attempts: attempts, On: everything, Methods: []string{"GET"}, Backoff: backoff}
					e := &explorer{t: t, retry: r, seen: map[walk]bool{}, ends: map[action]int{}}
					e.visit(walk{s: newSending(r, []byte(method), limit)}, event{kind: evStart})
					if e.ends[keep] == 0 || e.ends[fail] == 0 {
						t.Errorf("%d attempts, %s, limit %d: ends %v", attempts, method, limit, e.ends)
					}
					ways += len(e.seen)
				}
			}
		}
	}
	t.Logf("%d situations", ways)
	if ways < 10_000 {
		t.Errorf("only %d situations were looked at", ways)
	}
}
