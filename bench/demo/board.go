package demo

import (
	"fmt"
	"strings"
)

// board draws the live table of a view, line by line, at most 88 columns wide and always of the same height.
func board(v *view, p paint) []string {
	done := 0.0
	if v.length > 0 {
		done = v.now.Seconds() / v.length.Seconds()
	}
	out := []string{
		"",
		"  " + p.bold("WEIR DEMO") + "  " + p.cyan(left(bar(done, 40), 40)) + p.dim("▏") + " " + seconds(v.now) + p.dim(" of "+seconds(v.length)),
		"",
		p.dim("  " + laneHead("req/s")),
	}
	for i := range v.lanes {
		out = append(out, laneLine(&v.lanes[i], p))
	}
	out = append(out, "", p.dim("  "+left("endpoint", 10)+left("address", 19)+left("state", 13)+right("req/s", 7)+right("served", 9)+"   share of the upstream"))
	for i := range v.endpoints {
		out = append(out, endpointLine(&v.endpoints[i], p))
	}
	out = append(out, "")
	for i := range maxEvents {
		if i < len(v.events) {
			out = append(out, eventLine(&v.events[i], p))
		} else {
			out = append(out, "")
		}
	}
	return out
}

// maxEvents is how many events a story has: killed, out, revived, back.
const maxEvents = 4

func laneHead(rate string) string {
	return left("listener", 10) + left("address", 19) + left("speaks", 9) + right(rate, 7) + right("ok", 10) + right("failed", 9) + right("p50", 10) + right("p99", 10)
}

func laneLine(l *laneView, p paint) string {
	return "  " + p.bold(left(l.name, 10)) + left(l.address, 19) + left(l.kind, 9) + right(count(l.perSecond), 7) +
		right(count(l.ok), 10) + failures(l.failed, 9, p) + right(ms(l.latency.P50), 10) + right(ms(l.latency.P99), 10)
}

// failures shows a number that ought to be zero.
func failures(n int64, width int, p paint) string {
	text := right(count(n), width)
	if n > 0 {
		return p.red(text)
	}
	return p.green(text)
}

func endpointLine(e *endpointView, p paint) string {
	return "  " + p.bold(left(e.name, 10)) + left(e.address, 19) + stateOf(e.state, 13, p) + right(fmt.Sprintf("%.0f", e.perSecond), 7) +
		right(count(e.served), 9) + "   " + p.cyan(left(bar(e.share, 16), 16)) + right(fmt.Sprintf("%.0f %%", e.share*100), 6)
}

func stateOf(state string, width int, p paint) string {
	text := left(state, width)
	switch state {
	case inRotation:
		return p.green(text)
	case killed:
		return p.red(text)
	}
	return p.yellow(text)
}

func eventLine(e *event, p paint) string {
	return p.dim(right(seconds(e.at), 8)) + "  " + e.text
}

// tickLine is the board in one line, for a log.
func tickLine(v *view) string {
	var parts []string
	failed := int64(0)
	for _, l := range v.lanes {
		parts = append(parts, fmt.Sprintf("%s %d/s %s", l.name, l.perSecond, ms(l.latency.P99)))
		failed += l.failed
	}
	parts[len(parts)-1] += " (p99)"
	parts = append(parts, fmt.Sprintf("failed %d", failed))
	var shares []string
	for _, e := range v.endpoints {
		if strings.HasPrefix(e.name, "api") {
			shares = append(shares, fmt.Sprintf("%.0f", e.share*100))
		}
	}
	return right(seconds(v.now), 8) + "  " + strings.Join(parts, " · ") + " · api " + strings.Join(shares, "/") + " %"
}
