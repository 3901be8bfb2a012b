package obs

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Catalogue owns every metric of one Weir. It hands out series by name: two snapshots that ask for
// the same name share one series, so counts live through a reload, and the series is gone from the
// export when the last snapshot that holds it has retired it.
//
// All methods are safe for concurrent use.
type Catalogue struct {
	set *metrics.Set

	generation atomic.Uint64
	reloadedAt atomic.Int64 // Unix seconds
	reloadOK   *metrics.Counter
	reloadBad  *metrics.Counter
	panics     *metrics.Counter
	obtained   *metrics.Counter
	unobtained *metrics.Counter
	logLines   *metrics.Counter
	logDropped *metrics.Counter

	auditLines   *metrics.Counter
	auditDropped *metrics.Counter
	policies     *PolicySeries

	fills   atomic.Pointer[Histogram] // of the cache; nil before the first
	written atomic.Int64              // about how much the last scrape had beside the set's

	mu         sync.Mutex
	routes     map[[2]string]*RouteSeries
	upstreams  map[string]*UpstreamSeries
	listeners  map[string]*ListenerSeries
	histograms map[string]*Histogram // by series name
	watched    watched
}

// Build says which binary this is; its fields become labels of weir_build_info.
type Build struct {
	Version  string
	Commit   string
	Go       string
	FastHTTP string
}

// NewCatalogue returns an empty catalogue. It starts nothing.
func NewCatalogue(b Build) *Catalogue {
	// TYPE lines are a switch of the whole library, off by default; turning it on is idempotent,
	// and without them a scraper guesses.
	metrics.ExposeMetadata(true)
	c := &Catalogue{
		set:        metrics.NewSet(),
		routes:     map[[2]string]*RouteSeries{},
		upstreams:  map[string]*UpstreamSeries{},
		listeners:  map[string]*ListenerSeries{},
		histograms: map[string]*Histogram{},
		policies:   newPolicySeries(),
	}
	c.processSeries(b)
	c.set.RegisterMetricsWriter(c.writeOwn)
	return c
}

func (c *Catalogue) processSeries(b Build) {
	c.reloadOK = c.set.NewCounter(series(configReloads, "result", "ok"))
	c.reloadBad = c.set.NewCounter(series(configReloads, "result", "refused"))
	c.panics = c.set.NewCounter(panicsTotal)
	c.obtained = c.set.NewCounter(series(certificateTries, "result", "ok"))
	c.unobtained = c.set.NewCounter(series(certificateTries, "result", "failed"))
	c.logLines = c.set.NewCounter(accessLogLines)
	c.logDropped = c.set.NewCounter(accessLogDropped)
	c.auditLines = c.set.NewCounter(auditLogLines)
	c.auditDropped = c.set.NewCounter(auditLogDropped)
	c.set.NewGauge(configGeneration, func() float64 { return float64(c.generation.Load()) })
	c.set.NewGauge(configReloadedAt, func() float64 { return float64(c.reloadedAt.Load()) })
	info := series(buildInfo, "version", b.Version, "commit", b.Commit, "go", b.Go, "fasthttp", b.FastHTTP)
	c.set.NewGauge(info, func() float64 { return 1 })
}

// Published notes that the snapshot with this generation serves since at. The first one is not a
// reload, but counts as one that went well.
func (c *Catalogue) Published(generation uint64, at time.Time) {
	c.generation.Store(generation)
	c.reloadedAt.Store(at.Unix())
	c.reloadOK.Inc()
}

// Refused notes a reload that was refused; the old snapshot keeps serving.
func (c *Catalogue) Refused() { c.reloadBad.Inc() }

// Panicked counts a panic that was recovered in a policy, a handler or an engine.
func (c *Catalogue) Panicked() { c.panics.Inc() }

// Obtained counts an attempt to obtain a certificate; ok says that it went well.
func (c *Catalogue) Obtained(ok bool) {
	if ok {
		c.obtained.Inc()
	} else {
		c.unobtained.Inc()
	}
}

// WritePrometheus writes all series in the Prometheus text format, those of the process and of
// the Go runtime included. It allocates and may take milliseconds: for scrapes only.
func (c *Catalogue) WritePrometheus(w io.Writer) {
	c.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
	metrics.WriteFDMetrics(w)
}

// writeOwn adds what the library's set has no kind for. Like the set, it leaves a failing w to
// whoever gave it.
func (c *Catalogue) writeOwn(w io.Writer) {
	var b bytes.Buffer
	b.Grow(int(c.written.Load()))
	c.writeHistograms(&b)
	c.writeReadings(&b)
	c.written.Store(int64(b.Len() + b.Len()/64))
	_, _ = w.Write(b.Bytes())
}

// writeHistograms writes the histograms in the order of their names, so that those of one family
// stand together, as the text format demands.
func (c *Catalogue) writeHistograms(w *bytes.Buffer) {
	c.mu.Lock()
	all := maps.Clone(c.histograms)
	c.mu.Unlock()
	last := ""
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if f := familyOf(name); f != last {
			metrics.WriteMetadataIfNeeded(w, f, "histogram")
			last = f
		}
		all[name].write(w, name)
	}
}
