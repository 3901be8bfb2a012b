package lb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func ringOf(names []string, weights []int) *ringTable {
	return newRingTable(names, weights, len(names)).(*ringTable)
}

// owner returns whose place a hash is.
func (t *ringTable) owner(hash uint64) int {
	return int(t.points[t.find(hash)%len(t.points)] % (1 << ownerBits))
}

func TestFindIsThePointAtOrAfterAHash(t *testing.T) {
	for _, n := range []int{1, 2, 5, 100, 1000} {
		ring := ringOf(names(n), equal(n))
		random := rand.New(rand.NewPCG(uint64(n), 2))
		hashes := []uint64{0, 1, math.MaxUint64, ring.points[0], ring.points[len(ring.points)-1]}
		for range 2000 {
			hashes = append(hashes, random.Uint64())
		}
		for _, h := range hashes {
			want, _ := slices.BinarySearch(ring.points, h>>ownerBits<<ownerBits)
			if got := ring.find(h); got != want {
				t.Fatalf("%d endpoints: hash %#x is at point %d, want %d", n, h, got, want)
			}
		}
	}
}

func TestARingFollowsWeights(t *testing.T) {
	for _, c := range []struct {
		weights []int
		slack   float64 // of the fair part
	}{
		{[]int{1}, 0},
		{[]int{1, 1, 1}, 0.25},
		{[]int{1, 2, 3, 4}, 0.3},
		{slices.Repeat([]int{100}, 50), 0.35},
	} {
		ring := ringOf(names(len(c.weights)), c.weights)
		sum, counts := 0, make([]int, len(c.weights))
		for _, w := range c.weights {
			sum += w
		}
		random := rand.New(rand.NewPCG(3, 3))
		const n = 100000
		for range n {
			counts[ring.owner(random.Uint64())]++
		}
		for i, got := range counts {
			want := float64(n*c.weights[i]) / float64(sum)
			if math.Abs(float64(got)-want) > c.slack*want+5*math.Sqrt(want) {
				t.Errorf("weights %v: number %d has %d of %d keys, want about %.0f", c.weights, i, got, n, want)
			}
		}
		if points := len(ring.points); math.Abs(float64(points)-float64(pointsEach*len(c.weights))) > float64(len(c.weights)) {
			t.Errorf("weights %v: %d points, want about %d each", c.weights, points, pointsEach)
		}
	}
}

func TestAnEndpointThatLeavesARingMovesItsOwnKeysAlone(t *testing.T) {
	all := names(50)
	before := ringOf(all, equal(50))
	rest := slices.Delete(slices.Clone(all), 20, 21)
	after := ringOf(rest, equal(49))
	random := rand.New(rand.NewPCG(4, 4))
	for range 20000 {
		h := random.Uint64()
		if a, b := all[before.owner(h)], rest[after.owner(h)]; a != b && a != all[20] {
			t.Fatalf("a key of %s moved to %s when %s left", a, b, all[20])
		}
	}
}

// The ring is an agreement between nodes, releases of Weir included: it must never change unnoticed.
func TestARingIsTheSameEverywhere(t *testing.T) {
	ring := ringOf(names(3), []int{1, 2, 3})
	owners := make([]uint32, len(ring.points))
	places := uint64(0)
	for i, p := range ring.points {
		owners[i] = uint32(p % (1 << ownerBits))
		places = mix(places ^ p)
	}
	got := fmt.Sprint(owners[:24], len(ring.points), places)
	if want := "[0 2 2 2 1 2 1 1 2 1 1 2 0 2 2 1 1 2 2 1 2 2 2 0] 480 1397629547111299291"; got != want {
		t.Errorf("the ring begins with, has and hashes to\n%s, want\n%s", got, want)
	}
}

func BenchmarkRingTable(b *testing.B) {
	for _, n := range []int{100, 1000, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			list, w := names(n), equal(n)
			b.ReportAllocs()
			defer tellCPU(b)()
			for b.Loop() {
				newRingTable(list, w, n)
			}
		})
	}
}
