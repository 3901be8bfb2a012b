package store_test

import (
	"fmt"
	"strings"
	"testing"
)

// ratioOf is the share of requests that c answers, in percent.
func ratioOf(c contender, asks []uint64) float64 {
	hits := 0
	for _, k := range asks {
		if c.ask(k) {
			hits++
		}
	}
	return 100 * float64(hits) / float64(len(asks))
}

// ratios is a table: by cache, a hit ratio for each trace.
type ratios struct {
	traces []string
	caches []string
	of     map[string][]float64
}

// mean is a cache's over all traces.
func (r *ratios) mean(cache string) float64 {
	sum := 0.0
	for _, v := range r.of[cache] {
		sum += v
	}
	return sum / float64(len(r.of[cache]))
}

// String is the table as the decision shows it.
func (r *ratios) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s | mean |\n|---|%s\n", strings.Join(r.traces, " | "), strings.Repeat("---:|", len(r.traces)+1))
	for _, name := range r.caches {
		fmt.Fprintf(&b, "| %s |", name)
		for _, v := range r.of[name] {
			fmt.Fprintf(&b, " %.2f |", v)
		}
		fmt.Fprintf(&b, " %.2f |\n", r.mean(name))
	}
	return b.String()
}

// compare lets fresh caches of each kind answer each trace.
func compare(t *testing.T, room int, fresh ...func() contender) *ratios {
	t.Helper()
	r := &ratios{of: make(map[string][]float64)}
	for _, tr := range traces(room) {
		r.traces = append(r.traces, tr.name)
		for _, f := range fresh {
			c := f()
			if len(r.traces) == 1 {
				r.caches = append(r.caches, c.name())
			}
			r.of[c.name()] = append(r.of[c.name()], ratioOf(c, tr.asks))
			c.close()
		}
	}
	return r
}

// rivals are the caches that the store is compared with.
func rivals(t *testing.T, room int) []func() contender {
	return []func() contender{
		func() contender { return newOtter(room) },
		func() contender {
			c, err := newRistretto(room)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		func() contender { return newLRU(room) },
	}
}

// models are what the store could do.
func models(room int) []func() contender {
	return []func() contender{
		func() contender { return newS3(room) },
		func() contender { return newGuarded(room) },
	}
}

// judge demands what issue 7 does of a cache against the others.
func (r *ratios) judge(t *testing.T, mine string) {
	t.Helper()
	if got, otter := r.mean(mine), r.mean("otter"); got < otter-0.5 || got <= r.mean("ristretto") || got <= r.mean("lru") {
		t.Errorf("%s has a mean of %.2f %%; want otter's %.2f - 0.5, and more than ristretto and lru", mine, got, otter)
	}
	for i, name := range r.traces {
		if got, otter := r.of[mine][i], r.of["otter"][i]; got < otter-2 {
			t.Errorf("%s: %s has %.2f %%, otter %.2f; want no less than 2 points below", name, mine, got, otter)
		}
	}
}

func TestTheModelKeepsUpWithTheRivals(t *testing.T) {
	t.Parallel()
	room := 4096
	if testing.Short() {
		room = 384
	}
	r := compare(t, room, append(rivals(t, room), models(room)...)...)
	t.Logf("\n%v", r)
	r.judge(t, "guarded s3-fifo")
}
