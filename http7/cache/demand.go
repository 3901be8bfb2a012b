package cache

import (
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

// A client may want the endpoint's word, by no-cache, max-age, min-fresh or Pragma (RFC 9111 §5.2.1, §5.4). What was asked for
// before its request came will not do; what was asked for since is as new a word as any. So such requests stand in a line of
// their own at each key, with one of them at the endpoint at a time: who comes meanwhile waits for the next, which one of those
// who wait fetches for all of them. One that is alone goes on at once, whatever others wait for.

// demanding reports whether the client wants the endpoint's word.
func (v *visit) demanding() bool { return v.asks.NoCache || v.asks.MaxAge >= 0 || v.asks.MinFresh >= 0 }

// demands reports whether v stands in the line of those.
func (v *visit) demands() bool { return !v.came.IsZero() }

// of returns the fills among which v's is.
func (h *fillShard) of(v *visit) map[string]*fill {
	if v.demands() {
		return h.demanded
	}
	return h.fills
}

// demand asks the endpoint for all who want its word by now, waits for who does, or goes alone.
func (p *policy) demand(x *http7.Exchange, v *visit) http7.Verdict {
	if v.waker = x.Waker(); !v.demands() {
		v.came = time.Now() // not x.Arrival: a client may have learned something since then
	}
	switch t, _ := p.shared.fills.join(v.place(), v, x, p.patient(v)); {
	case t == leads:
		v.role = leading
		return p.send(x, v)
	case t == waits:
		return p.park(v)
	case t == passes && v.object == nil: // its answers are not stored
		return p.pass(x, v, "")
	}
	return p.fetch(x, v)
}

// share ends the fill that v leads, if it leads one: what it has brought is v's object, stored under key.
func (p *policy) share(v *visit, key []byte) {
	switch f := v.fill; {
	case f == nil:
	case f.demanded && f.key == string(key):
		f.hand(v, v.object)
	default:
		f.over(v, again)
	}
}

// covers reports whether what was asked for with a's directives, which other caches on the way obey as well, is good enough
// for a request with those of b.
func covers(a, b *rule.Asks) bool {
	if a.NoCache || a.MaxAge == 0 {
		return true
	}
	return !b.NoCache && a.MinFresh >= b.MinFresh && (b.MaxAge < 0 || 0 <= a.MaxAge && a.MaxAge <= b.MaxAge)
}

// hand ends f, which v led, and gives o, which is whole, to all whose requests had come when it was asked for. The others look
// again, and one of them asks anew.
func (f *fill) hand(v *visit, o *store.Object) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	f.give(v, o)
}

// handOpen is hand for an o that grows. It returns the fill by which others may join, unless there is one already, or f is
// over for those who come later; done ends that.
func (f *fill) handOpen(v *visit, o *store.Object) *fill {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	over := f.ended
	f.give(v, o)
	if over {
		return nil
	}
	return f.shard.begin(f.key, f.hash, o)
}

func (f *fill) give(v *visit, o *store.Object) {
	v.fill = nil
	f.settle()
	f.end()
	for f.first != nil {
		w := f.first
		if w.came.After(f.begun) || !covers(&v.asks, &w.asks) {
			f.tell(again)
			continue
		}
		o.Hold()
		w.given = o
		f.tell(given)
	}
}

// receive answers x from what was handed over to it.
func (p *policy) receive(x *http7.Exchange, v *visit) http7.Verdict {
	o := v.given
	v.given, v.now = nil, time.Now()
	v.hold(o)
	return p.collapse(x, v)
}
