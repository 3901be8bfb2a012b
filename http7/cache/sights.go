package cache

import (
	"hash/maphash"
	"sync/atomic"
)

// sights is a set of the URLs that anything was ever fetched for; others may be in it by chance. A method that is not safe
// invalidates what is stored for its URL (RFC 9111 §4.4), and most such URLs have nothing stored.
type sights struct {
	seed  maphash.Seed
	words [sightWords]atomic.Uint64
}

const sightWords = 1 << 15 // 2 Mi URLs, 256 KiB

func (s *sights) place(url []byte) (*atomic.Uint64, uint64) {
	h := maphash.Bytes(s.seed, url)
	return &s.words[h>>6%sightWords], 1 << (h & 63)
}

func (s *sights) add(url []byte) {
	if word, bit := s.place(url); word.Load()&bit == 0 {
		word.Or(bit)
	}
}

func (s *sights) has(url []byte) bool {
	word, bit := s.place(url)
	return word.Load()&bit != 0
}

// sight notes that something may be stored for the URL of a key.
func (c *Cache) sight(key []byte) {
	c.sights.add(urlOf(key))
}
