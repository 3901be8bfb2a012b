package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"weir/bench"
	"weir/bench/replay"
	"weir/bench/report"
	"weir/bench/slo"
	"weir/internal/term"
)

// output is one --out.
type output struct {
	form string // text, json or html
	file string // empty: stdout
}

// outputs reads --out and --json. Without either it is the text on stdout.
func (f *sendFlags) outputs() ([]output, error) {
	var outs []output
	stdout := 0
	for _, text := range f.out {
		form, file, named := strings.Cut(text, "=")
		switch {
		case form != "text" && form != "json" && form != "html":
			return nil, fmt.Errorf("--out %q: want text, json or html, such as --out html=report.html", text)
		case named && file == "":
			return nil, fmt.Errorf("--out %q: the file has no name", text)
		case !named:
			stdout++
		}
		outs = append(outs, output{form, file})
	}
	if f.asJSON {
		outs = append(outs, output{form: "json"})
		stdout++
	}
	if stdout > 1 {
		return nil, errors.New("only one report can go to stdout; name a file for the others, such as --out html=report.html")
	}
	if len(outs) == 0 {
		outs = []output{{form: "text"}}
	}
	return outs, writable(outs)
}

// writable finds out before the run whether the files can be written: an hour's measurement should not be lost to a
// misspelt folder.
func writable(outs []output) error {
	seen := map[string]bool{}
	for _, o := range outs {
		switch {
		case o.file == "":
			continue
		case seen[o.file]:
			return fmt.Errorf("two reports can't go to one file: %s", o.file)
		}
		seen[o.file] = true
		if err := try(o.file); err != nil {
			return fail(CouldNotRun, fmt.Errorf("--out %s: %w", o.form, err))
		}
	}
	return nil
}

// try opens a file for writing. It leaves none behind, and one that exists as it is.
func try(path string) error {
	is, err := os.Stat(path)
	if err == nil && !is.Mode().IsRegular() && !is.IsDir() {
		return nil // a pipe would take the try for the report
	}
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = file.Close()
	if fresh {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// writeReports writes what was measured in each form. One that fails keeps no other from being written; if none went to
// stdout, the text does then, so that the measurement is not lost.
func (p *program) writeReports(outs []output, m *measured) error {
	var failed error
	shown := false
	for _, o := range outs {
		failed = errors.Join(failed, p.writeTo(o, m))
		shown = shown || o.file == ""
	}
	if failed == nil {
		return nil
	}
	if !shown {
		failed = errors.Join(failed, p.writeTo(output{form: "text"}, m))
	}
	return fail(CouldNotRun, failed)
}

// writeTo writes to the output's file, or to stdout.
func (p *program) writeTo(o output, m *measured) error {
	if o.file == "" {
		screen := term.Look(p.out)
		return m.write(p.out, o.form, report.TextOptions{Colour: screen.Colour, Width: screen.Columns})
	}
	file, err := os.Create(o.file)
	if err != nil {
		return err
	}
	err = m.write(file, o.form, report.TextOptions{})
	return errors.Join(err, file.Close())
}

// measured is a run with what the command made of it: the document of --out json. Its own fields follow the report's.
type measured struct {
	*bench.Report
	SLO      []slo.Verdict      `json:"slo,omitempty"`
	Capacity *slo.Capacity      `json:"capacity,omitempty"`
	Replay   *replay.Comparison `json:"replay,omitempty"`

	extras report.Extras
}

// judged is a run beside what was promised of it.
func judged(r *bench.Report, goal slo.SLO) *measured {
	m := &measured{Report: r, SLO: goal.Judge(r)}
	for _, v := range m.SLO {
		m.extras.Goals = append(m.extras.Goals, report.Goal{Text: said(v), Met: v.State == slo.Met, Missed: v.State == slo.Missed})
	}
	return m
}

func (m measured) write(w io.Writer, form string, o report.TextOptions) error {
	switch form {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		m.Report = m.Report.Sound()
		return e.Encode(m)
	case "html":
		return report.HTML(w, m.Report, &m.extras)
	}
	if err := report.Text(w, m.Report, o); err != nil {
		return err
	}
	_, err := io.WriteString(w, m.more(term.Paint{Colour: o.Colour}))
	return err
}

// more is what stands behind the text of the report: what the command asked besides.
func (m measured) more(paint term.Paint) string {
	var b strings.Builder
	if len(m.SLO) > 0 {
		fmt.Fprintf(&b, "  %s\n", paint.Bold("SLO"))
		colours := map[slo.State]func(string) string{slo.Met: paint.Green, slo.Missed: paint.Red, slo.Unknown: paint.Yellow}
		for _, v := range m.SLO {
			fmt.Fprintf(&b, "  %s %s\n", colours[v.State](term.Left(string(v.State), 12)), said(v))
		}
		b.WriteString("\n")
	}
	if m.Replay != nil && m.Valid() {
		fmt.Fprintf(&b, "%s\n", m.Replay)
	}
	if m.Capacity != nil {
		_ = m.Capacity.Print(&b) // writes to memory
	}
	return b.String()
}
