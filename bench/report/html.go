package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"weir/bench"
	"weir/internal/term"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

// HTML writes r as one page that needs nothing else: no script, no font, no request. It is light or dark as the reader's
// system is, and prints. What came from outside is escaped, and the page's own policy would stop what slipped through.
// As in Text, an invalid run has no latencies. x may be nil.
func HTML(w io.Writer, r *bench.Report, x *Extras) error {
	if x == nil {
		x = &Extras{}
	}
	if x.Recorded != nil && x.Recorded.Histogram.Count() == 0 {
		x = &Extras{Capacity: x.Capacity, Goals: x.Goals}
	}
	t, err := template.New("page").Funcs(template.FuncMap{"keep": together}).Parse(pageText)
	if err != nil {
		return err
	}
	p, err := newPage(r, x)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

var unit = regexp.MustCompile(`(\d) ((?:ns|µs|ms|s|min|h|[kMGT]?B)\b|%)`)

// together keeps a number on the line of its unit.
func together(words string) string { return unit.ReplaceAllString(words, "$1\u00a0$2") }

// page is what the template shows.
type page struct {
	Report    *bench.Report
	Title     string
	Program   string
	Started   time.Time
	Style     template.CSS
	StyleHash string
	Settings  []string
	Notices   []notice
	Tiles     []figure
	Pictures  []picture
	Tables    []sheet
	Remarks   []string
	Footer    string
}

// sheet is a table with its place on the page.
type sheet struct {
	Table table
	// Wide takes the whole width; Words aligns the columns to the left.
	Wide, Words bool
}

func newPage(r *bench.Report, x *Extras) (*page, error) {
	hash := sha256.Sum256([]byte(style))
	p := &page{
		Report: r, Title: r.Target + " – load test", Program: r.Program, Started: r.Started,
		Style: template.CSS(style), StyleHash: base64.StdEncoding.EncodeToString(hash[:]),
		Settings: settings(r), Notices: append(notices(r), goals(x.Goals)...), Tiles: tiles(r), Tables: sheets(r, x), Remarks: remarks(r),
		Footer: "Format " + r.Format + ". Every figure leaves the warm-up out.",
	}
	var err error
	p.Pictures, err = pictures(r, x)
	return p, err
}

// goals says what came of them, those that were missed first.
func goals(list []Goal) []notice {
	missed, unknown, met := notice{Level: failure, Head: "GOAL MISSED"}, notice{Level: warning, Head: "GOAL UNDECIDED"}, notice{Level: success, Head: "GOAL MET"}
	for _, g := range list {
		to := &unknown
		if g.Missed {
			to = &missed
		} else if g.Met {
			to = &met
		}
		to.Text = append(to.Text, g.Text)
	}
	return slices.DeleteFunc([]notice{missed, unknown, met}, func(n notice) bool { return n.Text == nil })
}

// tiles are the figures that one looks for first.
func tiles(r *bench.Report) []figure {
	out := []figure{
		{Label: "Rate", Value: rate(float64(r.Requests), r.Elapsed), Note: term.Plural(r.Requests, "request") + " in " + span(r.Elapsed)},
		{Label: "Failed", Value: term.Count(r.Failed()), Note: percent(r.Failed(), r.Requests+r.Unsent), Bad: r.Failed() > 0},
	}
	if q := r.Latency; r.Valid() && r.OK > 0 {
		out = append(out, figure{Label: "Median", Value: latency(q.P50), Note: "mean " + latency(q.Mean)},
			rare("p99", r.OK, 100, q.P99), rare("p99.9", r.OK, 1000, q.P999),
			figure{Label: "Slowest", Value: latency(q.Max), Note: "of " + term.Count(r.OK)})
	}
	return out
}

// rare is a percentile that one of so many requests exceeds.
func rare(name string, n, of int64, d time.Duration) figure {
	if n < of {
		return figure{Label: name, Value: none, Note: "takes " + term.Count(of) + " requests"}
	}
	return figure{Label: name, Value: latency(d), Note: "1 of " + term.Count(of) + " is slower"}
}

// sheets are the tables below the pictures.
func sheets(r *bench.Report, x *Extras) []sheet {
	var out []sheet
	valid := r.Valid() && r.OK > 0
	if valid {
		out = append(out, sheet{Table: latencyTable(r, x.Recorded)})
	}
	out = append(out, rows("Requests", figures(r)))
	if s := rows("Statuses", statuses(r)); s.Table.Rows != nil {
		s.Words = false
		out = append(out, s)
	}
	if s := rows("Generator", generator(r)); s.Table.Rows != nil {
		out = append(out, s)
	}
	if s := rows("Failures", failed(r)); s.Table.Rows != nil {
		s.Table.Head = []string{"kind", "failed", "the first one"}
		s.Wide = true
		out = append(out, s)
	}
	if len(r.Classes) > 0 {
		out = append(out, sheet{Table: classTable(r, valid), Wide: true})
	}
	return append(out, sheet{Table: settingsTable(r), Wide: true, Words: true})
}

func rows(title string, list []figure) sheet {
	s := sheet{Table: table{Title: title}, Words: true}
	for _, f := range list {
		s.Table.Rows = append(s.Table.Rows, []string{f.Label, f.Value, f.Note})
	}
	return s
}

func latencyTable(r *bench.Report, recorded *Recorded) table {
	t := table{Title: "Latency"}
	if recorded == nil {
		for _, p := range points(&r.Latency) {
			t.Rows = append(t.Rows, []string{p.Name, p.value(r.OK)})
		}
		return t
	}
	t.Head = []string{"", "this run", recorded.Name, "ratio"}
	q := recorded.Histogram.Quantiles()
	before := points(&q)
	for i, p := range points(&r.Latency) {
		ratio := none
		if b := &before[i]; b.At > 0 && r.OK >= p.Needs && recorded.Histogram.Count() >= p.Needs {
			ratio = three(float64(p.At) / float64(b.At))
		}
		t.Rows = append(t.Rows, []string{p.Name, p.value(r.OK), before[i].value(recorded.Histogram.Count()), ratio})
	}
	return t
}

func classTable(r *bench.Report, valid bool) table {
	t := table{Title: "Classes", Head: []string{"class", "OK", "failed"}}
	if valid {
		t.Head = append(t.Head, "mean", "p50", "p90", "p99", "p99.9", "max")
	}
	for _, c := range r.Classes {
		row := []string{c.Name, term.Count(c.OK), term.Count(c.Failures.Total())}
		for _, v := range []time.Duration{c.Latency.Mean, c.Latency.P50, c.Latency.P90, c.Latency.P99, c.Latency.P999, c.Latency.Max} {
			switch {
			case !valid:
			case c.OK == 0:
				row = append(row, none)
			default:
				row = append(row, latency(v))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func settingsTable(r *bench.Report) table {
	s := &r.Settings
	loop := s.Loop
	if s.Rate != "" {
		loop += ", " + timetable(s.Rate)
	}
	t := table{Title: "Settings", Rows: [][]string{
		{"Target", r.Target}, {"Protocol", s.Protocol}, {"Loop", loop},
		{"Connections", term.Count(int64(s.Connections))}, {"Workers", term.Count(int64(s.Workers))}, {"Threads", term.Count(int64(s.Threads))},
		{"Length", length(s)}, {"Timeout", span(s.Timeout)}, {"Lag allowed", latency(s.MaxLag)}, {"Seed", fmt.Sprint(s.Seed)},
	}}
	if s.FreshConnections {
		t.Rows = append(t.Rows, []string{"Keep-alive", "no: a new connection for each request"})
	}
	return table{Title: t.Title, Rows: append(t.Rows, []string{"Machine", strings.TrimSpace(machine(&r.Machine))})}
}
