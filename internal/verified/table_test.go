package verified_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/verified"
)

var now = time.Unix(1_700_000_000, 0)

func at(d time.Duration) time.Time { return now.Add(d) }

// value is what t remembers of a key, "" for nothing.
func value(t *verified.Table[string], key string, when time.Time) string {
	if v := t.Get([]byte(key), when); v != nil {
		return *v
	}
	return ""
}

func TestAValueIsRememberedUntilItsTime(t *testing.T) {
	table := verified.New[string](1 << 20)
	if v := *table.Put([]byte("key"), "value", 5, at(time.Minute), now); v != "value" {
		t.Errorf("got %q", v)
	}
	for _, c := range []struct {
		key  string
		when time.Duration
		want string
	}{
		{"key", 0, "value"},
		{"key", -time.Hour, "value"},
		{"key", time.Minute - 1, "value"},
		{"key", time.Minute, ""},
		{"key", time.Hour, ""},
		{"Key", 0, ""},
		{"ke", 0, ""},
		{"keys", 0, ""},
		{"", 0, ""},
	} {
		if got := value(table, c.key, at(c.when)); got != c.want {
			t.Errorf("%q after %v: got %q, want %q", c.key, c.when, got, c.want)
		}
	}
}

func TestAClockThatIsSetBackMakesNothingLast(t *testing.T) {
	table := verified.New[string](1 << 20)
	elapsed := time.Hour
	table.SetElapsed(func() time.Duration { return elapsed })
	table.Put([]byte("key"), "value", 5, at(time.Minute), now)
	for _, c := range []struct {
		after, clock time.Duration
		want         string
	}{
		{0, 0, "value"},
		{59 * time.Second, -time.Hour, "value"},
		{time.Minute, -time.Hour, ""},
		{0, time.Minute, ""},
	} {
		elapsed = time.Hour + c.after
		if got := value(table, "key", at(c.clock)); got != c.want {
			t.Errorf("after %v, with a clock that has moved by %v: got %q, want %q", c.after, c.clock, got, c.want)
		}
	}
}

// A small table has few shards, so that what it is asked to remember has room in one.
func TestASmallTableRemembersWhatATokenNeeds(t *testing.T) {
	for _, most := range []int64{64 << 10, 256 << 10, 1 << 20, 16 << 20} {
		table := verified.New[string](most)
		for i := range 8 {
			table.Put(fmt.Appendf(nil, "%d%s", i, strings.Repeat("t", 2<<10)), "value", 2<<10, at(time.Minute), now)
		}
		n, size := table.Size()
		if n < 4 || size > most {
			t.Errorf("of %d bytes: %d of 8 tokens are remembered in %d", most, n, size)
		}
	}
}

func TestALaterValueStandsInPlaceOfAnEarlierOne(t *testing.T) {
	table := verified.New[string](1 << 20)
	table.Put([]byte("key"), "one", 3, at(time.Minute), now)
	table.Put([]byte("key"), "two", 3, at(time.Hour), now)
	if got := value(table, "key", at(2*time.Minute)); got != "two" {
		t.Errorf("got %q", got)
	}
	if n, _ := table.Size(); n != 1 {
		t.Errorf("%d entries", n)
	}
}

func TestWhatIsDroppedIsForgotten(t *testing.T) {
	table := verified.New[string](1 << 20)
	table.Put([]byte("a"), "1", 1, at(time.Minute), now)
	table.Put([]byte("b"), "2", 1, at(time.Minute), now)
	table.Drop([]byte("a"))
	table.Drop([]byte("c"))
	if n, size := table.Size(); value(table, "a", now) != "" || value(table, "b", now) != "2" || n != 1 || size == 0 {
		t.Errorf("%d entries of %d bytes", n, size)
	}
	table.Drop([]byte("b"))
	if n, size := table.Size(); n != 0 || size != 0 {
		t.Errorf("%d entries of %d bytes", n, size)
	}
}

func TestTheKeyIsACopy(t *testing.T) {
	table := verified.New[string](1 << 20)
	key := []byte("key")
	table.Put(key, "value", 5, at(time.Minute), now)
	key[0] = 'x'
	if value(table, "key", now) != "value" || value(table, "xey", now) != "" {
		t.Error("the key has changed with the caller's")
	}
}

func TestWhatIsTooLargeOrOverIsNotRemembered(t *testing.T) {
	table := verified.New[string](64 << 10)
	if v := table.Put([]byte("large"), "value", 1<<20, at(time.Minute), now); *v != "value" || value(table, "large", now) != "" {
		t.Error("a value larger than the table is remembered")
	}
	table.Put([]byte("over"), "value", 1, now, now)
	if n, _ := table.Size(); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A flood of others takes no more than the table's memory.
func TestMemoryIsBounded(t *testing.T) {
	const most = 1 << 20
	for _, size := range []int{0, 100, 1000, 3000} {
		table := verified.New[string](most)
		for n := range 30_000 {
			table.Put(fmt.Appendf(nil, "key-%d", n), "value", size, at(time.Hour), now)
		}
		if n, bytes := table.Size(); bytes > most || n == 0 {
			t.Errorf("values of %d bytes: %d entries have %d bytes", size, n, bytes)
		}
	}
}

// What is asked for stays, while others come once and go.
func TestWhatIsInUseStays(t *testing.T) {
	table := verified.New[string](1 << 20)
	const busy = 20
	missed := 0
	for n := range 20_000 {
		key := fmt.Sprint("busy-", n%busy)
		if value(table, key, now) == "" {
			missed++
			table.Put([]byte(key), "value", 500, at(time.Hour), now)
		}
		table.Put(fmt.Appendf(nil, "once-%d", n), "value", 500, at(time.Hour), now)
	}
	if missed > 20*busy {
		t.Errorf("%d of 20000 look-ups missed, want about %d", missed, busy)
	}
}

func TestExpiredOnesGoFirst(t *testing.T) {
	table := verified.New[string](1 << 20)
	for n := range 200 {
		table.Put(fmt.Appendf(nil, "old-%d", n), "value", 1, at(time.Second), now)
	}
	for n := range 200 {
		table.Put(fmt.Appendf(nil, "new-%d", n), "value", 1, at(time.Hour), at(time.Minute))
	}
	for n := range 200 {
		if value(table, fmt.Sprint("new-", n), at(time.Minute)) == "" {
			t.Errorf("new-%d is gone", n)
		}
	}
}

// TestModel compares the table with a map, which forgets nothing: what the table returns is never wrong.
func TestModel(t *testing.T) {
	table, model := verified.New[string](64<<10), map[string]string{}
	for n := range 50_000 {
		key := fmt.Sprint("k", n*7919%997)
		switch n % 5 {
		case 0:
			model[key] = fmt.Sprint(n)
			table.Put([]byte(key), model[key], n%300, at(time.Hour), now)
		case 1:
			delete(model, key)
			table.Drop([]byte(key))
		default:
			if got := value(table, key, now); got != "" && got != model[key] {
				t.Fatalf("%s: got %q, want %q", key, got, model[key])
			}
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	table := verified.New[string](64 << 10)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 5000 {
				key := fmt.Sprint("k", (n*31+g)%300)
				if got := value(table, key, now); got != "" && got != "v"+key {
					t.Errorf("%s: got %q", key, got)
				}
				table.Put([]byte(key), "v"+key, n%500, at(time.Hour), now)
				if n%50 == 0 {
					table.Drop([]byte(key))
				}
			}
		})
	}
	all.Wait()
	if _, size := table.Size(); size > 64<<10 {
		t.Errorf("%d bytes", size)
	}
}

func TestALookUpAllocatesNothing(t *testing.T) {
	table := verified.New[string](1 << 20)
	key := []byte(strings.Repeat("t", 800))
	table.Put(key, "value", 500, at(time.Hour), now)
	if n := testing.AllocsPerRun(1000, func() {
		if table.Get(key, now) == nil {
			t.Fatal("gone")
		}
	}); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkGet(b *testing.B) {
	table := verified.New[string](16 << 20)
	key := []byte(strings.Repeat("t", 800))
	table.Put(key, "value", 500, at(time.Hour), now)
	b.ReportAllocs()
	for b.Loop() {
		if table.Get(key, now) == nil {
			b.Fatal("gone")
		}
	}
}
