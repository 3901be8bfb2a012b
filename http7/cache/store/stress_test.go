package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The bytes of every object in these tests follow from its key, its version and the place in it. A byte of another object,
// of another version, from another place, or one that was freed (and poisoned) is found out by whoever reads.

// fact is what a head says about its object.
type fact struct {
	key     uint64 // its number
	version uint64 // of the head: grows with every draft and refresh
	body    uint64 // version of the draft that the body came with
	length  uint64
}

func (f fact) head() []byte {
	b := make([]byte, 0, 64)
	for _, v := range []uint64{f.key, f.version, f.body, f.length} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint64(b, f.key^f.version*3^f.body*5^f.length*7)
}

func factOf(head []byte) (f fact, ok bool) {
	if len(head) != 40 {
		return f, false
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(head[8*i:]) }
	f = fact{at(0), at(1), at(2), at(3)}
	return f, at(4) == f.key^f.version*3^f.body*5^f.length*7
}

// byteAt is what lies at a place of the body.
func (f fact) byteAt(i int64) byte {
	return byte((f.key*0x9e3779b97f4a7c15 ^ f.body*0xbf58476d1ce4e5b9 ^ uint64(i)*0x94d049bb133111eb) >> 56)
}

func (f fact) bytes(from, n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = f.byteAt(from + int64(i))
	}
	return b
}

func (f fact) wrong(chunk []byte, at int64) error {
	for i, b := range chunk {
		if want := f.byteAt(at + int64(i)); b != want {
			return fmt.Errorf("object %d: byte %d is %#x, want %#x", f.key, at+int64(i), b, want)
		}
	}
	return nil
}

func numbered(k uint64) []byte { return fmt.Appendf(nil, "http://h%d.test/object/%d", k%4, k) }

// stress is a store under everything at once.
type stress struct {
	t     testing.TB
	s     *Store
	keys  uint64
	next  atomic.Uint64   // versions
	floor []atomic.Uint64 // by key: a version up to this must not be seen
	stale []atomic.Uint64 // by key: a version up to this must be stale

	hits, drafts, doomed, cuts atomic.Int64
}

func newStress(t testing.TB, size int64, keys uint64, m memory) *stress {
	s, err := open(size, m)
	if err != nil {
		t.Fatal(err)
	}
	return &stress{t: t, s: s, keys: keys, floor: make([]atomic.Uint64, keys), stale: make([]atomic.Uint64, keys)}
}

func raise(at *atomic.Uint64, v uint64) {
	for old := at.Load(); old < v && !at.CompareAndSwap(old, v); {
		old = at.Load()
	}
}

// get looks for an object, and checks what a purge has promised.
func (st *stress) get(k uint64) (*Object, fact) {
	floor, old := st.floor[k].Load(), st.stale[k].Load()
	o := st.s.Get(numbered(k))
	if o == nil {
		return nil, fact{}
	}
	f, ok := factOf(o.Head())
	switch {
	case !ok || f.key != k || !bytes.Equal(o.Key(), numbered(k)):
		st.t.Errorf("Get(%d): key %q, head %x", k, o.Key(), o.Head())
	case f.version <= floor:
		st.t.Errorf("Get(%d) returns version %d after a purge of %d", k, f.version, floor)
	case f.version <= old && !o.Stale():
		st.t.Errorf("Get(%d) returns fresh version %d after a soft purge of %d", k, f.version, old)
	case !o.Whole() || o.Length() != int64(f.length) || o.Size() != o.Length():
		st.t.Errorf("Get(%d): %d of %d bytes, head says %d", k, o.Size(), o.Length(), f.length)
	}
	st.hits.Add(1)
	return o, f
}

// read reads a part of an object that may still grow.
func (st *stress) read(o *Object, f fact, r *Reader, from, n int64) {
	if !r.Open(o, from, n) {
		return
	}
	defer r.Close()
	for at := from; ; {
		chunk, state := r.Next()
		if err := f.wrong(chunk, at); err != nil {
			st.t.Error(err)
			return
		}
		switch at += int64(len(chunk)); state {
		case Parked:
			r.Await()
		case End:
			if end := min(from+n, int64(f.length)); n >= 0 && at != end || n < 0 && at != max(from, int64(f.length)) {
				st.t.Errorf("object %d ends at %d of %d; %d from %d were asked for", f.key, at, f.length, n, from)
			}
			return
		case Cut:
			st.cuts.Add(1)
			return
		case Stopped:
			return
		}
	}
}

// fill makes an object, with readers of it as it grows.
func (st *stress) fill(rng *rand.Rand, k uint64) {
	since := st.s.Mark()
	f := fact{key: k, version: st.next.Add(1), length: uint64(rng.IntN(4000))}
	if rng.IntN(8) == 0 {
		f.length = uint64(rng.IntN(300_000))
	}
	f.body = f.version
	length, most := int64(f.length), int64(f.length)
	switch rng.IntN(4) {
	case 0:
		length = -1
	case 1:
		length, most = -1, int64(rng.IntN(200_000))
	}
	o := st.s.Draft(numbered(k), since, []uint64{k % 8, 1000 + k%3}, f.head(), length, most)
	if o == nil {
		return
	}
	defer o.Release()
	st.drafts.Add(1)
	var readers sync.WaitGroup
	defer readers.Wait()
	for range rng.IntN(4) {
		o.Hold()
		slow := rng.IntN(3)
		readers.Go(func() { // a reader beside the filler; ends with the body
			defer o.Release()
			if slow == 0 {
				var r Reader
				if r.Open(o, 0, -1) {
					r.Next()
					r.Interrupt()
					r.Close()
				}
			}
			st.read(o, f, new(Reader), 0, -1)
		})
	}
	st.write(rng, o, f)
}

func (st *stress) write(rng *rand.Rand, o *Object, f fact) {
	for at := int64(0); at < int64(f.length); {
		n := min(1+rng.Int64N(50_000), int64(f.length)-at)
		if !o.Write(f.bytes(at, n)) || rng.IntN(100) == 0 {
			o.Cut()
			return
		}
		at += n
	}
	if o.is(doomed) {
		st.doomed.Add(1)
	}
	var trailer []byte
	if rng.IntN(4) == 0 {
		trailer = f.head()
	}
	if o.Finish(trailer) && o.is(doomed) {
		st.t.Errorf("object %d was doomed, and is published", f.key)
	}
	if o.Whole() && !bytes.Equal(o.Trailer(), trailer) {
		st.t.Errorf("object %d has the trailer %x, want %x", f.key, o.Trailer(), trailer)
	}
}

// refresh gives an object another head.
func (st *stress) refresh(k uint64) {
	o, f := st.get(k)
	if o == nil {
		return
	}
	defer o.Release()
	since := st.s.Mark()
	f.version = st.next.Add(1)
	if n := st.s.Refresh(o, since, []uint64{k % 8}, f.head()); n != nil {
		st.read(n, f, new(Reader), 0, -1)
		n.Release()
	}
}

// purge purges some keys, and notes which versions must not be seen any more.
func (st *stress) purge(rng *rand.Rand, k uint64) {
	names := func(i uint64) bool { return i == k }
	p := Purge{Key: numbered(k), Soft: rng.IntN(3) == 0}
	switch rng.IntN(8) {
	case 0:
		p.Key, p.Tag = nil, 1+k%7
		names = func(i uint64) bool { return i%8 == p.Tag }
	case 1:
		p.Key, p.Prefix = nil, fmt.Appendf(nil, "http://h%d.test/object/1", k%4)
		names = func(i uint64) bool { return bytes.HasPrefix(numbered(i), p.Prefix) }
	case 2:
		if rng.IntN(20) == 0 {
			p.Key, p.All = nil, true
			names = func(uint64) bool { return true }
		}
	}
	upTo, marks := st.next.Load(), st.floor
	if p.Soft {
		marks = st.stale
	}
	st.s.Purge(p)
	for i := range st.keys {
		if names(i) {
			raise(&marks[i], upTo)
		}
	}
}

// worker does n things in any order.
func (st *stress) worker(seed uint64, n int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	var r Reader
	for range n {
		k := min(rng.Uint64N(st.keys), rng.Uint64N(st.keys))
		switch what := rng.IntN(40); {
		case what < 24:
			o, f := st.get(k)
			if o == nil {
				st.fill(rng, k)
				continue
			}
			if body, ok := o.Body(); ok {
				if err := f.wrong(body, 0); err != nil || len(body) != int(f.length) {
					st.t.Errorf("object %d: %d of %d bytes, %v", k, len(body), f.length, err)
				}
			}
			from := rng.Int64N(int64(f.length) + 1)
			st.read(o, f, &r, from, rng.Int64N(int64(f.length)+1)-1)
			o.Release()
		case what < 32:
			st.fill(rng, k)
		case what < 36:
			st.refresh(k)
		case what < 38:
			st.purge(rng, k)
		case what < 39:
			if o, _ := st.get(k); o != nil {
				st.s.Drop(o)
				o.Release()
			}
		default:
			st.bounds()
		}
	}
}

// bounds checks the account.
func (st *stress) bounds() {
	if s := st.s.Stats(); s.Bytes > s.Limit || s.Bytes < 0 || s.Drafts < 0 || s.Pinned < 0 || s.DraftBytes < 0 {
		st.t.Errorf("out of bounds: %+v", s)
	}
}

// settle waits for the sweep to end, and lets it have no rest.
func settle(s *Store) {
	s.purges.mu.Lock()
	ended := s.purges.sweep.ended
	s.purges.mu.Unlock()
	if ended == nil {
		return
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		s.purges.sweep.haste()
		select {
		case <-ended:
			return
		case <-look.C:
		}
	}
}

// run lets workers loose, and checks what is left when they have gone.
func (st *stress) run(workers, n int) {
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { st.worker(uint64(i), n) }) // a worker; ends with its work
	}
	all.Wait()
	st.s.Purge(Purge{All: true})
	settle(st.s)
	s := st.s.Stats()
	if s.Objects != 0 || s.Drafts != 0 || s.Pinned != 0 || s.DraftBytes != 0 {
		st.t.Errorf("left behind: %+v", s)
	}
	for i := range st.s.shards {
		if used := st.s.shards[i].arena.used; used != 0 {
			st.t.Errorf("%d units are lost", used)
		}
	}
	st.t.Logf("%d hits, %d drafts, %d doomed, %d cuts: %+v", st.hits.Load(), st.drafts.Load(), st.doomed.Load(), st.cuts.Load(), s)
	st.s.Close()
}

// With regions on the heap the race detector sees every access to an object's bytes.
func TestReadersSeeTheirObjectAloneWhateverWritersDo(t *testing.T) {
	t.Parallel()
	newStress(t, 2<<20, 400, memory{onHeap: true, poison: true}).run(8, 700)
}

// In the memory that is used in earnest, with more pressure: drafts find no room.
func TestMappedMemoryIsReclaimedOnlyWhenNobodyReadsIt(t *testing.T) {
	t.Parallel()
	newStress(t, Smallest, 300, memory{poison: true}).run(8, 700)
}

func TestAResizeUnderLoadKeepsTheAccount(t *testing.T) {
	t.Parallel()
	st := newStress(t, 8<<20, 2000, memory{poison: true})
	var resizer sync.WaitGroup
	resizer.Go(func() { // ends with its sizes
		for i := range 200 {
			st.s.Resize(int64(1+i*7%8) << 20)
		}
		st.s.Resize(8 << 20)
	})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { // a worker; ends with its work
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for range 500 {
				k := rng.Uint64N(st.keys)
				if o, f := st.get(k); o != nil {
					st.read(o, f, new(Reader), 0, -1)
					o.Release()
				} else {
					st.fill(rng, k)
				}
			}
		})
	}
	resizer.Wait()
	all.Wait()
	st.bounds()
	st.s.Close()
}
