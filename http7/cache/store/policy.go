package store

// The policy's measures; docs/decisions/029-eviction.md has what they were chosen by.
const (
	smallShare = 12   // the small queue has a part in so many: 8 %
	coldSlack  = 50   // the main queue counts as full if this part is missing
	ghostsIn4  = 3    // so many ghosts for four objects
	looksMost  = 1024 // objects that an eviction looks at
)

// policy decides who goes when there is no room: S3-FIFO (SOSP 2023), guarded. Newcomers wait in a small queue; who was
// used there, or finds the main queue not full, moves on into it, others leave a ghost. Who comes back while its ghost is
// remembered goes to the main queue at once, if the next to leave there was not used since it was last looked at; that
// look costs it its use. Readers only set a word of the object, once.
//
// Sizes are in units of the arena. Guarded by the shard's lock.
type policy struct {
	small, main queue
	ghosts      ghosts
	filled      bool // somebody had to go
}

func (p *policy) bookkeeping() int64 { return p.ghosts.bookkeeping() }

// few is what the small queue should have.
func (p *policy) few() int64 { return (p.small.units + p.main.units) / smallShare }

// add takes a newcomer. was is the queue of the object in whose place it comes.
func (p *policy) add(sh *shard, o *Object, was uint8) {
	o.queue = queueSmall
	if was == queueMain || was == queueNone && p.filled && p.ghosts.take(o.hash) && p.yields(sh) {
		o.queue = queueMain
	}
	p.of(o).push(&sh.slabs, o)
}

func (p *policy) of(o *Object) *queue {
	if o.queue == queueMain {
		return &p.main
	}
	return &p.small
}

// remove takes o out of its queue.
func (p *policy) remove(sh *shard, o *Object) {
	p.of(o).remove(&sh.slabs, o)
	o.queue = queueNone
}

// yields makes room in the main queue if its next to leave is not in use.
func (p *policy) yields(sh *shard) bool {
	o := p.main.front(&sh.slabs)
	if o == nil {
		return true
	}
	if o.inUse() {
		p.again(sh, o)
		return false
	}
	sh.counts.main++
	sh.drop(o)
	return true
}

// evict lets one object go; false if there is none. It looks at looksMost at most, and passes over those that are read:
// their memory would not come free.
func (p *policy) evict(sh *shard) bool {
	p.filled = true
	for looks := 1; ; looks++ {
		fromSmall := p.small.units > p.few() || p.main.first == 0
		o := p.main.front(&sh.slabs)
		if fromSmall {
			o = p.small.front(&sh.slabs)
		}
		if o == nil {
			return false
		}
		if looks == looksMost || !o.inUse() && !(fromSmall && p.cold(o)) {
			p.leave(sh, o)
			return true
		}
		p.again(sh, o)
	}
}

// cold reports whether the main queue takes whoever comes.
func (p *policy) cold(o *Object) bool {
	total := p.small.units + p.main.units
	return p.main.units+int64(o.units) <= total-p.few()-total/coldSlack
}

// again puts o at the end of the main queue, unused.
func (p *policy) again(sh *shard, o *Object) {
	p.remove(sh, o)
	o.used.Store(0)
	o.queue = queueMain
	p.main.push(&sh.slabs, o)
}

// leave lets o go.
func (p *policy) leave(sh *shard, o *Object) {
	if o.queue == queueSmall {
		sh.counts.small++
		p.ghosts.add(o.hash, (p.small.objects+p.main.objects)*ghostsIn4/4)
	} else {
		sh.counts.main++
	}
	sh.drop(o)
}

// inUse reports whether o was used since it was last looked at, or somebody but the shard holds it.
func (o *Object) inUse() bool { return o.used.Load() != 0 || o.refs.Load() > 1 }
