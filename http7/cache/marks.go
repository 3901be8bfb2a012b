package cache

import "time"

const (
	// maxMarks bounds the marks of a shard: 16 Ki in all.
	maxMarks = 256
	// markFor is how long nobody waits for another's answer after one that was not stored, markLarge after one that
	// was too large: such seldom shrink, and a fetch takes the client's Range away.
	markFor   = 10 * time.Second
	markLarge = time.Hour
)

// mark says that the answers of a key are not stored.
type mark struct {
	until time.Time
	large bool // because they are too large
}

// isLarge reports whether key is marked for the size of its answers.
func (s *fills) isLarge(key []byte, now time.Time) bool {
	h, hash := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.marked(hash, now) && h.marks[hash].large
}

// isMarked reports whether the answers of key are not stored, as far as is known.
func (s *fills) isMarked(key []byte, now time.Time) bool {
	h, hash := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.marked(hash, now)
}

func (h *fillShard) marked(hash uint64, now time.Time) bool {
	m, ok := h.marks[hash]
	if ok && !now.Before(m.until) {
		delete(h.marks, hash)
		ok = false
	}
	return ok
}

// mark notes that answers of key are not stored, for a while.
func (s *fills) mark(key []byte, span time.Duration) {
	h, hash := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mark(hash, span)
}

func (h *fillShard) mark(hash uint64, span time.Duration) {
	now := time.Now()
	if _, ok := h.marks[hash]; !ok && len(h.marks) >= maxMarks {
		h.makeRoom(now)
	}
	h.marks[hash] = mark{until: now.Add(span), large: span == markLarge}
}

// makeRoom forgets some marks that have expired; if it finds none at once, any.
func (h *fillShard) makeRoom(now time.Time) {
	const tries = 8
	some, n := uint64(0), 0
	for hash, m := range h.marks {
		if !now.Before(m.until) {
			delete(h.marks, hash)
		}
		if some, n = hash, n+1; n == tries {
			break
		}
	}
	if len(h.marks) >= maxMarks {
		delete(h.marks, some)
	}
}

// unmark forgets the mark of key: an answer of it may be stored after all.
func (s *fills) unmark(key []byte) {
	h, hash := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.marks, hash)
}
