package demo

import (
	"fmt"
	"strings"

	"weir/internal/term"
)

// board draws the live table of a view, line by line, at most 88 columns wide and always of the same height.
func board(v *view, p term.Paint) []string {
	done := 0.0
	if v.length > 0 {
		done = v.now.Seconds() / v.length.Seconds()
	}
	out := []string{
		"",
		"  " + p.Bold("WEIR DEMO") + "  " + p.Cyan(term.Left(term.Bar(done, 40), 40)) + p.Dim("▏") + " " + seconds(v.now) + p.Dim(" of "+seconds(v.length)),
		"",
		p.Dim("  " + laneHead("req/s")),
	}
	for i := range v.lanes {
		out = append(out, laneLine(&v.lanes[i], p))
	}
	out = append(out, "", p.Dim("  "+term.Left("endpoint", 10)+term.Left("address", 19)+term.Left("state", 13)+term.Right("req/s", 7)+term.Right("served", 11)+"   share of the upstream"))
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
	return term.Left("listener", 10) + term.Left("address", 19) + term.Left("speaks", 9) + term.Right(rate, 7) + term.Right("ok", 10) + term.Right("failed", 9) + term.Right("p50", 10) + term.Right("p99", 10)
}

func laneLine(l *laneView, p term.Paint) string {
	return "  " + p.Bold(term.Left(l.name, 10)) + term.Left(l.address, 19) + term.Left(l.kind, 9) + term.Right(term.Count(l.perSecond), 7) +
		term.Right(term.Count(l.ok), 10) + failures(l.failed, 9, p) + term.Right(ms(l.latency.P50), 10) + term.Right(ms(l.latency.P99), 10)
}

// failures shows a number that ought to be zero.
func failures(n int64, width int, p term.Paint) string {
	text := term.Right(term.Count(n), width)
	if n > 0 {
		return p.Red(text)
	}
	return p.Green(text)
}

func endpointLine(e *endpointView, p term.Paint) string {
	return "  " + p.Bold(term.Left(e.name, 10)) + term.Left(e.address, 19) + stateOf(e.state, 13, p) + term.Right(fmt.Sprintf("%.0f", e.perSecond), 7) +
		term.Right(term.Count(e.served), 11) + "   " + p.Cyan(term.Left(term.Bar(e.share, 16), 16)) + term.Right(fmt.Sprintf("%.0f %%", e.share*100), 6)
}

func stateOf(state string, width int, p term.Paint) string {
	text := term.Left(state, width)
	switch state {
	case inRotation:
		return p.Green(text)
	case killed:
		return p.Red(text)
	}
	return p.Yellow(text)
}

func eventLine(e *event, p term.Paint) string {
	return p.Dim(term.Right(seconds(e.at), 8)) + "  " + e.text
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
	return term.Right(seconds(v.now), 8) + "  " + strings.Join(parts, " · ") + " · api " + strings.Join(shares, "/") + " %"
}
