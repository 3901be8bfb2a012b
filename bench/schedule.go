package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// slot is one turn to send.
type slot struct {
	n  int64         // from 0, warm-up included
	at time.Duration // when it is due, since the start of the run; in the closed loop, when it was claimed
}

// schedule hands out slots in order, each exactly once, to whichever connection has nothing to do. It blocks nobody:
// a slot that lies ahead is the claimer's to wait for. Times are since the start of the run. It is safe for
// concurrent use.
type schedule struct {
	now   func() time.Duration
	warm  time.Duration // slots before are not measured
	until time.Duration // no slot is handed out from here on
	limit int64         // measured slots; 0: no such end
	taken atomic.Int64  // measured slots, where there is a limit
	count atomic.Int64  // closed loop: slots
	shut  atomic.Bool

	mu    sync.Mutex
	table *timetable // nil: closed loop
}

// leastPatience is how long after the end of a run of less what is due is still sent.
const leastPatience = time.Second

const forever = time.Duration(math.MaxInt64)

func newSchedule(cfg *Config, now func() time.Duration) *schedule {
	s := &schedule{now: now, warm: cfg.Warmup, limit: cfg.Requests, until: forever}
	end := forever
	if cfg.Duration > 0 {
		end = cfg.Warmup + cfg.Duration
		s.until = end
	}
	if cfg.Arrivals != nil {
		s.table = newTimetable(cfg.Arrivals, cfg.Warmup, end, cfg.Seed)
		if cfg.Duration > 0 {
			// What could not be sent in time still is, for as long as an answer might take, and no longer than the
			// run, or than a second where that is shorter.
			s.until += min(cfg.Timeout, max(cfg.Duration, leastPatience))
		}
	}
	return s
}

// open reports whether the loop is open.
func (s *schedule) open() bool { return s.table != nil }

// claim returns the next slot, or false when the schedule is over. It does not allocate.
func (s *schedule) claim() (slot, bool) {
	now := s.now()
	if s.shut.Load() || now >= s.until {
		return slot{}, false
	}
	if s.table == nil {
		if !s.within(now) {
			return slot{}, false
		}
		return slot{n: s.count.Add(1) - 1, at: now}, true
	}
	// The limit is counted with the lock held, so that it is the first slots that are handed out.
	s.mu.Lock()
	n := s.table.n
	at, ok := s.table.next()
	ok = ok && s.within(at)
	s.mu.Unlock()
	if !ok {
		return slot{}, false
	}
	return slot{n: n, at: at}, true
}

// within counts a slot against the limit.
func (s *schedule) within(at time.Duration) bool {
	return s.limit == 0 || at < s.warm || s.taken.Add(1) <= s.limit
}

// left returns how many measured slots nobody claimed; to be called once, at the end.
func (s *schedule) left() int64 {
	if s.table == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	most := int64(math.MaxInt64)
	if s.limit > 0 {
		most = max(0, s.limit-s.taken.Load())
	}
	n := int64(0)
	for ; n < min(most, countable); n++ {
		at, ok := s.table.next()
		if !ok {
			return n
		}
		if at < s.warm {
			n--
		}
	}
	return min(most, n+s.table.expected())
}

// countable slots are counted one by one; of more, the rest is computed.
const countable = 1_000_000

// close ends the schedule.
func (s *schedule) close() { s.shut.Store(true) }
