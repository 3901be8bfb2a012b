package store_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/maypok86/otter/v2"
)

// known is how many objects the reads go to, by Zipf's law with exponent 0.99.
const known = 1 << 16

// readings are the objects that a client's requests ask for, one after the other.
type readings []uint64

func newReadings(seed uint64) readings {
	z, asks := newZipf(source(seed), 0.99, known), make(readings, 1<<16)
	for i := range asks {
		asks[i] = z.next()
	}
	return asks
}

const keyPrefix = "http://origin.test/objects/"

// keyOf appends the key of object k.
func keyOf(b []byte, k uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, keyPrefix...), k)
}

// read makes n reads and returns how many hit. Each makes its key first, in the same place, as a policy does.
type read func(asks readings, n int) (hits int)

// ofStore reads a store that holds the first n of the known objects: Get, the head's first byte, Release.
func ofStore(t testing.TB, n int) read {
	c := newStored(t, known*4096)
	t.Cleanup(c.close)
	for k := range uint64(n) {
		if c.key = keyOf(c.key[:0], k); !c.put() {
			t.Fatalf("object %d has no room", k)
		}
	}
	return func(asks readings, n int) (hits int) {
		key := keyOf(make([]byte, 0, 64), 0)
		for i := range n {
			binary.BigEndian.PutUint64(key[len(keyPrefix):], asks[i&(len(asks)-1)])
			if o := c.Get(key); o != nil {
				hits += 1 - int(o.Head()[0])
				o.Release()
			}
		}
		return hits
	}
}

// ofOtter is ofStore for an otter cache of the same. Its keys are strings; otter keeps none that it only looks for, so
// that the bytes may stand for one.
func ofOtter(t testing.TB) read {
	c := otter.Must(&otter.Options[string, []byte]{MaximumSize: 2 * known})
	t.Cleanup(func() { c.StopAllGoroutines() })
	for k := range uint64(known) {
		c.Set(string(keyOf(nil, k)), make([]byte, 200))
	}
	c.CleanUp()
	return func(asks readings, n int) (hits int) {
		key := keyOf(make([]byte, 0, 64), 0)
		for i := range n {
			binary.BigEndian.PutUint64(key[len(keyPrefix):], asks[i&(len(asks)-1)])
			if v, ok := c.GetIfPresent(unsafe.String(&key[0], len(key))); ok {
				hits += 1 - int(v[0])
			}
		}
		return hits
	}
}

// BenchmarkRead compares a read of the store with one of otter, alone and in parallel: run it with -cpu 1,2.
func BenchmarkRead(b *testing.B) {
	b.Run("weir", func(b *testing.B) { parallel(b, ofStore(b, known)) })
	b.Run("otter", func(b *testing.B) { parallel(b, ofOtter(b)) })
}

// parallel has as many readers as there are processors; each makes b.N reads, so that ns/op is what one read takes.
func parallel(b *testing.B, r read) {
	reads := eachOf(r, runtime.GOMAXPROCS(0))
	var hits atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	together(reads, b.N, &hits)
	if got, want := hits.Load(), int64(b.N*len(reads)); got != want {
		b.Fatalf("%d of %d reads hit", got, want)
	}
}

// eachOf is r for so many readers, each with its own requests.
func eachOf(r read, readers int) []func(n int) int {
	all := make([]func(int) int, readers)
	for i := range all {
		asks := newReadings(uint64(i + 20))
		all[i] = func(n int) int { return r(asks, n) }
	}
	return all
}

// together lets each reader make n reads at the same time.
func together(reads []func(int) int, n int, hits *atomic.Int64) {
	var all sync.WaitGroup
	for _, read := range reads {
		all.Go(func() { hits.Add(int64(read(n))) }) // a reader; ends with its reads
	}
	all.Wait()
}

func TestAReadAllocatesNothing(t *testing.T) {
	n := known
	if testing.Short() { // most of the reads go to the first
		n /= 16
	}
	read, asks := ofStore(t, n), newReadings(1)
	if n := testing.AllocsPerRun(100, func() { read(asks, 1000) }); n > 1 { // the key
		t.Errorf("1000 reads allocate %v times", n)
	}
}
