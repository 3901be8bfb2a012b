package store

import (
	"math/rand/v2"
	"testing"
)

func TestClassesAreInOrderAndHoldWhatTheySay(t *testing.T) {
	last := 0
	for n := uint32(1); n <= blockUnits; n++ {
		c, least := class(n), atLeast(n)
		if c < last || c > last+1 || c >= classes {
			t.Errorf("class(%d) = %d behind %d", n, c, last)
		}
		last = c
		// Every length of a class that atLeast names is enough, and one that is shorter is in a class before.
		for m := uint32(1); m <= blockUnits; m++ {
			if class(m) >= least && m < n {
				t.Fatalf("%d units are in class %d, which is said to hold %d", m, class(m), n)
			}
		}
	}
	if last != classes-1 || class(blockUnits-1) == last {
		t.Errorf("a block is in class %d of %d", last, classes)
	}
}

// runs is a model of the arena: whose each unit is.
type runs struct {
	t     *testing.T
	a     *arena
	owner map[uint32]int
	of    map[int][2]uint32 // by owner: first unit, length
	next  int
}

func newRuns(t *testing.T) *runs {
	return &runs{t: t, a: &arena{memory: memory{onHeap: true, poison: true}}, owner: map[uint32]int{}, of: map[int][2]uint32{}}
}

func (r *runs) own(unit uint32, n int) {
	r.next++
	for u := unit; u < unit+uint32(n); u++ {
		if r.owner[u] != 0 {
			r.t.Fatalf("unit %d is handed out twice", u)
		}
		r.owner[u] = r.next
	}
	if unit/blockUnits != (unit+uint32(n)-1)/blockUnits {
		r.t.Fatalf("a run of %d at %d crosses blocks", n, unit)
	}
	b := r.a.bytes(unit, n*unitBytes)
	for i := range b {
		b[i] = byte(r.next)
	}
	r.of[r.next] = [2]uint32{unit, uint32(n)}
}

// release frees a run, or only its tail.
func (r *runs) release(id int, keep uint32) {
	run := r.of[id]
	for _, b := range r.a.bytes(run[0], int(run[1])*unitBytes) {
		if b != byte(id) {
			r.t.Fatalf("run %d was overwritten with %#x", id, b)
		}
	}
	for u := run[0] + keep; u < run[0]+run[1]; u++ {
		delete(r.owner, u)
	}
	r.a.release(run[0]+keep, int(run[1]-keep))
	if r.of[id] = [2]uint32{run[0], keep}; keep == 0 {
		delete(r.of, id)
	}
}

func TestTheArenaHandsOutEveryUnitOnceAndMergesWhatIsFree(t *testing.T) {
	t.Parallel()
	r := newRuns(t)
	rng := rand.New(rand.NewPCG(1, 2))
	const most = 66 // blocks: more than a region has
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		for i := range 3000 {
			n := 1 + rng.IntN(1+rng.IntN(blockUnits))
			if i%2 == 0 {
				if unit, ok := r.a.alloc(n, most); ok {
					r.own(unit, n)
				}
			} else if unit, got, ok := r.a.allocAny(n, most); ok {
				r.own(unit, got)
			} else if len(r.owner) != most*blockUnits {
				t.Fatalf("there is no unit left of %d, with %d handed out", most*blockUnits, len(r.owner))
			}
			for id := range r.of { // any
				if rng.IntN(3) > 0 {
					r.release(id, min(uint32(rng.IntN(3)), r.of[id][1]-1))
				}
				break
			}
		}
		if r.a.used != int64(len(r.owner)) || r.a.touched > most {
			t.Fatalf("%d units and %d blocks are said to be in use; %d are", r.a.used, r.a.touched, len(r.owner))
		}
		for id := range r.of {
			if rng.IntN(4) > 0 {
				r.release(id, 0)
			}
		}
	}
	for id := range r.of {
		r.release(id, 0)
	}
	if r.a.used != 0 || r.a.filled != 1<<(classes-1) {
		t.Errorf("when all is free: %d units in use, lists %b are filled", r.a.used, r.a.filled)
	}
	for range r.a.touched {
		if _, ok := r.a.alloc(blockUnits, most); !ok {
			t.Error("a block that was free is not whole")
		}
	}
}

func TestTrimmedBlocksComeBack(t *testing.T) {
	a := &arena{memory: memory{}}
	defer a.close()
	const blocks = 2 * regionUnits / blockUnits
	for range blocks {
		unit, _ := a.alloc(blockUnits, blocks)
		a.bytes(unit, 1)[0] = 1
	}
	for i := range uint32(blocks) {
		a.release(i*blockUnits, blockUnits)
	}
	if a.trim(3); a.touched != 3 || a.marked != 1 || a.bookkeeping() != regionUnits {
		t.Errorf("%d blocks have memory, %d regions marks; want 3 and 1", a.touched, a.marked)
	}
	for range blocks {
		if _, ok := a.alloc(blockUnits, blocks); !ok {
			t.Fatal("a block did not come back")
		}
	}
	if _, ok := a.alloc(1, blocks); ok || a.marked != 2 || a.ahead() != regionUnits {
		t.Errorf("another one came: %v; %d regions have marks", ok, a.marked)
	}
}

func TestABlockMoreThanAllowedIsRefused(t *testing.T) {
	a := &arena{memory: memory{onHeap: true}}
	if _, ok := a.alloc(1, 0); ok {
		t.Error("the first block came")
	}
	if _, _, ok := a.allocAny(1, 0); ok {
		t.Error("any unit came")
	}
}

func FuzzArena(f *testing.F) {
	f.Add([]byte{1, 2, 255, 3, 0, 128, 200, 10})
	f.Fuzz(func(t *testing.T, plan []byte) {
		r := newRuns(t)
		for i, b := range plan {
			if b&1 == 0 {
				if unit, ok := r.a.alloc(1+int(b)*2, 4); ok {
					r.own(unit, 1+int(b)*2)
				}
			} else if id := 1 + (i*int(b))%max(1, r.next); r.of[id][1] != 0 {
				r.release(id, min(uint32(b)>>5, r.of[id][1]-1))
			}
		}
		for id := range r.of {
			r.release(id, 0)
		}
		if r.a.used != 0 || r.a.filled&^(1<<(classes-1)) != 0 {
			t.Errorf("%d units in use, lists %b", r.a.used, r.a.filled)
		}
	})
}

func BenchmarkArena(b *testing.B) {
	a := &arena{memory: memory{}}
	defer a.close()
	rng := rand.New(rand.NewPCG(1, 2))
	var kept [1024][2]int
	b.ReportAllocs()
	for i := range b.N {
		at := &kept[i%len(kept)]
		if at[1] != 0 {
			a.release(uint32(at[0]), at[1])
		}
		n := 1 + rng.IntN(40)
		unit, _ := a.alloc(n, 1<<10)
		*at = [2]int{int(unit), n}
	}
}
