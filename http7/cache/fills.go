package cache

import (
	"hash/maphash"
	"sync"
	"time"

	"weir/http7"
	"weir/http7/cache/store"
)

// fills are the answers on their way into the store, by key, and the marks of keys whose answers are not stored.
type fills struct {
	seed   maphash.Seed
	shards [fillShards]fillShard
}

const fillShards = 64

// fillShard guards all that its fills have.
type fillShard struct {
	mu    sync.Mutex
	fills map[string]*fill
	// demanded are the fills of those who want the endpoint's word: nobody joins them but such.
	demanded map[string]*fill
	marks    map[uint64]mark // by the hash of the key: who is taken for another goes to the endpoint alone
}

// fill is an answer that is fetched for everybody who asks for its key. It is pending until the answer's head is there,
// then open while its object grows, and ends when it leaves the map.
type fill struct {
	shard *fillShard
	hash  uint64
	key   string
	led   bool            // somebody fetches
	by    *http7.Exchange // whose client may leave: it stays while others wait; nil: nobody's
	// object grows, once the fill is open; the fill holds it.
	object *store.Object
	ended  bool // out of the map
	slow   bool // somebody has waited in vain
	// demanded says that it is one of those. begun is since when the answer is fetched, then.
	demanded bool
	begun    time.Time

	first, last *visit // who waits, in the order of their coming
	waiting     int
	failures    uint
}

// turn is what an exchange is to do that has found nothing it may use.
type turn uint8

const (
	leads   turn = iota // fetch the answer for all
	waits               // until the fill says more
	reads               // from the object that is being filled
	fetches             // go to an endpoint alone, and store what comes
	passes              // go to an endpoint alone: the answers of this key are not stored
)

// word is what a fill tells those who wait.
type word uint8

const (
	nothing word = iota
	again        // look again
	alone        // go to an endpoint alone
	instead      // the endpoint has failed: use what is stored, if that is allowed
	given        // use the object that is handed over: it was asked for after the request had come
)

func (s *fills) init() {
	s.seed = maphash.MakeSeed()
	for i := range s.shards {
		h := &s.shards[i]
		h.fills, h.demanded, h.marks = map[string]*fill{}, map[string]*fill{}, map[uint64]mark{}
	}
}

func (s *fills) shard(key []byte) (*fillShard, uint64) {
	hash := maphash.Bytes(s.seed, key)
	return &s.shards[hash%fillShards], hash
}

// join finds out v's turn at key. A leader and who waits have v.fill from here on, a reader gets the object, held. by is
// the exchange of v's client, nil for none. Who is not patient does not wait, and takes nothing that another has asked for.
// Who demands the endpoint's word has v.came.
func (s *fills) join(key []byte, v *visit, by *http7.Exchange, patient bool) (turn, *store.Object) {
	h, hash := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.of(v)[string(key)]
	if f != nil && f.object != nil && f.object.Purged() { // who comes after a purge sees nothing of what was asked for before
		f.end()
		f = nil
	}
	switch {
	case f == nil && h.marked(hash, v.now):
		return passes, nil
	case f == nil:
		f = &fill{shard: h, hash: hash, key: string(key), demanded: v.demands()}
		h.of(v)[f.key] = f
	case f.led && !patient:
		return fetches, nil
	case f.slow && f.object == nil:
		return passes, nil
	case f.object != nil:
		f.object.Hold()
		return reads, f.object
	case f.led:
		f.enter(v)
		return waits, nil
	}
	f.lead(v, by)
	return leads, nil
}

// lead makes v fetch f's answer.
func (f *fill) lead(v *visit, by *http7.Exchange) {
	f.led, f.by, v.fill = true, by, f
	if f.demanded {
		f.begun = time.Now()
	}
	if f.waiting > 0 && by != nil {
		by.Stay(true)
	}
}

// enter makes v the last of those who wait.
func (f *fill) enter(v *visit) {
	v.fill, v.told = f, nothing
	v.before, v.behind = f.last, nil
	if f.last != nil {
		f.last.behind = v
	} else {
		f.first = v
	}
	f.last = v
	v.inLine = true
	if f.waiting++; f.waiting == 1 && f.by != nil {
		f.by.Stay(true)
	}
}

// leave takes v out of the line.
func (f *fill) leave(v *visit) {
	if v.before != nil {
		v.before.behind = v.behind
	} else {
		f.first = v.behind
	}
	if v.behind != nil {
		v.behind.before = v.before
	} else {
		f.last = v.before
	}
	v.before, v.behind, v.inLine = nil, nil, false
	if f.waiting--; f.waiting == 0 && f.by != nil {
		f.by.Stay(false)
	}
}

// tell gives the first in line a word and sends it off.
func (f *fill) tell(w word) {
	v := f.first
	f.leave(v)
	v.told = w
	v.waker.Wake()
}

// tellAll gives everybody a word.
func (f *fill) tellAll(w word) {
	for f.first != nil {
		f.tell(w)
	}
}

// end takes f out of the map. Who comes later finds what is stored, or leads anew.
func (f *fill) end() {
	if f.ended {
		return
	}
	f.ended = true
	if f.demanded {
		delete(f.shard.demanded, f.key)
	} else {
		delete(f.shard.fills, f.key)
	}
	if f.object != nil {
		f.object.Release()
		f.object = nil
	}
}

// heard returns what the fill that v waits for has told it, and takes it out of the line if it has, or if v waits
// no longer. It is over then.
func (f *fill) heard(v *visit, over bool) word {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	switch {
	case !v.inLine: // it was told, and has not come yet
		v.fill = nil
	case over:
		f.leave(v)
		f.slow = true
		if v.fill = nil; f.first == nil {
			f.relay()
		}
		return alone
	default:
		return nothing
	}
	return v.told
}

// part is the end of v, which waited or led.
func (f *fill) part(v *visit, led bool) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	v.fill = nil
	switch {
	case led:
		f.vacate()
	case v.inLine:
		f.leave(v)
		if f.first == nil {
			f.relay()
		}
	case v.told == again: // it was to lead, perhaps
		f.relay()
	}
}

// pass lets the next in line look, after one that was told to, unless that one leads or nobody need: what it has found need not be
// for others.
func (f *fill) pass() {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	f.relay()
}

// relay lets the next in line look if nobody leads.
func (f *fill) relay() {
	if !f.led && !f.ended {
		f.next()
	}
}

// vacate takes the lead from who had it, without an answer, and lets the next in line look.
func (f *fill) vacate() {
	f.settle()
	f.next()
}

// settle notes that nobody leads.
func (f *fill) settle() {
	if by := f.by; by != nil {
		f.by = nil
		by.Stay(false)
	}
	f.led = false
}

// next lets the first in line look again, who will lead unless somebody else does by then: all, if nobody can lead f any more.
func (f *fill) next() {
	switch {
	case f.ended:
		f.tellAll(again)
	case f.first == nil:
		f.end()
	default:
		f.slow = false
		f.tell(again)
	}
}

// fail is the end of an attempt to fetch the answer that brought nothing to be stored, by nobody's design. The next in line leads. Should that go
// on, ever more of them go to an endpoint by themselves, so that nobody stands in line behind a thousand failures.
func (f *fill) fail(v *visit) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	v.fill = nil
	f.settle()
	f.failures = min(f.failures+1, 20)
	f.next()
	for n := 1<<f.failures - 2; n > 0 && f.first != nil; n-- {
		f.tell(alone)
	}
}

// open lets everybody read o, which the fill holds from here on. Its filler calls done.
func (f *fill) open(v *visit, o *store.Object) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	v.fill = nil
	f.settle()
	f.led = true
	if !f.ended {
		o.Hold()
		f.object = o
	}
	f.tellAll(again)
}

// done ends f when its object has: it is published, or nobody is to join it any more.
func (f *fill) done() {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	f.end()
	f.tellAll(again)
}

// over ends f, which v led: w is what everybody is told.
func (f *fill) over(v *visit, w word) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	v.fill = nil
	f.settle()
	f.end()
	f.tellAll(w)
}

// personal ends f, which v led, because its answer was for v's client alone: those without credentials look again.
func (f *fill) personal(v *visit) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	v.fill = nil
	f.settle()
	f.end()
	for f.first != nil {
		if f.first.asks.Credentials {
			f.tell(alone)
		} else {
			f.tell(again)
		}
	}
}

// passed ends f, which v led, because its answers are not stored: everybody goes alone, and for a while who comes.
func (f *fill) passed(v *visit, span time.Duration) {
	f.shard.mu.Lock()
	f.shard.mark(f.hash, span)
	f.shard.mu.Unlock()
	f.over(v, alone)
}

// endAll ends all fills for those who come later. Who leads or reads goes on, for itself and those who wait.
func (s *fills) endAll() {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		for _, f := range h.fills {
			f.end()
		}
		for _, f := range h.demanded {
			f.end()
		}
		h.mu.Unlock()
	}
}

// begin registers a fill for key that is open from the start, unless there is one already. done ends it.
func (s *fills) begin(key []byte, o *store.Object) *fill {
	h, hash := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begin(string(key), hash, o)
}

func (h *fillShard) begin(key string, hash uint64, o *store.Object) *fill {
	f := h.fills[key]
	switch {
	case f == nil:
		f = &fill{shard: h, hash: hash, key: key}
		h.fills[key] = f
	case f.led:
		return nil
	}
	f.led, f.object = true, o
	o.Hold()
	f.tellAll(again)
	return f
}
