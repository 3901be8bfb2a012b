package lb

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// names returns n addresses in the order of their names.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = address(i).String()
	}
	slices.Sort(list)
	return list
}

// slots returns how many slots of a table are whose.
func (t maglevTable) slots(n int) []int {
	counts := make([]int, n)
	for _, i := range t {
		counts[i]++
	}
	return counts
}

func maglevOf(names []string, weights []int) maglevTable {
	return newMaglevTable(names, weights, len(names)).(maglevTable)
}

func TestAMaglevTableIsEven(t *testing.T) {
	for _, c := range []struct{ n, size int }{
		{1, 65537}, {2, 65537}, {3, 65537}, {100, 65537}, {655, 65537}, {656, 131101}, {4096, 524309}, {10000, 1048583},
	} {
		if raced && c.n > 1000 {
			continue
		}
		table := maglevOf(names(c.n), equal(c.n))
		if len(table) != c.size {
			t.Errorf("%d endpoints have %d slots, want %d", c.n, len(table), c.size)
		}
		counts := table.slots(c.n)
		if least, most := slices.Min(counts), slices.Max(counts); most-least > 1 || float64(most)*float64(c.n) > 1.02*float64(c.size) {
			t.Errorf("%d endpoints have %d to %d of %d slots, want even within 2 %%", c.n, least, most, c.size)
		}
	}
}

func TestAMaglevTableFollowsWeights(t *testing.T) {
	weights := make([]int, 100)
	sum := 0
	for i := range weights {
		weights[i] = 1 + i%10
		sum += weights[i]
	}
	for i, got := range maglevOf(names(100), weights).slots(100) {
		if want := float64(weights[i]) * 65537 / float64(sum); math.Abs(float64(got)-want) > 1+want/100 {
			t.Errorf("weight %d: %d slots, want about %.0f", weights[i], got, want)
		}
	}
	lopsided := maglevOf(names(3), []int{1, 1000, 1000}).slots(3)
	if lopsided[0] < 32 || lopsided[0] > 33 {
		t.Errorf("1 in 2001 has %d slots, want 32 or 33", lopsided[0])
	}
	if tiny := maglevOf(names(101), append([]int{1}, slices.Repeat([]int{1000}, 100)...)).slots(101); tiny[0] != 1 {
		t.Errorf("1 in 100,001 has %d slots of 65,537, want 1", tiny[0])
	}
}

// At least the slots of who leaves must move; at most 1.8 times as many may.
func TestAnEndpointThatLeavesAMaglevTableMovesLittleElse(t *testing.T) {
	all := names(100)
	before := maglevOf(all, equal(100))
	worst := 0.0
	for left := 0; left < 100; left += 7 {
		rest := slices.Delete(slices.Clone(all), left, left+1)
		after := maglevOf(rest, equal(99))
		must, moved := 0, 0
		for i := range before {
			if before[i] == uint32(left) {
				must++
			}
			if all[before[i]] != rest[after[i]] {
				moved++
			}
		}
		worst = max(worst, float64(moved)/float64(must))
	}
	t.Logf("at most %.2f times the least", worst)
	if worst > 1.8 {
		t.Errorf("%.2f times the least number of slots moved, want at most 1.8", worst)
	}
}

// The table is an agreement between nodes, releases of Weir included: it must never change unnoticed.
func TestAMaglevTableIsTheSameEverywhere(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1, 1}, "[0 1 2 1 2 1 2 0 2 1 2 1 2 1 0 1 0 1 0 1 0 0 0 1] 3519473095545190298"},
		{[]int{1, 2, 3}, "[2 1 2 1 2 1 2 1 2 1 2 1 2 1 0 1 0 1 1 1 0 2 0 2] 3117899361726831063"},
	} {
		table := maglevOf(names(len(c.weights)), c.weights)
		got := fmt.Sprint(table[:24], digest(table))
		if got != c.want {
			t.Errorf("weights %v: the table begins with, and hashes to\n%s, want\n%s", c.weights, got, c.want)
		}
	}
}

// digest is a hash of a table's content.
func digest(table []uint32) uint64 {
	h := uint64(len(table))
	for _, i := range table {
		h = mix(h ^ uint64(i))
	}
	return h
}

func BenchmarkMaglevTable(b *testing.B) {
	for _, n := range []int{100, 1000, 4096} {
		for _, weights := range []string{"equal", "1-10"} {
			b.Run(fmt.Sprint(n, "/", weights), func(b *testing.B) {
				list, w := names(n), equal(n)
				for i := range w {
					if weights != "equal" {
						w[i] += i % 10
					}
				}
				b.ReportAllocs()
				defer tellCPU(b)()
				for b.Loop() {
					newMaglevTable(list, w, n)
				}
			})
		}
	}
}
