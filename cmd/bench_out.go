package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		return nil, fmt.Errorf("only one report can go to stdout; name a file for the others, such as --out html=report.html")
	}
	if len(outs) == 0 {
		outs = []output{{form: "text"}}
	}
	return outs, nil
}

// writeReports writes what was measured in each form.
func (p *program) writeReports(outs []output, m *measured) error {
	for _, o := range outs {
		if err := p.writeTo(o, m); err != nil {
			return fail(CouldNotRun, err)
		}
	}
	return nil
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

func (m measured) write(w io.Writer, form string, o report.TextOptions) error {
	switch form {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		m.Report = m.Report.Sound()
		return e.Encode(m)
	case "html":
		for _, v := range m.SLO {
			m.extras.Goals = append(m.extras.Goals, report.Goal{Text: v.Text, Met: v.State == slo.Met, Missed: v.State == slo.Missed})
		}
		return report.HTML(w, m.Report, &m.extras)
	}
	if err := report.Text(w, m.Report, o); err != nil {
		return err
	}
	return m.writeMore(w)
}

// writeMore writes, behind the text of the report, what the command asked besides.
func (m *measured) writeMore(w io.Writer) error {
	var err error
	for _, v := range m.SLO {
		_, err = fmt.Fprintf(w, "slo       %s\n", v.Text)
	}
	if m.Replay != nil && m.Valid() {
		_, err = fmt.Fprintf(w, "\n%s", m.Replay)
	}
	if m.Capacity != nil && err == nil {
		_, err = fmt.Fprintln(w)
		if err == nil {
			err = m.Capacity.Print(w)
		}
	}
	return err
}
