package obs

import (
	"math"
	"math/rand/v2"
	"time"
)

// keep decides which records become lines.
type keep struct {
	all    bool
	below  uint64 // a random number below it keeps the record
	status func(int) bool
	slower time.Duration // 0: no such rule
}

// newKeep compiles the rules: a share from 0 to 1, the statuses that are always kept (nil for
// none) and the duration from which a record is always kept (0 for none).
func newKeep(share float64, status func(int) bool, slower time.Duration) keep {
	k := keep{all: share >= 1, status: status, slower: slower}
	if share > 0 && share < 1 {
		k.below = uint64(share * math.MaxUint64)
	}
	return k
}

func (k *keep) wants(status int, d time.Duration) bool {
	switch {
	case k.all:
		return true
	case k.slower > 0 && d > k.slower:
		return true
	case k.status != nil && k.status(status):
		return true
	}
	return rand.Uint64() < k.below
}
