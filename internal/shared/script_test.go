package shared

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// asked is a connected node that does not run: tests ask by themselves.
func asked(t *testing.T) (*Store, *realRedis) {
	r := newRedis(t)
	s := r.store(nil)
	if err := s.server.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.close)
	return s, r
}

// ask asks for one wish.
func (s *Store) askFor(t *testing.T, w wish) grant {
	t.Helper()
	grants, err := s.server.ask(t.Context(), s.config.Prefix, []wish{w})
	if err != nil {
		t.Fatal(err)
	}
	return grants[0]
}

// do has the server run a command.
func (s *Store) do(command ...any) *redis.Cmd {
	return s.server.client.Do(context.Background(), command...)
}

func TestARateGivesWhatIsReady(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	l := s.Rate("api", 0.001, 100) // so slow that nothing comes back during the test
	e := newEntry(l, "key")
	for i, c := range []struct {
		need, more, charge int64
		got, rest          int64
	}{
		{0, 0, 0, 0, 100},
		{10, 0, 0, 10, 90},
		{10, 100, 0, 50, 40},  // half of the 80 that are left then
		{0, 4, 0, 4, 36},      //
		{0, 0, -16, 0, 52},    // given back
		{0, 0, 2, 0, 50},      // charged
		{60, 8, 0, 50, 0},     // not all there is to wait for
		{1, 1, 0, 0, 0},       //
		{0, 0, 50, 0, 0},      // nothing is owed beyond the burst
		{0, 0, -30, 0, 30},    //
		{0, 0, -1000, 0, 100}, // nor is there more than the burst
		{100, 100, 0, 100, 0}, //
		{0, 100, -1, 0, 1},    // half of one is none
		{1, 0, 0, 1, 0},       //
		{1, 0, -1, 1, 0},      // given back and taken in one
		{1 << 40, 0, 0, 0, 0}, //
		{0, 1 << 40, -40, 20, 20},
	} {
		g := s.askFor(t, wish{of: e, limit: l, need: c.need, more: c.more, charge: c.charge})
		if g.got != c.got || g.rest != c.rest || (g.retry > 0) != (c.rest == 0) {
			t.Errorf("%d: %+v: got %+v", i, c, g)
		}
	}
}

func TestARateSaysWhenThereIsMore(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	l := s.Rate("api", 10, 5)
	e := newEntry(l, "key")
	g := s.askFor(t, wish{of: e, limit: l, need: 7})
	if g.got != 5 || g.rest != 0 || g.retry > 100*time.Millisecond || g.retry < 90*time.Millisecond {
		t.Fatalf("%+v", g)
	}
	<-time.After(g.retry)
	if g := s.askFor(t, wish{of: e, limit: l, need: 1}); g.got != 1 {
		t.Errorf("after that time: %+v", g)
	}
}

// The clock of the server was put back by an hour: what the key says is far ahead then.
func TestAClockThatGoesBackwardsEmptiesABucketAtWorst(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	l := s.Rate("api", 10, 5)
	e := newEntry(l, "key")
	w := wish{of: e, limit: l, need: 1}
	s.askFor(t, w)
	if err := s.do("SET", w.key("weir:"), "9000000000000000").Err(); err != nil {
		t.Fatal(err)
	}
	if g := s.askFor(t, w); g.got != 0 || g.retry > 100*time.Millisecond {
		t.Errorf("%+v, want nothing for at most 100ms", g)
	}
}

func TestKeysGoWhenTheySayNothing(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	l := s.Rate("api", 0.01, 5)
	w := wish{of: newEntry(l, "key"), limit: l, need: 2}
	s.askFor(t, w)
	if left, err := s.do("PTTL", w.key("weir:")).Int64(); err != nil || left > 200_001 || left < 100_000 {
		t.Errorf("two of 0.01/s are back in 200 s, and the key goes in %d ms, %v", left, err)
	}
	ends := time.Now().Add(time.Hour)
	q := s.Quota("calls", 10, nil)
	q.period = func(time.Time) (time.Time, time.Time) { return ends, ends }
	w = wish{of: newEntry(q, "key"), limit: q, need: 2, ends: ends.Unix(), begins: 77}
	s.askFor(t, w)
	if left, err := s.do("TTL", w.key("weir:")).Int64(); err != nil || left > 7200 || left < 7000 {
		t.Errorf("the period is over in an hour, and the key goes in %d s, want an hour more; %v", left, err)
	}
	if key := w.key("weir:"); !strings.HasPrefix(key, "weir:calls:") || !strings.HasSuffix(key, ":77") {
		t.Errorf("the key is %q", key)
	}
}

func TestAQuotaCountsAndTakesBack(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	q := s.Quota("calls", 100, func(time.Time) (time.Time, time.Time) { return time.Now(), time.Now() })
	e := newEntry(q, "key")
	for i, c := range []struct{ need, more, charge, used, got, rest int64 }{
		{10, 0, 0, 40, 10, 50}, // the server knows nothing, and the node 40
		{10, 0, 0, 0, 10, 40},
		{0, 100, 0, 90, 20, 20}, // now the server knows better
		{0, 0, -30, 0, 0, 50},
		{0, 0, -300, 0, 0, 100},
		{0, 0, 110, 0, 0, 0}, // spent alone, more than there was
		{1, 0, 0, 0, 0, 0},
		{0, 0, -10, 0, 0, 0},
		{5, 0, -2, 0, 2, 0},
	} {
		w := wish{of: e, limit: q, need: c.need, more: c.more, charge: c.charge, used: c.used, ends: time.Now().Unix() + 60}
		if g := s.askFor(t, w); g.got != c.got || g.rest != c.rest {
			t.Errorf("%d: %+v: got %+v", i, c, g)
		}
	}
}

func TestNothingThatClientsSayIsWrittenOnTheServer(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	s, _ := r.node(nil)
	l := s.Rate("edge.rate_limit.1", 0.001, 100) // so slow that the key stays
	eventually(t, "the server is asked", func() bool { a := take(l, "Bearer hunter2", 1); return a.Outcome == Taken && !a.Alone })
	other := r.store(nil)
	defer other.server.close()
	list, err := other.do("KEYS", "*").StringSlice()
	if keys := strings.Join(list, " "); err != nil || strings.Contains(keys, "hunter2") || !strings.Contains(keys, "weir:edge.rate_limit.1:") {
		t.Error(keys)
	}
}

// What another program has put in a key's place concerns that key alone, and is written over.
func TestAForeignValueCountsAsNone(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	day := func(now time.Time) (start, end time.Time) {
		return now.Truncate(time.Hour), now.Truncate(time.Hour).Add(time.Hour)
	}
	rate, quota := s.Rate("api", 0.001, 100), s.Quota("day", 100, day)
	for _, c := range []struct {
		l    *Limit
		used int64
		rest int64
	}{{rate, 0, 99}, {quota, 0, 99}, {quota, 30, 69}} {
		for _, put := range [][]any{{"LPUSH", "a"}, {"SET", "a"}, {"SET", ""}, {"SADD", "1"}} {
			w := wish{of: newEntry(c.l, "key"), limit: c.l, need: 1, used: c.used, ends: time.Now().Add(time.Hour).Unix()}
			name := w.key(s.config.Prefix)
			s.do("DEL", name)
			if err := s.do(put[0], name, put[1]).Err(); err != nil {
				t.Fatal(err)
			}
			if g := s.askFor(t, w); g.got != 1 || g.rest != c.rest {
				t.Errorf("%s over %v: %+v, want 1 and %d", c.l.name, put, g, c.rest)
			}
			if kind := s.do("TYPE", name).Val(); kind != "string" {
				t.Errorf("%s over %v: a %v is there", c.l.name, put, kind)
			}
		}
	}
}

// A server that has just begun knows no script: a batch is asked for once more, all of it at once.
func TestABatchForAServerThatKnowsNoScriptIsAnswered(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	l := s.Rate("api", 0.001, 10)
	var wishes []wish
	for i := range batchSize {
		e := newEntry(l, strconv.Itoa(i))
		wishes = append(wishes, wish{of: e, limit: l, need: int64(i%3 + 1)})
	}
	for range 2 {
		s.do("SCRIPT", "FLUSH")
		grants, err := s.server.ask(t.Context(), s.config.Prefix, wishes)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range grants {
			if g.got != int64(i%3+1) {
				t.Errorf("wish %d got %d", i, g.got)
			}
		}
	}
	asked, _ := s.do("INFO", "commandstats").Text()
	if !strings.Contains(asked, "cmdstat_eval:calls=512") || !strings.Contains(asked, "cmdstat_evalsha:calls=512") {
		t.Errorf("the server was asked %s", asked)
	}
}
