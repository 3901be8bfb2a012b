package report

import (
	"math"
	"strings"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/term"
)

// latencies writes the percentiles with a bar each, and the histogram.
func (t *text) latencies(r *bench.Report) {
	t.section("Latency")
	t.wrap("  ", "  ", "of the "+term.Count(r.OK)+" that "+wasWere(r.OK)+" OK, "+since(r))
	t.line("")
	q := &r.Latency
	for _, p := range points(q) {
		share := 0.0
		if q.Max > 0 {
			share = float64(p.At) / float64(q.Max)
		}
		if r.OK < p.Needs {
			t.line("    ", term.Left(p.Name, 8), term.Right(none, 6), t.paint.Dim("     takes "+term.Count(p.Needs)+" requests"))
			continue
		}
		t.line("    ", term.Left(p.Name, 8), term.Right(column(p.At), 9), "  ", t.paint.Cyan(term.Bar(share, t.width-26)))
	}
	if bins := coarse(r.Histogram); len(bins) > 1 {
		t.section("Distribution")
		t.distribution(bins, r.OK)
	}
}

// distribution draws one bar for each bin, and says how many it holds.
func (t *text) distribution(bins []bin, all int64) {
	most, counts := int64(0), 0
	for _, b := range bins {
		most = max(most, b.Count)
		counts = max(counts, utf8.RuneCountInString(term.Count(b.Count)))
	}
	for _, b := range bins {
		bar := ""
		if b.Count > 0 {
			bar = term.Bar(math.Max(float64(b.Count)/float64(most), 0.125/float64(t.width)), t.width-44-counts)
			if bar == "" {
				bar = "▏"
			}
		}
		share := none
		if b.Count > 0 {
			share = percent(b.Count, all)
		}
		t.line("    ", term.Right(column(b.From), 8), " – ", term.Right(column(b.To), 8), "  ",
			term.Right(term.Count(b.Count), counts), "  ", term.Right(share, 10), "  ", t.paint.Cyan(bar))
	}
}

// classes writes a line for each kind of request.
func (t *text) classes(r *bench.Report) {
	if len(r.Classes) == 0 {
		return
	}
	t.section("Classes")
	name := 8
	for _, c := range r.Classes {
		name = max(name, min(utf8.RuneCountInString(c.Name)+1, t.width-62))
	}
	t.line(t.paint.Dim("    " + term.Left("class", name) + term.Right("OK", 10) + term.Right("failed", 8) +
		strings.Join([]string{term.Right("p50", 8), term.Right("p99", 8), term.Right("p99.9", 8), term.Right("max", 8)}, "  ")))
	for _, c := range r.Classes {
		failed := term.Right(term.Count(c.Failures.Total()), 8)
		if c.Failures.Total() > 0 {
			failed = t.paint.Red(failed)
		}
		times := "       " + none
		if q := c.Latency; c.OK > 0 {
			times = strings.Join([]string{term.Right(column(q.P50), 9), term.Right(column(q.P99), 9), term.Right(column(q.P999), 9), term.Right(column(q.Max), 9)}, " ")
		}
		t.line("    ", term.Left(cut(clean(c.Name), name-1), name), term.Right(term.Count(c.OK), 10), failed, times)
	}
}

// cut shortens text to width characters, marking that it did.
func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(width-1, 0)]) + "…"
}
