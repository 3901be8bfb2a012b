package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/bench"
	"weir/internal/term"
)

// level is how much a notice matters.
type level uint8

const (
	success level = iota
	warning
	failure
)

func (l level) String() string { return [...]string{"success", "warning", "failure"}[l] }

// notice is what a reader must know before the figures.
type notice struct {
	Level level
	Head  string
	Text  []string
}

// notices say what is wrong with the run, the worst first.
func notices(r *bench.Report) []notice {
	var out []notice
	if !r.Valid() {
		out = append(out, notice{failure, "INVALID", append(sentences(r.Invalid), advice(r))})
	}
	if r.CutShort {
		out = append(out, notice{warning, "CUT SHORT", []string{cutShort(r)}})
	}
	switch {
	case r.Requests == 0:
		out = append(out, notice{failure, "NOTHING ENDED", []string{"No request was answered or failed in the measured time."}})
	case r.OK == 0:
		out = append(out, notice{failure, "ALL FAILED", []string{"No request got the answer that it expects, so there are no latencies." + first(r)}})
	}
	return out
}

// first says how the first kind of failure showed itself.
func first(r *bench.Report) string {
	for k, n := range r.Failures {
		if text := r.FirstFailures[jsonName(bench.Kind(k))]; n > 0 && text != "" {
			return " The first: " + text
		}
	}
	return ""
}

// jsonName is the kind's name in Report.FirstFailures.
func jsonName(k bench.Kind) string { return strings.ReplaceAll(k.String(), " ", "_") }

func sentences(reasons []string) []string {
	var out []string
	for _, s := range reasons {
		out = append(out, strings.ToUpper(s[:min(1, len(s))])+s[min(1, len(s)):]+".")
	}
	return out
}

func advice(r *bench.Report) string {
	return fmt.Sprintf("Latencies are not shown: they would be the generator's own. What helps: fewer requests a second (-r), "+
		"more cores for the generator (this machine has %d) or a machine of its own, or a longer --max-lag (now %s) "+
		"if so much delay doesn't matter to you.", r.Machine.Cores, latency(r.Settings.MaxLag))
}

func cutShort(r *bench.Report) string {
	whole := ""
	switch {
	case r.Settings.Requests > 0:
		whole = fmt.Sprintf(", at %s of %s requests", term.Count(r.Requests), term.Count(r.Settings.Requests))
	case r.Settings.Duration > 0:
		whole = " of " + span(r.Settings.Duration)
	}
	return fmt.Sprintf("Ended from outside after %s%s; the figures are of that part.", span(r.Elapsed), whole)
}

// settings are how the target was asked, in few words each.
func settings(r *bench.Report) []string {
	s := &r.Settings
	out := []string{s.Protocol}
	if s.Loop == "open" {
		out = append(out, "open loop at "+timetable(s.Rate))
	} else {
		out = append(out, s.Loop+" loop")
	}
	out = append(out, term.Plural(int64(s.Connections), "connection"))
	if s.FreshConnections {
		out = append(out, "a new connection for each request")
	}
	if s.Workers != s.Connections {
		out = append(out, term.Plural(int64(s.Workers), "worker"))
	}
	return append(out, term.Plural(int64(s.Threads), "thread"), length(s))
}

func length(s *bench.Settings) string {
	var out []string
	if s.Duration > 0 {
		out = append(out, span(s.Duration))
	}
	if s.Requests > 0 {
		out = append(out, term.Plural(s.Requests, "request"))
	}
	text := strings.Join(out, " or ")
	if s.Warmup > 0 {
		text += " after " + span(s.Warmup) + " of warm-up"
	}
	return text
}

// figure is one number of the summary.
type figure struct {
	Label, Value, Note string
	// Bad: it should be zero, and isn't.
	Bad bool
}

// figures are what the run came to apart from latencies.
func figures(r *bench.Report) []figure {
	out := []figure{
		{Label: "Requests", Value: term.Count(r.Requests), Note: rate(float64(r.Requests), r.Elapsed) + " for " + span(r.Elapsed)},
		{Label: "OK", Value: term.Count(r.OK), Note: percent(r.OK, r.Requests+r.Unsent) + ", " + rate(float64(r.OK), r.Elapsed)},
		{Label: "Failed", Value: term.Count(r.Failed()), Note: percent(r.Failed(), r.Requests+r.Unsent), Bad: r.Failed() > 0},
		{Label: "Received", Value: size(float64(r.BytesIn)), Note: perSecond(r.BytesIn, r.Elapsed)},
		{Label: "Sent", Value: size(float64(r.BytesOut)), Note: perSecond(r.BytesOut, r.Elapsed)},
		{Label: "Connections", Value: term.Count(r.Opened), Note: reuse(r)},
	}
	return out
}

func perSecond(bytes int64, in time.Duration) string {
	if in <= 0 {
		return ""
	}
	return size(float64(bytes)/in.Seconds()) + "/s"
}

func reuse(r *bench.Report) string {
	text := "opened"
	if r.Settings.Warmup > 0 {
		text += " after the warm-up"
	}
	if r.Redials > 0 {
		text += fmt.Sprintf(", %s of them in place of an idle one that the target had closed", term.Count(r.Redials))
	}
	if r.Requests > 0 {
		text += "; " + percent(max(0, r.Requests-r.Opened), r.Requests) + " of the requests reused one"
	}
	return text
}

// failed are the kinds of failure that occurred, each with the first one's text.
func failed(r *bench.Report) []figure {
	var out []figure
	for k, n := range r.Failures {
		if kind := bench.Kind(k); n > 0 {
			out = append(out, figure{Label: kind.String(), Value: term.Count(n), Note: r.FirstFailures[jsonName(kind)], Bad: true})
		}
	}
	if r.Unsent > 0 {
		out = append(out, figure{Label: "unsent", Value: term.Count(r.Unsent), Note: "never sent: every connection stayed busy until the end. They count as failed; a target that keeps up leaves none", Bad: true})
	}
	return out
}

// statuses are the complete answers by their status.
func statuses(r *bench.Report) []figure {
	var out []figure
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		n := r.Statuses[status]
		out = append(out, figure{Label: strconv.Itoa(status), Value: term.Count(n), Note: percent(n, r.Requests), Bad: status >= 400})
	}
	return out
}

// remarks say in words what a figure alone does not.
func remarks(r *bench.Report) []string {
	var out []string
	if r.Valid() && r.OK > 0 && r.Failed() > 0 {
		out = append(out, fmt.Sprintf("The %s that failed %s in no latency: those are of the %s that %s OK.",
			term.Count(r.Failed()), isAre(r.Failed()), term.Count(r.OK), wasWere(r.OK)))
	}
	if r.Late > 0 {
		out = append(out, lateness(r))
	}
	return out
}

// lateness says what became of the requests that found no connection free.
func lateness(r *bench.Report) string {
	came := fmt.Sprintf("%s (%s) came due while every connection was busy", term.Plural(r.Late, "request"), percent(r.Late, r.Requests))
	if !r.Valid() || r.OK == 0 {
		return came + "."
	}
	return came + fmt.Sprintf(". %s sent as soon as one was free, and the wait is part of the latency. "+
		"If the target is not the bottleneck, use more connections (-c).", map[bool]string{true: "It was", false: "They were"}[r.Late == 1])
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func wasWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// since says what latencies count from.
func since(r *bench.Report) string {
	if r.Settings.Loop == "open" {
		return "from when each was due to the end of its answer"
	}
	return "from when each was sent to the end of its answer"
}

// point is one of the usual points of a distribution.
type point struct {
	Name string
	At   time.Duration
	// Needs is how many values it takes until one of them is slower than that; with fewer it is the maximum again.
	Needs int64
}

func points(q *bench.Quantiles) []point {
	return []point{
		{"min", q.Min, 0}, {"mean", q.Mean, 0}, {"p50", q.P50, 0}, {"p75", q.P75, 4}, {"p90", q.P90, 10}, {"p95", q.P95, 20},
		{"p99", q.P99, 100}, {"p99.9", q.P999, 1000}, {"p99.99", q.P9999, 10_000}, {"max", q.Max, 0},
	}
}

// value writes the point of a distribution of n values; none where they are too few to tell it.
func (p *point) value(n int64) string {
	if n < p.Needs || n == 0 {
		return none
	}
	return latency(p.At)
}

// generator says what the generator itself did to the run.
func generator(r *bench.Report) []figure {
	var out []figure
	if r.LagHistogram.Count() > 0 || r.Lag != (bench.Quantiles{}) {
		out = append(out, figure{Label: "Lag", Value: latency(r.Lag.P99),
			Note: fmt.Sprintf("p99 behind the intended time; p50 %s, max %s; %s allowed", latency(r.Lag.P50), latency(r.Lag.Max), latency(r.Settings.MaxLag))})
	}
	if r.Distorted > 0 {
		out = append(out, figure{Label: "Sent late", Value: term.Count(r.Distorted), Bad: !r.Valid(),
			Note: fmt.Sprintf("%s of the requests, by more than %s and by the generator's own doing", percent(r.Distorted, r.Requests), latency(r.Settings.MaxLag))})
	}
	if r.CPU > 0 && r.Requests > 0 {
		text := latency(r.CPU / time.Duration(r.Requests))
		out = append(out, figure{Label: "CPU", Value: text, Note: "a request; " + inUse(r.CPU.Seconds()/max(r.Elapsed.Seconds(), 1e-9)) + " in use on average"})
	}
	return out
}

func inUse(cores float64) string {
	if cores < 0.01 {
		return "under 0.01 cores"
	}
	return three(cores) + " cores"
}

// machine describes where the generator ran.
func machine(m *bench.Machine) string {
	out := []string{m.CPU, term.Plural(int64(m.Cores), "core"), m.OS + "/" + m.Arch, m.Kernel, m.Go}
	return strings.Join(slices.DeleteFunc(out, func(s string) bool { return s == "" || s == "/" }), " · ")
}
