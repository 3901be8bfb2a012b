package cache

import (
	"sync"
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

// role is what an exchange is to the cache.
type role uint8

const (
	looks    role = iota // not decided yet
	bypasses             // not looked up
	answered             // by the cache
	denied               // by the cache, which has nothing
	changes              // its method may change things: what is stored for its URL goes if it succeeds
	asksHead             // HEAD, which nothing stored has answered
	waiting              // for a fill
	leading              // fetches the answer for all
	fetching             // fetches the answer for itself, and stores it
	passing              // fetches the answer for itself; it is not stored
	watched              // of observe mode
)

// visit is what a policy keeps with an exchange. It is taken when the request is seen, and given back once End has
// been called and the Source that it is has been closed.
type visit struct {
	course
	// key is the request's, variant that of its variant if what is stored varies.
	key, variant []byte
	buf          []byte // a stored head that is being made
	text         []byte // a field value, or a key for a moment
	ranges       rule.Ranges
	merged       http7.Header
	copied       copier
	body         body
}

// course is what of a visit begins anew with every exchange.
type course struct {
	role  role
	ended bool // End was called
	turns uint8
	// authorized says that the request has Authorization.
	authorized bool
	// renews says that the endpoint is asked whether object still holds.
	renews bool
	// counted says that the end of the fill has been counted.
	counted bool
	// away says that there is no client: the exchange is a repeated one.
	away bool
	asks rule.Asks
	// mark is the place among the purges before the store was asked, now when that was.
	mark store.Mark
	now  time.Time
	// status is what Cache-Status will say.
	status rule.Status

	// object is what answers, or what is to be validated; the visit holds it. head is its, or what a 304 made of it.
	object *store.Object
	head   rule.Head
	facts  rule.Facts

	// What waits, and what leads.
	fill           *fill
	waker          http7.Waker
	until          time.Time
	waited         rule.Forward  // why it had to
	seen           int64         // when the answer was made that was stored then
	came           time.Time     // when it was, of who demands the endpoint's word; zero for others
	given          *store.Object // what a fill has handed over, held, with the word
	told           word          // this and what follows are guarded by the fill's shard
	inLine         bool
	before, behind *visit
}

// place is the key of what answers the request: its variant's, where there are any.
func (v *visit) place() []byte {
	if len(v.variant) > 0 {
		return v.variant
	}
	return v.key
}

// marking is the key that answers to requests like v's are marked by. What is said to somebody with credentials says
// nothing about others.
func (v *visit) marking() []byte {
	if !v.asks.Credentials {
		return v.place()
	}
	v.text = append(append(v.text[:0], v.place()...), 0, 'P')
	return v.text
}

var visits = sync.Pool{New: func() any { return new(visit) }}

// begin takes a visit for x.
func (p *policy) begin(x *http7.Exchange) *visit {
	v := visits.Get().(*visit)
	who := p.key.whoOf(x)
	v.asks, v.authorized = rule.ReadAsks(&x.Request, p.rules.Cookies...), rule.Authorized(&x.Request, who)
	v.asks.By(who)
	x.Keep(p, v)
	return v
}

// hold makes o what the visit is about; it takes the caller's hold over.
func (v *visit) hold(o *store.Object) {
	if v.object != nil {
		v.object.Release()
	}
	v.object, v.head = o, nil
	if o != nil {
		v.head = rule.Head(o.Head())
		v.head.Facts(&v.facts)
	}
}

// End implements [http7.Ender].
func (p *policy) End(x *http7.Exchange, _ uint64) {
	v, _ := x.Kept(p).(*visit)
	if v == nil {
		return
	}
	x.Keep(p, nil)
	if v.role == waiting {
		p.unpark(v)
	}
	if v.fill != nil {
		v.fill.part(v, true)
	}
	v.copied.stop(fillCut)
	if v.ended = true; !v.body.open {
		v.finish()
	}
}

// maxKept bounds the buffers of a visit that waits for another exchange.
const maxKept = 16 << 10

// finish gives v back.
func (v *visit) finish() {
	v.hold(nil)
	if v.given != nil { // and it has left before it heard
		v.given.Release()
	}
	if cap(v.key)+cap(v.variant)+cap(v.buf)+cap(v.text) > maxKept {
		v.key, v.variant, v.buf, v.text = nil, nil, nil, nil
		v.merged.Drop()
	}
	v.course = course{}
	v.key, v.variant = v.key[:0], v.variant[:0]
	v.merged.Reset(nil)
	v.copied = copier{}
	v.body.reset()
	visits.Put(v)
}
