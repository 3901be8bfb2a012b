package lb

// schedule returns the order of turns in one round: each turn is the index of a weight. Weight i has
// turns in proportion to it, spread evenly: turn k of n is due at (k+½)/n of the round, and turns are
// taken in the order of their due times, equal ones in the order of the weights. It depends on the
// weights alone and uses whole numbers, so every node works out the same. At most bounds the turns;
// every weight has one, however many there are. It costs O(turns).
func schedule(weights []int, most int) []uint32 {
	counts, total := turnCounts(weights, most)
	turns := make([]uint32, total)
	if total == len(counts) {
		for i := range turns {
			turns[i] = uint32(i)
		}
		return turns
	}
	due := make([]uint64, 0, total)
	for i, n := range counts {
		for k := range uint64(n) {
			due = append(due, (2*k+1)<<31/uint64(n)<<32|uint64(i))
		}
	}
	for i, d := range sortAbove(due, 32) {
		turns[i] = uint32(d)
	}
	return turns
}

// turnCounts returns how many turns each weight has in one round, and their sum. Weights whose sum
// without a common divisor is above most are scaled down to it, each to no less than one turn.
func turnCounts(weights []int, most int) (counts []int, total int) {
	divisor, sum := 0, 0
	for _, w := range weights {
		divisor = gcd(divisor, w)
		sum += w
	}
	counts = make([]int, len(weights))
	for i, w := range weights {
		counts[i] = w / divisor
		if turns := sum / divisor; turns > most {
			counts[i] = max(1, (2*counts[i]*most+turns)/(2*turns)) // to the nearest
		}
		total += counts[i]
	}
	return counts, total
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// sortDigit is how many bits sortAbove looks at in one pass.
const sortDigit = 11

// sortAbove sorts keys by their bits from the given one up, equal ones in the order that they have.
// It is a radix sort: views are rebuilt ten times a second with up to a million keys. It overwrites
// keys and returns the sorted ones, in keys or in an array of its own.
func sortAbove(keys []uint64, bit int) []uint64 {
	spare := make([]uint64, len(keys))
	var starts [1 << sortDigit]uint32
	for shift := bit; shift < 64; shift += sortDigit {
		clear(starts[:])
		for _, k := range keys {
			starts[k>>shift%(1<<sortDigit)]++
		}
		at := uint32(0)
		for i, n := range starts {
			starts[i], at = at, at+n
		}
		for _, k := range keys {
			digit := k >> shift % (1 << sortDigit)
			spare[starts[digit]] = k
			starts[digit]++
		}
		keys, spare = spare, keys
	}
	return keys
}
