package ratelimit

import (
	"time"

	"weir/http7"
	"weir/internal/gcra"
	"weir/internal/shared"
)

// A request that waits has in its word until when, on the clock of deadlines, and the number of the limit. 0: it does not.
const (
	indexBits = 4
	indexMask = 1<<indexBits - 1
)

// Request implements [http7.Policy].
func (t *throttle) Request(x *http7.Exchange) http7.Verdict {
	if x.Dry || len(t.limits) > 1 {
		if v, decided := t.look(x); decided {
			return v
		}
	}
	return t.pass(x, 0)
}

// pass takes the tokens of the limits from i on, in the order of turns. Where others took the last ones of a later limit
// since it was looked at, those of this node's limits before it are given back.
func (t *throttle) pass(x *http7.Exchange, i int) http7.Verdict {
	if i == len(t.turns) {
		return http7.Continue
	}
	l := t.turns[i]
	if l.shared == nil {
		return t.take(x, i, l)
	}
	switch wait, fault := t.askOthers(x, l); {
	case fault != nil:
		return http7.Refuse(fault)
	case wait > 0:
		return t.wait(x, i, wait)
	}
	return t.pass(x, i+1)
}

// take takes the tokens of limit i, one of this node's own, and goes on with the next.
func (t *throttle) take(x *http7.Exchange, i int, l *limit) http7.Verdict {
	a := l.ask(x)
	a.MostWait = l.patience()
	g := l.held.table.Take(&a)
	if g.Overflow {
		l.held.overflowed.Add(1)
	}
	switch {
	case !g.OK:
		return http7.Refuse(t.refuse(x, l, &a.Limit, &g))
	case g.Wait == 0:
		t.keep(x, l, &a.Limit, &g)
		v := t.pass(x, i+1)
		if v.Fault != nil {
			l.held.table.Return(&a, &g)
		}
		return v
	case l.held.waiting.Add(1) > l.mostQueue: // others came in between
		l.held.waiting.Add(-1)
		g.Retry = g.Wait
		return http7.Refuse(t.refuse(x, l, &a.Limit, &g))
	case t.observe: // its place is taken for as long as it would wait
		time.AfterFunc(g.Wait, func() { l.held.waiting.Add(-1) })
		x.Verdicts = append(x.Verdicts, l.delayed)
		return t.pass(x, i+1)
	}
	t.keep(x, l, &a.Limit, &g)
	return t.wait(x, i, g.Wait)
}

// wait parks x before limit i.
func (t *throttle) wait(x *http7.Exchange, i int, d time.Duration) http7.Verdict {
	x.Word = uint64(t.now()+int64(d))<<indexBits | uint64(i)
	return http7.WaitUntil(time.Now().Add(d))
}

// patience is how long a request may wait for its turn now: not at all while as many wait as may.
func (l *limit) patience() time.Duration {
	if l.mostDelay > 0 && l.held.waiting.Load() < l.mostQueue {
		return l.mostDelay
	}
	return 0
}

// ask makes the question that x puts to l.
func (l *limit) ask(x *http7.Exchange) gcra.Ask {
	a := gcra.Ask{Key: l.key.Of(x), Limit: l.rate, Cost: l.cost}
	if l.own {
		a.Limit = ownLimit(x, l.rate)
	}
	return a
}

// Resume implements [http7.Resumer]: a turn has come, or an answer from what nodes share.
func (t *throttle) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	i, left := int(x.Word&indexMask), time.Duration(int64(x.Word>>indexBits)-t.now())
	l := t.turns[i]
	early := why != http7.Expired && left > 0
	if l.shared != nil {
		if early && l.shared.Waits(x) {
			return http7.WaitUntil(time.Now().Add(left))
		}
		x.Word = 0
		if fault := t.answered(x, l, l.shared.Settle(x, time.Now())); fault != nil {
			return http7.Refuse(fault)
		}
		return t.pass(x, i+1)
	}
	if early { // woken for another's sake
		return http7.WaitUntil(time.Now().Add(left))
	}
	x.Word = 0
	l.held.waiting.Add(-1)
	return t.pass(x, i+1)
}

// End implements [http7.Ender]: a request that ends while it waits gives up its turn.
func (t *throttle) End(x *http7.Exchange, word uint64) {
	if word == 0 {
		return
	}
	if l := t.turns[word&indexMask]; l.shared != nil {
		l.shared.Settle(x, time.Now())
	} else {
		l.held.waiting.Add(-1)
	}
}

// askOthers takes the tokens of a limit that nodes share, as take does.
func (t *throttle) askOthers(x *http7.Exchange, l *limit) (wait time.Duration, fault *http7.Fault) {
	now := time.Now()
	a, asked := l.shared.Take(x, l.key.Of(x), l.cost, now)
	if asked {
		if !t.observe {
			return l.shared.Patience(x), nil
		}
		a = l.shared.Guess(x, now) // nobody is delayed for the sake of a remark
	}
	return 0, t.answered(x, l, a)
}

// answered is what comes of the answer of a limit that nodes share.
func (t *throttle) answered(x *http7.Exchange, l *limit, a shared.Answer) *http7.Fault {
	g := gcra.Grant{OK: a.Outcome == shared.Taken, Left: a.Left, Full: a.Reset, Retry: a.Retry}
	switch a.Outcome {
	case shared.Taken:
		t.keep(x, l, &l.rate, &g)
		return nil
	case shared.Refused:
		return t.refuse(x, l, &l.rate, &g)
	}
	x.Cause = errUnavailable
	return unknown
}

// look asks all limits what they would say. A request that one of them refuses takes no token of the others, and a dry
// one none at all. decided says that v is the verdict.
func (t *throttle) look(x *http7.Exchange) (v http7.Verdict, decided bool) {
	for _, l := range t.limits {
		if l.key.Lacks(x) {
			continue
		}
		a := l.ask(x)
		a.MostWait = l.patience()
		g, known := l.look(&a)
		switch {
		case !known && x.Dry:
			x.Verdicts = append(x.Verdicts, t.name+":unknown: would ask what nodes share")
		case !g.OK:
			return http7.Refuse(t.refuse(x, l, &a.Limit, &g)), true
		case g.Wait > 0 && x.Dry:
			x.Verdicts = append(x.Verdicts, l.delayed)
		}
	}
	return http7.Continue, x.Dry
}

// look says what l would grant. known is false where only other nodes know.
func (l *limit) look(a *gcra.Ask) (g gcra.Grant, known bool) {
	if l.shared == nil {
		return l.held.table.Look(a), true
	}
	s := l.shared.Limit.Peek(a.Key, a.Cost, time.Now())
	if s.Outcome == shared.Unknown {
		return gcra.Grant{OK: true}, false
	}
	return gcra.Grant{OK: s.Outcome == shared.Taken, Left: s.Left, Full: s.Reset, Retry: s.Retry}, true
}
