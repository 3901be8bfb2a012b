package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"
)

// trace is a sequence of requests, each the number of an object, and what it stands for.
type trace struct {
	name string
	asks []uint64
}

// traces returns the five on which caches are compared, for a cache that holds room objects. They are the same in
// every run.
//
//   - zipf: popularity by Zipf's law with exponent 0.9 over 20 × room objects, as of web sites
//   - scan-mixed: zipf over 10 × room, and after every 4 × room requests a crawler that asks for 2 × room objects once
//   - loop: 1.5 × room objects in turn, again and again
//   - shifting: zipf whose popularity drifts: every 50 requests the ranks move on by one object of 10 × room
//   - two-phase: zipf over 10 × room, and at half time recency alone: a fifth is new, the rest comes back soon
func traces(room int) []trace {
	n := 60 * room
	return []trace{
		{"zipf", zipfTrace(n, room)},
		{"scan-mixed", scanTrace(n, room)},
		{"loop", loopTrace(n, room)},
		{"shifting", shiftingTrace(n, room)},
		{"two-phase", twoPhaseTrace(n, room)},
	}
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) }

// zipf draws ranks 0 to n-1, rank r with a weight of 1/(r+1)^exponent. math/rand's wants an exponent over 1.
type zipf struct {
	rng *rand.Rand
	sum []float64
}

func newZipf(rng *rand.Rand, exponent float64, n int) *zipf {
	z := &zipf{rng, make([]float64, n)}
	sum := 0.0
	for r := range z.sum {
		sum += math.Pow(float64(r+1), -exponent)
		z.sum[r] = sum
	}
	return z
}

func (z *zipf) next() uint64 {
	at := z.rng.Float64() * z.sum[len(z.sum)-1]
	return uint64(sort.SearchFloat64s(z.sum, at))
}

func zipfTrace(n, room int) []uint64 {
	z := newZipf(source(1), 0.9, 20*room)
	asks := make([]uint64, n)
	for i := range asks {
		asks[i] = z.next()
	}
	return asks
}

// apart is where the numbers of objects begin that nothing else of a trace asks for.
const apart = 1 << 40

func scanTrace(n, room int) []uint64 {
	z := newZipf(source(2), 0.9, 10*room)
	asks, fresh := make([]uint64, 0, n), uint64(apart)
	for len(asks) < n {
		for range 4 * room {
			asks = append(asks, z.next())
		}
		for range 2 * room {
			asks = append(asks, fresh)
			fresh++
		}
	}
	return asks[:n]
}

func loopTrace(n, room int) []uint64 {
	asks, long := make([]uint64, n), uint64(room+room/2)
	for i := range asks {
		asks[i] = uint64(i) % long
	}
	return asks
}

func shiftingTrace(n, room int) []uint64 {
	z := newZipf(source(3), 0.9, 10*room)
	asks := make([]uint64, n)
	for i := range asks {
		asks[i] = z.next() + uint64(i/50)
	}
	return asks
}

func twoPhaseTrace(n, room int) []uint64 {
	rng := source(4)
	z := newZipf(rng, 0.9, 10*room)
	asks := make([]uint64, n)
	for i := range asks[:n/2] {
		asks[i] = z.next()
	}
	newest := uint64(apart)
	for i := n / 2; i < n; i++ {
		if rng.IntN(5) == 0 {
			newest++
			asks[i] = newest
			continue
		}
		// How far back among the newest is exponential, 0.4 × room in the mean.
		back := min(uint64(rng.ExpFloat64()*0.4*float64(room)), newest-apart)
		asks[i] = newest - back
	}
	return asks
}

func TestTracesAreWhatTheySay(t *testing.T) {
	const room = 1000
	distinct := func(asks []uint64) int {
		seen := make(map[uint64]bool)
		for _, k := range asks {
			seen[k] = true
		}
		return len(seen)
	}
	for _, tr := range traces(room) {
		want := map[string][2]int{ // the fewest and most objects that the trace may ask for
			"zipf":       {12 * room, 20 * room},
			"scan-mixed": {26 * room, 30 * room},
			"loop":       {room + room/2, room + room/2},
			"shifting":   {8 * room, 12 * room},
			"two-phase":  {11 * room, 16 * room},
		}[tr.name]
		if got := distinct(tr.asks); len(tr.asks) != 60*room || got < want[0] || got > want[1] {
			t.Errorf("%s: %d requests for %d objects, want %d for %v", tr.name, len(tr.asks), got, 60*room, want)
		}
	}
	if a, b := traces(room), traces(room); fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("two runs differ")
	}
}

func TestZipfHasItsExponent(t *testing.T) {
	z := newZipf(source(5), 0.9, 1000)
	counts := make([]float64, 1000)
	for range 200_000 {
		counts[z.next()]++
	}
	for _, rank := range []int{1, 3, 9} {
		want := math.Pow(float64(rank+1), -0.9)
		if got := counts[rank] / counts[0]; math.Abs(got-want) > 0.1*want {
			t.Errorf("rank %d is asked for %.3f times as often as rank 0, want %.3f", rank, got, want)
		}
	}
}
