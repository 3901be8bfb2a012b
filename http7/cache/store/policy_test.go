package store

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// crowd puts n objects of 1 KiB.
func crowd(t testing.TB, s *Store, name string, n int) {
	for i := range n {
		put(t, s, fmt.Sprint(name, " ", i), "h", strings.Repeat("x", 1000)).Release()
	}
}

func has(t testing.TB, s *Store, key string) bool { return look(t, s, key) != "" }

func TestWhatIsUsedSurvivesAScan(t *testing.T) {
	s := small(t)
	crowd(t, s, "known", 500)
	for range 3 {
		for i := range 500 {
			has(t, s, fmt.Sprint("known ", i))
		}
		crowd(t, s, "first scan", 2000)
	}
	lost := 0
	for i := range 500 {
		if !has(t, s, fmt.Sprint("known ", i)) {
			lost++
		}
	}
	if lost > 5 {
		t.Errorf("%d of 500 objects that are asked for again and again went for those that are asked for once", lost)
	}
}

func TestWhoComesBackFromTheGhostsGetsIntoTheMainQueue(t *testing.T) {
	s := small(t)
	crowd(t, s, "fill", 8000)
	sh := &s.shards[0]
	key := []byte("fill 7990")
	for i := 7999; sh.find(s.hash(key), key) != nil; i-- { // the last who left the small queue
		key = fmt.Append(nil, "fill ", i)
	}
	// The one in front of the main queue is not in use, so it yields.
	o := put(t, s, string(key), "h", "back")
	defer o.Release()
	if o.queue != queueMain {
		t.Errorf("it is in queue %d", o.queue)
	}
	if sh.policy.ghosts.take(s.hash(key)) {
		t.Error("its ghost is still there")
	}
}

func TestWhatIsReadIsPassedOver(t *testing.T) {
	s := small(t)
	var held []*Object
	for i := range 20 {
		held = append(held, put(t, s, fmt.Sprint("held ", i), "h", "body"))
	}
	crowd(t, s, "fill", 10_000)
	for i, o := range held {
		if o.Release(); !has(t, s, fmt.Sprint("held ", i)) {
			t.Errorf("object %d went while it was read", i)
		}
	}
}

func TestIfAllAreReadSomeGoAllTheSame(t *testing.T) {
	t.Parallel()
	s, n := small(t), 9000
	if testing.Short() { // each draft that finds no room looks at a thousand objects
		s.Resize(Smallest)
		n = 3000
	}
	var held []*Object
	for i := range n {
		o := s.Draft(fmt.Append(nil, i), s.Mark(), nil, nil, 500, 500)
		if o == nil {
			break
		}
		if held = append(held, o); o.Write(make([]byte, 500)) {
			o.Finish(nil)
		}
	}
	st := s.Stats()
	if st.Bytes > st.Limit || st.Refused == 0 || st.Objects+st.Pinned != int64(len(held)) {
		t.Errorf("%d are held: %+v", len(held), st)
	}
	for _, o := range held {
		o.Release()
	}
	crowd(t, s, "then", 2000)
	if st := s.Stats(); st.Pinned != 0 {
		t.Errorf("%+v", st)
	}
}

func TestQueuesCountWhatIsInThem(t *testing.T) {
	t.Parallel()
	st := newStress(t, 2<<20, 300, memory{})
	st.worker(1, 3000)
	sh := &st.s.shards[0]
	for _, q := range []*queue{&sh.policy.small, &sh.policy.main} {
		var units, objects int64
		for o := q.front(&sh.slabs); o != nil; {
			units += int64(o.units)
			objects++
			if o.next == 0 {
				break
			}
			o = sh.slabs.object(o.next - 1)
		}
		if units != q.units || objects != q.objects {
			t.Errorf("a queue has %d objects of %d units, and counts %d of %d", objects, units, q.objects, q.units)
		}
	}
	if n := sh.policy.small.objects + sh.policy.main.objects; n != sh.objects || int(n) != sh.table.Load().used {
		t.Errorf("%d objects are in queues, %d are published, %d in the table", n, sh.objects, sh.table.Load().used)
	}
	st.s.Close()
}

func TestGhostsAreForgottenInTheOrderOfLeaving(t *testing.T) {
	var g ghosts
	g.resize(leastBuckets)
	hash := func(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }
	for i := 1; i <= 300; i++ {
		g.add(hash(i), 100)
	}
	g.resize(2 * leastBuckets)
	if g.take(hash(1)) || g.take(hash(200)) {
		t.Error("one of the first 200 is remembered")
	}
	known := 0
	for i := 201; i <= 300; i++ {
		if g.take(hash(i)) {
			known++
		}
		if g.take(hash(i)) {
			t.Errorf("%d is remembered twice", i)
		}
	}
	if known < 98 {
		t.Errorf("%d of the last 100 are remembered", known)
	}
}

func TestATableFindsAllWhileItGrows(t *testing.T) {
	t.Parallel()
	s, err := New(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 15_000
	var there atomic.Int64
	var reader sync.WaitGroup
	reader.Go(func() { // looks for what is there; ends when all are
		for i := int64(0); there.Load() < n; i++ {
			if last := there.Load(); last > 0 {
				if o := s.Get(fmt.Append(nil, i*7919%last)); o != nil {
					o.Release()
				} else {
					t.Errorf("object %d of %d is not found", i*7919%last, last)
				}
			}
		}
	})
	for i := range n {
		put(t, s, fmt.Sprint(i), "", "").Release()
		there.Add(1)
	}
	reader.Wait()
	if st := s.Stats(); st.Objects != n {
		t.Errorf("%+v", st)
	}
}

func TestAFullBucketMovesOneOfItsObjects(t *testing.T) {
	s := small(t)
	sh := &s.shards[0]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	tab := sh.table.Load()
	// Objects of one first bucket, whose second ones differ.
	var objects []*Object
	for i := uint64(1); len(objects) < 40; i++ {
		o := sh.make(i<<32|3, 1)
		o.refs.Add(1 - gone)
		o.queue = queueSmall
		sh.policy.small.push(&sh.slabs, o)
		if !sh.index(o) {
			t.Fatalf("object %d has no place", i)
		}
		objects = append(objects, o)
	}
	for i, o := range objects {
		if tab.where(o.hash, o.id) == nil {
			t.Errorf("object %d is not found", i)
		}
		sh.policy.remove(sh, o)
		tab.remove(o.hash, o.id)
		o.Release()
	}
}

func TestAHashDoesNotMakeAKey(t *testing.T) {
	s := small(t)
	o := put(t, s, "one key", "h", "b")
	defer o.Release()
	sh := o.shard()
	if sh.get(o.id, o.hash, []byte("two key")) != nil || sh.get(o.id, o.hash, []byte("one ke")) != nil {
		t.Error("an object of the same hash is taken for another")
	}
	if sh.get(o.id, o.hash+1, []byte("one key")) != nil || sh.get(1<<30, o.hash, []byte("one key")) != nil {
		t.Error("a wrong hash or number finds it")
	}
	if got := sh.get(o.id, o.hash, []byte("one key")); got != o {
		t.Error("it is not found at all")
	} else {
		got.Release()
	}
}

func TestAStoreShrinksToItsNewSize(t *testing.T) {
	t.Parallel()
	s, err := New(64 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	crowd(t, s, "a", 20_000)
	before := s.Stats()
	held := s.Get([]byte("a 19999"))
	s.Resize(2 << 20)
	st := s.Stats()
	if st.Bytes > st.Limit || st.Limit > 2<<20 || st.Mapped > 2<<20 || before.Objects < 20_000 {
		t.Errorf("before %+v, after %+v", before, st)
	}
	held.Release()
	crowd(t, s, "b", 3000)
	if st := s.Stats(); st.Bytes > st.Limit || st.Objects < 500 {
		t.Errorf("%+v", st)
	}
	s.Resize(64 << 20)
	crowd(t, s, "c", 15_000)
	if st := s.Stats(); st.Bytes > st.Limit || st.Objects < 15_000 {
		t.Errorf("grown again: %+v", st)
	}
}

func BenchmarkFill(b *testing.B) {
	s, err := New(64 << 20)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key, head, body := []byte("http://origin.test/objects/00000000"), make([]byte, 200), make([]byte, 1024)
	b.ReportAllocs()
	for i := range b.N {
		copy(key[len(key)-8:], fmt.Sprintf("%08x", i))
		o := s.Draft(key, s.Mark(), nil, head, int64(len(body)), 1<<20)
		o.Write(body)
		o.Finish(nil)
		o.Release()
	}
}
