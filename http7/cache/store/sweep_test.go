package store

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// passes is how many times the sweep has looked at every object.
func (s *Store) passes() int64 {
	s.purges.mu.Lock()
	defer s.purges.mu.Unlock()
	return s.purges.sweep.passes
}

func TestASweepRestsBetweenTwoPasses(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 90 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s := small(t)
			put(t, s, "k", "h", "b", "tag").Release()
			for at := time.Duration(0); at < 10*time.Second; at += every {
				s.Purge(Purge{Tag: uint64(at)})
				time.Sleep(every)
			}
			// A pass takes no time here, so the rest is the shortest.
			if n := s.passes(); n < 50 || n > 101 {
				t.Errorf("a purge every %v for 10 s: %d passes", every, n)
			}
			if look(t, s, "k") == "" {
				t.Error("an object is gone that no purge names")
			}
			time.Sleep(restMost)
			if st := s.Stats(); st.Backlog != 0 {
				t.Errorf("%d purges are not followed", st.Backlog)
			}
			s.Close()
		})
	}
}

func TestTheFirstPassAfterAQuietTimeIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		for i := range 3 {
			put(t, s, "k", "h", "b").Release()
			s.Purge(Purge{All: true})
			synctest.Wait() // and no time passes
			if st := s.Stats(); st.Objects != 0 || st.Backlog != 0 || s.passes() != int64(i+1) {
				t.Errorf("round %d: %d passes, %+v", i, s.passes(), st)
			}
			time.Sleep(restMost)
		}
		s.Close()
	})
}

func TestCloseEndsTheRestOfASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		s.Purge(Purge{Prefix: []byte("a")})
		synctest.Wait()
		s.Purge(Purge{Prefix: []byte("b")})
		synctest.Wait() // it rests
		began := time.Now()
		if s.Close(); time.Since(began) != 0 || s.passes() != 1 {
			t.Errorf("it took %v, %d passes", time.Since(began), s.passes())
		}
	})
}

func TestASweepDoesNotRestWhenRecordsComeNearTheirBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		put(t, s, "k", "h", "b").Release()
		purge := func(i int) Purge { return Purge{Prefix: fmt.Append(nil, "p", i)} }
		s.Purge(purge(0))
		synctest.Wait()
		for i := range 4*prefixesKept - 1 {
			s.purges.add(purge(i + 1))
		}
		s.startSweep()
		synctest.Wait()
		if n := s.passes(); n != 1 {
			t.Errorf("%d passes before the bound", n)
		}
		s.Purge(purge(-1))
		synctest.Wait()
		if n := s.passes(); n != 2 || s.purges.records.Load().crowded() {
			t.Errorf("%d passes at the bound, with %d records then", n, len(s.purges.records.Load().prefixes))
		}
		if look(t, s, "k") == "" {
			t.Error("everything is purged")
		}
		s.Close()
	})
}

func TestRecordsAreCrowdedBeforeTheyAreFull(t *testing.T) {
	for _, c := range []struct {
		name                  string
		prefixes, bytes, tags int
		crowded, full         bool
	}{
		{"none", 0, 0, 0, false, false},
		{"as many as are left after a pass", 2 * prefixesKept, prefixMost / 2, 2 * tagsKept, false, false},
		{"many prefixes", 4*prefixesKept + 1, 0, 0, true, false},
		{"long prefixes", 100, prefixMost/4*3 + 1, 0, true, false},
		{"many tags", 0, 0, 3*tagsKept + 1, true, false},
		{"too many prefixes", prefixesMost, 0, 0, true, true},
		{"too long prefixes", 200, prefixMost + 1, 0, true, true},
		{"too many tags", 0, 0, tagsMost, true, true},
	} {
		r := &records{prefixes: make([]prefix, c.prefixes), bytes: c.bytes, tags: &tagTable{used: c.tags}}
		if r.crowded() != c.crowded || r.full() != c.full {
			t.Errorf("%s: crowded %v, full %v", c.name, r.crowded(), r.full())
		}
	}
}

func TestAPrefixLongerThanAnyKeyNamesNothing(t *testing.T) {
	s := small(t)
	put(t, s, "k", "h", "b").Release()
	s.Purge(Purge{Prefix: make([]byte, blockBytes+1)})
	if r := s.purges.records.Load(); len(r.prefixes) != 0 || look(t, s, "k") == "" {
		t.Errorf("%d records", len(r.prefixes))
	}
}
