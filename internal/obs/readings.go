package obs

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// EndpointReading is the state of one endpoint at the moment of a scrape.
type EndpointReading struct {
	Upstream string
	Endpoint string        // address
	State    string        // one of Words.States
	InFlight int64         // leases out
	Idle     int64         // idle connections kept
	Limit    int64         // leases that may be out; 0 is no limit, and no series
	Latency  time.Duration // moving average of the time to the first byte
	Picked   uint64        // leases ever given
	Probes   []Count       // by result; empty for an endpoint that is not probed
}

// UpstreamReading is what has been decided about one upstream, at the moment of a scrape. The
// counts never go down while the upstream lives.
type UpstreamReading struct {
	Upstream  string
	Picks     []Count // by reason
	Retries   []Count // by reason
	Hedges    []Count // by result
	Ejections []Count // by reason
	Shed      []Count // by reason
	Queued    uint64  // uses that had to wait
	Depth     int64   // uses that wait now
	Breaker   string  // one of Words.Breaker; "" is no breaker, and no series
	Opened    uint64  // how often the breaker has opened
	Panic     bool    // ejected endpoints are used
	Source    string  // SourceUp or SourceFailing; "" is no source, and no series
}

// The states of a source of endpoints.
const (
	SourceUp      = "up"
	SourceFailing = "failing"
)

// Count is one counter of several that differ in a label. The labels come from a small fixed set.
type Count struct {
	Label string
	N     uint64
}

// Words are all the values that a reading's words may have: of these one series is 1, the others 0.
type Words struct {
	States  []string // of endpoints
	Breaker []string
}

// watched is where a scrape reads upstreams, endpoints, mirrors and the cache; the catalogue's mutex guards it.
type watched struct {
	words        Words
	cache        func() (CacheReading, bool)
	mirrors      iter.Seq[MirrorReading]
	certificates iter.Seq[CertificateReading]
	endpoints    iter.Seq[EndpointReading]
	upstreams    iter.Seq[UpstreamReading]
}

// Watch makes every scrape read upstreams and endpoints from the sequences, which must be safe for
// concurrent use and yield each once, those of one upstream behind each other. A second call
// replaces the first.
func (c *Catalogue) Watch(w Words, upstreams iter.Seq[UpstreamReading], endpoints iter.Seq[EndpointReading]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched.words, c.watched.endpoints, c.watched.upstreams = w, endpoints, upstreams
}

// writeReadings writes what Watch has named. A family's series stand together, as the text format
// demands, so each family is a pass over the readings.
func (c *Catalogue) writeReadings(w *bytes.Buffer) {
	c.mu.Lock()
	from := c.watched
	c.mu.Unlock()
	c.policies.write(w)
	if from.cache != nil {
		if r, ok := from.cache(); ok {
			writeCache(w, &r)
		}
	}
	if from.mirrors != nil {
		writeMirrors(w, slices.Collect(from.mirrors))
	}
	if from.certificates != nil {
		writeCertificates(w, slices.Collect(from.certificates))
	}
	if from.endpoints == nil || from.upstreams == nil {
		return
	}
	writeUpstreams(w, slices.Collect(from.upstreams), from.words)
	writeEndpoints(w, slices.Collect(from.endpoints), from.words)
}

func writeUpstreams(w *bytes.Buffer, all []UpstreamReading, words Words) {
	at := make([]string, len(all))
	for i := range all {
		at[i] = labels("upstream", all[i].Upstream)
	}
	counts := func(name, label string, of func(*UpstreamReading) []Count) {
		f := family{w: w, name: name, kind: "counter"}
		for i := range all {
			for _, n := range of(&all[i]) {
				f.put(at[i], labels(label, n.Label), n.N)
			}
		}
	}
	counts(picksTotal, "reason", func(r *UpstreamReading) []Count { return r.Picks })
	counts(retriesTotal, "reason", func(r *UpstreamReading) []Count { return r.Retries })
	counts(hedgesTotal, "result", func(r *UpstreamReading) []Count { return r.Hedges })
	counts(ejectionsTotal, "reason", func(r *UpstreamReading) []Count { return r.Ejections })
	counts(shedTotal, "reason", func(r *UpstreamReading) []Count { return r.Shed })
	queued, depth := family{w: w, name: queuedTotal, kind: "counter"}, family{w: w, name: queueDepth, kind: "gauge"}
	for i := range all {
		queued.put(at[i], "", all[i].Queued)
	}
	for i := range all {
		depth.put(at[i], "", uint64(max(all[i].Depth, 0)))
	}
	writeConditions(w, all, at, words)
}

// writeConditions writes the states of upstreams.
func writeConditions(w *bytes.Buffer, all []UpstreamReading, at []string, words Words) {
	breaker, panics, source := family{w: w, name: breakerState, kind: "gauge"}, family{w: w, name: upstreamPanic, kind: "gauge"}, family{w: w, name: sourceUp, kind: "gauge"}
	states := valuesOf("state", words.Breaker)
	opened := family{w: w, name: breakerOpened, kind: "counter"}
	for i := range all {
		if all[i].Breaker != "" {
			opened.put(at[i], "", all[i].Opened)
		}
	}
	for i := range all {
		for s, name := range words.Breaker {
			if all[i].Breaker != "" {
				breaker.put(at[i], states[s], truth(all[i].Breaker == name))
			}
		}
	}
	for i := range all {
		panics.put(at[i], "", truth(all[i].Panic))
	}
	for i := range all {
		if all[i].Source != "" {
			source.put(at[i], "", truth(all[i].Source == SourceUp))
		}
	}
}

func writeEndpoints(w *bytes.Buffer, all []EndpointReading, words Words) {
	at := make([]string, len(all))
	for i := range all {
		at[i] = labels("upstream", all[i].Upstream, "endpoint", all[i].Endpoint)
	}
	states := valuesOf("state", words.States)
	state := family{w: w, name: endpointState, kind: "gauge"}
	for i := range all {
		for s, name := range words.States {
			state.put(at[i], states[s], truth(all[i].State == name))
		}
	}
	each := func(name, kind string, of func(*EndpointReading) uint64) {
		f := family{w: w, name: name, kind: kind}
		for i := range all {
			f.put(at[i], "", of(&all[i]))
		}
	}
	each(endpointInFlight, "gauge", func(r *EndpointReading) uint64 { return uint64(max(r.InFlight, 0)) })
	each(endpointIdle, "gauge", func(r *EndpointReading) uint64 { return uint64(max(r.Idle, 0)) })
	each(endpointPicks, "counter", func(r *EndpointReading) uint64 { return r.Picked })
	probes := family{w: w, name: endpointProbes, kind: "counter"}
	for i := range all {
		for _, n := range all[i].Probes {
			probes.put(at[i], labels("result", n.Label), n.N)
		}
	}
	limit, latency := family{w: w, name: endpointLimit, kind: "gauge"}, family{w: w, name: endpointLatency, kind: "gauge"}
	for i := range all {
		if all[i].Limit > 0 {
			limit.put(at[i], "", uint64(all[i].Limit))
		}
	}
	for i := range all {
		latency.seconds(at[i], all[i].Latency)
	}
}

// family writes one family: its TYPE line with the first series, then each series.
type family struct {
	w          *bytes.Buffer
	name, kind string
	headed     bool
}

// put writes one series; at and more are what stands between the braces, and may be "".
func (f *family) put(at, more string, n uint64) {
	f.begin(at, more)
	f.w.Write(strconv.AppendUint(f.w.AvailableBuffer(), n, 10))
	f.w.WriteByte('\n')
}

func (f *family) seconds(at string, d time.Duration) { f.number(at, d.Seconds()) }

// number writes a series whose value may have a fraction.
func (f *family) number(at string, v float64) {
	f.begin(at, "")
	f.w.Write(strconv.AppendFloat(f.w.AvailableBuffer(), v, 'g', -1, 64))
	f.w.WriteByte('\n')
}

func (f *family) begin(at, more string) {
	if !f.headed {
		metrics.WriteMetadataIfNeeded(f.w, f.name, f.kind)
		f.headed = true
	}
	f.w.WriteString(f.name)
	if at == "" {
		f.w.WriteByte(' ')
		return
	}
	f.w.WriteByte('{')
	f.w.WriteString(at)
	if more != "" {
		f.w.WriteByte(',')
		f.w.WriteString(more)
	}
	f.w.WriteString("} ")
}

// valuesOf returns the label with each of the values.
func valuesOf(label string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = labels(label, v)
	}
	return out
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
