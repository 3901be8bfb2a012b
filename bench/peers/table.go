package peers

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// progressLine is what a round came to, in one line.
func progressLine(round, rounds int, scenario, proxy string, s *Sample) string {
	text := fmt.Sprintf("  round %d/%d  %-7s %-8s %9s/s", round, rounds, scenario, proxy, thousands(s.PerSecond))
	if s.CPU > 0 {
		text += fmt.Sprintf("  %6s µs/request", micros(s.CPU))
	} else {
		text += strings.Repeat(" ", 19)
	}
	text += fmt.Sprintf("  %7s answers on each of %d connections", thousands(s.PerConnection), s.Upstream)
	if s.Failed > 0 {
		text += fmt.Sprintf("  %d FAILED", s.Failed)
	}
	return text
}

// idleLine is what idle connections cost a proxy, in one line.
func idleLine(r *IdleRow) string {
	if r.Note != "" {
		return fmt.Sprintf("  idle  %-8s not measured: %s", r.Proxy, r.Note)
	}
	return fmt.Sprintf("  idle  %-8s %.1f KiB for each of %s connections", r.Proxy, r.Each()/(1<<10), thousands(float64(r.Connections)))
}

// Print writes the result as tables of at most 100 columns.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s against its peers", r.Subject)
	if len(r.Blocks) > 0 {
		fmt.Fprintf(&b, ": %d keep-alive connections, %d interleaved rounds of %v", r.Connections, r.Rounds, r.Round)
	}
	b.WriteString("\n")
	if r.ProxyCore >= 0 {
		fmt.Fprintf(&b, "each proxy alone on core %d, load and endpoint on core %d; medians; ratios round by round [min–max]\n", r.ProxyCore, r.LoadCore)
	} else {
		b.WriteString("one core for all, nothing pinned; medians; ratios round by round [min–max]\n")
	}
	r.printVersions(&b)
	for i := range r.Blocks {
		r.printBlock(&b, &r.Blocks[i])
	}
	r.printIdle(&b)
	r.printVerdict(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) printVersions(b *strings.Builder) {
	var said []string
	for name, version := range r.Versions {
		if !strings.Contains(strings.ToLower(version), name) {
			version = name + " " + version
		}
		said = append(said, version)
	}
	slices.Sort(said)
	fmt.Fprintf(b, "%s\n", strings.Join(said, " · "))
	if len(r.Missing) > 0 {
		fmt.Fprintf(b, "not installed here: %s\n", strings.Join(r.Missing, ", "))
	}
}

func (r *Result) printBlock(b *strings.Builder, block *Block) {
	fmt.Fprintf(b, "\n%s: %s\n", block.Scenario, block.About)
	fmt.Fprintf(b, "  %-9s %11s  %-20s %10s %9s %9s %8s %12s\n", "",
		"CPU/request", r.Subject+" / it", "requests/s", "p50", "p99", "RSS", "answers/conn")
	for i := range block.Rows {
		row := &block.Rows[i]
		cpu, ratio, rss := "", "", ""
		if row.Proxy != Direct {
			cpu = micros(row.medianTime(func(s *Sample) time.Duration { return s.CPU })) + " µs"
			rss = fmt.Sprintf("%.1f MiB", row.Median(func(s *Sample) float64 { return float64(s.RSS) })/(1<<20))
		}
		if is, ok := block.Ratio(r.Subject, row.Proxy); ok && row.Proxy != r.Subject {
			ratio = fmt.Sprintf("%.2f  [%.2f–%.2f]", is.Median, is.Min, is.Max)
		}
		fmt.Fprintf(b, "  %-9s %11s  %-20s %10s %9s %9s %8s %12s\n", row.Proxy, cpu, ratio,
			thousands(row.Median(func(s *Sample) float64 { return s.PerSecond })),
			millis(row.medianTime(func(s *Sample) time.Duration { return s.P50 })),
			millis(row.medianTime(func(s *Sample) time.Duration { return s.P99 })),
			rss, thousands(row.Median(func(s *Sample) float64 { return s.PerConnection })))
	}
}

func (r *Result) printIdle(b *strings.Builder) {
	if len(r.Idle) == 0 {
		return
	}
	first := &r.Idle[0]
	fmt.Fprintf(b, "\nidle: %s keep-alive connections, %d requests on each, then nothing for %v\n",
		thousands(float64(first.Connections)), first.Requests, first.Wait)
	fmt.Fprintf(b, "  %-9s %12s %12s %22s\n", "", "RSS before", "RSS after", "for each connection")
	for i := range r.Idle {
		row := &r.Idle[i]
		if row.Note != "" {
			fmt.Fprintf(b, "  %-9s not measured: %s\n", row.Proxy, row.Note)
			continue
		}
		fmt.Fprintf(b, "  %-9s %8.1f MiB %8.1f MiB %18.1f KiB\n", row.Proxy, float64(row.Before)/(1<<20), float64(row.After)/(1<<20), row.Each()/(1<<10))
	}
}

func (r *Result) printVerdict(b *strings.Builder) {
	b.WriteString("\n")
	if ratio, scenario, peer := r.Worst(); ratio > 0 {
		fmt.Fprintf(b, "worst ratio: %.2f (%s, against %s)\n", ratio, scenario, peer)
	}
	for i, reason := range r.Invalid {
		if i == 10 {
			fmt.Fprintf(b, "INVALID: and %d more reasons\n", len(r.Invalid)-i)
			break
		}
		fmt.Fprintf(b, "INVALID: %s\n", reason)
	}
}

func (r *Row) medianTime(figure func(*Sample) time.Duration) time.Duration {
	return time.Duration(r.Median(func(s *Sample) float64 { return float64(figure(s)) }))
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e3) }
func millis(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

// thousands writes a whole number with its groups apart: 58,112.
func thousands(f float64) string {
	digits := fmt.Sprintf("%.0f", f)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
