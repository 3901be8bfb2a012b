package shared

import (
	"strconv"
	"testing"
	"time"
)

func TestAFullTableForgetsWhatTheServerKnows(t *testing.T) {
	s, clock := idle(t, nil)
	l := s.Rate("api", 10, 10)
	l.keys = newTable(64)
	for i := range 10_000 {
		l.keys.obtain(l, strconv.AppendInt(nil, int64(i), 10), *clock)
	}
	if n := l.keys.size(); n > 64 {
		t.Errorf("%d keys, want 64 at most", n)
	}
}

// A flood of new keys while nobody else remembers: an attacker gets no second burst for a key that he has spent.
func TestAFloodOfKeysRefillsNoneWhileTheServerIsAway(t *testing.T) {
	s, clock := idle(t, nil)
	s.down.Store(true)
	l := s.Rate("api", 0.01, 3)
	l.keys = newTable(64)
	spend := func(key string) (n int) {
		for range 10 {
			if _, a := l.Await([]byte(key), 1, *clock, &sleeper{}); a.Outcome == Taken {
				n++
			}
		}
		return n
	}
	if n := spend("victim"); n != 3 {
		t.Fatalf("%d of 3 taken", n)
	}
	total := 0
	for i := range 2000 {
		total += spend("k" + strconv.Itoa(i))
	}
	if total > 3*(64+shards) || l.keys.size() > 64 {
		t.Errorf("2000 keys were given %d, want what 64 and %d overflows have", total, shards)
	}
	if n := spend("victim"); n != 0 {
		t.Errorf("the victim was given %d again", n)
	}
	*clock = clock.Add(time.Hour)
	if n := spend("new"); n != 3 {
		t.Errorf("an hour later a new key was given %d, want 3", n)
	}
}

func TestWhatNobodyUsesIsSweptAndGivenBack(t *testing.T) {
	s, clock := idle(t, granting(10))
	l := s.Rate("api", 10, 100)
	e := l.keys.obtain(l, []byte("key"), *clock)
	e.left.Store(6)
	l.Take([]byte("key"), 1, *clock)
	e.busy.Store(false)
	sweep := func() (holding []*entry) {
		for i := range shards {
			holding = append(holding, l.keys.sweep(i, s.since(*clock))...)
		}
		return holding
	}
	if h := sweep(); len(h) != 0 || l.keys.size() != 1 {
		t.Fatalf("swept what was used: %v", h)
	}
	h := sweep()
	if len(h) != 1 || l.keys.size() != 0 {
		t.Fatalf("%v are to be given back, %d keys stay", h, l.keys.size())
	}
	if w, ok := h[0].wish(1); !ok || w.charge != -5 || w.more != 0 {
		t.Errorf("asks for %+v, want that it gives 5 back", w)
	}
	if a := l.Take([]byte("key"), 1, *clock); a.Outcome != Unknown {
		t.Errorf("%+v", a)
	}
}

func TestEachLimitHasKeysOfItsOwn(t *testing.T) {
	s, clock := idle(t, nil)
	a, b := s.Rate("a", 10, 10), s.Rate("b", 10, 10)
	a.keys.obtain(a, []byte("key"), *clock).left.Store(5)
	if x := b.Take([]byte("key"), 1, *clock); x.Outcome != Unknown {
		t.Errorf("%+v", x)
	}
}

// Those for whom there is no room have one entry of a shard, which must be the present limit's, and one that is there.
func TestWhoFindsNoRoomGetsThePresentLimit(t *testing.T) {
	const keys = 2000 // so many that each shard gets two: of 300 one in forty runs left a shard with room
	for what, change := range map[string]func(s *Store, small *Limit){
		"after a reload":        func(*Store, *Limit) {},
		"after it was let go":   func(s *Store, small *Limit) { small.keys.all(func(e *entry) { e.gone = true }) },
		"after nothing happens": nil,
	} {
		t.Run(what, func(t *testing.T) {
			s, clock := idle(t, nil)
			s.down.Store(true)
			s.tables["api"] = newTable(shards)
			small := s.Rate("api", 0.001, 1)
			taken := func(l *Limit, name string) (n int) {
				for i := range keys {
					if _, a := l.Await([]byte(name+strconv.Itoa(i)), 1, *clock, &sleeper{}); a.Outcome == Taken {
						n++
					}
				}
				return n
			}
			before, l := taken(small, "a"), small
			if change != nil {
				change(s, small)
				l = s.Rate("api", 0.001, 1000)
			}
			after := taken(l, "b")
			if before > 2*shards || change == nil && after != 0 || change != nil && after < keys*9/10 {
				t.Errorf("%d before, %d of %d after", before, after, keys)
			}
		})
	}
}
