package cmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/bench"
	"weir/bench/slo"
	"weir/internal/term"
)

func TestOutputsAreAsAsked(t *testing.T) {
	dir := t.TempDir()
	page, data := filepath.Join(dir, "a=b.html"), filepath.Join(dir, "a.json")
	for _, c := range []struct {
		out    []string
		asJSON bool
		want   []output
	}{
		{nil, false, []output{{form: "text"}}},
		{nil, true, []output{{form: "json"}}},
		{[]string{"text"}, false, []output{{form: "text"}}},
		{[]string{"html"}, false, []output{{form: "html"}}},
		{[]string{"json=" + data}, false, []output{{"json", data}}},
		{[]string{"html=" + page, "json=" + data}, false, []output{{"html", page}, {"json", data}}},
		{[]string{"html=" + page, "text"}, false, []output{{"html", page}, {form: "text"}}},
		{[]string{"html=" + page}, true, []output{{"html", page}, {form: "json"}}},
	} {
		f := &sendFlags{out: c.out, asJSON: c.asJSON}
		got, err := f.outputs()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q, --json %v: got %v, %v; want %v", c.out, c.asJSON, got, err, c.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("finding out whether files can be written left %v, %v", left, err)
	}
}

func TestAFileThatExistsIsOnlyTried(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.html")
	if err := os.WriteFile(path, []byte("yesterday's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try(path); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "yesterday's" {
		t.Errorf("now it holds %q, %v", text, err)
	}
}

func TestEveryFormIsWrittenToItsFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("r.json"), bytes.Repeat([]byte("old"), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	got := inProcess(nil, "bench", target(t), "-n", "20", "--slo", "errors<1%",
		"--out", "json="+at("r.json"), "--out", "html="+at("r.html"), "--out", "text="+at("r.txt"))
	if got.code != Fine || got.out != "" || got.err != "" {
		t.Fatalf("%+v", got)
	}
	for name, wants := range map[string][]string{
		"r.json": {`"format": "weir-bench/1"`, `"slo": [`},
		"r.txt":  {"Requests", "SLO\n  met          errors<1%: errors is 0 %"},
		"r.html": {"<!DOCTYPE html>", "GOAL MET", "errors&lt;1%", "</html>"},
	} {
		text, err := os.ReadFile(at(name))
		for _, want := range wants {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q, %v", name, want, err)
			}
		}
		if bytes.Contains(text, []byte("\x1b[")) || bytes.Contains(text, []byte("old")) {
			t.Errorf("%s: colours, or what was there before", name)
		}
	}
	file, err := os.Open(at("r.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if r, err := bench.ReadReport(file); err != nil || r.OK != 20 {
		t.Errorf("%+v, %v", r, err)
	}
}

// full is a stdout whose disk is full.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAReportThatCannotBeWrittenKeepsNoOtherFromIt(t *testing.T) {
	m := judged(ran(50, nil), slo.SLO{})
	page := filepath.Join(t.TempDir(), "page.html")
	for what, c := range map[string]struct {
		outs   []output
		stdout string // what it contains; "" is empty
		page   bool
	}{
		"before another file": {[]output{{"json", "/dev/full"}, {"html", page}}, "Requests", true},
		"alone":               {[]output{{"text", "/dev/full"}}, "Requests", false},
		"beside stdout":       {[]output{{"html", "/dev/full"}, {form: "json"}}, `"ok": 50`, false},
	} {
		var out bytes.Buffer
		p := &program{out: &out, err: &bytes.Buffer{}}
		says(t, what, p.writeReports(c.outs, m), CouldNotRun, "no space left")
		_, err := os.Stat(page)
		if !strings.Contains(out.String(), c.stdout) || (err == nil) != c.page {
			t.Errorf("%s: the page: %v; stdout:\n%s", what, err, out.String())
		}
		_ = os.Remove(page) // for the next one
	}
	p := &program{out: full{}, err: &bytes.Buffer{}}
	says(t, "a full stdout", p.writeReports([]output{{form: "text"}}, m), CouldNotRun, "no space left")
	says(t, "both full", p.writeReports([]output{{"text", "/dev/full"}}, m), CouldNotRun, "no space left")
}

func TestWhatWasPromisedStandsBehindTheReport(t *testing.T) {
	goal, err := slo.Parse("p99<20ms,errors<1%")
	if err != nil {
		t.Fatal(err)
	}
	m := judged(ran(50, map[bench.Kind]int64{bench.Status: 50}), goal)
	want := "  SLO\n  met          p99<20ms: p99 is 1ms\n  missed       errors<1%: errors is 50 %\n\n"
	if got := m.more(term.Paint{}); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	coloured := m.more(term.Paint{Colour: true})
	if !strings.Contains(coloured, "\x1b[32mmet ") || !strings.Contains(coloured, "\x1b[31mmissed ") {
		t.Errorf("got %q", coloured)
	}
	if got := judged(ran(50, nil), slo.SLO{}).more(term.Paint{}); got != "" {
		t.Errorf("without a promise: %q", got)
	}
	if g := m.extras.Goals; len(g) != 2 || !g[0].Met || g[0].Missed || !g[1].Missed || g[1].Text != "errors<1%: errors is 50 %" {
		t.Errorf("on the page: %+v", g)
	}
}
