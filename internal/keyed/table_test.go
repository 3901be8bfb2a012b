package keyed

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func key(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }

// claim claims a key at once, or says that there was no place.
func claim(t *Table, k []byte, idle, first uint64) bool {
	wanted := t.Key(k)
	s, _, _ := t.Claim(&wanted, idle, first)
	return s != nil
}

func word(t *Table, k []byte) uint64 {
	wanted := t.Key(k)
	_, w := t.Find(&wanted)
	return w
}

func TestEveryKeyHasItsOwnWord(t *testing.T) {
	table := New(5000, Rising)
	for i := range 5000 {
		if !claim(table, key(i), 0, uint64(i+1)) {
			t.Fatalf("no place for key %d", i)
		}
	}
	for i := range 5000 {
		if got := word(table, key(i)); got != uint64(i+1) {
			t.Fatalf("key %d has the word %d, want %d", i, got, i+1)
		}
	}
	if got := word(table, []byte("none")); got != 0 {
		t.Errorf("a key that never came has the word %d", got)
	}
	if got := table.Used(); got != 5000 {
		t.Errorf("%d places are taken, want 5000", got)
	}
}

func TestKeysThatLookAlikeAreToldApart(t *testing.T) {
	long := strings.Repeat("x", 500)
	keys := []string{"", "\x00", "\x00\x00", "a", "a\x00", "ab", long[:30], long[:31], long[:31] + "\x00", long[:32], long[:33], long, long + "y", long[:499] + "y"}
	table := New(len(keys), Rising)
	for i, k := range keys {
		claim(table, []byte(k), 0, uint64(i+1))
	}
	for i, k := range keys {
		if got := word(table, []byte(k)); got != uint64(i+1) {
			t.Errorf("%q has the word %d, want %d", k, got, i+1)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add([]byte(""), []byte("\x00"))
	f.Add([]byte(strings.Repeat("a", 31)), []byte(strings.Repeat("a", 32)))
	f.Add([]byte(strings.Repeat("a", 64)), []byte(strings.Repeat("a", 64)))
	table := New(1, Rising)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if same := string(a) == string(b); same != (NameOf(a) == NameOf(b)) || same && table.Key(a) != table.Key(b) || table.Key(a) != table.Named(NameOf(a)) {
			t.Errorf("%q and %q: names %x and %x", a, b, NameOf(a), NameOf(b))
		}
		if NameOf(a) != name(&[]Key{table.Key(a)}[0].words) {
			t.Errorf("the name of %q is lost", a)
		}
	})
}

func TestAFullTableForgetsIdleKeysAlone(t *testing.T) {
	table := New(1, Rising) // one group
	for i := range groupSlots {
		if !claim(table, key(i), 0, uint64(100+i)) {
			t.Fatalf("no place for key %d", i)
		}
	}
	if claim(table, key(1000), 99, 500) {
		t.Fatal("a key found a place though none was idle")
	}
	if claim(table, key(1000), 99, 500) {
		t.Fatal("a key found a place the second time")
	}
	// The one with the word 100 is idle now, and no other.
	if !claim(table, key(1000), 100, 500) {
		t.Fatal("the place of an idle key was not given away")
	}
	if got := word(table, key(0)); got != 0 {
		t.Errorf("the idle key is still there, with %d", got)
	}
	for i := 1; i < groupSlots; i++ {
		if got := word(table, key(i)); got != uint64(100+i) {
			t.Errorf("key %d has the word %d, want %d", i, got, 100+i)
		}
	}
	if got := table.Used(); got != groupSlots {
		t.Errorf("%d places are taken, want %d", got, groupSlots)
	}
}

func TestAWordOfAnEarlierKeyIsNotTakenForALaterOnes(t *testing.T) {
	const one = 1 << GenerationBits
	table := New(1, Falling)
	a, b := table.Key([]byte("a")), table.Key([]byte("b"))
	for i := range groupSlots - 1 {
		claim(table, key(i), one-1, one)
	}
	s, first, _ := table.Claim(&a, one-1, one)
	if !s.CompareAndSwap(first, first-one) { // a is idle
		t.Fatal("a's word changed by itself")
	}
	other, second, mine := table.Claim(&b, one-1, one)
	if other != s || !mine {
		t.Fatal("b did not get a's place")
	}
	if first == second || s.CompareAndSwap(first, first+one) || s.CompareAndSwap(first-one, first) {
		t.Errorf("a word of a's, %#x, is one of b's, %#x", first, second)
	}
}

func TestAKeyThatManyBringAtOnceGetsOnePlace(t *testing.T) {
	for round := range 20 {
		table := New(200, Rising)
		var mine atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range 200 {
					k := table.Key(key(i))
					if s, _, first := table.Claim(&k, 0, 7); s == nil {
						t.Errorf("round %d: no place for key %d", round, i)
					} else if first {
						mine.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := mine.Load(); n != 200 || table.Used() != 200 {
			t.Fatalf("round %d: 200 keys got %d places, %d are in use", round, n, table.Used())
		}
	}
}

// Each key's word counts up by compare-and-swap while others take the places of idle keys: no step may be lost or land on
// another key.
func TestStepsLandOnTheirKeyWhilePlacesChangeHands(t *testing.T) {
	const idleNow = 1 << 40
	table := New(1, Rising)
	var steps [4]atomic.Uint64
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range 5000 {
				n := rnd.IntN(4)
				k := table.Key(key(n))
				for { // a word above idleNow: these keys stay
					s, old := table.Find(&k)
					if s == nil {
						if _, _, mine := table.Claim(&k, idleNow, idleNow+1); mine {
							break
						}
						continue
					}
					if s.CompareAndSwap(old, old+1) {
						break
					}
				}
				steps[n].Add(1)
				passer := table.Key(key(1000*(w+1) + i)) // these are idle at once
				table.Claim(&passer, idleNow, uint64(i+1))
			}
		})
	}
	all.Wait()
	for n := range steps {
		if got, want := word(table, key(n)), idleNow+steps[n].Load(); got != want {
			t.Errorf("key %d: %d, want %d", n, got, want)
		}
	}
}

func TestAllYieldsEveryKeyOnce(t *testing.T) {
	table := New(300, Rising)
	want := map[Name]uint64{}
	for i := range 300 {
		claim(table, key(i), 0, uint64(i+1))
		want[NameOf(key(i))] = uint64(i + 1)
	}
	for e, w := range table.All() {
		if want[e.Name()] != w {
			t.Errorf("%q has %d, want %d", e.Name(), w, want[e.Name()])
		}
		delete(want, e.Name())
	}
	if len(want) != 0 {
		t.Errorf("%d keys are missing", len(want))
	}
	for range table.All() {
		break
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAKeyTakesSixtyBytesAndAllFindAPlace(t *testing.T) {
	keys := 100_000 // a million are internal/gcra's to count
	if testing.Short() {
		keys /= 10
	}
	before := heap()
	table := New(keys, Rising)
	var k [8]byte
	lost := 0
	for i := range keys {
		k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16)
		if !claim(table, k[:], 0, uint64(i+1)) {
			lost++
		}
	}
	if each := float64(heap()-before) / float64(keys); lost > 0 || each > 62 {
		t.Errorf("%d of %d keys found no place, with %.1f bytes each", lost, keys, each)
	}
	runtime.KeepAlive(table)
}

func TestFindingAllocatesNothing(t *testing.T) {
	table, short, long := New(100, Rising), []byte("client"), []byte(strings.Repeat("long", 20))
	claim(table, short, 0, 1)
	claim(table, long, 0, 1)
	if n := testing.AllocsPerRun(1000, func() { word(table, short); word(table, long); word(table, short[:3]) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkFind(b *testing.B) {
	for _, keys := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			table := New(keys, Rising)
			for i := range keys {
				claim(table, key(i), 0, uint64(i+1))
			}
			all := make([][]byte, min(keys, 1<<16))
			for i := range all {
				all[i] = key(i * 7 % keys)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				word(table, all[i%len(all)])
				i++
			}
		})
	}
}

// A flood of new keys that find no place must be cheap to turn away.
func BenchmarkClaimInAFullTable(b *testing.B) {
	table := New(1000, Rising)
	for i := range 10000 {
		claim(table, key(i), 0, 1<<50)
	}
	b.ReportAllocs()
	var k [8]byte
	for i := 0; b.Loop(); i++ {
		k[0], k[1], k[2], k[3] = byte(i), byte(i>>8), byte(i>>16), 'n'
		claim(table, k[:], 5, 1<<50)
	}
}
