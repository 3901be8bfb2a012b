//go:build soak

package store_test

import (
	"testing"
	"time"

	"weir/http7/cache/store"
)

// Issue 7: purging a prefix of 1,000,000 keys returns in under 1 ms, and no later request sees an old object. The same
// holds of a tag.
func TestSoakPurgeOfAMillion(t *testing.T) {
	for name, what := range map[string]store.Purge{
		"prefix":      {Prefix: goingPrefix},
		"soft prefix": {Prefix: goingPrefix, Soft: true},
		"tag":         {Tag: store.TagHash([]byte("going"))},
		"all":         {All: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPurging(t, 1_000_000)
			defer p.close()
			if what.All {
				begin := time.Now()
				p.Purge(what)
				took := time.Since(begin)
				if found, _ := p.seen("staying", 10); found > 0 || took > time.Millisecond {
					t.Errorf("after %v %d objects are there", took, found)
				}
				return
			}
			p.purge(t, what, time.Millisecond)
		})
	}
}
