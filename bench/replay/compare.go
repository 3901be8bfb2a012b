package replay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/term"
)

// Comparison sets a replay beside its log.
type Comparison struct {
	// Requests is how many of the log's requests were sent; the log's figures are of these.
	Requests int64 `json:"requests"`
	// Latency is of all of them, Methods of those with one method, where there are several.
	Latency Pair   `json:"latency"`
	Methods []Pair `json:"methods,omitempty"`
	// Answers had a status and a request whose status the log knows; for Same of them it is the log's.
	Answers int64 `json:"answers"`
	Same    int64 `json:"same_status"`
	// Differences are the other answers, the most frequent first.
	Differences []Difference `json:"different_statuses"`
}

// Pair is how long requests took by the log and in the replay. The log's server counts from a request's first byte;
// the replay from when it was due, so that the network and waiting are part of it.
type Pair struct {
	Name     string          `json:"name"`
	LogCount int64           `json:"log_count"`
	Log      bench.Quantiles `json:"log"`
	Count    int64           `json:"count"`
	Replay   bench.Quantiles `json:"replay"`
}

// Difference counts answers with one status to requests with another one.
type Difference struct {
	Logged int   `json:"logged"`
	Got    int   `json:"got"`
	Count  int64 `json:"count"`
}

// Compare sets the report of s's run beside the log. The run must have ended.
func (s *Source) Compare(r *bench.Report) *Comparison {
	n := int(min(r.Requests, int64(len(s.log.entries))))
	c := &Comparison{Requests: int64(n), Latency: pair("all", s.log.latency(n, nil), r.Histogram), Differences: []Difference{}}
	for i := range r.Classes {
		theirs := s.log.latency(n, func(m uint16) bool { return s.classOf[m] == i })
		c.Methods = append(c.Methods, pair(r.Classes[i].Name, theirs, r.Classes[i].Histogram))
	}
	for logged := 100; logged < len(s.expect); logged++ {
		if s.expect[logged] == nil {
			continue
		}
		for got := range s.expect[logged].got {
			count := s.expect[logged].got[got].Load()
			c.Answers += count
			switch {
			case count == 0:
			case got == logged:
				c.Same += count
			default:
				c.Differences = append(c.Differences, Difference{logged, got, count})
			}
		}
	}
	slices.SortStableFunc(c.Differences, func(a, b Difference) int { return cmp.Compare(b.Count, a.Count) })
	return c
}

func pair(name string, log, replay bench.Histogram) Pair {
	return Pair{Name: name, LogCount: log.Count(), Log: log.Quantiles(), Count: replay.Count(), Replay: replay.Quantiles()}
}

// shownDifferences is how many of the differences String shows.
const shownDifferences = 10

// String is the comparison for a person.
func (c *Comparison) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Latency of %s, by the log and in the replay\n\n", term.Plural(c.Requests, "request"))
	if c.Latency.LogCount == 0 {
		b.WriteString("The log does not say how long its requests took.\n\n")
	}
	c.Latency.table(&b)
	if len(c.Methods) > 1 {
		b.WriteString("\n  method         log p50      replay       log p99      replay\n")
		for _, m := range c.Methods {
			fmt.Fprintf(&b, "  %-8.8s %s %s  %s %s\n", m.Name, m.log(m.Log.P50), m.replay(m.Replay.P50), m.log(m.Log.P99), m.replay(m.Replay.P99))
		}
	}
	if c.Latency.LogCount > 0 {
		b.WriteString("\nThe log counts at its server; the replay counts at the client, from when a request was due.\n")
	}
	c.statuses(&b)
	return b.String()
}

// table writes the quantiles beside each other.
func (p *Pair) table(b *strings.Builder) {
	b.WriteString("                     log      replay\n")
	for _, row := range []struct {
		name        string
		log, replay time.Duration
	}{
		{"p50", p.Log.P50, p.Replay.P50},
		{"p90", p.Log.P90, p.Replay.P90},
		{"p99", p.Log.P99, p.Replay.P99},
		{"p99.9", p.Log.P999, p.Replay.P999},
		{"max", p.Log.Max, p.Replay.Max},
	} {
		fmt.Fprintf(b, "  %-8s %s %s%s\n", row.name, p.log(row.log), p.replay(row.replay), p.change(row.log, row.replay))
	}
}

func (p *Pair) log(d time.Duration) string    { return cell(d, p.LogCount) }
func (p *Pair) replay(d time.Duration) string { return cell(d, p.Count) }

// cell writes a time at the right of a column; "-" where nothing was counted.
func cell(d time.Duration, counted int64) string {
	text := "-"
	if counted > 0 {
		text = duration(d)
	}
	return strings.Repeat(" ", max(0, 13-1-utf8.RuneCountInString(text))) + text
}

// change writes how much longer the replay took.
func (p *Pair) change(log, replay time.Duration) string {
	if p.LogCount == 0 || p.Count == 0 || log == 0 {
		return ""
	}
	switch ratio := float64(replay) / float64(log); {
	case ratio >= 2:
		return "   × " + digits(ratio)
	default:
		return fmt.Sprintf("   %+.0f%%", 100*(ratio-1))
	}
}

// duration writes a time to three digits.
func duration(d time.Duration) string {
	switch {
	case d >= time.Second:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	}
	return digits(float64(d)/float64(time.Microsecond)) + " µs"
}

// digits writes a number to three digits, and whole ones above 100.
func digits(f float64) string {
	switch {
	case f < 9.995:
		return fmt.Sprintf("%.2f", f)
	case f < 99.95:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// statuses writes how far the answers agree.
func (c *Comparison) statuses(b *strings.Builder) {
	if c.Answers == 0 {
		b.WriteString("\nNo answer can be set beside a status of the log.\n")
		return
	}
	if c.Same == c.Answers {
		fmt.Fprintf(b, "\nAll %s had the status that the log has.\n", term.Plural(c.Answers, "answer"))
		return
	}
	share := 100 * float64(c.Same) / float64(c.Answers)
	fmt.Fprintf(b, "\n%s of %s (%.4g%%) had the status that the log has; the others:\n", term.Count(c.Same), term.Plural(c.Answers, "answer"), min(share, 99.99))
	for i, d := range c.Differences {
		if i == shownDifferences {
			fmt.Fprintf(b, "  and %d more pairs\n", len(c.Differences)-i)
			break
		}
		fmt.Fprintf(b, "  %d in the log, %d now: %s\n", d.Logged, d.Got, term.Count(d.Count))
	}
}
