package demo

import (
	"fmt"
	"strings"

	"weir/bench"
)

// report draws what the demo came to, line by line, at most 92 columns wide.
func report(o *outcome, p paint) []string {
	out := []string{"", "  " + p.bold("What each listener answered"), "",
		p.dim("  " + left("listener", 10) + left("speaks", 8) + right("requests", 10) + right("failed", 8) +
			right("p50", 10) + right("p90", 10) + right("p99", 10) + right("p99.9", 10) + right("max", 10))}
	for i, l := range o.view.lanes {
		out = append(out, resultLine(&l, o.reports[i], p))
	}
	out = append(out, "", "  "+p.bold("What each endpoint served"), "")
	out = append(out, servedLines(o, p)...)
	out = append(out, "")
	if w := o.window; w.from > 0 {
		out = append(out, fmt.Sprintf("  While %s was dead (%.1f–%.1f s): %s by HTTP and HTTPS, %s failed, slowest %s",
			o.hero, w.from.Seconds(), w.to.Seconds(), plural(w.requests, "request"), count(w.failed), ms(w.slowest)))
	}
	return append(out, "", "  "+verdict(o, p), "")
}

func resultLine(l *laneView, r *bench.Report, p paint) string {
	q := r.Latency
	return "  " + p.bold(left(l.name, 10)) + left(l.kind, 8) + right(count(r.Requests), 10) + failures(r.Failed(), 8, p) +
		right(ms(q.P50), 10) + right(ms(q.P90), 10) + right(ms(q.P99), 10) + right(ms(q.P999), 10) + right(ms(q.Max), 10)
}

// servedLines compares the endpoints; the API's are shares of each other, the echo has an upstream of its own.
func servedLines(o *outcome, p paint) []string {
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
			note = p.dim(fmt.Sprintf("  dead for %s", seconds(o.window.to-o.window.from)))
		}
		out = append(out, "  "+p.bold(left(e.name, 10))+left(e.address, 18)+right(count(e.served), 10)+"  "+
			p.cyan(left(bar(share, 24), 24))+right(fmt.Sprintf("%.0f %%", share*100), 6)+note)
	}
	return out
}

// verdict is the last line: what the exit code says, in words.
func verdict(o *outcome, p paint) string {
	switch {
	case o.failed > 0:
		text := fmt.Sprintf("%s of %s failed", count(o.failed), plural(o.requests, "request"))
		if o.failures.Total() > 0 {
			text += ": " + o.failures.String()
		}
		return p.red("✗ FAILED") + "  " + text
	case o.err != nil:
		return p.red("✗ NOT RUN") + "  " + o.err.Error()
	case o.interrupted:
		return p.yellow("• INTERRUPTED") + fmt.Sprintf("  after %s; %s until then, none failed", seconds(o.view.now), plural(o.requests, "request"))
	case !o.back:
		return p.red("✗ FAILED") + fmt.Sprintf("  no request failed, but %s got no traffic after it was revived", o.hero)
	}
	return p.green("✓ PASSED") + fmt.Sprintf("  %s answered, none failed, with an endpoint killed and revived on the way", plural(o.requests, "request"))
}
