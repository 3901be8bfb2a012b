package peers

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// progressLine is what a round came to, in one line.
func progressLine(round, rounds int, b *Block, proxy string, s *Sample) string {
	name := label(b.Scenario, b.Axis, b.Point)
	if b.Generator != "" {
		name += " by " + b.Generator
	}
	text := fmt.Sprintf("  %-30s %d/%d %-8s %9s %s/s", name, round, rounds, proxy, thousands(s.PerSecond), b.Unit)
	if s.CPU > 0 {
		text += fmt.Sprintf("  %7s µs each, core %3.0f %% busy", micros(s.CPU), s.Busy*100)
	}
	if s.Failed > 0 {
		text += fmt.Sprintf("  %d FAILED", s.Failed)
	}
	return text
}

// idleLine is what idle connections cost a proxy, in one line.
func idleLine(r *IdleRow) string {
	if r.Note != "" {
		return fmt.Sprintf("  %-34s %-8s not measured: %s", "idle", r.Proxy, r.Note)
	}
	return fmt.Sprintf("  %-34s %-8s %9.1f KiB for each of %s connections", "idle", r.Proxy, r.Each()/(1<<10), thousands(float64(r.Connections)))
}

// Print writes the result as tables of at most 100 columns.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s against its peers: CPU per request, rounds of %v, interleaved\n", r.Subject, r.Round)
	fmt.Fprintf(&b, "%s; medians; ratios round by round [min–max]\n", r.place())
	fmt.Fprintf(&b, "%s\n", strings.Join(r.versions(), " · "))
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "not installed here: %s\n", strings.Join(r.Missing, ", "))
	}
	for i := 0; i < len(r.Blocks); {
		curve := r.curve(i)
		if len(curve) > 1 || curve[0].Axis != "" {
			r.printCurve(&b, curve)
		} else {
			r.printBlock(&b, &curve[0])
		}
		i += len(curve)
	}
	r.printIdle(&b)
	r.printVerdict(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// place says what runs where.
func (r *Result) place() string {
	if r.ProxyCore < 0 {
		return "one core for all, nothing pinned"
	}
	return fmt.Sprintf("each proxy alone on core %d, load and endpoint on core %d", r.ProxyCore, r.LoadCore)
}

func (r *Result) versions() []string {
	var said []string
	for name, version := range r.Versions {
		if !strings.Contains(strings.ToLower(version), name) {
			version = name + " " + version
		}
		said = append(said, version)
	}
	slices.Sort(said)
	return said
}

// curve returns the blocks that belong to the scenario of the i-th: its points, or itself alone.
func (r *Result) curve(i int) []Block {
	end := i + 1
	for end < len(r.Blocks) && r.Blocks[i].Axis != "" && r.Blocks[end].Scenario == r.Blocks[i].Scenario {
		end++
	}
	return r.Blocks[i:end]
}

func (r *Result) printBlock(b *strings.Builder, block *Block) {
	title := block.Scenario
	if block.Generator != "" {
		title += " by " + block.Generator
	}
	fmt.Fprintf(b, "\n%s: %s; %d connections, %d rounds\n", title, block.About, block.Connections, block.Rounds)
	fmt.Fprintf(b, "  %-9s %11s  %-20s %10s %9s %9s %9s %6s\n", "",
		"CPU/"+block.Unit, r.Subject+" / it", block.Unit+"s/s", "p50", "p99", "RSS", "core")
	for i := range block.Rows {
		row := &block.Rows[i]
		if len(row.Samples) == 0 {
			fmt.Fprintf(b, "  %-9s %11s  %s\n", row.Proxy, "—", cut(row.Note, 74))
			continue
		}
		f := row.figures()
		ratio := ""
		if is, ok := block.Ratio(r.Subject, row.Proxy); ok && row.Proxy != r.Subject {
			ratio = is.String()
		}
		fmt.Fprintf(b, "  %-9s %11s  %-20s %10s %9s %9s %9s %6s\n", row.Proxy, f.cpu, ratio, f.rate, f.p50, f.p99, f.rss, f.busy)
	}
}

// figures are the medians of a row as text; what was not measured is empty.
type figures struct{ cpu, rate, p50, p99, rss, busy string }

func (r *Row) figures() figures {
	f := figures{rate: thousands(r.Median(func(s *Sample) float64 { return s.PerSecond }))}
	if r.Proxy != Direct {
		f.cpu = micros(r.cpu()) + " µs"
		f.rss = fmt.Sprintf("%.1f MiB", r.Median(func(s *Sample) float64 { return float64(s.RSS) })/(1<<20))
		f.busy = fmt.Sprintf("%.0f %%", 100*r.Median(func(s *Sample) float64 { return s.Busy }))
	}
	if p50 := r.medianTime(func(s *Sample) time.Duration { return s.P50 }); p50 > 0 {
		f.p50 = millis(p50)
		f.p99 = millis(r.medianTime(func(s *Sample) time.Duration { return s.P99 }))
	}
	return f
}

func (r *Row) cpu() time.Duration {
	return r.medianTime(func(s *Sample) time.Duration { return s.CPU })
}

// printCurve writes one row for each proxy and one column for each point.
func (r *Result) printCurve(b *strings.Builder, curve []Block) {
	fmt.Fprintf(b, "\n%s: %s; %d rounds\n", curve[0].Scenario, curve[0].About, curve[0].Rounds)
	fmt.Fprintf(b, "  %-9s", "")
	for i := range curve {
		fmt.Fprintf(b, " %18s", thousands(float64(curve[i].Point))+" "+string(curve[0].Axis))
	}
	b.WriteString("\n")
	for _, name := range names(curve) {
		if name == Direct {
			continue
		}
		fmt.Fprintf(b, "  %-9s", name)
		for i := range curve {
			fmt.Fprintf(b, " %18s", r.curveCell(&curve[i], name))
		}
		b.WriteString("\n")
		if note := noteOf(curve, name); note != "" {
			fmt.Fprintf(b, "  %-9s   %s\n", "", cut(note, 84))
		}
	}
}

// curveCell is the CPU of a proxy at a point, and the subject's ratio to it.
func (r *Result) curveCell(block *Block, proxy string) string {
	row := block.find(proxy)
	if row == nil || len(row.Samples) == 0 {
		return "—"
	}
	text := micros(row.cpu()) + " µs"
	if is, ok := block.Ratio(r.Subject, proxy); ok && proxy != r.Subject {
		text += fmt.Sprintf(" (%.2f)", is.Median)
	}
	return text
}

// names are the proxies of a curve, in the order of the first point that has them.
func names(curve []Block) []string {
	var all []string
	for i := range curve {
		for j := range curve[i].Rows {
			if name := curve[i].Rows[j].Proxy; !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// noteOf is the first note of a proxy on a curve.
func noteOf(curve []Block, proxy string) string {
	for i := range curve {
		if row := curve[i].find(proxy); row != nil && row.Note != "" {
			return row.Note
		}
	}
	return ""
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
			fmt.Fprintf(b, "  %-9s not measured: %s\n", row.Proxy, cut(row.Note, 74))
			continue
		}
		fmt.Fprintf(b, "  %-9s %8.1f MiB %8.1f MiB %18.1f KiB\n", row.Proxy, float64(row.Before)/(1<<20), float64(row.After)/(1<<20), row.Each()/(1<<10))
	}
}

// shownReasons is how many reasons a report shows: the first of many say it all.
const shownReasons = 10

func (r *Result) printVerdict(b *strings.Builder) {
	b.WriteString("\n")
	if ratio, scenario, peer := r.Worst(); ratio > 0 {
		fmt.Fprintf(b, "worst ratio: %.2f (%s, against %s)\n", ratio, scenario, peer)
	}
	for _, c := range r.CrossChecks() {
		fmt.Fprintf(b, "%s\n", c.String())
	}
	if r.CutShort {
		b.WriteString("CUT SHORT: the run was ended early; rounds or scenarios are missing\n")
	}
	for i, reason := range r.Invalid {
		if i == shownReasons {
			fmt.Fprintf(b, "INVALID: and %d more reasons\n", len(r.Invalid)-i)
			break
		}
		fmt.Fprintf(b, "INVALID: %s\n", reason)
	}
}

func (r *Row) medianTime(figure func(*Sample) time.Duration) time.Duration {
	return time.Duration(r.Median(func(s *Sample) float64 { return float64(figure(s)) }))
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if all := []rune(text); len(all) > most {
		return string(all[:most-1]) + "…"
	}
	return text
}

// String returns the ratio as the tables show it: 0.95  [0.93–0.97].
func (r Ratio) String() string { return fmt.Sprintf("%.2f  [%.2f–%.2f]", r.Median, r.Min, r.Max) }

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
