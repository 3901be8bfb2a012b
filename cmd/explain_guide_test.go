package cmd

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what the guides show of the commands' output")

const explainGuide = "../docs/guide/explain.md"

// guideStep is a command of a guide, and what the guide says that it prints.
type guideStep struct{ command, shown string }

var guideBlock = regexp.MustCompile("(?ms)^```sh\n(weir [^\n]*)\n```\n\n```text\n(.*?)^```$")

func guideSteps(page string) []guideStep {
	var steps []guideStep
	for _, m := range guideBlock.FindAllStringSubmatch(page, -1) {
		steps = append(steps, guideStep{m[1], m[2]})
	}
	return steps
}

// guideFiles writes the files of a guide into a directory.
func guideFiles(t *testing.T, page, dir string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```(?:toml|json) (\\S+)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		write(t, filepath.Join(dir, m[1]), m[2])
	}
}

// moving is what no two runs print alike: the name of the process in Via, and times.
var moving = regexp.MustCompile(`weir-[0-9a-f]{8}|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`)

func still(s string) string { return moving.ReplaceAllString(s, "…") }

// What the guide shows is what the commands print, byte by byte.
func TestTheGuideOfExplainShowsWhatIsPrinted(t *testing.T) {
	text, err := os.ReadFile(explainGuide)
	if err != nil {
		t.Fatal(err)
	}
	page, dir := string(text), t.TempDir()
	guideFiles(t, page, dir)
	steps := guideSteps(page)
	if len(steps) < 4 {
		t.Fatalf("only %d commands with their output found", len(steps))
	}
	for _, s := range steps {
		got := weir(t, dir, shellWords(s.command)[1:]...)
		if got.code != Fine || got.err != "" {
			t.Errorf("%s: code %d, stderr %q", s.command, got.code, got.err)
		} else if *update {
			page = strings.Replace(page, s.command+"\n```\n\n```text\n"+s.shown, s.command+"\n```\n\n```text\n"+got.out, 1)
		} else if still(got.out) != still(s.shown) {
			t.Errorf("%s prints\n%s\nthe guide shows\n%s", s.command, got.out, s.shown)
		}
	}
	if *update {
		write(t, explainGuide, page)
	}
}

func TestTheOtherCommandsOfTheGuideOfExplainWouldRun(t *testing.T) {
	text, err := os.ReadFile(explainGuide)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^weir .*$").FindAllString(string(text), -1) {
		if err := wouldRun(shellWords(m)[1:]); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
	for _, f := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(string(text), -1) {
		known := inProcess(nil, "explain", "--help").out + inProcess(nil, "plan", "--help").out
		if !strings.Contains(known, f[1]+" ") {
			t.Errorf("the guide names %s, which neither command has", f[1])
		}
	}
}
