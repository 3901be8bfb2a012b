package cmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/bench/peers"
)

func TestWrongFiguresOfAComparisonAreWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--rounds -1":                      "-1 rounds; there may be 1 to 1000",
		"--rounds 5000":                    "5000 rounds",
		"--round -1s":                      "a round of -1s",
		"--warmup -1s":                     "a warm-up of -1s",
		"-c -3":                            "-3 connections",
		"--idle-connections -1":            "-1 idle connections",
		"--idle-wait 48h":                  "an idle wait of 48h0m0s",
		"--max -0.5":                       "--max -0.5: a ratio is not negative",
		"--doc /nowhere/page.md":           "there is no folder /nowhere",
		"--scenario small,tls,small":       `scenario "small" is named twice`,
		"--scenario bare":                  "there are small, headers, shaped-small, shaped-headers, large, upload, tls",
		"--only apache":                    "there are nginx, haproxy, varnish, caddy",
		"--name direct":                    `Weir can't be called "direct"`,
		"--wrk /nowhere/wrk --rounds 1":    "there is no program /nowhere/wrk",
		"--scenario small --only haproxy,": `unknown peer ""`,
	} {
		got := inProcess(nil, append([]string{"bench", "peers"}, strings.Fields(args)...)...)
		if got.code != WrongUsage || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("%s: got %+v, want exit %d and %q", args, got, WrongUsage, want)
		}
	}
}

func TestTheHelpOfAComparisonListsEveryScenario(t *testing.T) {
	got := inProcess(nil, "bench", "peers", "--help")
	for _, s := range peers.Scenarios() {
		if !strings.Contains(got.out, s.Name) || !strings.Contains(got.out, s.About) {
			t.Errorf("no %s: %s in the help", s.Name, s.About)
		}
	}
	for _, want := range []string{"ten minutes", "Ctrl-C", "--doc", "--wrk", "cut short"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
}

func compared() *peers.Result {
	return &peers.Result{Subject: "weir", Round: time.Second, Blocks: []peers.Block{{Scenario: "small", Unit: "request", Rows: []peers.Row{
		{Proxy: "weir", Samples: []peers.Sample{{CPU: 10_000}}}, {Proxy: "nginx", Samples: []peers.Sample{{CPU: 20_000}}},
	}}}}
}

func TestAComparisonIsPresentedAsAsked(t *testing.T) {
	short := compared()
	short.CutShort = true
	for what, c := range map[string]struct {
		result    *peers.Result
		asJSON    bool
		doc       bool
		out, err  string
		pageHolds string
	}{
		"a table":            {compared(), false, false, "0.50  [0.50–0.50]", "", ""},
		"JSON":               {compared(), true, false, `"cpu_per_request_ns": 10000`, "", ""},
		"a page besides":     {compared(), false, true, "0.50  [0.50–0.50]", "", "| small | **0.50** [0.50–0.50] |"},
		"JSON and a page":    {compared(), true, true, `"subject": "weir"`, "", "# Benchmarks"},
		"cut short":          {short, false, true, "CUT SHORT", "is not written: the run was cut short", ""},
		"cut short, as JSON": {short, true, true, `"cut_short": true`, "is not written", ""},
		"cut short, no page": {short, false, false, "CUT SHORT", "", ""},
	} {
		var out, said bytes.Buffer
		p := &program{out: &out, err: &said}
		o := &comparison{asJSON: c.asJSON}
		path := filepath.Join(t.TempDir(), "page.md")
		if c.doc {
			o.doc = path
		}
		if err := p.present(c.result, o); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.out) || !strings.Contains(said.String(), c.err) || (c.err == "") != (said.Len() == 0) {
			t.Errorf("%s: printed\n%s\nand said %q; want %q and %q", what, out.String(), said.String(), c.out, c.err)
		}
		page, err := os.ReadFile(path)
		if (err == nil) != (c.pageHolds != "") || !strings.Contains(string(page), c.pageHolds) {
			t.Errorf("%s: the page: %v\n%s", what, err, page)
		}
	}
}

func TestAPageThatCannotBeWrittenIsAnError(t *testing.T) {
	p := &program{out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	if err := p.present(compared(), &comparison{doc: t.TempDir()}); err == nil {
		t.Error("a folder was written as a page")
	}
}

func TestARunThatWasCutShortIsNoValidOne(t *testing.T) {
	short := compared()
	short.CutShort = true
	var e *exit
	if err := judge(short, 0); !errors.As(err, &e) || e.code != Invalid {
		t.Errorf("got %v, want exit %d", err, Invalid)
	}
}
