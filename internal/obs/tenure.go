package obs

import (
	"maps"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// tenure counts the snapshots that hold one group of series and remembers what to take out of the
// export when the last one lets go. After that the series still count, unseen: an exchange that
// outlives its snapshot needs no check.
type tenure struct {
	cat *Catalogue

	// Guarded by cat.mu.
	holders    int
	names      []string
	histograms []string
	// drop removes the group from the catalogue's table.
	drop func()
}

// retire lets go once and removes everything with the last holder. More calls than holds are ignored.
func (t *tenure) retire() {
	t.cat.mu.Lock()
	defer t.cat.mu.Unlock()
	if t.holders == 0 {
		return
	}
	if t.holders--; t.holders > 0 {
		return
	}
	t.drop()
	for _, n := range t.names {
		t.cat.set.UnregisterMetric(n)
	}
	for _, n := range t.histograms {
		delete(t.cat.histograms, n)
	}
	t.names, t.histograms = nil, nil
}

// counter makes a counter and exports it, unless the group has been retired. Call with cat.mu held.
func (t *tenure) counter(name string) *metrics.Counter {
	if t.holders == 0 {
		return &metrics.Counter{}
	}
	t.names = append(t.names, name)
	return t.cat.set.GetOrCreateCounter(name)
}

// gauge exports read, unless the group has been retired. Call with cat.mu held.
func (t *tenure) gauge(name string, read func() float64) {
	if t.holders == 0 {
		return
	}
	t.names = append(t.names, name)
	t.cat.set.GetOrCreateGauge(name, read)
}

// histogram is counter for histograms.
func (t *tenure) histogram(name string) *Histogram {
	h := &Histogram{}
	if t.holders > 0 {
		t.histograms = append(t.histograms, name)
		t.cat.histograms[name] = h
	}
	return h
}

// maxValues bounds a [fan]: a caller that passes outside text can't fill the memory.
const maxValues = 64

// fan is a group of counters that differ in one label; each is made when its value first comes.
type fan struct {
	family string
	labels []string // of the group; the value's comes last
	label  string
	m      atomic.Pointer[map[string]*metrics.Counter]
}

// get returns the counter of a value. It allocates only at the first use of a value; from the
// 65th value on, all new ones share "other".
func (f *fan) get(t *tenure, value string) *metrics.Counter {
	if m := f.m.Load(); m != nil {
		if c := (*m)[value]; c != nil {
			return c
		}
	}
	return f.add(t, value)
}

func (f *fan) add(t *tenure, value string) *metrics.Counter {
	t.cat.mu.Lock()
	defer t.cat.mu.Unlock()
	next := map[string]*metrics.Counter{}
	if m := f.m.Load(); m != nil {
		next = maps.Clone(*m)
	}
	if len(next) >= maxValues && next[value] == nil {
		value = "other"
	}
	if c := next[value]; c != nil {
		return c
	}
	next[value] = t.counter(series(f.family, append(f.labels[:len(f.labels):len(f.labels)], f.label, value)...))
	f.m.Store(&next)
	return next[value]
}
