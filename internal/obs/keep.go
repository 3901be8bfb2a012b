package obs

import (
	"math"
	"math/rand/v2"
	"time"

	"weir/internal/conf"
)

// keep decides which records become lines.
type keep struct {
	all    bool
	below  uint64 // a random number below it keeps the record
	status conf.StatusSet
	slower time.Duration // 0: no such rule
}

// newKeep compiles the rules of cfg; a log that is off keeps nothing.
func newKeep(cfg AccessLogConfig) *keep {
	share := cfg.Sample.Value()
	if cfg.Off() {
		return &keep{}
	}
	k := &keep{all: share >= 1, status: cfg.Always.Status, slower: cfg.Always.SlowerThan.Value()}
	if share > 0 && share < 1 {
		k.below = uint64(share * math.MaxUint64)
	}
	return k
}

func (k *keep) wants(status int, d time.Duration) bool {
	switch {
	case k.all:
		return true
	case k.slower > 0 && d >= k.slower:
		return true
	case k.status.Has(status):
		return true
	}
	return rand.Uint64() < k.below
}
