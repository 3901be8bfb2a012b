package cache

import (
	"sync/atomic"

	"weir/http7/cache/store"
)

type purgeKind uint8

const (
	purgeURL purgeKind = iota
	purgePrefix
	purgeTag
	purgeAll
	purgeKinds
)

// fillEnd says how a fill has ended.
type fillEnd uint8

const (
	fillStored   fillEnd = iota
	fillRenewed          // the stored answer still holds
	fillPassed           // the answer is none that is stored
	fillTooLarge         // it turned out to be larger than max_object
	fillCut              // it ended early
	fillFailed           // no answer came, or one that says that the endpoint failed
	fillRefused          // too many fills at once, or no room
	fillPurged           // a purge named it before it was whole
	fillEnds
)

var fillWords = [fillEnds]string{"stored", "renewed", "uncacheable", "too_large", "cut", "failed", "refused", "purged"}

// counts are the live figures.
type counts struct {
	purges  [purgeKinds]atomic.Uint64
	fills   [fillEnds]atomic.Uint64
	filling atomic.Int64  // goroutines that move an answer into the store
	waiting atomic.Int64  // exchanges that wait for a fill of another
	late    atomic.Uint64 // those that waited in vain
}

// Stats are the cache's figures at one moment. What became of each exchange is [http7.Exchange.Cached], which the hall
// counts.
type Stats struct {
	Store store.Stats
	// Fills are the fills that have ended, by how: "stored", "renewed" (the endpoint said that what is stored still
	// holds), "uncacheable", "too_large", "cut", "failed", "refused" and "purged".
	Fills map[string]uint64
	// Purges counts purges by what they named: "key", "prefix", "tag", "all".
	Purges map[string]uint64
	// Filling are answers that are being moved into the store beside their exchange, Waiting the requests that wait for
	// another's answer. Late counts those that went on by themselves because it did not come in time.
	Filling, Waiting int64
	Late             uint64
}

// Stats returns the figures.
func (c *Cache) Stats() Stats {
	n := &c.counts
	s := Stats{
		Store: c.store.Stats(), Fills: map[string]uint64{}, Purges: map[string]uint64{},
		Filling: n.filling.Load(), Waiting: n.waiting.Load(), Late: n.late.Load(),
	}
	for i, word := range fillWords {
		s.Fills[word] = n.fills[i].Load()
	}
	for i, word := range [purgeKinds]string{"key", "prefix", "tag", "all"} {
		s.Purges[word] = n.purges[i].Load()
	}
	return s
}
