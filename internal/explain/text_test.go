package explain

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weir/internal/term"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v; got\n%s\nwant\n%s", name, err, got, want)
	}
}

func TestReportsReadAsTheGoldenFilesSay(t *testing.T) {
	for name, r := range samples() {
		golden(t, name+".txt", r.Text(term.Paint{}))
	}
}

func TestReportsHaveTheShapeOfTheGoldenJSON(t *testing.T) {
	for name, r := range samples() {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", string(b)+"\n")
		var again Report
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again.filled(), r.filled()) {
			t.Errorf("%s is not read as it was written: %v\n%+v", name, err, again)
		}
	}
}

// A line of a text is one that the report has made; colour is all that a terminal is told to do.
func TestNothingOfARequestReachesTheTerminal(t *testing.T) {
	r := hostile()
	text := r.Text(term.Paint{})
	if strings.ContainsAny(text, "\x1b\x07\r\u202e") || strings.Contains(text, "\na\n") {
		t.Errorf("got %q", text)
	}
}

func TestWhatTheCacheAnswersIsSaidToComeFromIt(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		by     string
		want   string
	}{
		{Policy{Name: "pages.cache", Stage: "cache", Verdict: Answers, Status: 200}, "pages.cache", "→ answered from the cache, route pages"},
		{Policy{Name: "pages.cache", Stage: "cache", Verdict: Continues}, "pages.cors", "→ answered: 200 OK by pages.cors, route pages"},
		{Policy{Name: "pages.cors", Stage: "guard", Verdict: Answers, Status: 200}, "pages.cors", "→ answered: 200 OK by pages.cors, route pages"},
	} {
		r := &Report{Action: Answered, Route: &Route{Name: "pages"}, Policies: []Policy{c.policy}, Answer: &Answer{Status: 200, By: c.by}}
		if _, line, _ := strings.Cut(r.Text(term.Paint{}), "\n"); !strings.HasPrefix(line, c.want+"\n") {
			t.Errorf("%+v, %s: %q, want %q", c.policy, c.by, line, c.want)
		}
	}
}

func TestColourChangesNoWord(t *testing.T) {
	for name, r := range samples() {
		colour := r.Text(term.Paint{Colour: true})
		for _, code := range []string{"0", "1", "2", "31", "32", "33", "36"} {
			colour = strings.ReplaceAll(colour, "\x1b["+code+"m", "")
		}
		// Blanks at a line's end stand within the colour there.
		if got, want := strings.Fields(colour), strings.Fields(r.Text(term.Paint{})); !reflect.DeepEqual(got, want) {
			t.Errorf("%s in colour reads\n%s", name, colour)
		}
	}
}

func TestSharesAreReadable(t *testing.T) {
	for f, want := range map[float64]string{0: "0 %", 1: "100 %", 0.95: "95 %", 1.0 / 3: "33.33 %", 0.0005: "0.05 %", 0.00001: "<0.01 %", 0.1: "10 %"} {
		if got := share(f); got != want {
			t.Errorf("%v is written %q, want %q", f, got, want)
		}
	}
}

func TestEveryWordThatDecidesIsSaidInWords(t *testing.T) {
	for _, word := range []string{"sticky", "hash", "turn", "draw", "rest", "spare", "no_endpoint", "all_full", "breaker_open"} {
		if got := noted(word); got == word {
			t.Errorf("%q has no words", word)
		}
	}
	if got := noted("nobody knows"); got != "nobody knows" {
		t.Errorf("got %q", got)
	}
}

func TestPatternsAndSizesAreWrittenAsInAConfig(t *testing.T) {
	for in, want := range map[string]string{"*/a/*": "/a/*", "GET,PUT */a": "GET,PUT /a", "*.example.com/a": "*.example.com/a", "GET h/*/b": "GET h/*/b", "": ""} {
		if got := pattern(in); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
	for n, want := range map[int64]string{1: "1 byte", 1000: "1,000 bytes", 1024: "1 KiB", 10 << 20: "10 MiB", 1<<20 + 1024: "1,025 KiB"} {
		if got := size(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}

func TestWhatIsUnknownIsNotToldAsSure(t *testing.T) {
	r := Report{Action: Forwarded, Upstreams: []Upstream{{Name: "api"}}, Policies: []Policy{
		{Stage: "identify", Name: "own.introspect", Mode: "enforce", Verdict: Unknown, Why: "unknown: would ask id.example.com:443"},
	}}
	got := r.Text(term.Paint{})
	for _, want := range []string{"→ forwarded to upstream api, unless what is unknown here refuses\n", "unknown  would ask id.example.com:443\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q", got, want)
		}
	}
	r.Policies[0].Mode = "observe"
	if got := r.Text(term.Paint{}); strings.Contains(got, "unless") {
		t.Errorf("what only observes refuses nobody:\n%s", got)
	}
}
