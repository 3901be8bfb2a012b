package demo

import (
	"fmt"
	"strings"

	"weir/bench"
	"weir/internal/term"
)

// report draws what the demo came to, line by line, at most 92 columns wide.
func report(o *outcome, p term.Paint) []string {
	out := []string{"", "  " + p.Bold("What each listener answered"), "",
		p.Dim("  " + term.Left("listener", 10) + term.Left("speaks", 8) + term.Right("requests", 10) + term.Right("failed", 8) +
			term.Right("p50", 10) + term.Right("p90", 10) + term.Right("p99", 10) + term.Right("p99.9", 10) + term.Right("max", 10))}
	for i, l := range o.view.lanes {
		out = append(out, resultLine(&l, o.reports[i], p))
	}
	out = append(out, "", "  "+p.Bold("What each endpoint served"), "")
	out = append(out, servedLines(o, p)...)
	out = append(out, "")
	if w := o.window; w.from > 0 {
		out = append(out, fmt.Sprintf("  While %s was dead (%.1f–%.1f s): %s by HTTP and HTTPS, %s failed, slowest %s",
			o.hero, w.from.Seconds(), w.to.Seconds(), term.Plural(w.requests, "request"), term.Count(w.failed), ms(w.slowest)))
	}
	return append(out, "", "  "+verdict(o, p), "")
}

func resultLine(l *laneView, r *bench.Report, p term.Paint) string {
	q := r.Latency
	return "  " + p.Bold(term.Left(l.name, 10)) + term.Left(l.kind, 8) + term.Right(term.Count(r.Requests), 10) + failures(r.Failed(), 8, p) +
		term.Right(ms(q.P50), 10) + term.Right(ms(q.P90), 10) + term.Right(ms(q.P99), 10) + term.Right(ms(q.P999), 10) + term.Right(ms(q.Max), 10)
}

// servedLines compares the endpoints; the API's are shares of each other, the echo has an upstream of its own.
func servedLines(o *outcome, p term.Paint) []string {
	total := int64(0)
	for _, e := range o.view.endpoints {
		if strings.HasPrefix(e.name, "api") {
			total += e.served
		}
	}
	var out []string
	for _, e := range o.view.endpoints {
		share := 1.0
		if strings.HasPrefix(e.name, "api") {
			share = float64(e.served) / float64(max(total, 1))
		}
		note := ""
		if e.name == o.hero && o.window.to > o.window.from {
			note = p.Dim(fmt.Sprintf("  dead for %s", seconds(o.window.to-o.window.from)))
		}
		out = append(out, "  "+p.Bold(term.Left(e.name, 10))+term.Left(e.address, 18)+term.Right(term.Count(e.served), 10)+"  "+
			p.Cyan(term.Left(term.Bar(share, 24), 24))+term.Right(fmt.Sprintf("%.0f %%", share*100), 6)+note)
	}
	return out
}

// verdict is the last line: what the exit code says, in words.
func verdict(o *outcome, p term.Paint) string {
	switch {
	case o.failed > 0:
		text := fmt.Sprintf("%s of %s failed", term.Count(o.failed), term.Plural(o.requests, "request"))
		if o.failures.Total() > 0 {
			text += ": " + o.failures.String()
		}
		return p.Red("✗ FAILED") + "  " + text
	case o.err != nil:
		return p.Red("✗ NOT RUN") + "  " + o.err.Error()
	case o.interrupted:
		return p.Yellow("• INTERRUPTED") + fmt.Sprintf("  after %s; %s until then, none failed", seconds(o.view.now), term.Plural(o.requests, "request"))
	case o.requests == 0:
		return p.Red("✗ NOT RUN") + "  no request was answered"
	case !o.back:
		return p.Red("✗ FAILED") + fmt.Sprintf("  no request failed, but %s got no traffic after it was revived", o.hero)
	}
	return p.Green("✓ PASSED") + fmt.Sprintf("  %s answered, none failed, with an endpoint killed and revived on the way", term.Plural(o.requests, "request"))
}
