package serve

import (
	"runtime/debug"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/match"
	"weir/internal/deadline"
)

// decider runs the steps of an exchange: the listener's early ones, the match, the route's. It does
// no I/O; it is resumed, never restarted.
type decider struct {
	steps   []http7.Step
	at, end int // the next step, and where the stretch ends
	place   stretch
	// matched says that the table has been asked, foreseen that it was asked before its turn.
	matched, foreseen bool
	// waits says that the match has asked for the body.
	waits bool
	// asked is the route of what a preflight asks for: its guards have run.
	asked *http7.Route
	// flown says that a preflight was matched, and that nobody has answered it.
	flown bool
	held  []refusal // before the match
	// seen is the refusal that a step would have made which only observes: the first, if any.
	seen []refusal
	ends []ending
	// open says that the last of ends is of a step that has not come to its verdict.
	open bool
	// stop is the verdict that deciding has ended or stopped with, once it has.
	stop http7.Verdict
	// by is the step that has answered or refused, said what it said.
	by   string
	said refusal
	// trace is told what each step says; nil but for an explanation.
	trace *trace
}

// stretch is a run of steps.
type stretch uint8

const (
	early  stretch = iota // the listener's, before the match
	guards                // of the route that a preflight asks for
	offers                // the answers that this route's steps have for a preflight
	behind                // the route's, behind the match
)

// refusal is what a step said. One of before the match stands unless the route opts out of the step's bundle.
type refusal struct {
	step    *http7.Step
	fault   *http7.Fault // nil for an answer
	problem http7.Problem
	cause   error
}

// ending is an End that is owed.
type ending struct {
	end  http7.Ender
	word uint64
}

// answered stands in place of a fault for an answer that a step before the match has made.
var answered = &http7.Fault{Name: "answered"}

// undecided ends a dry run of a request whose log lacks what decides.
var undecided = &http7.Fault{Side: http7.Internal, Kind: http7.Refused, Name: "undecided"}

func (d *decider) reset() {
	clear(d.ends)
	clear(d.held)
	clear(d.seen)
	*d = decider{ends: d.ends[:0], held: d.held[:0], seen: d.seen[:0]}
}

// start decides from the beginning, up to the first verdict but Go; that is d.stop then.
func (d *decider) start(x *exchange) http7.Act {
	d.steps = x.site.Early
	d.end = len(d.steps)
	if x.Preflight != nil {
		d.end = guardsOf(d.steps)
	}
	return d.run(x)
}

// guardsOf returns how many steps the guards are, which come first.
func guardsOf(steps []http7.Step) (n int) {
	for n < len(steps) && steps[n].Stage == http7.Guard {
		n++
	}
	return n
}

// resume goes on behind the step that stopped, or with the match.
func (d *decider) resume(x *exchange, why http7.Event) http7.Act {
	if d.waits {
		d.waits, x.asked = false, 0
		return d.run(x)
	}
	s := &d.steps[d.at]
	d.open = s.End != nil && d.place != offers
	v := d.policy(s).(http7.Resumer).Resume(&x.Exchange, why)
	if act := d.take(x, s, &v); act != http7.Go {
		return act
	}
	d.at++
	return d.run(x)
}

// run takes the steps from d.at on, and what lies between the stretches.
func (d *decider) run(x *exchange) http7.Act {
	for {
		for ; d.at < d.end; d.at++ {
			s := &d.steps[d.at]
			p := d.policy(s)
			if p == nil || d.pastRefusal(s) {
				continue
			}
			if s.Stage == http7.Identify && d.foresees(x) {
				return http7.Reply
			}
			x.Word = 0
			d.owe(s)
			v := p.Request(&x.Exchange)
			if act := d.take(x, s, &v); act != http7.Go {
				return act
			}
		}
		if d.place == behind {
			return http7.Go
		}
		switch need, f := d.turn(x); {
		case f != nil:
			d.finishWith(f)
			return http7.Reply
		case need:
			d.stop = http7.NeedBody(-1)
			return http7.Need
		}
	}
}

// finishWith ends deciding with a fault, or with the answer that was made before the match.
func (d *decider) finishWith(f *http7.Fault) {
	if f == answered {
		d.stop = http7.Answered()
	} else {
		d.stop = http7.Refuse(f)
	}
}

// foresees reports whether x is refused whoever its client is, which is d.stop then: to find that out can cost a lot, and
// those whom a guard refuses must not have it done. Where no route asks for claims, the match needs no identity.
func (d *decider) foresees(x *exchange) bool {
	if d.place != early || d.foreseen || x.Dry || !slices.ContainsFunc(d.held, stands) || slices.ContainsFunc(x.site.Table.Reads(), ofIdentity) {
		return false
	}
	d.foreseen = true
	if _, f := d.find(x, x.Method); f != nil {
		d.finishWith(f)
		return true
	}
	d.waits, x.asked = false, 0
	x.Route, x.plan, x.limit = nil, nil, 0
	return false
}

// stands reports whether a refusal is of a step that is enforced.
func stands(r refusal) bool { return r.step.Mode != http7.Observe }

// ofIdentity reports whether a selector is of what only an identity has.
func ofIdentity(selector string) bool { return strings.HasPrefix(selector, "claim:") }

// policy returns what is to be asked of s on this stretch, nil for nothing.
func (d *decider) policy(s *http7.Step) http7.Policy {
	switch {
	case d.place == offers:
		return s.Preflight
	case d.asked != nil && d.place == behind && s.Stage == http7.Guard && d.guarded(s):
		return nil
	}
	return s.Request
}

// guarded reports whether the guard s has run for the route that a preflight asked for.
func (d *decider) guarded(s *http7.Step) bool {
	steps := d.asked.Steps
	return slices.ContainsFunc(steps[:guardsOf(steps)], func(g http7.Step) bool { return g.Name == s.Name })
}

// turn goes on to the next stretch, unless the match needs the body first or refuses.
func (d *decider) turn(x *exchange) (need bool, f *http7.Fault) {
	switch {
	case d.place == guards:
		d.place, d.at, d.end = offers, 0, len(d.steps)
	case d.place == offers:
		d.ordinary(x)
	case x.Preflight != nil && !d.flown:
		return d.matchAsked(x)
	default:
		if need, f = d.find(x, x.Method); f == nil && !need {
			d.place = behind
			d.steps, d.at, d.end = x.Route.Steps, 0, len(x.Route.Steps)
		}
	}
	return need, f
}

// ordinary goes on with a preflight as an OPTIONS like others.
func (d *decider) ordinary(x *exchange) {
	x.Route, x.plan, x.limit = nil, nil, 0
	d.flown, d.place = true, early
	d.steps = x.site.Early
	d.at, d.end = guardsOf(d.steps), len(d.steps)
}

// matchAsked finds the route of what a preflight asks for. Whoever takes the preflight for that route sees
// it behind the guards, and before anybody asks who it is: browsers send no credentials with it.
func (d *decider) matchAsked(x *exchange) (need bool, f *http7.Fault) {
	need, f = d.find(x, x.Preflight)
	switch {
	case need || f == undecided:
		return need, f
	case x.Route == nil || !slices.ContainsFunc(x.Route.Steps, offering):
		d.ordinary(x)
		return false, nil
	case f != nil:
		return false, f
	}
	d.asked, d.place = x.Route, guards
	d.steps, d.at, d.end = x.Route.Steps, 0, guardsOf(x.Route.Steps)
	return false, nil
}

// offering reports whether a step may answer preflights.
func offering(s http7.Step) bool { return s.Preflight != nil }

// find asks the table as if x's method were method, and makes what it finds x's route.
func (d *decider) find(x *exchange, method []byte) (need bool, f *http7.Fault) {
	if reads := x.site.Reads; reads != nil {
		x.sights = reads.note(x.sights[:0], x)
	}
	d.matched = true
	found := x.site.Table.Find(&x.Exchange, method)
	switch {
	case found.Route != nil:
		return false, d.enter(x, found.Route)
	case found.Undecided:
		return false, undecided
	case found.Need:
		d.ask(x, found.Asks)
		return true, nil
	}
	if f := d.standing(x, nil); f != nil {
		return false, f
	}
	if found.Fault != nil {
		return false, found.Fault
	}
	return false, http7.NoRoute
}

// ask makes the whole body wanted, which a condition of route r is about.
func (d *decider) ask(x *exchange, r *http7.Route) {
	limit := x.site.Limits.BodyBytes
	if r != nil && r.BodyLimit > 0 {
		limit = r.BodyLimit
	}
	if limit == 0 || limit > match.MostContent {
		limit = match.MostContent
	}
	d.waits, x.asked = true, limit
}

// enter takes r for x's route, unless a refusal stands.
func (d *decider) enter(x *exchange, r *http7.Route) *http7.Fault {
	x.Route, x.plan = r, x.site.Plans[r.ID]
	if f := d.standing(x, x.plan.Without); f != nil {
		return f
	}
	if r.Timeout > 0 {
		x.limit = deadline.At(x.Arrival) + int64(r.Timeout)
	}
	if limit := x.bodyLimit(); limit > 0 && max(x.Body.Length, x.bytesIn) > limit {
		return http7.BodyTooLarge
	}
	return nil
}

// standing returns the first refusal from before the match that stands where the bundles without don't apply. Those of
// steps that only observe are remarks.
func (d *decider) standing(x *exchange, without []string) *http7.Fault {
	for i := range d.held {
		switch h := &d.held[i]; {
		case slices.Contains(without, h.step.Bundle):
		case h.step.Mode == http7.Observe:
			d.remark(x, h)
		default:
			d.by, d.said = h.step.Name, *h
			x.Problem, x.Cause = h.problem, h.cause
			if h.fault == nil {
				return answered
			}
			return h.fault
		}
	}
	x.Answer = nil // of a step that the route opts out of
	return nil
}

// pastRefusal reports whether s observes, and would not have been asked if those before it had been enforced: a limit then
// counts what it will count. Who somebody is, and where, is found out all the same, and an explanation asks everybody.
func (d *decider) pastRefusal(s *http7.Step) bool {
	return len(d.seen) > 0 && s.Mode == http7.Observe && s.Stage >= http7.Authorise && s.Stage <= http7.Inspect && d.trace == nil
}

// remark notes what a step would have refused: the first of a request alone, since enforcing stops there.
func (d *decider) remark(x *exchange, r *refusal) {
	if len(d.seen) > 0 {
		return
	}
	d.seen = append(d.seen, *r)
	x.Verdicts = append(x.Verdicts, r.step.Name+":would refuse: "+r.fault.Name)
	if d.trace != nil {
		d.trace.remarks = len(x.Verdicts) // its verdict says it
	}
}

// forget returns what s has refused, and takes what it has left of that in x: it may not come to it.
func forget(x *exchange, s *http7.Step, f *http7.Fault) refusal {
	r := refusal{s, f, x.Problem, x.Cause}
	x.Problem, x.Cause = http7.Problem{}, nil
	return r
}

// owe notes that s is about to be called: its End is due whatever comes of it, a panic included.
func (d *decider) owe(s *http7.Step) {
	if d.open = s.End != nil && d.place != offers; d.open {
		d.ends = append(d.ends, ending{end: s.End})
	}
}

// close keeps the word of the step called last for its End.
func (d *decider) close(x *exchange) {
	if d.open {
		d.ends[len(d.ends)-1].word = x.Word
		d.open = false
	}
}

// take notes what a step says. Before the match a refusal is held. One of a step that only observes is a remark.
func (d *decider) take(x *exchange, s *http7.Step, v *http7.Verdict) http7.Act {
	d.close(x)
	if d.trace != nil {
		d.trace.note(x, s, *v)
	}
	switch {
	case v.Act == http7.Go:
		return http7.Go
	case v.Act != http7.Reply:
	case d.place == early && (v.Fault != nil || s.Mode != http7.Observe):
		d.held = append(d.held, forget(x, s, v.Fault))
		return http7.Go
	case v.Fault != nil && s.Mode == http7.Observe:
		r := forget(x, s, v.Fault)
		d.remark(x, &r)
		return http7.Go
	default:
		d.by, d.said = s.Name, refusal{s, v.Fault, x.Problem, x.Cause}
	}
	d.stop = *v
	return v.Act
}

// finish pays the Ends that are owed, the last step's first. One that panics takes none of the
// others with it.
func (d *decider) finish(x *exchange, panicked func(value any, stack []byte)) {
	d.close(x)
	for len(d.ends) > 0 {
		d.pay(x, panicked)
	}
}

func (d *decider) pay(x *exchange, panicked func(value any, stack []byte)) {
	defer func() {
		if v := recover(); v != nil && panicked != nil {
			panicked(v, debug.Stack())
		}
	}()
	for n := len(d.ends) - 1; n >= 0; n-- {
		e := d.ends[n]
		d.ends = d.ends[:n]
		e.end.End(&x.Exchange, e.word)
	}
}
